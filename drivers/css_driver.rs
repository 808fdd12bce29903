// SPDX-License-Identifier: GPL-2.0

//! The driver of I/O subchannels, each of which becomes the parent of one mediated device.

use crate::{
    context::{
        Context,
        Span, //
    },
    device::Device,
    interrupts,
    observer::Observer,
    quiesce::quiesce,
    state::{
        Event,
        SubchannelState, //
    },
    triggers::{
        Notifier, //
        SubchannelData,
    },
};
use kernel::{
    device::{
        Bound,
        Core, //
    },
    prelude::*,
    sync::Arc, //
};
use mdev::{
    css::{
        self,
        Locked,
        Subchannel,
        IRB_LEN, //
    },
    mediated, //
};

mdev::css_device_table!(ID_TABLE, [css::DeviceId::IO]);

/// The driver of I/O subchannels.
pub(crate) struct CssDriver {
    context: Arc<Context>,
    mdev_driver: Arc<mediated::Registration<MdevDriver>>,
    /// Whether the administrator insists on passing through virtio devices.
    allow_virtio: bool,
}

impl CssDriver {
    pub(crate) fn new(
        context: Arc<Context>,
        mdev_driver: Arc<mediated::Registration<MdevDriver>>,
        allow_virtio: bool,
    ) -> Self {
        Self {
            context,
            mdev_driver,
            allow_virtio,
        }
    }

    /// Refuses a virtio device with `ENODEV`, unless the administrator insists on it.
    ///
    /// A virtio driver hands the addresses of its queues and indicators to the device as data, and the
    /// device stores there. Data are not translated: these would be addresses of this host's memory.
    fn check_virtio(
        &self,
        dev: &css::Device<Core<'_>>,
        sch: &Arc<Subchannel<SubchannelData>>,
    ) -> Result {
        let is_virtio = {
            let mut sch = sch.lock()?;
            // What was stored last has no paths if the device was gone then.
            sch.stsch().map_err(|_| ENODEV)?;
            sch.is_virtio()
        };

        match (is_virtio, self.allow_virtio) {
            (false, _) => Ok(()),
            (true, true) => {
                dev_warn!(
                    dev.as_ref(),
                    "virtio device: its user can change all memory of this host (allow_unsafe_virtio)\n"
                );
                Ok(())
            }
            (true, false) => {
                dev_warn!(
                    dev.as_ref(),
                    "refusing a virtio device: its user could change all memory of this host; \
                     the module parameter allow_unsafe_virtio permits it\n"
                );
                Err(ENODEV)
            }
        }
    }
}

impl css::Driver for CssDriver {
    type State = SubchannelData;
    type Data = mediated::Parent<MdevDriver>;

    const ID_TABLE: css::IdTable = &ID_TABLE;

    fn state(&self, dev: &css::Device<Core<'_>>) -> Result<SubchannelData> {
        let observer = Observer::new(self.context.clone(), dev.into());
        Ok(SubchannelState::new(Notifier::new(observer)?))
    }

    fn probe(
        &self,
        dev: &css::Device<Core<'_>>,
        sch: &Arc<Subchannel<SubchannelData>>,
    ) -> Result<Self::Data> {
        if sch.lock()?.is_qdio() {
            dev_warn!(dev.as_ref(), "QDIO subchannels cannot be passed through\n");
            return Err(ENODEV);
        }
        self.check_virtio(dev, sch)?;

        let parent = ParentData {
            context: self.context.clone(),
            sch: sch.clone(),
            _bound: Span::new(self.context.clone(), dev.id(), 4, ["bound", "unbound"]),
        };
        Ok(mediated::Parent::new(self.mdev_driver.clone(), parent))
    }

    fn irq(&self, sch: &mut Locked<'_, SubchannelData>, irb: &[u8; IRB_LEN]) {
        interrupts::irq(sch, irb);
    }

    fn event(&self, sch: &mut Locked<'_, SubchannelData>) {
        interrupts::event(sch);
    }

    fn path_event(
        &self,
        sch: &mut Locked<'_, SubchannelData>,
        path: css::Path,
        event: css::PathEvent,
    ) -> Result {
        interrupts::path_event(sch, path, event)
    }

    fn shutdown(sch: &Subchannel<SubchannelData>) {
        let Ok(quiescing) = sch.lock().map(|sch| sch.notifier.quiescing.clone()) else {
            return;
        };
        let _one = quiescing.lock();

        // It is refused if nobody has the device open, and then there is nothing to end.
        let _ = quiesce(sch);
        if let Ok(mut sch) = sch.lock() {
            let _ = sch.fire(Event::Gone);
        }
    }
}

/// What a subchannel has for its mediated device.
pub(crate) struct ParentData {
    context: Arc<Context>,
    sch: Arc<Subchannel<SubchannelData>>,
    _bound: Span,
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
        Device::new(parent.context.clone(), parent.sch.clone())
    }
}
