// SPDX-License-Identifier: GPL-2.0

//! `drivers/css_driver.rs`: interrupts and events from the channel subsystem.

use super::{
    Driver,
    Task, //
};
use crate::faults::Fault;
use ccwchain::condition_code::ConditionCode;
use state::{
    Crw,
    Event,
    Pushed,
    State, //
};

impl Driver {
    /// The interrupt handler or `Locked::test`, and `present_irb`.
    pub(crate) fn irq(&mut self) {
        let Some(status) = self.hardware.channel.test() else {
            return;
        };
        let taken = match self.state() {
            State::Closed | State::NotOperational => false,
            State::Quiescing => status.own,
            State::Idle | State::Translating | State::Running => true,
        };
        let inactive = status.is_inactive();
        let irb = self.hardware.ledger.presented(status, taken);

        self.hardware.presented(&irb);
        match self.sch.push_irb(irb) {
            Ok(Some(Pushed::Lost)) => self.hardware.ledger.require(false, "no status is lost"),
            Ok(_) => {}
            Err(_) => {
                let _ = self.hardware.disable();
            }
        }
        if inactive && self.has(Fault::EndsByActivity) {
            let _ = self.sch.fire(Event::Ended);
        }

        let hurries = self.has(Fault::AnyInterruptEndsTheWait);
        for task in self.tasks.iter_mut().flatten() {
            if let Task::QuiesceWait(_, progress) = task {
                progress.hurried |= hurries;
            }
        }
    }

    /// The timer of `HoldOff` expires, perhaps one that was started for an earlier IRB.
    pub(crate) fn timer(&mut self) {
        self.sch.notifier.timer = false;
        if !self.has(Fault::TimerIsIgnored) {
            self.sch.hold_off_expired();
        }
    }

    /// `irq::event`.
    pub(crate) fn event(&mut self) {
        if self.hardware.store().is_ok() {
            return;
        }
        let _ = self.sch.fire(Event::Gone);
    }

    /// `irq::path_event`, when the only path is varied off.
    pub(crate) fn vary_off(&mut self) {
        if self.sch.is_running()
            && self.hardware.channel.halt() != ConditionCode::Initiated
            && self.has(Fault::PathEventClears)
        {
            self.hardware.channel.clear();
        }
    }

    /// `irq::path_event`, when a path comes back.
    pub(crate) fn online(&mut self) {
        self.report(Crw::path_is_back(1));
    }

    pub(super) fn report(&mut self, crw: Crw) {
        if !self.scope.reports {
            return;
        }
        self.reported = true;
        let before = self.reports().len();
        self.sch.push_crw(crw);
        if self.state() != State::Closed {
            self.unread += 1;
            self.told_if_lost(before);
        }
    }

    /// Checks the overflow bit if a report was lost, as the queue has no more reports than
    /// `before`.
    pub(super) fn told_if_lost(&mut self, before: usize) {
        let after = self.reports();
        if after.len() == before {
            let told = after.last().is_some_and(|crw| crw.word() & 1 << 29 != 0);
            self.hardware
                .ledger
                .require(told, "a queue of reports that overflows says so");
            self.unread -= 1;
        }
    }

    /// Returns the reports that wait for the user.
    pub(crate) fn reports(&self) -> Vec<Crw> {
        if !self.reported {
            return Vec::new();
        }
        let mut sch = self.sch.clone();
        core::iter::from_fn(|| sch.take_crw()).collect()
    }
}
