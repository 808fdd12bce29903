// SPDX-License-Identifier: GPL-2.0

//! The device.

use channel::{
    Device,
    Script,
    Step, //
};

/// The command code of no-operation.
const NO_OPERATION: u8 = 0x03;

/// A device that plays a script.
pub(crate) struct Player {
    script: Script,
    obedient: bool,
}

impl Player {
    /// A device that takes these steps. One that is obedient moves no data with a no-operation, as
    /// the translator takes for granted for agreement, though not for containment.
    pub(crate) fn new(steps: &[Step], obedient: bool) -> Self {
        Self {
            script: Script::new(steps),
            obedient,
        }
    }
}

impl Device for Player {
    fn command(&mut self, code: u8) -> Step {
        let step = self.script.command(code);
        Step {
            immediate: step.immediate || (self.obedient && code == NO_OPERATION),
            ..step
        }
    }

    fn byte(&mut self) -> u8 {
        self.script.byte()
    }
}
