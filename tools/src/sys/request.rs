// SPDX-License-Identifier: GPL-2.0

//! Typed requests to drivers (`ioctl`).

use std::{
    ffi::c_int,
    io,
    marker::PhantomData,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    },
    ptr, //
};

/// A request whose argument is a `T` that the kernel reads and may fill in.
#[derive(Clone, Copy, Debug)]
pub struct Request<T> {
    number: libc::Ioctl,
    argument: PhantomData<fn(&mut T)>,
}

impl<T> Request<T> {
    /// Creates a request from its number.
    ///
    /// # Safety
    ///
    /// The kernel must take that number with a pointer to a `T`, leave a valid value there, and
    /// write nothing behind it.
    pub(super) const unsafe fn new(number: libc::Ioctl) -> Self {
        Self {
            number,
            argument: PhantomData,
        }
    }

    /// Returns the number.
    pub(super) fn number(self) -> libc::Ioctl {
        self.number
    }
}

/// A request whose argument is a number.
#[derive(Clone, Copy, Debug)]
pub struct NumberRequest(libc::Ioctl);

impl NumberRequest {
    /// Creates a request from its number.
    ///
    /// # Safety
    ///
    /// The kernel must not use the argument of that number as an address.
    pub(super) const unsafe fn new(number: libc::Ioctl) -> Self {
        Self(number)
    }
}

/// Turns the result of a system call into one of Rust.
pub(super) fn to_result(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Sends a request with an argument. Returns what the kernel returned.
pub fn ioctl<T>(fd: BorrowedFd<'_>, request: Request<T>, argument: &mut T) -> io::Result<c_int> {
    // SAFETY: `Request::new` demands that the kernel uses the argument as a `T`.
    to_result(unsafe { libc::ioctl(fd.as_raw_fd(), request.number, ptr::from_mut(argument)) })
}

/// Sends a request whose argument is a number. Returns what the kernel returned.
pub fn ioctl_number(fd: BorrowedFd<'_>, request: NumberRequest, number: u32) -> io::Result<c_int> {
    // SAFETY: `NumberRequest::new` demands that the kernel does not use the number as an address.
    to_result(unsafe { libc::ioctl(fd.as_raw_fd(), request.0, libc::c_ulong::from(number)) })
}
