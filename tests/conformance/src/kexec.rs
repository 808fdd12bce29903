// SPDX-License-Identifier: GPL-2.0

//! Boots another kernel from this one, without the firmware.

use std::{
    ffi::CString,
    fs::{
        self,
        File, //
    },
    io,
    os::fd::AsFd, //
};

use ccw::sys;
use rustix::system::{
    reboot,
    RebootCommand, //
};

use crate::fixtures::*;

/// Boots a kernel with an initial file system, given by their paths, and the parameters of the
/// present kernel.
pub(crate) fn kexec(kernel: &str, initrd: &str) -> TestResult {
    let parameters = fs::read_to_string("/proc/cmdline")?;
    let parameters = CString::new(parameters.trim()).map_err(io::Error::from)?;
    let [kernel, initrd] = [File::open(kernel)?, File::open(initrd)?];
    sys::load_kernel(kernel.as_fd(), initrd.as_fd(), &parameters)?;
    reboot(RebootCommand::Kexec).map_err(io::Error::from)?;
    Err("the present kernel goes on".to_owned().into())
}
