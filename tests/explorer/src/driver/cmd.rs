// SPDX-License-Identifier: GPL-2.0

//! `drivers/ops/cmd.rs`: the halt and clear functions.

use super::Driver;
use crate::channel::Channel;
use ccwchain::condition_code::ConditionCode;

impl Driver {
    pub(super) fn halt_or_clear(
        &mut self,
        slot: usize,
        function: fn(&mut Channel) -> ConditionCode,
    ) {
        if !self.try_lock_io(slot) {
            return;
        }
        if self.sch.halt_or_clear().is_ok() {
            function(&mut self.hardware.channel);
        }
        self.session_lock = None;
    }
}
