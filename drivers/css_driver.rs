// SPDX-License-Identifier: GPL-2.0

//! The driver of I/O subchannels, each of which becomes the parent of one mediated device.

use crate::{
    device::SharedData,
    irq,
    log::{
        Span,
        SubchannelLog, //
    },
    mdev_driver::{
        MdevDriver,
        ParentData, //
    },
    quiesce::quiesce,
    subchannel::{
        Notifier,
        SubchannelData, //
    },
};
use kernel::{
    device::Core,
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
use state::{
    Event,
    SubchannelState, //
};

mdev::css_device_table!(ID_TABLE, [css::DeviceId::IO]);

/// The driver of I/O subchannels.
pub(crate) struct CssDriver {
    shared: Arc<SharedData>,
    mdev_driver: Arc<mediated::Registration<MdevDriver>>,
    /// Set if the administrator insists on passing through virtio devices.
    allow_virtio: bool,
}

impl CssDriver {
    /// Returns the driver. `allow_virtio` passes virtio devices through, too.
    pub(crate) fn new(
        shared: Arc<SharedData>,
        mdev_driver: Arc<mediated::Registration<MdevDriver>>,
        allow_virtio: bool,
    ) -> Self {
        Self {
            shared,
            mdev_driver,
            allow_virtio,
        }
    }

    /// Refuses a virtio device with `ENODEV`, unless the administrator insists on it.
    ///
    /// A virtio driver passes the addresses of its queues and indicators to the device as data, and
    /// the device stores at these addresses. As data is not translated, they would be addresses in
    /// the memory of this host.
    fn check_virtio(
        &self,
        dev: &css::Device<Core<'_>>,
        sch: &Arc<Subchannel<SubchannelData>>,
    ) -> Result {
        let is_virtio = {
            let mut sch = sch.lock()?;
            // The SCHIB has no paths if the device was gone when it was stored last.
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
        let log = SubchannelLog::new(self.shared.logs.clone(), dev.into());
        Ok(SubchannelState::new(Notifier::new(log)?))
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

        let bound = Span::new(self.shared.logs.clone(), dev.id(), 4, ["bound", "unbound"]);
        let parent = ParentData::new(self.shared.clone(), sch.clone(), bound);
        Ok(mediated::Parent::new(self.mdev_driver.clone(), parent))
    }

    fn irq(&self, sch: &mut Locked<'_, SubchannelData>, irb: &[u8; IRB_LEN]) {
        irq::irq(sch, irb);
    }

    fn event(&self, sch: &mut Locked<'_, SubchannelData>) {
        irq::event(sch);
    }

    fn path_event(
        &self,
        sch: &mut Locked<'_, SubchannelData>,
        path: css::Path,
        event: css::PathEvent,
    ) -> Result {
        irq::path_event(sch, path, event)
    }

    fn shutdown(sch: &Subchannel<SubchannelData>) {
        let Ok(quiescing) = sch.lock().map(|sch| sch.notifier.quiescing.clone()) else {
            return;
        };
        let _quiescing = quiescing.lock();

        // It is refused if the device is closed: then no function is in progress.
        let _ = quiesce(sch);
        if let Ok(mut sch) = sch.lock() {
            let _ = sch.fire(Event::Gone);
        }
    }
}
