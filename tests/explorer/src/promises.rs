// SPDX-License-Identifier: GPL-2.0

//! What the driver promises, kept by somebody who sees both the subchannel and the user.

use crate::{
    channel::Status, //
};
use ccwchain::{
    irb::Irb,
    scsw::Scsw, //
};
use state::{
    Answer,
    Entry, //
};

/// Where programs are: in the memory of the host, and of the guest.
pub(crate) const HOST: u32 = 0x4000_0000;
pub(crate) const GUEST: u32 = 0x0100_0000;

/// What status is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Start { program: u32, generation: u64 },
    HaltOrClear,
    Device,
}

/// Status that the subchannel has presented and the user has not got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    pub(crate) serial: u16,
    pub(crate) about: About,
    pub(crate) over: bool,
    /// Whether it is the end of a halt or clear function.
    alone: bool,
    bits: [u32; 2],
}

/// Status that the user has taken, and the guest may have tested or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untested {
    about: About,
    alone: bool,
    bits: [u32; 2],
}

impl Untested {
    /// Whether a guest that has not tested this needs it beside `next`.
    fn is_needed_with(&self, next: &Owed) -> bool {
        self.goes_on_with(next) && !self.alone && !next.alone
    }

    /// Whether `next` is of the same function.
    pub(crate) fn goes_on_with(&self, next: &Owed) -> bool {
        self.about == next.about && self.about != About::Device
    }
}

impl Owed {
    /// Function and status control, and device status, which accumulate.
    const BITS: [u32; 2] = [0x0000_701f, 0xff00_0000];
}

/// What was promised so far.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    /// The first promise that was not kept.
    pub(crate) broken: Option<&'static str>,
    serial: u16,
    pub(crate) owed: Vec<Owed>,
    /// The status in region 0 that no read has brought to the user.
    pub(crate) shown: Option<u16>,
    /// The user has taken status that the guest may not have tested yet.
    pub(crate) on_its_way: bool,
    /// What the user has taken last.
    pub(crate) untested: Option<Untested>,
    /// The start function whose end has not been presented, and its generation.
    pub(crate) unanswered: Option<(u32, u64)>,
    /// The program that was started last.
    pub(crate) last: u32,
    /// How often whatever was going on was ended.
    pub(crate) epoch: u32,
    /// The channel did not let go of a program.
    pub(crate) stuck: bool,
    /// The host goes down; the driver has been told.
    pub(crate) goes_down: bool,
    /// The driver is done with that.
    pub(crate) is_down: bool,
    /// How many clear functions of a quiesce were not given their time.
    pub(crate) clears: u32,
}

impl Ledger {
    /// Holds `true` to be promised.
    pub(crate) fn promise(&mut self, kept: bool, promise: &'static str) {
        if !kept && self.broken.is_none() {
            self.broken = Some(promise);
        }
    }

    /// START SUBCHANNEL was accepted; `epoch` is that of the request.
    pub(crate) fn started(&mut self, program: u32, generation: u64, epoch: u32) {
        self.promise(
            self.unanswered.is_none(),
            "no start is accepted with one in flight",
        );
        self.promise(self.epoch == epoch, "a reset makes a request void");
        self.unanswered = Some((program, generation));
        self.last = program;
    }

    /// Whatever the subchannel does is to end, and answers to it are void.
    pub(crate) fn quiesced(&mut self) {
        self.epoch += 1;
        self.clears = 0;
        self.unanswered = None;
        self.owed.retain(|owed| owed.about == About::Device);
    }

    /// There is no user any more.
    pub(crate) fn closed(&mut self) {
        self.owed.clear();
        self.shown = None;
        self.on_its_way = false;
        self.untested = None;
    }

    /// Returns what is presented for `status`. It is owed to the user if `taken`.
    pub(crate) fn presented(&mut self, status: Status, taken: bool) -> Irb {
        self.serial = self.serial.wrapping_add(1);

        let about = match self.unanswered {
            _ if status.own => About::Device,
            None => About::HaltOrClear,
            Some((program, generation)) => About::Start {
                program,
                generation,
            },
        };
        // Where it means nothing, it is what it was.
        let cpa = HOST | self.last << 3;
        // The residual count tells which status it is.
        let count = u32::from(self.serial);
        let scsw = Scsw::from_words([status.control, cpa, status.device | count]);
        let over = matches!(about, About::Start { .. }) && status.over;
        if over {
            self.unanswered = None;
        }
        if taken {
            self.owed.push(Owed {
                serial: self.serial,
                about,
                over,
                alone: scsw.ends_halt_or_clear(),
                bits: [status.control & Owed::BITS[0], status.device],
            });
        }

        let mut irb = Irb::default();
        irb.set_scsw(scsw);
        irb
    }

    /// The user's read finds `entry`, with `shown` as its addresses are made the guest's.
    pub(crate) fn taken(&mut self, entry: &Entry, shown: &Irb) {
        let serial = shown.scsw().count();
        self.promise(
            self.shown.is_none(),
            "status that a read could not deliver is shown again",
        );
        self.shown = Some(serial);
        let on_its_way = core::mem::replace(&mut self.on_its_way, true);

        let Some(first) = self.owed.first().copied() else {
            return self.promise(false, "no status is made up, or outlives what it answers");
        };
        let answer = match first.about {
            About::Start { generation, .. } => Answer::Start(generation),
            About::HaltOrClear => Answer::HaltOrClear,
            About::Device => Answer::Unsolicited,
        };
        self.promise(answer == entry.answer, "status is of the program it says");

        // The entry is of `first`, and of what was accumulated in it.
        let (mut bits, mut over) = ([0; 2], false);
        let (mut parts, mut alone) = (0, false);
        self.owed.retain(|owed| {
            let within = owed.about == first.about && owed.serial <= serial;
            if within {
                parts += 1;
                alone |= owed.alone;
                bits = [bits[0] | owed.bits[0], bits[1] | owed.bits[1]];
                over |= owed.over;
            }
            !within
        });
        self.promise(
            parts == 1 || !alone,
            "the end of a halt or clear function is accumulated in nothing",
        );
        let before = self.untested.filter(|untested| {
            let needed = untested.is_needed_with(&first) && !alone;
            needed && (entry.adds || on_its_way)
        });
        if let Some(before) = before {
            bits = [bits[0] | before.bits[0], bits[1] | before.bits[1]];
        }
        self.untested = Some(Untested {
            about: first.about,
            alone,
            bits,
        });
        let [control, cpa, status] = shown.scsw().words();
        self.promise(
            [control & Owed::BITS[0], status & Owed::BITS[1]] == bits,
            "no status is lost",
        );
        self.promise(
            entry.ends == over,
            "a start is over when its status says so",
        );
        let is_guests = match first.about {
            About::Start { program, .. } => cpa == GUEST | program << 3,
            About::HaltOrClear | About::Device => cpa & HOST == 0,
        };
        self.promise(is_guests, "addresses in status are the guest's");
    }
}
