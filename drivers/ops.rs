// SPDX-License-Identifier: GPL-2.0

//! The operations of the VFIO device: the handlers of regions and of DMA unmaps are in the files
//! below.

mod cmd;
mod crw;
mod io;
mod schib;
mod unmap;

use crate::{
    device::{
        Device,
        Session, //
    },
    quiesce::{
        quiesce,
        resume, //
    },
    region::Region,
    subchannel::{
        self,
        set_trigger,
        HoldOff, //
    },
};
use kernel::{
    num::casts::u32_as_usize,
    prelude::*,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    nospec,
    vfio::{
        self,
        Open,
        Operations,
        Trigger, //
    },
};
use state::{
    Event,
    Irq, //
};

/// `VFIO_DEVICE_FLAGS_CCW`: a device of the channel subsystem.
const DEVICE_FLAGS_CCW: u32 = 1 << 4;

/// The interrupts of the device, by their index.
const IRQS: [Irq; 3] = [Irq::Io, Irq::Crw, Irq::Request];

/// The number of requests for the device after which the administrator is told again.
const REQUESTS_PER_NOTICE: u32 = 10;

impl Operations for Device {
    const NAME: &'static CStr = c"vfio_ccw";
    const FLAGS: u32 = DEVICE_FLAGS_CCW;
    const REGIONS: u32 = Region::COUNT;
    const IRQS: u32 = 3;

    fn open(dev: &Open<'_, Self>) -> Result {
        let session =
            Session::new(dev).inspect_err(|e| open_failed(dev, *e, "there is no memory for it"))?;
        dev.status_seq.restart();
        *dev.session.lock() = Some(session);

        enable(dev).map_err(|e| {
            open_failed(dev, e, "the subchannel cannot be enabled");
            *dev.session.lock() = None;
            EINVAL
        })
    }

    fn close(dev: &Open<'_, Self>) {
        {
            let _quiescing = dev.quiescing.lock();
            // The state shows whether it has failed.
            let _ = quiesce(&dev.sch);
        }

        let mut guard = dev.session.lock();
        if let Some(mut session) = guard.take() {
            session.unpin_or_quarantine(dev);
            session.invalidate_all(dev);
        }
        drop(dev.sch.lock().map(|mut sch| sch.take_back()));

        let old = dev.sch.lock().map(|mut sch| {
            sch.close();
            let triggers = core::mem::take(&mut sch.notifier.triggers);
            let notifier = &mut sch.notifier;
            (
                triggers,
                notifier.hold_off.timer.take(),
                notifier.work.take(),
            )
        });
        drop(old);
    }

    fn read(dev: &Open<'_, Self>, position: u64, to: UserSliceWriter) -> Result<usize> {
        let (region, range) = Region::locate(position, to.len())?;

        match region {
            Region::Io => io::read(dev, range, to),
            Region::Cmd => cmd::read(dev, range, to),
            Region::Schib => schib::read(dev, range, to),
            Region::Crw => crw::read(dev, range, to),
        }
    }

    fn write(dev: &Open<'_, Self>, position: u64, from: UserSliceReader) -> Result<usize> {
        let (region, range) = Region::locate(position, from.len())?;

        let result = match region {
            Region::Io => io::write(dev, range, from),
            Region::Cmd => cmd::write(dev, range, from),
            Region::Schib | Region::Crw => Err(EINVAL),
        };
        result.inspect_err(|&error| dev.statistics.write_failed(error))
    }

    fn region(index: u32) -> Option<vfio::Region> {
        Region::of_index(index).map(Region::information)
    }

    fn set_irq(dev: &Open<'_, Self>, index: u32, trigger: Trigger) -> Result {
        let irq = *nospec::get(&IRQS, u32_as_usize(index)).ok_or(EINVAL)?;

        let old = set_trigger(&mut *dev.sch.lock()?, irq, trigger);
        drop(old);
        Ok(())
    }

    fn reset(dev: &Open<'_, Self>) -> Result {
        let _quiescing = dev.quiescing.lock();

        dev.statistics.resets.increment();
        quiesce(&dev.sch).map_err(|_| EINVAL)?;
        unpin_after_reset(dev);
        resume(&dev.sch, &dev.shared.isc).map_err(|_| EINVAL)
    }

    fn dma_unmap(dev: &Open<'_, Self>, iova: u64, len: u64) {
        unmap::dma_unmap(dev, iova, len);
    }

    fn work(dev: &Open<'_, Self>) {
        io::continue_program(dev);
    }

    fn request(dev: &vfio::Device<Self>, count: u32) {
        let Ok(mut sch) = dev.sch.lock() else {
            return;
        };
        let has_eventfd = sch.notifier.triggers.has(Irq::Request);
        sch.notifier.triggers.signal(Irq::Request);
        let is_gone = sch.is_not_operational() && sch.stsch().is_err();
        drop(sch);

        if is_gone {
            // Nothing uses its program any more, however long the user keeps the device open.
            dev.queue_unmap_all();
        }

        if has_eventfd && count % REQUESTS_PER_NOTICE == 0 {
            dev_notice!(
                dev.sch.device().as_ref(),
                "Relaying device request to user (#{count})\n"
            );
        } else if !has_eventfd && count == 0 {
            dev_notice!(
                dev.sch.device().as_ref(),
                "No device request channel registered, blocked until released by user\n"
            );
        }
    }
}

/// Logs that the device cannot be opened.
fn open_failed(dev: &Device, error: Error, reason: &str) {
    dev.msg(format_args!("open={}", error.to_errno()));
    if dev.messages.allows() {
        dev_warn!(
            dev.sch.device().as_ref(),
            "the device cannot be opened, as {reason}: {error:?}\n"
        );
    }
}

/// Enables the subchannel of a device that is being opened.
fn enable(dev: &Open<'_, Device>) -> Result {
    let work = dev.device().work_requester();
    let waits = {
        let mut sch = dev.sch.lock()?;

        sch.stsch()?;
        subchannel::enable(&mut sch, &dev.shared.isc)?;
        if sch.fire(Event::Open).is_err() {
            let _ = sch.disable();
            return Err(ENODEV);
        }
        sch.notifier.hold_off = HoldOff::new(Some(dev.timer.clone()));
        sch.notifier.work = Some(work);
        // The channel of QEMU executes a program within START SUBCHANNEL.
        !sch.is_virtio()
    };
    if let Some(session) = Option::as_mut(&mut dev.session.lock()) {
        session.waits = waits;
    }
    Ok(())
}

/// Unpins the program that a reset has ended, and empties the pin cache.
///
/// Leaves that to another thread which translates a program: that one will find its request
/// cancelled.
fn unpin_after_reset(dev: &Open<'_, Device>) {
    // No translation begins until the subchannel is enabled again.
    let is_left = dev.sch.lock().is_ok_and(|mut sch| sch.leave_unpinning());
    if is_left {
        return;
    }
    if let Some(session) = Option::as_mut(&mut dev.session.lock()) {
        session.unpin_or_quarantine(dev);
        session.invalidate_all(dev);
    }
}
