// SPDX-License-Identifier: GPL-2.0

//! The driver of the mediated devices.

use crate::{
    device::{
        Device,
        SharedData, //
    },
    log::Span,
    subchannel::SubchannelData, //
};
use kernel::{
    device::Bound,
    prelude::*,
    sync::Arc, //
};
use mdev::{
    css::Subchannel,
    mediated, //
};

/// The data of a subchannel that is the parent of a mediated device.
pub(crate) struct ParentData {
    shared: Arc<SharedData>,
    sch: Arc<Subchannel<SubchannelData>>,
    _bound: Span,
}

impl ParentData {
    /// Returns the data of `sch`; `bound` is dropped when the driver is unbound.
    pub(crate) fn new(
        shared: Arc<SharedData>,
        sch: Arc<Subchannel<SubchannelData>>,
        bound: Span,
    ) -> Self {
        Self {
            shared,
            sch,
            _bound: bound,
        }
    }
}

/// The driver of the mediated devices.
pub(crate) struct MdevDriver;

impl mediated::Driver for MdevDriver {
    type Parent = ParentData;
    type Device = Device;

    const DEVICE_API: &'static CStr = c"vfio-ccw";
    const TYPE_NAME: &'static CStr = c"io";
    const PRETTY_NAME: &'static CStr = c"I/O subchannel (Non-QDIO)";
    const MAX_INSTANCES: u32 = 1;
    const ATTRIBUTES: &'static [mediated::Attribute<Device>] = &[mediated::Attribute::number(
        c"pin_cache_pages",
        Device::pin_cache_pages,
        Device::set_pin_cache_pages,
    )];

    fn probe(
        _dev: &kernel::device::Device<Bound>,
        parent: &ParentData,
    ) -> impl PinInit<Device, Error> {
        Device::new(parent.shared.clone(), parent.sch.clone())
    }
}
