// SPDX-License-Identifier: GPL-2.0

//! What comes from the channel subsystem, at any time: interrupts and events.
//!
//! All of it is called with the subchannel lock held and interrupts off.

use crate::{
    observer::Instruction,
    state::{
        Crw,
        Event, //
    },
    triggers::SubchannelData, //
};
use ccwchain::irb::Irb;
use kernel::prelude::*;
use mdev::{
    css::{
        Locked,
        Path,
        PathEvent,
        IRB_LEN, //
    }, //
};

/// The subchannel has presented status.
pub(crate) fn irq(sch: &mut Locked<'_, SubchannelData>, irb: &[u8; IRB_LEN]) {
    let irb = Irb::from_bytes(irb);
    let scsw = irb.scsw();

    sch.notifier.observer.interrupt();
    match sch.interrupt(irb) {
        Ok(pushed) => {
            let waiting = sch.irbs().len();
            sch.notifier.observer.presented(&scsw, pushed, waiting);
        }
        Err(_) => {
            // Nobody waits for it: whoever left the subchannel enabled is gone.
            let _ = sch.disable();
            sch.notifier
                .observer
                .log(2, format_args!("unexpected interrupt, {scsw:?}"));
        }
    }
}

/// Something may have happened to the subchannel.
pub(crate) fn event(sch: &mut Locked<'_, SubchannelData>) {
    if sch.stsch().is_ok() {
        return;
    }

    // The user is asked for the device (`request`), and gets no channel report: that would have the number
    // of the subchannel here, which may be another device of the guest's. The table lets a device go in
    // every state.
    let _ = sch.fire(Event::Gone);
    sch.unregister_later();
}

/// Something has happened to a channel path of the subchannel.
///
/// Returns `ENODEV` when there is no subchannel any more.
pub(crate) fn path_event(
    sch: &mut Locked<'_, SubchannelData>,
    path: Path,
    event: PathEvent,
) -> Result {
    let mask = path.mask;
    sch.notifier.observer.path_event(mask, event);
    sch.stsch().map_err(|_| ENODEV)?;

    match event {
        PathEvent::VaryOff => end_on(sch, mask),
        PathEvent::Offline => {
            end_on(sch, mask);
            report(sch, Crw::path_is_gone(path.chpid));
        }
        PathEvent::Online => report(sch, Crw::path_is_back(path.chpid)),
        // The next start function finds it among the paths.
        PathEvent::VaryOn => {}
    }
    Ok(())
}

fn report(sch: &mut Locked<'_, SubchannelData>, crw: Crw) {
    if sch.report(crw) {
        sch.notifier.observer.counts.crws += 1;
    }
}

/// Ends a program that uses one of the paths `mask`, or has no other to go on with.
///
/// It is halted, not canceled, as the user of a canceled one would wait for its status in vain. Nor is it
/// cleared where it cannot be halted: its status is pending then, or the user ends it already.
fn end_on(sch: &mut Locked<'_, SubchannelData>, mask: u8) {
    let affected = sch.last_path() & mask != 0 || sch.paths() & !mask == 0;

    if sch.is_running() && affected {
        let cc = sch.halt();
        sch.notifier.observer.instruction(Instruction::Halt, cc);
    }
}
