// SPDX-License-Identifier: GPL-2.0

//! Quiescing a subchannel: CANCEL, HALT and CLEAR SUBCHANNEL until it can be disabled; and resuming
//! it.

use crate::subchannel::{
    present_irb,
    SubchannelData, //
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

/// Limits the clear functions that are tried, to 13 minutes in all: as many as
/// `cio_cancel_halt_clear` tries.
///
/// A control unit that restarts may not respond for a long time, and continue the program after
/// that. The hung-task detector of the kernel does not report this task, as it runs between two
/// waits.
const CLEARS: usize = 255;

/// Limits the pending IRBs that are taken before the next function is tried. A device presents no
/// more unsolicited status at once; a program can present any number of IRBs.
const STATUSES: usize = 16;

/// Ends the functions in progress at the subchannel, and disables it.
///
/// Solicited IRBs that the user has not read are dropped. Returns `ENODEV` when the device is gone,
/// and `EIO` when the channel does not end the program, which must then stay in memory; after both
/// the state is [`NotOperational`](state::State::NotOperational).
pub(crate) fn quiesce(subchannel: &Subchannel<SubchannelData>) -> Result {
    let mut sch = subchannel.lock()?;

    sch.quiesce().map_err(|_| ENODEV)?;

    // CANCEL SUBCHANNEL is tried first, then HALT, then CLEAR.
    let mut steps = 0..=HALTS + CLEARS;
    let mut statuses = 0..STATUSES;
    loop {
        match sch.disable() {
            ConditionCode::Initiated => return Ok(()),
            // It may be unsolicited status, which a clear function would drop.
            ConditionCode::StatusPending if statuses.next().is_some() => {
                if let Some(irb) = sch.test() {
                    present_irb(&mut sch, &irb);
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
        // Whether CANCEL has succeeded, or the device is gone, shows when it is disabled again. A
        // subchannel that cannot be halted, as status is pending or a function is in progress, can
        // be cleared.
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
            sch = wait_for_end(sch)?;
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

/// Waits until the halt or clear function that was just initiated has ended, at most for
/// [`TIMEOUT`].
///
/// Other interrupts, however many, neither end nor extend the wait.
fn wait_for_end(mut sch: Locked<'_, SubchannelData>) -> Result<Locked<'_, SubchannelData>> {
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
        // The device was given up, or the host is shutting down.
        let _ = sch.disable();
    }
    let _ = sch.fire(Event::Gone);
    Err(ENODEV)
}
