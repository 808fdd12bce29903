// SPDX-License-Identifier: GPL-2.0

//! System calls that the standard library does not offer, and all unsafe code of this package.
//!
//! Crate rustix has safe functions for most of them. What is left are memory that a device writes,
//! requests of VFIO, and calls with addresses that are wrong on purpose.

use std::{
    fs::File,
    io,
    mem,
    os::fd::BorrowedFd,
    time::Duration, //
};

use rustix::{
    event::{
        poll,
        EventfdFlags,
        PollFd,
        PollFlags,
        Timespec, //
    },
    process::geteuid,
    termios::tcgetwinsize, //
};

mod address;
mod edge;
mod kcov;
mod kexec;
mod memory;
mod process;
mod request;
pub mod uapi;
pub mod userfault;

pub use edge::{
    ioctl_any,
    ioctl_edge,
    ioctl_null,
    pread_edge,
    pread_null,
    pwrite_edge,
    pwrite_null,
    Edge, //
};
pub use kcov::Kcov;
pub use kexec::load_kernel;
pub use memory::{
    map_page,
    Memory,
    PAGE_SIZE, //
};
pub use process::{
    kill_group,
    obey_lock_limit,
    run_as_others,
    run_first,
    run_last,
    run_on,
    set_lock_limit, //
};
pub use request::{
    ioctl,
    ioctl_number,
    NumberRequest,
    Request, //
};

/// Creates an eventfd whose reads do not block.
pub fn eventfd() -> io::Result<File> {
    new_eventfd(EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

/// Creates an eventfd whose reads block.
pub fn blocking_eventfd() -> io::Result<File> {
    new_eventfd(EventfdFlags::CLOEXEC)
}

fn new_eventfd(flags: EventfdFlags) -> io::Result<File> {
    Ok(File::from(rustix::event::eventfd(0, flags)?))
}

/// Waits until `fd` can be read. Returns `false` if that takes longer than `timeout`.
pub fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    // A timeout that does not fit is one of more than 292 billion years: none.
    let timeout = Timespec::try_from(timeout).ok();
    let ready = poll(
        &mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)],
        timeout.as_ref(),
    )?;
    Ok(ready > 0)
}

/// Returns whether this process runs as the superuser.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Returns how many characters a line of a terminal has; `None` if `fd` is no terminal.
pub fn terminal_width(fd: BorrowedFd<'_>) -> Option<usize> {
    let size = tcgetwinsize(fd).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// Returns the size of an argument, for its field `argsz` or `size`.
pub fn size_of<T>() -> u32 {
    u32::try_from(mem::size_of::<T>()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
