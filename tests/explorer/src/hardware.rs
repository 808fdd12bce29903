// SPDX-License-Identifier: GPL-2.0

//! A model of what the kernel provides: instructions (`mdev::css`, `drivers/s390/cio/cio.c`), pins
//! and eventfds. It reports to the [`Ledger`].

use crate::{
    channel::Channel,
    invariants::{
        Ledger,
        GUEST,
        HOST, //
    }, //
};
use ccwchain::{
    condition_code::ConditionCode,
    irb::Irb, //
};
use state::{
    Event,
    Irq,
    Notify,
    State, //
};

/// The error of a function of the common I/O layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Error {
    Busy,
    NoDevice,
    NoTries,
}

/// The subchannel and the ledger.
#[derive(Clone)]
pub(crate) struct Hardware {
    pub(crate) channel: Channel,
    pub(crate) ledger: Ledger,
    /// `Locked::may_run`.
    pub(crate) may_run: bool,
}

impl Hardware {
    /// Removes the device.
    pub(crate) fn vanish(&mut self) {
        self.channel.vanish();
    }

    /// `ssch`.
    pub(crate) fn start(&mut self, program: u32, generation: u64, epoch: u32) -> ConditionCode {
        let idle = !self.channel.is_busy();
        let code = self.channel.start(program);
        if code == ConditionCode::Initiated {
            self.ledger
                .require(idle, "no start is accepted with one in flight");
            self.ledger
                .require(!self.ledger.is_down, "no I/O is started after the shutdown");
            self.ledger.started(program, generation, epoch);
            self.may_run = true;
        }
        code
    }

    /// `Locked::resume`.
    pub(crate) fn resume(&mut self, program: u32) -> ConditionCode {
        let code = self.channel.resume(program);
        if code == ConditionCode::Initiated {
            self.ledger.resumed(program);
        }
        code
    }

    /// `Locked::continue_at`.
    pub(crate) fn continue_as(&mut self, program: u32) {
        self.channel.continue_as(program);
        self.ledger.resumed(program);
    }

    /// `cio_update_schib`.
    pub(crate) fn store(&mut self) -> Result<(), Error> {
        if self.channel.is_present() {
            return Ok(());
        }
        self.may_run = false;
        Err(Error::NoDevice)
    }

    /// `Locked::presented`.
    pub(crate) fn presented(&mut self, irb: &Irb) {
        let scsw = irb.scsw();
        self.may_run &= !(scsw.is_solicited() && scsw.ends_start());
    }

    /// `cio_enable_subchannel`, of a subchannel that is disabled and so has no pending status.
    pub(crate) fn enable(&mut self) -> Result<(), Error> {
        match self.channel.modify(true) {
            ConditionCode::Initiated => Ok(()),
            ConditionCode::NotOperational => Err(Error::NoDevice),
            ConditionCode::StatusPending | ConditionCode::Busy => Err(Error::Busy),
        }
    }

    /// `Locked::disable`.
    pub(crate) fn disable(&mut self) -> ConditionCode {
        let code = self.channel.modify(false);
        self.may_run &= matches!(code, ConditionCode::StatusPending | ConditionCode::Busy);
        code
    }

    /// `cio_disable_subchannel` of the common I/O layer, which drops pending status.
    pub(crate) fn disable_and_drop(&mut self) -> ConditionCode {
        if let Some(status) = self.channel.test() {
            self.ledger.presented(status, status.own);
        }
        self.disable()
    }
}

/// A model of the translator: it has one program, and pins its pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Translator {
    pub(crate) knows: Option<u32>,
    pub(crate) pinned: Option<u32>,
}

impl Translator {
    /// Returns another translator, which has translated and pinned `program`.
    pub(crate) fn of(program: u32) -> Self {
        Self {
            knows: Some(program),
            pinned: Some(program),
        }
    }

    /// Translates and pins `program`.
    pub(crate) fn translate(&mut self, program: u32, hardware: &mut Hardware) {
        hardware.ledger.require(
            self.pinned.is_none(),
            "no page stays pinned without a program",
        );
        hardware.ledger.require(
            hardware.channel.program().is_none(),
            "the program that the channel executes is not overwritten",
        );
        *self = Self::of(program);
    }

    /// Translates back the address in `irb`.
    pub(crate) fn write_back(&self, irb: &mut Irb) {
        let scsw = irb.scsw();
        let known = self
            .knows
            .filter(|program| scsw.cpa() == HOST | program << 3);
        irb.set_scsw(scsw.with_cpa(known.map_or(0, |program| GUEST | program << 3)));
    }

    /// Unpins the pages; they are never used again if they are `quarantined`.
    pub(crate) fn unpin(&mut self, hardware: &mut Hardware, quarantined: bool) {
        let used = hardware.channel.program();
        let free = used.is_none() || used != self.pinned || quarantined;
        hardware.ledger.require(
            free,
            "pages of a program that the channel executes are not unpinned",
        );
        self.pinned = None;
    }
}

/// The eventfds of the user, and for the tests the state of the state machine.
#[derive(Clone, Copy, Default)]
pub(crate) struct Eventfds {
    pub(crate) state: State,
    pub(crate) generation: u64,
    pub(crate) io: bool,
    pub(crate) crw: bool,
    /// Whether the hold-off since the last read is over.
    pub(crate) late: bool,
    /// Whether the timer of the hold-off runs.
    pub(crate) timer: bool,
    /// The eventfds for IRBs and for reports that were signalled since this was cleared.
    pub(crate) signalled: (bool, bool),
}

impl Notify for Eventfds {
    fn event(&mut self, state: State, event: Event) {
        if let Ok(next) = state.next(event) {
            self.state = next;
            if matches!(event, Event::Request | Event::Quiesce) {
                self.generation += 1;
            }
        }
    }

    fn signal(&mut self, irq: Irq) {
        match irq {
            Irq::Io => (self.io, self.signalled.0) = (true, true),
            Irq::Crw => (self.crw, self.signalled.1) = (true, true),
            Irq::Request => {}
        }
    }

    fn irb_read(&mut self) {
        self.late = false;
    }

    fn guest_responded(&mut self) {}

    fn holds_off(&mut self) -> bool {
        self.timer |= !self.late;
        !self.late
    }
}
