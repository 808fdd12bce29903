// SPDX-License-Identifier: GPL-2.0

//! What all subchannels of the driver share.

use kernel::prelude::*;
use mdev::{
    css::Isc,
    debug::Log, //
};

/// What all subchannels of the driver share.
pub(crate) struct Context {
    /// The interruption subclass of their subchannels.
    pub(crate) isc: Isc,
    /// The debug log `vfio_ccw_msg`.
    pub(crate) log: Log,
}

impl Context {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            isc: Isc::vfio_ccw(),
            log: Log::new(c"vfio_ccw_msg", 16, 2)?,
        })
    }
}
