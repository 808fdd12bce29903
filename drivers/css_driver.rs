// SPDX-License-Identifier: GPL-2.0

//! The driver of I/O subchannels, each of which becomes the parent of one mediated device: binding,
//! interrupts, and events of subchannels and channel paths.

use crate::{
    device::SharedData,
    log::{
        Instruction,
        Span,
        SubchannelLog, //
    },
    mdev_driver::{
        MdevDriver,
        ParentData, //
    },
    quiesce::quiesce,
    subchannel::{
        is_replaced,
        present_irb,
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
    Crw,
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
            // Notes the number under the same lock: it is that of the device that is checked.
            sch.notifier.device_number = Some(sch.device_number());
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
        present_irb(sch, irb);
    }

    fn event(&self, sch: &mut Locked<'_, SubchannelData>) -> Result {
        let is_there = sch.stsch().is_ok();
        let is_replaced = is_there && is_replaced(sch);
        if is_there && !is_replaced {
            return Ok(());
        }

        // The user is requested to release the device, and gets no channel report: it would have
        // the number of the subchannel in the host, which may be another device in the guest. The
        // table has a transition for this event in every state.
        let _ = sch.fire(Event::Gone);
        sch.unregister_later();
        // A device of another number has its place: nobody has given that to this user. The channel
        // subsystem finds it after this one is unregistered.
        match is_replaced {
            true => Err(EAGAIN),
            false => Ok(()),
        }
    }

    fn path_event(
        &self,
        sch: &mut Locked<'_, SubchannelData>,
        path: css::Path,
        event: css::PathEvent,
    ) -> Result {
        let mask = path.mask;
        sch.notifier.log.path_event(mask, event);
        sch.stsch().map_err(|_| ENODEV)?;

        match event {
            css::PathEvent::VaryOff => halt_on(sch, mask),
            css::PathEvent::Offline => {
                halt_on(sch, mask);
                report(sch, Crw::path_is_gone(path.chpid));
            }
            css::PathEvent::Online => report(sch, Crw::path_is_back(path.chpid)),
            // The next start function may use it.
            css::PathEvent::VaryOn => {}
        }
        Ok(())
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

/// Queues a channel report and signals the user, if the device is open.
fn report(sch: &mut Locked<'_, SubchannelData>, crw: Crw) {
    if sch.push_crw(crw) {
        sch.notifier.counts.crws += 1;
    }
}

/// Halts a program that uses one of the paths `mask`, or has no other path to continue on.
///
/// The program is not cancelled by CANCEL SUBCHANNEL, as then its user would wait for an IRB in
/// vain. Nor is it cleared where it cannot be halted: then its status is pending, or the user ends
/// it already.
fn halt_on(sch: &mut Locked<'_, SubchannelData>, mask: u8) {
    let affected = sch.last_path() & mask != 0 || sch.paths() & !mask == 0;

    if sch.is_running() && affected {
        let cc = sch.halt();
        sch.notifier.issued(Instruction::Halt, cc);
    }
}
