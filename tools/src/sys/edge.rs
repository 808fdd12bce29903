// SPDX-License-Identifier: GPL-2.0

//! Arguments that are not all accessible, for tests.

use std::{
    ffi::c_int,
    io,
    mem,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    },
    ptr, //
};

use super::{
    address::{
        self,
        Address, //
    },
    memory::{
        Memory,
        PAGE, //
    },
    request::{
        to_result,
        Request, //
    }, //
};

/// Bytes at the end of a page whose next page cannot be accessed.
#[derive(Debug)]
pub struct Edge {
    memory: Memory,
    offset: usize,
}

impl Edge {
    /// Places bytes, at most a page of them, at the end of a page.
    pub fn new(bytes: &[u8]) -> io::Result<Self> {
        let offset = PAGE
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let memory = Memory::anonymous(2 * PAGE)?;
        memory.forbid(PAGE)?;
        memory.write(offset, bytes);
        Ok(Self { memory, offset })
    }

    /// Returns the bytes as they are now.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE - self.offset];
        self.memory.read(self.offset, &mut bytes);
        bytes
    }

    /// Returns the address of the first byte, for `len` bytes that can reach into the next page.
    fn address(&self, len: usize) -> Address<'_> {
        Address::of(&self.memory, self.offset, len)
    }
}

/// Sends a request whose argument begins at an edge.
pub fn ioctl_edge<T>(fd: BorrowedFd<'_>, request: Request<T>, edge: &Edge) -> io::Result<c_int> {
    address::ioctl(fd, request, edge.address(mem::size_of::<T>()))
}

/// Reads `len` bytes of a file to an edge.
pub fn pread_edge(fd: BorrowedFd<'_>, edge: &Edge, len: usize, offset: i64) -> io::Result<usize> {
    address::pread(fd, edge.address(len), offset)
}

/// Writes `len` bytes from an edge to a file.
pub fn pwrite_edge(fd: BorrowedFd<'_>, edge: &Edge, len: usize, offset: i64) -> io::Result<usize> {
    address::pwrite(fd, edge.address(len), offset)
}

/// Sends a request with the null address as its argument.
pub fn ioctl_null<T>(fd: BorrowedFd<'_>, request: Request<T>) -> io::Result<c_int> {
    address::ioctl(fd, request, Address::null(mem::size_of::<T>()))
}

/// Sends the request with this number, whatever it is, to a file of VFIO, with the null address as its
/// argument.
pub fn ioctl_any(fd: BorrowedFd<'_>, number: u32) -> io::Result<c_int> {
    let none = ptr::null_mut::<u8>();
    // SAFETY: Nothing is mapped at the null address, so that no request can read or write memory of
    // this process there.
    to_result(unsafe { libc::ioctl(fd.as_raw_fd(), number.into(), none) })
}

/// Reads `len` bytes of a file to the null address.
pub fn pread_null(fd: BorrowedFd<'_>, len: usize, offset: i64) -> io::Result<usize> {
    address::pread(fd, Address::null(len), offset)
}

/// Writes `len` bytes from the null address to a file.
pub fn pwrite_null(fd: BorrowedFd<'_>, len: usize, offset: i64) -> io::Result<usize> {
    address::pwrite(fd, Address::null(len), offset)
}
