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

/// The most bytes of one entry.
const ENTRY_LEN: usize = 128;

/// A log of lines of text.
///
/// # Invariants
///
/// The pointer is a registered `debug_info_t`.
pub struct Log(NonNull<c_void>);

// SAFETY: The debug feature has its own lock.
unsafe impl Send for Log {}

// SAFETY: As above.
unsafe impl Sync for Log {}

impl Log {
    /// Registers a log of `pages` pages that keeps entries of `level` and less.
    ///
    /// Returns `ENOMEM` when there is no memory for it or a log of that name exists.
    pub fn new(name: &'static CStr, pages: c_int, level: c_int) -> Result<Self> {
        // SAFETY: The name is valid; the length is that of what `event` passes.
        let log = unsafe {
            bindings::mdev_debug_register(name.as_char_ptr(), pages, ENTRY_LEN as c_int, level)
        };

        NonNull::new(log).map(Self).ok_or(ENOMEM)
    }

    /// Adds an entry. What is too long for it is cut off. May be called in any context.
    pub fn event(&self, level: c_int, args: fmt::Arguments<'_>) {
        // SAFETY: The log is registered.
        if !unsafe { bindings::mdev_debug_enabled(self.0.as_ptr(), level) } {
            return;
        }

        let mut line = Line {
            text: [0; ENTRY_LEN],
            len: 0,
        };
        // An error tells that the line is full.
        let _ = line.write_fmt(args);

        // SAFETY: The log is registered, and the text is as long as its entries.
        unsafe {
            bindings::mdev_debug_event(
                self.0.as_ptr(),
                level,
                line.text.as_ptr().cast(),
                ENTRY_LEN as c_int,
            );
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // SAFETY: The log is registered.
        unsafe { bindings::mdev_debug_unregister(self.0.as_ptr()) };
    }
}

struct Line {
    text: [u8; ENTRY_LEN],
    len: usize,
}

impl Write for Line {
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
