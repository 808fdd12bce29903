// SPDX-License-Identifier: GPL-2.0

//! Calls whose argument is an address in [`Memory`], or no valid address.

use std::{
    ffi::c_int,
    io,
    marker::PhantomData,
    mem,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    },
    ptr, //
};

use super::{
    memory::Memory,
    request::{
        to_result,
        Request, //
    }, //
};

/// An address for the kernel, and the number of bytes that it may read and write there.
///
/// # Invariants
///
/// `start` is null, where nothing is mapped, or it is the address of `len` bytes of a [`Memory`]
/// that lives for `'a`.
#[derive(Clone, Copy)]
pub(super) struct Address<'a> {
    start: *mut u8,
    len: usize,
    memory: PhantomData<&'a Memory>,
}

impl<'a> Address<'a> {
    /// Returns the null address.
    pub(super) fn null(len: usize) -> Self {
        // INVARIANT: `start` is null.
        Self {
            start: ptr::null_mut(),
            len,
            memory: PhantomData,
        }
    }

    /// Returns the address of `len` bytes at `offset` of `memory`.
    ///
    /// # Panics
    ///
    /// Panics if these bytes are not all in `memory`.
    pub(super) fn of(memory: &'a Memory, offset: usize, len: usize) -> Self {
        // INVARIANT: `part` checks that the bytes are in `memory`, which is borrowed for `'a`.
        Self {
            start: memory.part(offset, len),
            len,
            memory: PhantomData,
        }
    }
}

/// Reads from a file to an address.
pub(super) fn pread(fd: BorrowedFd<'_>, to: Address<'_>, offset: i64) -> io::Result<usize> {
    // SAFETY: By the invariants of `Address` the kernel writes to a `Memory`, to whose bytes there
    // are no references, or nowhere.
    let len = unsafe { libc::pread(fd.as_raw_fd(), to.start.cast(), to.len, offset) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// Writes to a file from an address.
pub(super) fn pwrite(fd: BorrowedFd<'_>, from: Address<'_>, offset: i64) -> io::Result<usize> {
    // SAFETY: By the invariants of `Address` the kernel reads from a `Memory`, or nowhere.
    let len = unsafe { libc::pwrite(fd.as_raw_fd(), from.start.cast(), from.len, offset) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// Sends a request whose argument is at an address.
///
/// # Panics
///
/// Panics if the address is one of less bytes than the argument has.
pub(super) fn ioctl<T>(
    fd: BorrowedFd<'_>,
    request: Request<T>,
    argument: Address<'_>,
) -> io::Result<c_int> {
    assert!(argument.len >= mem::size_of::<T>());
    // SAFETY: `Request::new` demands that the kernel uses no more than a `T`. By the invariants of
    // `Address` that is in a `Memory`, to whose bytes there are no references, or nowhere.
    to_result(unsafe { libc::ioctl(fd.as_raw_fd(), request.number(), argument.start) })
}
