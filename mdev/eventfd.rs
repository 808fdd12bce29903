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

/// A reference to the context of an event file descriptor.
///
/// # Invariants
///
/// The pointer is to a valid `struct eventfd_ctx`, to which the value owns a reference.
pub struct EventFd(NonNull<bindings::eventfd_ctx>);

// SAFETY: A `struct eventfd_ctx` is reference-counted and can be released from any thread.
unsafe impl Send for EventFd {}

// SAFETY: A `struct eventfd_ctx` is protected by a lock of its own.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// Returns a reference to the context of the descriptor `fd` of the current process.
    ///
    /// Returns `EBADF` when there is no such descriptor, and `EINVAL` when it is not one for
    /// events.
    pub fn from_fd(fd: c_int) -> Result<Self> {
        // SAFETY: The function may be called with any number, and checks that it is a descriptor.
        let ctx = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(fd) })?;

        // INVARIANT: The call above returned a reference.
        NonNull::new(ctx).map(Self).ok_or(EINVAL)
    }

    /// Adds one to the counter of the event, and wakes the threads that wait for it.
    ///
    /// This may be called in any context.
    pub fn signal(&self) {
        // SAFETY: By the type invariant, the pointer is to a valid context.
        unsafe { bindings::mdev_eventfd_signal(self.0.as_ptr()) };
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the value owns a reference, which is dropped here.
        unsafe { bindings::eventfd_ctx_put(self.0.as_ptr()) };
    }
}
