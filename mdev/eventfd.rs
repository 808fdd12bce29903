// SPDX-License-Identifier: GPL-2.0

//! Abstractions for event file descriptors.
//!
//! C header: [`include/linux/eventfd.h`](srctree/include/linux/eventfd.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// A reference to the context behind an event file descriptor.
///
/// # Invariants
///
/// The pointer is valid and owns a reference.
pub struct EventFd(NonNull<bindings::eventfd_ctx>);

// SAFETY: An eventfd context is reference-counted and has a lock of its own.
unsafe impl Send for EventFd {}

// SAFETY: As above.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// Takes a reference to the context of the current process's descriptor `fd`.
    ///
    /// Returns `EBADF` when it is no descriptor and `EINVAL` when it is not one for events.
    pub fn from_fd(fd: c_int) -> Result<Self> {
        // SAFETY: Any number may be passed.
        let ctx = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(fd) })?;

        // INVARIANT: The call above returned a reference.
        NonNull::new(ctx).map(Self).ok_or(EINVAL)
    }

    /// Adds one to the counter and wakes up who waits for it. May be called in any context.
    pub fn signal(&self) {
        // SAFETY: The context is valid.
        unsafe { bindings::mdev_eventfd_signal(self.0.as_ptr()) };
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        // SAFETY: The value owns a reference.
        unsafe { bindings::eventfd_ctx_put(self.0.as_ptr()) };
    }
}
