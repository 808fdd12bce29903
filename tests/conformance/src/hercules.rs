// SPDX-License-Identifier: GPL-2.0

//! Cases that need disks and a tape, which QEMU does not have and Hercules has: data chaining,
//! status modifier, programs in flight, intermediate status.

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program, //
};

use crate::{
    case::{
        Backends::{
            Both,
            BothAlways,
            One, //
        },
        Group,
        ProgramGroup, //
    },
    contended,
    corpus,
    fixtures::*,
    host,
    lifecycle,
    normal_form,
    resume,
    sense,
    shortage,
    tool, //
};

mod appending;
mod attentions;
mod boot;
mod chaining;
mod containment;
mod in_flight;
mod intermediate;
mod midaws;
mod past_ends;

pub(crate) use in_flight::start_storm;

/// The cases that are functions, by how their names begin.
pub(crate) const GROUPS: &[Group] = &[
    ("chaining", Both, chaining::cases),
    ("midaw", Both, midaws::cases),
    ("intermediate", One, intermediate::cases),
    ("boot", One, boot::cases),
    ("appending", One, appending::cases),
    ("status modifier", One, past_ends::cases),
    ("containment", BothAlways, containment::cases),
    ("normal form", Both, normal_form::hercules_cases),
    ("contended", BothAlways, contended::cases),
    ("lifecycle", BothAlways, lifecycle::cases),
    ("resume", BothAlways, resume::hercules_cases),
    ("host", Both, host::cases),
    ("in flight", BothAlways, in_flight::cases),
    ("attention", One, attentions::cases),
    ("sense", One, sense::cases),
    ("shortage", Both, shortage::hercules_cases),
    ("tool", Both, tool::hercules_cases),
    ("corpus", Both, corpus::hercules_cases),
];

/// Programs that are cases, on the first disk.
pub(crate) const PROGRAMS: &[ProgramGroup] = &[
    ("status modifier", One, include_str!("hercules/search.ccw")),
    ("place", One, include_str!("hercules/places.ccw")),
    ("linux", One, include_str!("hercules/linux.ccw")),
];

/// A program that goes on until the guest lets it end: it looks for a record that is not there.
const ENDLESS: &str = "\
area where at 0x20000 X'0000 0000 0000'
area which at 0x21000 X'FFFF FFFF FF'
loop: ccw  seek,where,cc
      ccw  searchid,which,cc
      ccw  tic,loop
      ccw  nop";
/// The page of what it looks for.
const WHICH: u64 = 0x2_1000;
/// The identifier of record 0, which is the first that a search reads after a SEEK.
const THERE: [u8; 5] = [0; 5];

/// A program in flight.
struct Endless {
    program: Program,
    guest: GuestMemory,
}

impl Endless {
    /// Starts [`ENDLESS`] on a disk.
    fn start(channel: &mut Channel) -> TestResult<Self> {
        Self::start_text(channel, ENDLESS)
    }

    /// Starts a program of the test's own that is made like [`ENDLESS`].
    fn start_text(channel: &mut Channel, text: &str) -> TestResult<Self> {
        let (program, guest) = start_in_flight(channel, text)?;
        Ok(Self { program, guest })
    }

    /// Lets the program find what it looks for.
    fn let_end(&self) {
        self.guest.write(WHICH, &THERE);
    }

    /// Lets it end, and takes its status; other status is a fault.
    fn end(self, channel: &mut Channel) -> TestResult {
        check(
            channel.wait(SILENCE)?.is_none(),
            "status came while the program was in flight",
        )?;
        self.let_end();
        let mut others = Vec::new();
        let irb = channel.wait_end(TIMEOUT, &mut others)?;
        check_eq("other status", others.len(), 0)?;
        let cpa = irb.map(|irb| irb.scsw().cpa());
        check_eq(
            "address in the status",
            cpa,
            Some(self.program.orb.cpa() + 32),
        )?;
        self.guest.unmap(channel.device_mut())?;
        Ok(())
    }
}

/// Starts [`ENDLESS`], and leaves it to itself.
pub(crate) fn start_endless(channel: &mut Channel) -> TestResult {
    Endless::start(channel).map(drop)
}
