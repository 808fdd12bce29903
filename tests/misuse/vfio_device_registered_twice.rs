// SPDX-License-Identifier: GPL-2.0

//! A driver that had a VFIO device to return could return one that is registered.

mod common;

use common::Device;
use kernel::{
    device::Bound,
    prelude::*,
    sync::aref::ARef, //
};
use mdev::{
    mediated,
    vfio, //
};

pub struct Cache(Option<ARef<vfio::Device<Device>>>);

pub struct Driver;

impl mediated::Driver for Driver {
    type Parent = Cache;
    type Device = Device;

    const DEVICE_API: &'static CStr = c"misuse";
    const TYPE_NAME: &'static CStr = c"misuse";
    const PRETTY_NAME: &'static CStr = c"misuse";
    const MAX_INSTANCES: u32 = 2;

    #[cfg(not(misuse))]
    fn probe(_: &kernel::device::Device<Bound>, _: &Cache) -> impl PinInit<Device, Error> {
        Ok(Device)
    }

    #[cfg(misuse)]
    fn probe(
        _: &kernel::device::Device<Bound>,
        cache: &Cache,
    ) -> Result<ARef<vfio::Device<Device>>> {
        //~^ E0277
        cache.0.clone().ok_or(ENODEV)
    }

    fn remove(dev: &vfio::Device<Device>) {
        let _ = Cache(Some(dev.into()));
    }
}
