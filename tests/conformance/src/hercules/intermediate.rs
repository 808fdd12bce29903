// SPDX-License-Identifier: GPL-2.0

//! Status on the way: program-controlled interruptions and initial status, and that a program is
//! not over by it.

use std::fmt::Write;

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program, //
};
use ccwchain::{
    irb::Irb,
    scsw::{
        ActivityControl,
        FunctionControl,
        StatusControl,
        SubchannelStatus, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

use super::{
    Endless,
    ENDLESS,
    THERE, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "each program-controlled interruption of a long program comes once and in order" =>
            in_order;
        "those that nobody takes are kept, or become one, and the end comes behind them" =>
            not_taken;
        "the end has one once more that was read, as a guest may not have tested it" => told_again;
        "a program is not over by one" => goes_on;
        "initial status comes once, and does not end the program" => initial;
        "a suspension is told once, and does not end the program" => suspension;
    }
}

/// The number of stages of a program.
const STAGES: u32 = 24;
/// The distance between their arguments.
const ARGUMENTS: u32 = 0x21000;

/// A program of stages: each interrupts, and is over when the guest has written where the record
/// is.
struct Staged {
    program: Program,
    guest: GuestMemory,
}

impl Staged {
    fn start(channel: &mut Channel) -> TestResult<Self> {
        let mut text = "area where at 0x20000 X'0000 0000 0000'\n".to_owned();
        let mut put = |line: std::fmt::Arguments<'_>| {
            let written = writeln!(text, "{line}");
            written.map_err(|error| Failure::Fault(error.to_string()))
        };
        for stage in 0..STAGES {
            let argument = ARGUMENTS + 8 * stage;
            put(format_args!("area a{stage} at {argument:#x} X'FFFFFFFFFF'"))?;
            put(format_args!("ccw nop,,cc|pci"))?;
            put(format_args!("l{stage}: ccw seek,where,cc"))?;
            put(format_args!("ccw searchid,a{stage},cc"))?;
            put(format_args!("ccw tic,l{stage}"))?;
        }
        put(format_args!("ccw nop"))?;
        let program = program(&text)?;
        let guest = map(channel, &program)?;
        channel.start(program.orb)?;
        Ok(Self { program, guest })
    }

    /// Lets a stage be over.
    fn pass(&self, stage: u32) {
        self.guest.write(u64::from(ARGUMENTS + 8 * stage), &THERE);
    }

    /// Checks that status is of a stage.
    fn check_stage(&self, irb: &Irb, stage: u32) -> TestResult {
        let scsw = irb.scsw();
        check_eq("status", scsw.subchannel_status(), SubchannelStatus::PCI)?;
        let is_intermediate = scsw.stctl().contains(StatusControl::INTERMEDIATE);
        check(is_intermediate, format!("it is not intermediate: {scsw:?}"))?;
        // The channel may be at any CCW of the stage already.
        let first = self.program.orb.cpa() + 32 * stage;
        let cpa = scsw.cpa();
        check(
            (first + 8..=first + 32).contains(&cpa),
            format!("stage {stage} begins at {first:#x}, the status has {cpa:#x}"),
        )
    }

    fn check_end(&self, irb: &Irb) -> TestResult {
        let end = self.program.orb.cpa() + 32 * STAGES + 8;
        check_eq("address of the end", irb.scsw().cpa(), end)
    }
}

/// The next status.
pub(super) fn next(channel: &mut Channel) -> TestResult<Irb> {
    let irb = channel.wait(TIMEOUT)?;
    Ok(irb.ok_or_else(|| "no status came".to_owned())?)
}

fn in_order(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let staged = Staged::start(&mut channel)?;
    for stage in 0..STAGES {
        let irb = next(&mut channel)?;
        staged.check_stage(&irb, stage)?;
        check(!irb.scsw().ends_start(), "the status ends the program")?;
        check(channel.wait(SILENCE / 5)?.is_none(), "it came twice")?;
        check(pinned()? > before, "nothing is pinned any more")?;
        staged.pass(stage);
    }
    let end = next(&mut channel)?;
    staged.check_end(&end)?;
    // The last one may be announced again, as a guest may not have tested it.
    let status = end.scsw().subchannel_status();
    check_eq("status", status.difference(SubchannelStatus::PCI).bits(), 0)?;
    check_eq("KiB pinned", pinned()?, before)?;
    staged.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn not_taken(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let staged = Staged::start(&mut channel)?;
    for stage in 0..STAGES {
        std::thread::sleep(SILENCE / 5);
        staged.pass(stage);
    }
    let mut last = 0;
    let mut others = Vec::new();
    let end = channel.wait_end(TIMEOUT, &mut others)?;
    let end = end.ok_or_else(|| "the program does not end".to_owned())?;
    check(!others.is_empty(), "no interruption came before the end")?;
    for irb in &others {
        check_eq(
            "status",
            irb.scsw().subchannel_status(),
            SubchannelStatus::PCI,
        )?;
        check(irb.scsw().cpa() > last, "they are not in order")?;
        last = irb.scsw().cpa();
    }
    staged.check_end(&end)?;
    staged.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// QEMU keeps one status for its guest, so that the end takes the place of the interruption.
fn told_again(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let text = ENDLESS.replace("loop: ccw", "ccw nop,,cc|pci\nloop: ccw");
    let endless = Endless::start_text(&mut channel, &text)?;
    let first = next(&mut channel)?.scsw();
    check(!first.ends_start(), "the first status ends the program")?;
    check_eq("status", first.subchannel_status(), SubchannelStatus::PCI)?;
    endless.let_end();
    let end = next(&mut channel)?.scsw();
    check(
        end.ends_start(),
        "the second status does not end the program",
    )?;
    check_eq("status", end.subchannel_status(), SubchannelStatus::PCI)?;
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn goes_on(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let text = ENDLESS.replace("loop: ccw", "ccw nop,,cc|pci\nloop: ccw");
    let endless = Endless::start_text(&mut channel, &text)?;
    let during = pinned()?;
    let irb = next(&mut channel)?;
    check_eq(
        "status",
        irb.scsw().subchannel_status(),
        SubchannelStatus::PCI,
    )?;
    check_eq("KiB pinned", pinned()?, during)?;
    check_errno(
        "second start",
        channel.start(endless.program.orb),
        libc::EBUSY,
    )?;
    endless.let_end();
    check(next(&mut channel)?.scsw().ends_start(), "it does not end")?;
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn initial(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    // The usual areas, and the initial-status interruption.
    let text = format!("orb control=0x00e2ff00\n{ENDLESS}");
    let before = pinned()?;
    let endless = Endless::start_text(&mut channel, &text)?;
    let irb = next(&mut channel)?;
    let scsw = irb.scsw();
    let is_intermediate = scsw.stctl().contains(StatusControl::INTERMEDIATE);
    check(is_intermediate, format!("it is not intermediate: {scsw:?}"))?;
    check_eq("status", scsw.subchannel_status().bits(), 0)?;
    check(pinned()? > before, "nothing is pinned any more")?;
    check_errno(
        "second start",
        channel.start(endless.program.orb),
        libc::EBUSY,
    )?;
    endless.end(&mut channel)?;
    check_usable(&mut channel)
}

fn suspension(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program(SUSPENDED)?;
    let guest = map(&mut channel, &program)?;
    let before = pinned()?;
    channel.start(program.orb)?;
    let scsw = next(&mut channel)?.scsw();
    let is_suspended = scsw.actl().contains(ActivityControl::SUSPENDED);
    check(is_suspended, format!("it is not suspended: {scsw:?}"))?;
    check_eq("address in the status", scsw.cpa(), program.orb.cpa() + 16)?;
    check(channel.wait(SILENCE)?.is_none(), "it came twice")?;
    check(pinned()? > before, "nothing is pinned any more")?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    clear(&channel)?;
    check(
        next(&mut channel)?
            .scsw()
            .fctl()
            .contains(FunctionControl::CLEAR),
        "no status of the clear",
    )?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}
