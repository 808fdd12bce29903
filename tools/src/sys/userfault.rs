// SPDX-License-Identifier: GPL-2.0

//! Memory whose pages do not come until they are served, for tests of who waits for them.
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
        AsRawFd,
        BorrowedFd, //
    },
    time::Duration, //
};

use super::{
    checked,
    checked_size,
    ioctl,
    owned,
    wait_readable,
    Memory,
    Request,
    PAGE_SIZE, //
};

/// The version of the interface, which is also the letter of its requests.
const VERSION: u8 = 0xaa;

/// The size of a message about a fault.
const MESSAGE_SIZE: usize = 32;

#[repr(C)]
#[derive(Default)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct Copy {
    dst: u64,
    src: u64,
    len: u64,
    mode: u64,
    copy: i64,
}

/// A request that the kernel both reads and writes.
const fn number<T>(nr: u8) -> libc::Ioctl {
    const READ_AND_WRITE: libc::Ioctl = 3 << 30;
    let size = std::mem::size_of::<T>() as libc::Ioctl;
    READ_AND_WRITE | size << 16 | (VERSION as libc::Ioctl) << 8 | nr as libc::Ioctl
}

// SAFETY: The kernel's header names the structure that the type repeats, made of numbers only.
const API: Request<Api> = unsafe { Request::new(number::<Api>(0x3f)) };
// SAFETY: As above.
const REGISTER: Request<Register> = unsafe { Request::new(number::<Register>(0x00)) };
// SAFETY: As above; where it copies to and from is for who makes the argument to see to.
const COPY: Request<Copy> = unsafe { Request::new(number::<Copy>(0x03)) };

/// Who serves the pages of memory. When it is gone, they come by themselves.
#[derive(Debug)]
pub struct Userfault(File);

impl Userfault {
    /// Makes one that serves no memory yet; `ENOSYS` where the kernel has no such thing.
    pub fn new() -> io::Result<Self> {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: No memory is involved.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
        let fd = checked(libc::c_int::try_from(fd).unwrap_or(-1))?;
        let file = owned(fd);
        let mut api = Api {
            api: VERSION.into(),
            ..Default::default()
        };
        ioctl(file.as_fd(), API, &mut api)?;
        Ok(Self(file))
    }

    /// Lets who touches a page of `memory` that is not there yet wait until it is served.
    pub fn hold(&self, memory: &Memory) -> io::Result<()> {
        const MISSING: u64 = 1;
        let mut register = Register {
            start: memory.address(),
            len: memory.size() as u64,
            mode: MISSING,
            ..Default::default()
        };
        ioctl(self.0.as_fd(), REGISTER, &mut register).map(|_| ())
    }

    /// Waits until somebody waits for a page; `false` when nobody does in time.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        if !wait_readable(self.0.as_fd(), timeout)? {
            return Ok(false);
        }
        self.0.read_exact(&mut [0; MESSAGE_SIZE])?;
        Ok(true)
    }

    /// Serves the first page of `memory`, with these bytes at its start and zeros behind them.
    ///
    /// # Panics
    ///
    /// When the bytes do not fit into a page.
    pub fn serve(&self, memory: &Memory, bytes: &[u8]) -> io::Result<()> {
        let page = Memory::anonymous(PAGE_SIZE as usize)?;
        page.write(0, bytes);
        let mut copy = Copy {
            dst: memory.address(),
            src: page.address(),
            len: PAGE_SIZE,
            ..Default::default()
        };
        ioctl(self.0.as_fd(), COPY, &mut copy).map(|_| ())
    }
}

/// Reads `len` bytes of a file to the start of `memory`.
///
/// # Panics
///
/// When there is not so much of it.
pub fn pread_to(fd: BorrowedFd<'_>, memory: &Memory, len: usize, offset: i64) -> io::Result<usize> {
    let to = memory.part(0, len);
    // SAFETY: `part` has checked the range, and there are no references to this memory.
    checked_size(unsafe { libc::pread(fd.as_raw_fd(), to.cast(), len, offset) })
}

/// Writes `len` bytes at the start of `memory` to a file.
///
/// # Panics
///
/// When there is not so much of it.
pub fn pwrite_from(
    fd: BorrowedFd<'_>,
    memory: &Memory,
    len: usize,
    offset: i64,
) -> io::Result<usize> {
    let from = memory.part(0, len);
    // SAFETY: As above.
    checked_size(unsafe { libc::pwrite(fd.as_raw_fd(), from.cast_const().cast(), len, offset) })
}
