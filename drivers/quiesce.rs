// SPDX-License-Identifier: GPL-2.0

//! Ending whatever a subchannel is doing.

use crate::{
    interrupts,
    triggers::SubchannelData, //
};
use kernel::{
    prelude::*,
    time::{
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
};
use mdev::css::{
    ConditionCode,
    Isc,
    Locked,
    Subchannel, //
};
use state::Event;

/// Limits the wait for the end of one halt or clear function.
const TIMEOUT: Delta = Delta::from_secs(3);

/// Limits the halt functions that are tried: as many as `cio_cancel_halt_clear` tries.
const HALTS: usize = 3;

/// Limits the clear functions that are tried, likewise: 13 minutes in all.
///
/// A control unit that restarts may be silent for long, and goes on with the program after that.
/// The kernel's watchdog for hung tasks says nothing meanwhile, as the task runs between two waits.
const CLEARS: usize = 255;

/// Limits how much status that is pending is taken before the next function is tried. A device has no more
/// of its own at once; a program can present a storm of it.
const STATUSES: usize = 16;

/// Ends whatever the subchannel is doing and disables it.
///
/// Answers of the start function that the user has not taken are dropped. Returns `ENODEV` when the
/// device is gone, and `EIO` when the channel does not let go of the program, which must then stay
/// in memory; the state is [`NotOperational`](state::State::NotOperational) after both.
pub(crate) fn quiesce(subchannel: &Subchannel<SubchannelData>) -> Result {
    let mut sch = subchannel.lock()?;

    sch.quiesce().map_err(|_| ENODEV)?;

    // Canceling is tried first, then halting, then clearing.
    let mut steps = 0..=HALTS + CLEARS;
    let mut statuses = 0..STATUSES;
    loop {
        match sch.disable() {
            ConditionCode::Initiated => return Ok(()),
            // It may be the device's own, which a clear function would drop.
            ConditionCode::StatusPending if statuses.next().is_some() => {
                if let Some(irb) = sch.test() {
                    interrupts::irq(&mut sch, &irb);
                }
                continue;
            }
            ConditionCode::StatusPending | ConditionCode::Busy => {}
            ConditionCode::NotOperational => {
                let _ = sch.fire(Event::Gone);
                return Err(ENODEV);
            }
        }
        statuses = 0..STATUSES;
        // Disabling finds out whether it was canceled, and whether it is gone. A subchannel that
        // cannot be halted, for its status or a function in progress, can be cleared.
        let cc = match steps.next() {
            Some(0) => {
                let _ = sch.cancel();
                continue;
            }
            Some(1..=HALTS) => sch.halt(),
            Some(_) => sch.clear(),
            None => break,
        };
        if cc == ConditionCode::Initiated {
            sch = wait_for_answer(sch)?;
        }
    }

    let _ = sch.fire(Event::Gone);
    drop(sch);
    dev_err!(
        subchannel.device().as_ref(),
        "could not end I/O; the device is not used any more\n"
    );
    Err(EIO)
}

/// Waits until the halt or clear function that has just been initiated is over, or its time is.
///
/// However many interrupts come meanwhile that are not the end of it, they change neither.
fn wait_for_answer(mut sch: Locked<'_, SubchannelData>) -> Result<Locked<'_, SubchannelData>> {
    let began = Instant::<Monotonic>::now();

    sch.expect_end();
    while !sch.has_ended() {
        let left = (TIMEOUT - began.elapsed()).as_millis_ceil();
        let Ok(left @ 1..) = u32::try_from(left) else {
            break;
        };
        sch = sch.wait_for_interrupt(msecs_to_jiffies(left))?;
    }
    Ok(sch)
}

/// Enables the subchannel after [`quiesce`].
pub(crate) fn resume(subchannel: &Subchannel<SubchannelData>, isc: &Isc) -> Result {
    let mut sch = subchannel.lock()?;

    if sch.enable(isc).is_ok() {
        if sch.fire(Event::Enabled).is_ok() {
            return Ok(());
        }
        // The device was given up, or the host goes down.
        let _ = sch.disable();
    }
    let _ = sch.fire(Event::Gone);
    Err(ENODEV)
}
