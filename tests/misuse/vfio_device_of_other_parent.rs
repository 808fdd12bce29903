// SPDX-License-Identifier: GPL-2.0

//! A driver could make a VFIO device for a device that is not the mediated device.

mod common;

use common::Device;
use kernel::{
    device::Bound,
    prelude::*,
    sync::aref::ARef, //
};
use mdev::vfio;

pub fn device(
    parent: &kernel::device::Device<Bound>,
    known: &vfio::Device<Device>,
) -> Result<ARef<vfio::Device<Device>>> {
    let _ = parent;
    #[cfg(misuse)]
    return vfio::Device::new(parent, Ok(Device)); //~ E0624
    #[cfg(not(misuse))]
    Ok(known.into())
}
