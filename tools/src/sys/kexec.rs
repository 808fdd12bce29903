// SPDX-License-Identifier: GPL-2.0

//! Loading another kernel (`kexec_file_load(2)`), for tests of a host that goes down.

use std::{
    ffi::{
        c_long,
        c_ulong,
        CStr, //
    },
    io,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    }, //
};

/// The number of the system call. Crate libc does not have it for s390x
/// (`arch/s390/kernel/syscalls/syscall.tbl`).
#[cfg(target_arch = "s390x")]
const KEXEC_FILE_LOAD: c_long = 381;
#[cfg(not(target_arch = "s390x"))]
const KEXEC_FILE_LOAD: c_long = libc::SYS_kexec_file_load;

/// Loads a kernel with its initial file system and its parameters. `LINUX_REBOOT_CMD_KEXEC` boots it.
pub fn load_kernel(
    kernel: BorrowedFd<'_>,
    initrd: BorrowedFd<'_>,
    parameters: &CStr,
) -> io::Result<()> {
    let bytes = parameters.to_bytes_with_nul();
    let no_flags: c_ulong = 0;
    // SAFETY: The kernel reads that many bytes at that address, and writes nothing.
    let result = unsafe {
        libc::syscall(
            KEXEC_FILE_LOAD,
            kernel.as_raw_fd(),
            initrd.as_raw_fd(),
            bytes.len(),
            bytes.as_ptr(),
            no_flags,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
