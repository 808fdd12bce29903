// SPDX-License-Identifier: GPL-2.0

//! Quiescing a subchannel: CANCEL, HALT and CLEAR SUBCHANNEL until it can be disabled; and resuming
//! it.

use crate::subchannel::{
    enable,
    present_irb,
    SubchannelData, //
};
use ccwchain::condition_code::ConditionCode;
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
    Isc,
    Locked,
    Subchannel, //
};
use state::{
    Event,
    QuiesceProgress,
    QuiesceStep, //
};

/// Limits the wait for the end of one halt or clear function.
///
/// The hung-task detector of the kernel does not report the task, as it runs between two waits.
const TIMEOUT: Delta = Delta::from_secs(3);

/// Ends the functions in progress at the subchannel, and disables it.
///
/// Solicited IRBs that the user has not read are dropped. Returns `ENODEV` when the device is gone,
/// and `EIO` when the channel does not end the program, which must then stay in memory; after both
/// the state is [`NotOperational`](state::State::NotOperational).
pub(crate) fn quiesce(subchannel: &Subchannel<SubchannelData>) -> Result {
    let mut sch = subchannel.lock()?;

    sch.quiesce().map_err(|_| ENODEV)?;

    let mut progress = QuiesceProgress::default();
    loop {
        let cc = match progress.next(sch.disable()) {
            QuiesceStep::Disabled => return Ok(()),
            QuiesceStep::TakeStatus => {
                if let Some(irb) = sch.test() {
                    present_irb(&mut sch, &irb);
                }
                continue;
            }
            QuiesceStep::Cancel => {
                let _ = sch.cancel();
                continue;
            }
            QuiesceStep::Halt => sch.halt(),
            QuiesceStep::Clear => sch.clear(),
            QuiesceStep::Gone => {
                let _ = sch.fire(Event::Gone);
                return Err(ENODEV);
            }
            QuiesceStep::GiveUp => break,
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

    if enable(&mut sch, isc).is_ok() {
        if sch.fire(Event::Enabled).is_ok() {
            return Ok(());
        }
        // The device was given up, or the host is shutting down.
        let _ = sch.disable();
    }
    let _ = sch.fire(Event::Gone);
    Err(ENODEV)
}
