// SPDX-License-Identifier: GPL-2.0

//! What the driver has of the kernel: instructions (`mdev::css`, `drivers/s390/cio/cio.c`), pins and
//! eventfds. Whoever keeps the promises looks on.

use crate::{
    channel::{
        Channel,
        Code, //
    },
    promises::{
        Ledger,
        GUEST,
        HOST, //
    }, //
};
use ccwchain::irb::Irb;
use state::{
    Event,
    Irq,
    Notify,
    State, //
};

/// Why an instruction of cio's is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Error {
    Busy,
    NoDevice,
    NoTries,
}

/// The subchannel, with somebody who looks on.
#[derive(Clone)]
pub(crate) struct Hardware {
    pub(crate) channel: Channel,
    pub(crate) ledger: Ledger,
    /// `Locked::may_run`.
    pub(crate) may_run: bool,
}

impl Hardware {
    /// The device goes, and nobody waits for an answer any more.
    pub(crate) fn vanish(&mut self) {
        self.channel.vanish();
    }

    /// `ssch`.
    pub(crate) fn start(&mut self, program: u32, generation: u64, epoch: u32) -> Code {
        let idle = !self.channel.is_busy();
        let code = self.channel.start(program);
        if code == Code::Done {
            self.ledger
                .promise(idle, "no start is accepted with one in flight");
            self.ledger.promise(
                !self.ledger.is_down,
                "no I/O is begun when the host is down",
            );
            self.ledger.started(program, generation, epoch);
            self.may_run = true;
        }
        code
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

    /// `cio_enable_subchannel`, of a subchannel that is disabled and so has no status.
    pub(crate) fn enable(&mut self) -> Result<(), Error> {
        match self.channel.modify(true) {
            Code::Done => Ok(()),
            Code::NotOperational => Err(Error::NoDevice),
            Code::StatusPending | Code::Busy => Err(Error::Busy),
        }
    }

    /// `Locked::disable`.
    pub(crate) fn disable(&mut self) -> Code {
        let code = self.channel.modify(false);
        self.may_run &= matches!(code, Code::StatusPending | Code::Busy);
        code
    }

    /// The common I/O layer's `cio_disable_subchannel`, which drops status that is pending.
    pub(crate) fn disable_and_drop(&mut self) -> Code {
        if let Some(status) = self.channel.test() {
            self.ledger.presented(status, status.own);
        }
        self.disable()
    }
}

/// The translator: it knows one program, and holds its pages.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Translator {
    pub(crate) knows: Option<u32>,
    pub(crate) pinned: Option<u32>,
}

impl Translator {
    /// Knows and pins `program`.
    pub(crate) fn translate(&mut self, program: u32, hardware: &mut Hardware) {
        hardware
            .ledger
            .promise(self.pinned.is_none(), "no pin is forgotten");
        hardware.ledger.promise(
            hardware.channel.program().is_none(),
            "the program that the channel has is not written over",
        );
        self.knows = Some(program);
        self.pinned = Some(program);
    }

    /// Makes the address in `irb` the guest's.
    pub(crate) fn write_back(&self, irb: &mut Irb) {
        let scsw = irb.scsw();
        let known = self
            .knows
            .filter(|program| scsw.cpa() == HOST | program << 3);
        irb.set_scsw(scsw.with_cpa(known.map_or(0, |program| GUEST | program << 3)));
    }

    /// Lets go of the pages, which are never used for anything else if they are `kept`.
    pub(crate) fn unpin(&mut self, hardware: &mut Hardware, kept: bool) {
        let used = hardware.channel.program();
        let free = used.is_none() || used != self.pinned || kept;
        hardware.ledger.promise(
            free,
            "pages of a program that the channel has are not given back",
        );
        self.pinned = None;
    }
}

/// What goes out of the subchannel's state: the user's eventfds. For the tests also where it is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Eventfds {
    pub(crate) state: State,
    pub(crate) generation: u64,
    pub(crate) io: bool,
    pub(crate) crw: bool,
    /// The guest has had time enough for the status that the user took last.
    pub(crate) late: bool,
    /// The timer runs that waits for this.
    pub(crate) timer: bool,
    /// Those that were signalled since this was last cleared.
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
