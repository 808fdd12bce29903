// SPDX-License-Identifier: GPL-2.0

//! Memory whose pages come only when a test serves them, for tests of who waits for them.
//!
//! `Documentation/admin-guide/mm/userfaultfd.rst`, `include/uapi/linux/userfaultfd.h`.

use std::{
    fs::File,
    io::{
        self,
        Read, //
    },
    os::fd::{
        AsFd,
        BorrowedFd, //
    },
    time::Duration, //
};

use rustix::mm::UserfaultfdFlags;

use super::{
    address::{
        self,
        Address, //
    },
    memory::{
        Memory,
        PAGE,
        PAGE_SIZE, //
    },
    request::ioctl,
    uapi::{
        UffdioApi,
        UffdioCopy,
        UffdioRegister,
        UFFDIO_API,
        UFFDIO_COPY,
        UFFDIO_REGISTER,
        UFFD_API, //
    },
    wait_readable, //
};

/// The size of a message about a fault.
const MESSAGE_SIZE: usize = 32;

/// Serves the pages of memory. After it is dropped, the kernel serves them.
#[derive(Debug)]
pub struct Userfault(File);

impl Userfault {
    /// Creates one that serves no memory yet. Fails with `ENOSYS` if the kernel has no userfaultfd.
    pub fn new() -> io::Result<Self> {
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK;
        // SAFETY: The object gets only pages that nothing has been written to, and has them filled.
        let file = File::from(unsafe { rustix::mm::userfaultfd(flags) }?);
        let mut api = UffdioApi {
            api: UFFD_API.into(),
            ..Default::default()
        };
        ioctl(file.as_fd(), UFFDIO_API, &mut api)?;
        Ok(Self(file))
    }

    /// Stops every access to a page of `memory` that is missing, until the page is served.
    pub fn hold(&self, memory: &Memory) -> io::Result<()> {
        const MISSING: u64 = 1;
        let mut register = UffdioRegister {
            start: memory.address(),
            len: memory.size() as u64,
            mode: MISSING,
            ..Default::default()
        };
        ioctl(self.0.as_fd(), UFFDIO_REGISTER, &mut register).map(|_| ())
    }

    /// Waits until an access waits for a page. Returns `false` if none does in time.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        if !wait_readable(self.0.as_fd(), timeout)? {
            return Ok(false);
        }
        self.0.read_exact(&mut [0; MESSAGE_SIZE])?;
        Ok(true)
    }

    /// Serves the first page of `memory`, with `bytes` at its start and zeros behind them.
    ///
    /// # Panics
    ///
    /// Panics if the bytes do not fit into a page.
    pub fn serve(&self, memory: &Memory, bytes: &[u8]) -> io::Result<()> {
        let page = Memory::anonymous(PAGE)?;
        page.write(0, bytes);
        let mut copy = UffdioCopy {
            dst: memory.address(),
            src: page.address(),
            len: PAGE_SIZE,
            ..Default::default()
        };
        ioctl(self.0.as_fd(), UFFDIO_COPY, &mut copy).map(|_| ())
    }
}

/// Reads `len` bytes of a file to the start of `memory`.
///
/// # Panics
///
/// Panics if `memory` is smaller.
pub fn pread_to(fd: BorrowedFd<'_>, memory: &Memory, len: usize, offset: i64) -> io::Result<usize> {
    address::pread(fd, Address::of(memory, 0, len), offset)
}

/// Writes `len` bytes at the start of `memory` to a file.
///
/// # Panics
///
/// Panics if `memory` is smaller.
pub fn pwrite_from(
    fd: BorrowedFd<'_>,
    memory: &Memory,
    len: usize,
    offset: i64,
) -> io::Result<usize> {
    address::pwrite(fd, Address::of(memory, 0, len), offset)
}
