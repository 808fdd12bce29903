// SPDX-License-Identifier: GPL-2.0

//! A driver that had the registration of a parent could keep it when the device is unbound.

mod common;

use common::Device;
use kernel::{
    device::Bound,
    prelude::*,
    sync::Arc, //
};
use mdev::{
    mediated, //
    while_bound::WhileBound,
};

pub struct Driver;

impl mediated::Driver for Driver {
    type Parent = ();
    type Device = Device;

    const DEVICE_API: &'static CStr = c"misuse";
    const TYPE_NAME: &'static CStr = c"misuse";
    const PRETTY_NAME: &'static CStr = c"misuse";
    const MAX_INSTANCES: u32 = 2;

    fn probe(_: &kernel::device::Device<Bound>, _: &()) -> impl PinInit<Device, Error> {
        Ok(Device)
    }
}

pub fn probe(
    dev: &kernel::device::Device<Bound>,
    driver: Arc<mediated::Registration<Driver>>,
) -> Result<impl WhileBound> {
    let _ = dev;
    let parent = mediated::Parent::new(driver.clone(), ());
    #[cfg(misuse)]
    core::mem::forget(parent.register(dev)?); //~ E0133
    #[cfg(misuse)]
    let parent = mediated::Parent::new(driver, ());
    Ok(parent)
}
