// SPDX-License-Identifier: GPL-2.0

//! Interrupts and events from the channel subsystem, which come at any time.
//!
//! All functions are called with the subchannel lock held and interrupts off.

use crate::{
    log::Instruction,
    subchannel::SubchannelData, //
};
use ccwchain::irb::Irb;
use kernel::prelude::*;
use mdev::css::{
    Locked,
    Path,
    PathEvent,
    IRB_LEN, //
};
use state::{
    Crw,
    Event, //
};

/// Queues the IRB that the subchannel has presented, and signals the user.
pub(crate) fn irq(sch: &mut Locked<'_, SubchannelData>, irb: &[u8; IRB_LEN]) {
    let irb = Irb::from_bytes(irb);
    let scsw = irb.scsw();

    sch.notifier.log.interrupt();
    match sch.push_irb(irb) {
        Ok(pushed) => {
            let waiting = sch.irbs().len();
            sch.notifier.presented(&scsw, pushed, waiting);
        }
        Err(_) => {
            // The device is closed or given up, and its subchannel was left enabled.
            let _ = sch.disable();
            sch.notifier
                .log
                .msg(2, format_args!("unexpected interrupt, {scsw:?}"));
        }
    }
}

/// Finds out whether the subchannel is gone; if so, has the driver unbound from it later.
pub(crate) fn event(sch: &mut Locked<'_, SubchannelData>) {
    if sch.stsch().is_ok() {
        return;
    }

    // The user is requested to release the device, and gets no channel report: it would have the
    // number of the subchannel in the host, which may be another device in the guest. The table has
    // a transition for this event in every state.
    let _ = sch.fire(Event::Gone);
    sch.unregister_later();
}

/// Handles an event of a channel path of the subchannel: halts a program that depends on a path
/// which is removed, and queues a channel report.
///
/// Returns `ENODEV` when the subchannel is gone.
pub(crate) fn path_event(
    sch: &mut Locked<'_, SubchannelData>,
    path: Path,
    event: PathEvent,
) -> Result {
    let mask = path.mask;
    sch.notifier.log.path_event(mask, event);
    sch.stsch().map_err(|_| ENODEV)?;

    match event {
        PathEvent::VaryOff => halt_on(sch, mask),
        PathEvent::Offline => {
            halt_on(sch, mask);
            report(sch, Crw::path_is_gone(path.chpid));
        }
        PathEvent::Online => report(sch, Crw::path_is_back(path.chpid)),
        // The next start function may use it.
        PathEvent::VaryOn => {}
    }
    Ok(())
}

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
