// SPDX-License-Identifier: GPL-2.0

//! Programs in progress to which the guest appends, when they ask it for an interruption.

use std::{
    fmt::Write,
    thread,
    time::Instant, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program, //
};
use ccwchain::scsw::{
    Scsw,
    StatusControl,
    SubchannelStatus, //
};

use crate::{
    case::*,
    fixtures::*, //
};

use super::{
    boot::{
        map_page,
        TRACK, //
    },
    intermediate::next,
    THERE, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "what a guest appends at each interruption is run" => each_time;
        "what a guest appends is run, however large it is" => large;
        "a program to which nothing more is appended ends" => no_more;
        "an interruption comes once, with its address" => once;
        "an interruption of a program that reads its next CCWs comes once" => once_before_a_rest;
        "a program that looks for what is appended continues at the bound" => bound;
    }
}

/// The number of parts of a program.
const PARTS: u32 = 5;
/// The distance between two parts, and between the arguments of their searches.
const PART: u32 = 0x100;
/// The address of the first argument.
const ARGUMENTS: u32 = 0x2_1000;
/// The address of what the parts read, which has the identifiers of the disk.
const IDENTIFIERS: u32 = 0x2_2000;
/// The offset of the last CCW of a part.
const END: u32 = 0x28;

/// A program in parts: each asks for an interruption, looks for a record that is not there until
/// the guest lets it be found, and reads the identifier of the disk. Nothing leads from one part to
/// the next one.
struct Parts {
    program: Program,
    guest: GuestMemory,
}

impl Parts {
    /// Starts the first part.
    fn start(channel: &mut Channel) -> TestResult<Self> {
        let mut text = "\
            orb prefetch=no\n\
            area where at 0x20000 X'0000 0000 0000'\n\
            area arguments at 0x21000 size 2K fill X'FF'\n\
            area identifiers at 0x22000 size 2K\n"
            .to_owned();
        for part in 0..PARTS {
            let org = 0x1_0000 + part * PART;
            let (argument, identifier) = (ARGUMENTS + part * PART, IDENTIFIERS + part * PART);
            write!(
                text,
                "org {org:#x}\n\
                 ccw nop,,cc|pci\n\
                 l{part}: ccw seek,where,cc\n\
                 ccw searchid,{argument:#x},cc,5\n\
                 ccw tic,l{part}\n\
                 ccw senseid,{identifier:#x},cc|sli,7\n\
                 ccw nop\n"
            )
            .map_err(|error| Failure::Fault(error.to_string()))?;
        }
        let program = program(&text)?;
        let guest = map(channel, &program)?;
        channel.start(program.orb)?;
        Ok(Self { program, guest })
    }

    /// Returns the address of a part.
    fn address(&self, part: u32) -> u32 {
        self.program.orb.cpa() + part * PART
    }

    /// Lets the record of a part be found.
    fn pass(&self, part: u32) {
        let argument = ARGUMENTS + part * PART;
        self.guest.write(argument.into(), &THERE);
    }

    /// Changes the end of a part into a TIC.
    fn append(&self, part: u32, target: u32) {
        let end = self.address(part) + END;
        self.guest.write(end.into(), &tic(target));
    }

    /// Takes the interruption of a part, and checks that no other one comes.
    fn take(&self, channel: &mut Channel, part: u32) -> TestResult {
        let scsw = next(channel)?.scsw();
        check_interruption(&scsw)?;
        let (first, cpa) = (self.address(part), scsw.cpa());
        check(
            (first + 8..first + END).contains(&cpa),
            format!("part {part} is at {first:#x}, the status has {cpa:#x}"),
        )?;
        expect_silence(channel)
    }

    /// Takes the end, which is that of a part, and checks that these parts were run.
    fn end(self, channel: &mut Channel, part: u32) -> TestResult {
        let scsw = next(channel)?.scsw();
        check_end(&scsw, self.address(part) + END + 8)?;
        for number in 0..PARTS {
            let at = IDENTIFIERS + number * PART;
            let is_read = self.guest.read(at.into(), 3) == [0xff, 0x39, 0x90];
            check_eq(&format!("part {number} was run"), is_read, number <= part)?;
        }
        self.guest.unmap(channel.device_mut())?;
        check_usable(channel)
    }
}

/// Returns the bytes of a TIC.
fn tic(target: u32) -> [u8; 8] {
    (0x0800_0000_0000_0000 | u64::from(target)).to_be_bytes()
}

/// Checks that status has an interruption that a program asks for, and does not end the program.
fn check_interruption(scsw: &Scsw) -> TestResult {
    check(!scsw.ends_start(), format!("it ends the program: {scsw:?}"))?;
    check_eq("status", scsw.subchannel_status(), SubchannelStatus::PCI)?;
    let is_intermediate = scsw.stctl().contains(StatusControl::INTERMEDIATE);
    check(is_intermediate, format!("it is not intermediate: {scsw:?}"))
}

/// Checks that status ends the program at this address.
fn check_end(scsw: &Scsw, cpa: u32) -> TestResult {
    check(scsw.ends_start(), format!("it is not the end: {scsw:?}"))?;
    // The last interruption may come again, as a guest may not have tested it.
    let status = scsw.subchannel_status().difference(SubchannelStatus::PCI);
    check_eq("status", status, SubchannelStatus::empty())?;
    check_eq("address of the end", scsw.cpa(), cpa)
}

fn each_time(devices: &Devices) -> TestResult {
    let mut disk = devices.open()?;
    let parts = Parts::start(&mut disk)?;
    for part in 0..PARTS {
        parts.take(&mut disk, part)?;
        if part + 1 < PARTS {
            parts.append(part, parts.address(part + 1));
        }
        parts.pass(part);
    }
    parts.end(&mut disk, PARTS - 1)
}

fn no_more(devices: &Devices) -> TestResult {
    let mut disk = devices.open()?;
    let parts = Parts::start(&mut disk)?;
    parts.take(&mut disk, 0)?;
    parts.append(0, parts.address(1));
    parts.pass(0);
    parts.take(&mut disk, 1)?;
    parts.pass(1);
    parts.end(&mut disk, 1)
}

/// The number of CCWs of a large part, for which a device has no room before.
const MANY: u32 = 1500;
/// The address of these CCWs.
const LARGE: u32 = 0x4_0000;

fn large(devices: &Devices) -> TestResult {
    let mut disk = devices.open()?;
    let parts = Parts::start(&mut disk)?;
    let area = program(&format!(
        "area large at {LARGE:#x} size 12K\norg 0x80000\nccw nop"
    ))?;
    let memory = map(&mut disk, &area)?;
    let sense_id = 0xe460_0007_0000_0000 | u64::from(IDENTIFIERS);
    for number in 0..MANY {
        let ccw = match number + 1 < MANY {
            true => sense_id,
            false => 0x0320_0001_0000_0000,
        };
        memory.write(u64::from(LARGE + 8 * number), &ccw.to_be_bytes());
    }
    parts.take(&mut disk, 0)?;
    parts.append(0, LARGE);
    parts.pass(0);
    let scsw = next(&mut disk)?.scsw();
    check_end(&scsw, LARGE + 8 * MANY)?;
    memory.unmap(disk.device_mut())?;
    parts.guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// Runs a program that ends at `end`. Checks that one interruption comes before, with one of these
/// addresses.
fn check_once(disk: &mut Channel, program: &Program, cpas: &[u32], end: u32) -> TestResult {
    disk.start(program.orb)?;
    let mut before = Vec::new();
    let last = disk.wait_end(TIMEOUT, &mut before)?;
    let last = last.ok_or("the program does not end".to_owned())?;
    check_eq("interruptions", before.len(), 1)?;
    for irb in &before {
        check_interruption(&irb.scsw())?;
        let cpa = irb.scsw().cpa();
        check(cpas.contains(&cpa), format!("address {cpa:#x}"))?;
    }
    check_end(&last.scsw(), end)
}

/// The interruption may come together with that of the wait.
fn once(devices: &Devices) -> TestResult {
    let mut disk = devices.open()?;
    let program = program("orb prefetch=no\nccw nop,,cc|pci\nccw nop,,cc|sli\nccw nop")?;
    let guest = map(&mut disk, &program)?;
    let start = program.orb.cpa();
    for _ in 0..20 {
        let cpas = [start + 8, start + 0x10, start + 0x18];
        check_once(&mut disk, &program, &cpas, start + 0x18)?;
    }
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// READ IPL asks for an interruption, and reads two CCWs over the next ones.
fn once_before_a_rest(devices: &Devices) -> TestResult {
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, TRACK)?;
    let program = program(
        "orb format=0 prefetch=no\norg 0\ndc X'02000000 68000018'\ndc X'00000000 00000000'",
    )?;
    let guest = map(&mut disk, &program)?;
    let page = map_page(&mut disk)?;
    for _ in 0..10 {
        guest.write(0, &[0x02, 0, 0, 0, 0x68, 0, 0, 0x18]);
        guest.write(8, &[0; 16]);
        check_once(&mut disk, &program, &[8, 0x10], 0x1010)?;
    }
    page.unmap(disk.device_mut())?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// A program that looks again and again is as it is when its last rest is translated.
fn bound(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.first())?;
    let mut disk = devices.open()?;
    let program = program("orb prefetch=no\nccw nop,,cc|pci\nloop: ccw nop,,cc\nccw tic,loop")?;
    let guest = map(&mut disk, &program)?;
    let rereads = statistics.get("rereads")?;
    disk.start(program.orb)?;
    let started = Instant::now();
    while statistics.get("rereads")? < rereads + 64 {
        check(started.elapsed() < 3 * TIMEOUT, "the program does not wait")?;
        thread::sleep(SILENCE / 5);
    }
    let nop = [3, 0x20, 0, 1, 0, 0, 0, 0];
    guest.write(u64::from(program.orb.cpa()) + 16, &nop);
    thread::sleep(SILENCE);
    check_eq("rests", statistics.get("rereads")? - rereads, 64)?;
    check_errno("start", disk.start(program.orb), libc::EBUSY)?;
    clear(&disk)?;
    take_rest(&mut disk)?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}
