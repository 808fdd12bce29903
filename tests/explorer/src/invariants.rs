// SPDX-License-Identifier: GPL-2.0

//! The invariants between the subchannel and the user, in a ledger that sees both.

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

/// The addresses of programs in the memory of the host, and of the guest.
pub(crate) const HOST: u32 = 0x4000_0000;
pub(crate) const GUEST: u32 = 0x0100_0000;

/// The function that an IRB answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Start { program: u32, generation: u64 },
    HaltOrClear,
    Device,
}

impl About {
    /// Returns whether this is the same function: a start function may have several programs, one
    /// each time that it was resumed.
    fn is_same_function(self, other: Self) -> bool {
        match (self, other) {
            (Self::Start { generation, .. }, Self::Start { generation: of, .. }) => {
                generation == of
            }
            _ => self == other,
        }
    }
}

/// An IRB that the subchannel has presented and the user has not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    pub(crate) serial: u16,
    pub(crate) about: About,
    pub(crate) over: bool,
    /// Whether it ends a halt or clear function.
    alone: bool,
    bits: [u32; 2],
}

/// An IRB that the user has read, and that the guest may not have tested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untested {
    about: About,
    alone: bool,
    bits: [u32; 2],
}

impl Untested {
    /// Returns whether a guest that has not tested this IRB needs it in addition to `next`.
    fn is_needed_with(&self, next: &Owed) -> bool {
        self.is_continued_by(next) && !self.alone && !next.alone
    }

    /// Returns whether `next` answers the same function.
    pub(crate) fn is_continued_by(&self, next: &Owed) -> bool {
        self.about.is_same_function(next.about) && self.about != About::Device
    }
}

impl Owed {
    /// The bits that accumulate: function control, status control, and device status.
    const BITS: [u32; 2] = [0x0000_701f, 0xff00_0000];
}

/// The record of all that the subchannel has presented and the user has read.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    /// The first invariant that was broken.
    pub(crate) broken: Option<&'static str>,
    serial: u16,
    pub(crate) owed: Vec<Owed>,
    /// The IRB in region 0 that no read has copied to the user.
    pub(crate) in_region: Option<u16>,
    /// Whether the user has read an IRB that the guest may not have tested yet.
    pub(crate) untested_by_guest: bool,
    /// The IRB that the user has read last.
    pub(crate) untested: Option<Untested>,
    /// The start function whose end has not been presented, and its generation.
    pub(crate) unanswered: Option<(u32, u64)>,
    /// The program that was started last.
    pub(crate) last: u32,
    /// The number of quiesces.
    pub(crate) epoch: u32,
    /// Whether the channel did not end a program.
    pub(crate) stuck: bool,
    /// Whether the shutdown has begun.
    pub(crate) shuts_down: bool,
    /// Whether the shutdown has ended.
    pub(crate) is_down: bool,
    /// The number of clear functions of a quiesce that were not waited for.
    pub(crate) clears: u32,
}

impl Ledger {
    /// Records that an invariant is broken unless it `holds`.
    pub(crate) fn require(&mut self, holds: bool, invariant: &'static str) {
        if !holds && self.broken.is_none() {
            self.broken = Some(invariant);
        }
    }

    /// Records that START SUBCHANNEL was accepted; `epoch` is the one of the request.
    pub(crate) fn started(&mut self, program: u32, generation: u64, epoch: u32) {
        self.require(
            self.unanswered.is_none(),
            "no start is accepted with one in flight",
        );
        self.require(self.epoch == epoch, "a reset cancels a request");
        self.unanswered = Some((program, generation));
        self.last = program;
    }

    /// Records that RESUME SUBCHANNEL was accepted, or that a program continues with its rest. The
    /// start function is the same.
    pub(crate) fn resumed(&mut self, program: u32) {
        self.require(
            self.unanswered.is_some(),
            "only a program in progress is resumed or continues",
        );
        self.require(!self.is_down, "no I/O is resumed after the shutdown");
        self.unanswered = self.unanswered.map(|(_, generation)| (program, generation));
        self.last = program;
    }

    /// Records the begin of a quiesce, which drops solicited IRBs.
    pub(crate) fn quiesced(&mut self) {
        self.epoch += 1;
        self.clears = 0;
        self.unanswered = None;
        self.owed.retain(|owed| owed.about == About::Device);
    }

    /// Records that the device is closed.
    pub(crate) fn closed(&mut self) {
        self.owed.clear();
        self.in_region = None;
        self.untested_by_guest = false;
        self.untested = None;
    }

    /// Returns the IRB for `status`. It is owed to the user if `taken`.
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
        // Where it is not meaningful, it is unchanged.
        let cpa = HOST | self.last << 3;
        // The residual count identifies the IRB.
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

    /// Records that the user reads `entry`; `irb` is the one in the region.
    pub(crate) fn taken(&mut self, entry: &Entry, irb: &Irb) {
        let serial = irb.scsw().count();
        self.require(
            self.in_region.is_none(),
            "an IRB whose copy has failed is read again",
        );
        self.in_region = Some(serial);
        let untested_by_guest = core::mem::replace(&mut self.untested_by_guest, true);

        let Some(first) = self.owed.first().copied() else {
            return self.require(
                false,
                "each IRB was presented, and no function it answers was quiesced",
            );
        };
        let answer = match first.about {
            About::Start { generation, .. } => Answer::Start(generation),
            About::HaltOrClear => Answer::HaltOrClear,
            About::Device => Answer::Unsolicited,
        };
        self.require(
            answer == entry.answer,
            "an IRB has the generation of the program that it answers",
        );

        // The entry is `first`, and what was accumulated into it.
        let (mut bits, mut over) = ([0; 2], false);
        let (mut parts, mut alone, mut last) = (0, false, first.about);
        self.owed.retain(|owed| {
            let within = owed.about.is_same_function(first.about) && owed.serial <= serial;
            if within {
                last = owed.about;
                parts += 1;
                alone |= owed.alone;
                bits = [bits[0] | owed.bits[0], bits[1] | owed.bits[1]];
                over |= owed.over;
            }
            !within
        });
        self.require(
            parts == 1 || !alone,
            "the end of a halt or clear function is accumulated into nothing",
        );
        let before = self.untested.filter(|untested| {
            let needed = untested.is_needed_with(&first) && !alone;
            needed && (entry.adds || untested_by_guest)
        });
        if let Some(before) = before {
            bits = [bits[0] | before.bits[0], bits[1] | before.bits[1]];
        }
        self.untested = Some(Untested {
            about: first.about,
            alone,
            bits,
        });
        let [control, cpa, status] = irb.scsw().words();
        self.require(
            [control & Owed::BITS[0], status & Owed::BITS[1]] == bits,
            "no status is lost",
        );
        self.require(
            entry.ends == over,
            "a start function ends with the status that ends it",
        );
        let has_guest_address = match last {
            About::Start { program, .. } => cpa == GUEST | program << 3,
            About::HaltOrClear | About::Device => cpa & HOST == 0,
        };
        self.require(
            has_guest_address,
            "addresses in an IRB are those of the guest",
        );
    }
}
