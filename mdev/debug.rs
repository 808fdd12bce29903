// SPDX-License-Identifier: GPL-2.0

//! Abstractions for the s390 debug feature: logs in memory, read below
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
/// The pointer is a registered `debug_info_t`, whose entries are of `LEN` bytes.
struct Registration<const LEN: usize>(NonNull<c_void>);

// SAFETY: The debug feature has its own lock.
unsafe impl<const LEN: usize> Send for Registration<LEN> {}

// SAFETY: As above.
unsafe impl<const LEN: usize> Sync for Registration<LEN> {}

impl<const LEN: usize> Registration<LEN> {
    /// Shown as text if `text`, else in hexadecimal and as text.
    fn new(name: &'static CStr, pages: c_int, level: c_int, text: bool) -> Result<Self> {
        let len = c_int::try_from(LEN)?;

        // SAFETY: The name is valid.
        let log =
            unsafe { bindings::mdev_debug_register(name.as_char_ptr(), pages, len, level, text) };

        NonNull::new(log).map(Self).ok_or(ENOMEM)
    }

    #[inline]
    fn is_enabled(&self, level: c_int) -> bool {
        // SAFETY: The log is registered.
        unsafe { bindings::mdev_debug_enabled(self.0.as_ptr(), level) }
    }

    /// Adds an entry of `data`, which is cut off to `LEN`, or padded with zeros.
    fn add(&self, level: c_int, data: &[u8]) {
        let len = c_int::try_from(data.len()).unwrap_or(c_int::MAX);

        // SAFETY: The log is registered, and `data` is of that length.
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
        // An error tells that the line is full.
        let _ = line.write_fmt(args);
        self.add(level, &line.text);
    }
}

impl<const LEN: usize> Drop for Registration<LEN> {
    fn drop(&mut self) {
        // SAFETY: The log is registered.
        unsafe { bindings::mdev_debug_unregister(self.0.as_ptr()) };
    }
}

/// A log of lines of text, at most 128 bytes each.
pub struct Log(Registration<128>);

impl Log {
    /// Registers a log of `pages` pages that keeps entries of `level` and less.
    ///
    /// Returns `ENOMEM` when there is no memory for it or a log of that name exists.
    pub fn new(name: &'static CStr, pages: c_int, level: c_int) -> Result<Self> {
        Registration::new(name, pages, level, true).map(Self)
    }

    /// Adds an entry. What is too long for it is cut off. May be called in any context.
    pub fn event(&self, level: c_int, args: fmt::Arguments<'_>) {
        self.0.add_text(level, args);
    }
}

/// A log of entries of 16 bytes, shown in hexadecimal and as text.
pub struct HexLog(Registration<16>);

impl HexLog {
    /// Registers a log of `pages` pages that keeps entries of `level` and less.
    ///
    /// Returns `ENOMEM` when there is no memory for it or a log of that name exists.
    pub fn new(name: &'static CStr, pages: c_int, level: c_int) -> Result<Self> {
        Registration::new(name, pages, level, false).map(Self)
    }

    /// Returns whether entries of `level` are kept at present.
    #[inline]
    pub fn is_enabled(&self, level: c_int) -> bool {
        self.0.is_enabled(level)
    }

    /// Adds an entry of text. What is too long for it is cut off. May be called in any context.
    pub fn text(&self, level: c_int, args: fmt::Arguments<'_>) {
        self.0.add_text(level, args);
    }

    /// Adds an entry of bytes. What is too long for it is cut off. May be called in any context.
    pub fn bytes(&self, level: c_int, data: &[u8]) {
        self.0.add(level, data);
    }
}

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
