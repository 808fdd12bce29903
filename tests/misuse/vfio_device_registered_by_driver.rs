// SPDX-License-Identifier: GPL-2.0

//! A driver could register a VFIO device that is registered already.

mod common;

use common::Device;
use kernel::prelude::*;
use mdev::vfio;

pub fn register(dev: &vfio::Device<Device>) -> Result {
    let _: &Device = dev;
    #[cfg(misuse)]
    dev.register()?; //~ E0624
    Ok(())
}
