// SPDX-License-Identifier: GPL-2.0

//! vfio-ccw: a user drives an I/O subchannel through VFIO.
//!
//! The path of an I/O: the user writes an ORB to region 0 (`ops/io.rs`). The state machine (crate
//! `state`) accepts the request, `ccwchain` translates the channel program of the guest (memory:
//! [`memory`]), and START SUBCHANNEL is issued. At the interrupt ([`css_driver`]) the IRB is queued
//! and the user is signalled ([`subchannel`]), who reads the IRB from region 0.

#![deny(unsafe_code)]

mod address_space;
mod css_driver;
mod debugfs;
mod device;
mod log;
mod mdev_driver;
mod memory;
mod ops;
mod pin_gate;
mod quiesce;
mod region;
mod stats;
mod subchannel;

use crate::{
    css_driver::CssDriver,
    device::SharedData, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    InPlaceModule,
    ThisModule, //
};
use mdev::{
    css,
    mediated, //
};

/// The module; its driver is registered while it is loaded.
#[pin_data]
struct VfioCcw {
    #[pin]
    _driver: css::Registration<CssDriver>,
}

impl InPlaceModule for VfioCcw {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let shared = Arc::new(SharedData::new()?, GFP_KERNEL)?;
            let mdev_driver = mediated::Registration::new(c"vfio_ccw_mdev", module)?;

            Ok(try_pin_init!(Self {
                _driver <- css::Registration::new(
                    c"vfio_ccw",
                    module,
                    CssDriver::new(
                        shared,
                        mdev_driver,
                        module_parameters::allow_unsafe_virtio.value(),
                    ),
                ),
            }? Error))
        })
    }
}

module! {
    type: VfioCcw,
    name: "vfio_ccw",
    authors: ["The vfio-ccw in Rust developers"],
    description: "VFIO based subchannel device driver",
    license: "GPL",
    params: {
        allow_unsafe_virtio: bool {
            default: false,
            description: "Allow virtio devices, whose users can change all memory of this host (default: no)",
        },
    },
}
