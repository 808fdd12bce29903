// SPDX-License-Identifier: GPL-2.0

//! Memory is read and pinned through a device that is open, not through one that was.

mod common;

use common::Device;
use kernel::prelude::*;
use mdev::vfio::{
    self,
    Open, //
};

pub fn read(dev: &vfio::Device<Device>, buffer: &mut [u8]) -> Result {
    let mut _kept: Option<&Open<'_, Device>> = None;
    dev.if_open(|open| {
        #[cfg(misuse)]
        {
            _kept = Some(open); //~ E0521
        }
        open.dma_read(0, buffer)
    })
    .ok_or(EIO)?
}
