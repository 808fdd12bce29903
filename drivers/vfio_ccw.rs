// SPDX-License-Identifier: GPL-2.0

//! vfio-ccw: lets a user drive an I/O subchannel through VFIO.
//!
//! The way of one I/O: a write to region 0 ([`regions::io`]) is a request; the state machine
//! ([`state`]) says whether it may be; the guest's channel program is translated (crate
//! `ccwchain`, [`program`]) and started ([`start`]). The interrupt ([`interrupts`]) queues the status
//! and tells the user ([`triggers`]), who reads it from region 0.

#![deny(unsafe_code)]

mod address_space;
mod context;
mod css_driver;
mod device;
mod halt_clear;
mod hold_off;
mod interrupts;
mod observer;
mod program;
mod quiesce;
mod regions;
mod start;
mod triggers;

use crate::{
    context::Context,
    css_driver::CssDriver, //
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

/// The module: as long as it is loaded, its driver is registered.
#[pin_data]
struct VfioCcw {
    #[pin]
    _driver: css::Registration<CssDriver>,
}

impl InPlaceModule for VfioCcw {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let context = Arc::pin_init(Context::new(), GFP_KERNEL)?;
            let mdev_driver = mediated::Registration::new(c"vfio_ccw_mdev", module)?;

            Ok(try_pin_init!(Self {
                _driver <- css::Registration::new(
                    c"vfio_ccw",
                    module,
                    CssDriver::new(
                        context,
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
