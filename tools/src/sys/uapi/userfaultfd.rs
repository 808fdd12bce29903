// SPDX-License-Identifier: GPL-2.0

//! Arguments of the requests of userfaultfd.
//!
//! `include/uapi/linux/userfaultfd.h`.

/// Argument of `UFFDIO_API`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UffdioApi {
    pub(crate) api: u64,
    pub(crate) features: u64,
    pub(crate) ioctls: u64,
}

/// Argument of `UFFDIO_REGISTER`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UffdioRegister {
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) mode: u64,
    pub(crate) ioctls: u64,
}

/// Argument of `UFFDIO_COPY`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UffdioCopy {
    pub(crate) dst: u64,
    pub(crate) src: u64,
    pub(crate) len: u64,
    pub(crate) mode: u64,
    pub(crate) copy: i64,
}
