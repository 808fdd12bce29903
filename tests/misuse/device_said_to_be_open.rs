// SPDX-License-Identifier: GPL-2.0

//! Nobody but the wrapper says that a device is open.

mod common;

use common::Device;
use kernel::prelude::*;
use mdev::vfio;

pub fn read(dev: &vfio::Device<Device>, buffer: &mut [u8]) -> Result {
    #[cfg(misuse)]
    return vfio::Open(dev).dma_read(0, buffer); //~ E0423
    #[cfg(not(misuse))]
    dev.if_open(|open| open.dma_read(0, buffer)).ok_or(EIO)?
}
