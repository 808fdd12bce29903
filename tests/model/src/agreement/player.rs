// SPDX-License-Identifier: GPL-2.0

//! The device.

use crate::channel::{
    device_status::STATUS_MODIFIER,
    Device,
    Script,
    Step, //
};

/// The command code of no-operation.
const NO_OPERATION: u8 = 0x03;

/// The commands that devices are known to end with status modifier, except bit 0 of the code, which
/// makes a search one of many tracks: search home address, identifier and key, each for equal,
/// high, and both.
const SEARCHES: [u8; 9] = [0x39, 0x59, 0x79, 0x31, 0x51, 0x71, 0x29, 0x49, 0x69];

/// The command of a terminal control that is known to give status modifier.
const POLL: u8 = 0x09;

/// A device that plays a script.
pub(crate) struct Player {
    script: Script,
    obedient: bool,
}

impl Player {
    /// Creates a device that plays these steps, and whose data begins with these bytes. An obedient
    /// one moves no data with a no-operation, and gives status modifier only after a search or a
    /// poll: the translator assumes this for agreement, but not for containment.
    pub(crate) fn new(steps: &[Step], input: &[u8], obedient: bool) -> Self {
        Self {
            script: Script::new(steps).with_input(input),
            obedient,
        }
    }
}

impl Device for Player {
    fn command(&mut self, code: u8) -> Step {
        let step = self.script.command(code);
        if !self.obedient {
            return step;
        }
        let searches = SEARCHES.contains(&(code & 0x7f)) || code == POLL;
        Step {
            immediate: step.immediate || code == NO_OPERATION,
            status: match searches {
                true => step.status,
                false => step.status & !STATUS_MODIFIER,
            },
            ..step
        }
    }

    fn byte(&mut self) -> u8 {
        self.script.byte()
    }
}
