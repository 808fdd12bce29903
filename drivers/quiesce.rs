// SPDX-License-Identifier: GPL-2.0

//! Ending whatever a subchannel is doing.

use crate::{
    state::Event,
    triggers::Kept, //
};
use kernel::{
    prelude::*,
    time::msecs_to_jiffies, //
};
use mdev::css::{
    Isc,
    Subchannel, //
};

/// How long one instruction may take to end in an interrupt, in milliseconds.
const INTERRUPT_TIMEOUT: u32 = 3000;

/// How many instructions are tried. Canceling is tried first, halting up to three times, clearing
/// for the rest.
const STEPS: usize = 8;

/// How many tries `cancel_halt_clear` is given, which counts by itself after the first step.
const TRIES: i32 = 255;

/// Ends whatever the subchannel is doing and disables it.
///
/// Answers of the start function that the user has not taken are dropped. Returns `ENODEV` when the
/// device is gone, and `EIO` when the channel does not let go of the program, which must then stay
/// in memory; the state is [`NotOperational`](crate::state::State::NotOperational) after both.
pub(crate) fn quiesce(subchannel: &Subchannel<Kept>) -> Result {
    let mut sch = subchannel.lock()?;

    sch.quiesce().map_err(|_| ENODEV)?;

    let mut tries = TRIES;
    let mut steps = 0..STEPS;
    loop {
        match sch.disable() {
            Ok(()) => return Ok(()),
            Err(e) if e == EBUSY => {}
            Err(_) => {
                let _ = sch.fire(Event::Gone);
                return Err(ENODEV);
            }
        }
        if steps.next().is_none() {
            break;
        }
        match sch.cancel_halt_clear(&mut tries) {
            Err(e) if e == EBUSY => {
                sch = sch.wait_for_interrupt(msecs_to_jiffies(INTERRUPT_TIMEOUT))?;
            }
            // It is idle, or gone, which disabling finds out.
            _ => {}
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

/// Enables the subchannel after [`quiesce`].
pub(crate) fn resume(subchannel: &Subchannel<Kept>, isc: &Isc) -> Result {
    let mut sch = subchannel.lock()?;

    if sch.enable(isc).is_ok() && sch.fire(Event::Enabled).is_ok() {
        Ok(())
    } else {
        let _ = sch.fire(Event::Gone);
        Err(ENODEV)
    }
}
