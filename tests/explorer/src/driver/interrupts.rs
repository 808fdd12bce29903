// SPDX-License-Identifier: GPL-2.0

//! `drivers/interrupts.rs`: what comes from the channel subsystem.

use super::{
    Driver,
    Task, //
};
use crate::{
    channel::Code,
    faults::Fault, //
};
use state::{
    Crw,
    Event,
    Pushed,
    State, //
};

impl Driver {
    /// The interrupt handler or `Locked::test`, and `interrupts::irq`.
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
            Ok(Some(Pushed::Lost)) => self.hardware.ledger.promise(false, "no status is lost"),
            Ok(_) => {}
            Err(_) => {
                let _ = self.hardware.disable();
            }
        }
        if inactive && self.has(Fault::EndsByActivity) {
            let _ = self.sch.fire(Event::Ended);
        }

        let hurries = self.has(Fault::AnyInterruptIsAnAnswer);
        for task in self.tasks.iter_mut().flatten() {
            if let Task::QuiesceWait(_, progress) = task {
                progress.hurried |= hurries;
            }
        }
    }

    /// The timer of `Device` expires, perhaps one that was started for status before.
    pub(crate) fn timer(&mut self) {
        self.sch.notifier.timer = false;
        if !self.has(Fault::TimerIsIgnored) {
            self.sch.hold_off_expired();
        }
    }

    /// `interrupts::event`.
    pub(crate) fn event(&mut self) {
        if self.hardware.store().is_ok() {
            return;
        }
        let _ = self.sch.fire(Event::Gone);
    }

    /// `interrupts::path_event`, when the only path is varied off.
    pub(crate) fn vary_off(&mut self) {
        if self.sch.is_running()
            && self.hardware.channel.halt() != Code::Done
            && self.has(Fault::PathEventClears)
        {
            self.hardware.channel.clear();
        }
    }

    /// `interrupts::path_event`, when a path comes back.
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

    /// A report was queued where there were so many `before`.
    pub(super) fn told_if_lost(&mut self, before: usize) {
        let after = self.reports();
        if after.len() == before {
            let told = after.last().is_some_and(|crw| crw.word() & 1 << 29 != 0);
            self.hardware
                .ledger
                .promise(told, "a queue of reports that overflows says so");
            self.unread -= 1;
        }
    }

    /// The reports that wait for the user.
    pub(crate) fn reports(&self) -> Vec<Crw> {
        if !self.reported {
            return Vec::new();
        }
        let mut sch = self.sch.clone();
        core::iter::from_fn(|| sch.take_crw()).collect()
    }
}
