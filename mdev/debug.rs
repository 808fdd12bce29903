// SPDX-License-Identifier: GPL-2.0

//! Abstractions for the s390 debug feature: logs in memory, which can be read below
//! `/sys/kernel/debug/s390dbf/`.
//!
//! C header: [`arch/s390/include/asm/debug.h`](srctree/arch/s390/include/asm/debug.h)

use crate::bindings;
use core::{
    fmt::{
        self,
        Write, //
    },
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A registered log of the debug feature.
///
/// # Invariants
///
/// The pointer is to a registered `debug_info_t`, whose entries have `LEN` bytes.
struct Registration<const LEN: usize>(NonNull<c_void>);

// SAFETY: A `debug_info_t` belongs to no thread.
unsafe impl<const LEN: usize> Send for Registration<LEN> {}

// SAFETY: A `debug_info_t` is protected by a lock of its own.
unsafe impl<const LEN: usize> Sync for Registration<LEN> {}

impl<const LEN: usize> Registration<LEN> {
    /// Registers a log, whose entries are displayed as text if `text`, otherwise in hexadecimal and
    /// as text.
    fn new(name: &'static CStr, pages: c_int, level: c_int, text: bool) -> Result<Self> {
        let len = c_int::try_from(LEN)?;

        // SAFETY: The name is a static string. The function checks the other arguments.
        let log =
            unsafe { bindings::mdev_debug_register(name.as_char_ptr(), pages, len, level, text) };

        // INVARIANT: The call above has registered a log with entries of `LEN` bytes.
        NonNull::new(log).map(Self).ok_or(ENOMEM)
    }

    /// Returns whether entries of `level` are kept at present.
    #[inline]
    fn is_enabled(&self, level: c_int) -> bool {
        // SAFETY: By the type invariant, the log is registered.
        unsafe { bindings::mdev_debug_enabled(self.0.as_ptr(), level) }
    }

    /// Adds an entry of `data`, which is truncated to `LEN` bytes, or padded with zeros.
    fn add(&self, level: c_int, data: &[u8]) {
        let len = c_int::try_from(data.len()).unwrap_or(c_int::MAX);

        // SAFETY: By the type invariant, the log is registered. `data` is valid for reading at
        // least `len` bytes.
        unsafe {
            bindings::mdev_debug_event(self.0.as_ptr(), level, data.as_ptr().cast(), len);
        }
    }

    /// Adds an entry of text.
    fn add_text(&self, level: c_int, args: fmt::Arguments<'_>) {
        if !self.is_enabled(level) {
            return;
        }

        let mut line = Line {
            text: [0; LEN],
            len: 0,
        };
        // An error means that the line is full.
        let _ = line.write_fmt(args);
        self.add(level, &line.text);
    }
}

impl<const LEN: usize> Drop for Registration<LEN> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the log is registered.
        unsafe { bindings::mdev_debug_unregister(self.0.as_ptr()) };
    }
}

/// A log of lines of text, of at most 128 bytes each.
pub struct Log(Registration<128>);

impl Log {
    /// Registers a log of `pages` pages that keeps entries of `level` and lower levels.
    ///
    /// Returns `ENOMEM` when there is no memory, or when a log of that name exists.
    pub fn new(name: &'static CStr, pages: c_int, level: c_int) -> Result<Self> {
        Registration::new(name, pages, level, true).map(Self)
    }

    /// Adds an entry, truncated to its length. This may be called in any context.
    pub fn event(&self, level: c_int, args: fmt::Arguments<'_>) {
        self.0.add_text(level, args);
    }
}

/// A log of entries of 16 bytes, which are displayed in hexadecimal and as text.
pub struct HexLog(Registration<16>);

impl HexLog {
    /// Registers a log of `pages` pages that keeps entries of `level` and lower levels.
    ///
    /// Returns `ENOMEM` when there is no memory, or when a log of that name exists.
    pub fn new(name: &'static CStr, pages: c_int, level: c_int) -> Result<Self> {
        Registration::new(name, pages, level, false).map(Self)
    }

    /// Returns whether entries of `level` are kept at present.
    #[inline]
    pub fn is_enabled(&self, level: c_int) -> bool {
        self.0.is_enabled(level)
    }

    /// Adds an entry of text, truncated to its length. This may be called in any context.
    pub fn text(&self, level: c_int, args: fmt::Arguments<'_>) {
        self.0.add_text(level, args);
    }

    /// Adds an entry of bytes, truncated to its length. This may be called in any context.
    pub fn bytes(&self, level: c_int, data: &[u8]) {
        self.0.add(level, data);
    }
}

/// A buffer for text, which is truncated to `LEN` bytes.
struct Line<const LEN: usize> {
    text: [u8; LEN],
    len: usize,
}

impl<const LEN: usize> Write for Line<LEN> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = &mut self.text[self.len..];
        let count = s.len().min(room.len());
        room[..count].copy_from_slice(&s.as_bytes()[..count]);
        self.len += count;
        if count == s.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
