// SPDX-License-Identifier: GPL-2.0

//! RESUME SUBCHANNEL: a suspended program continues with the CCWs that the guest has now. The C
//! driver takes the request for one to start the program again, and is not asked.

use ::ccw::{
    channel::{
        request,
        Channel, //
    },
    guest::GuestMemory,
    program::Program, //
};
use ccwchain::{
    ccw::{
        self,
        Ccw,
        Flags,
        Format, //
    },
    scsw::{
        ActivityControl,
        DeviceStatus,
        FunctionControl,
        SubchannelStatus, //
    },
};
use std::io;

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

/// The cases in QEMU, whose channel does not tell where it has suspended a program.
pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "nothing is resumed where nothing is suspended" => nothing;
        "a program is not resumed if the channel does not tell where it is suspended" => no_address;
    }
}

pub(crate) fn hercules_cases() -> Vec<Case> {
    cases! {
        "a suspended program is resumed as QEMU asks for it" => |devices| ends(devices, by_region);
        "a suspended program is resumed by a command" => |devices| ends(devices, by_command);
        "what the guest has stored meanwhile is executed" => stored;
        "a program that is suspended still is suspended again" => again;
        "a wrong CCW gives a program check where it is" => wrong;
        "nothing is resumed where nothing is suspended" => nothing;
        "a rest that is too long leaves the program suspended" => too_long;
        "a program that was resumed and suspended again can be ended in each way" => ended;
    }
}

/// The pages of the program's data.
const SENSE: u32 = 0x2_0000;
const OTHER: u32 = 0x4_0000;
/// The command codes of SENSE and SENSE ID.
const SENSE_COMMAND: u8 = 0x04;
const SENSE_ID_COMMAND: u8 = 0xe4;
/// The address of more CCWs than a program can have.
const MANY: u32 = 0x6_0000;

/// Requests the resume function as QEMU does: by the SCSW of its guest.
fn by_region(channel: &Channel, program: &Program) -> io::Result<()> {
    let mut region = request(program.orb, FunctionControl::START);
    // The start function; resume pending and suspended.
    region[12..16].copy_from_slice(&[0, 0, 0x48, 0x20]);
    retry(libc::EAGAIN, || {
        channel.device().pwrite(&region, 0).map(|_| ())
    })
}

/// Requests the resume function by the command of region 1.
fn by_command(channel: &Channel, _program: &Program) -> io::Result<()> {
    command(channel, 4)
}

/// Stores a CCW in place of the one at which the program is suspended, or of one after it.
fn store(guest: &GuestMemory, program: &Program, number: u32, ccw: Ccw) {
    let address = program.orb.cpa() + ccw::SIZE * (1 + number);
    guest.write(address.into(), &ccw.to_bytes(Format::of(&program.orb)));
}

/// Returns SENSE of 8 bytes, with these flags besides SLI.
fn sense(address: u32, flags: Flags) -> Ccw {
    Ccw {
        command: SENSE_COMMAND,
        flags: flags.union(Flags::SLI),
        count: 8,
        address,
    }
}

/// Opens a device on which no case clears a suspended program.
///
/// In Hercules the thread of such a program stays, and may take a later resumption for its own.
fn open(devices: &Devices) -> TestResult<Channel> {
    match machine::is_hercules() {
        true => devices.open_named("disk2"),
        false => devices.open(),
    }
}

/// Starts a program that suspends itself before its second CCW.
fn start_text(channel: &mut Channel, text: &str) -> TestResult<(Program, GuestMemory)> {
    let (program, guest) = start_in_flight(channel, text)?;
    if machine::is_hercules() {
        expect_suspension(channel, &program)?;
    }
    Ok((program, guest))
}

/// Checks that the next status is the good end of the program, `ccws` CCWs long.
fn expect_good(channel: &mut Channel, program: &Program, ccws: u32) -> TestResult {
    let scsw = expect_end(channel)?.scsw();
    let end = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
    check_eq("device status", scsw.device_status(), end)?;
    check_eq(
        "subchannel status",
        scsw.subchannel_status(),
        SubchannelStatus::empty(),
    )?;
    check_eq("address", scsw.cpa(), program.orb.cpa() + ccw::SIZE * ccws)
}

/// Resumes a program with a CCW that ends it. All but `before` KiB are unpinned then.
fn resume_well(
    mut channel: Channel,
    (program, guest): (Program, GuestMemory),
    before: u64,
    resume: fn(&Channel, &Program) -> io::Result<()>,
) -> TestResult {
    store(&guest, &program, 0, sense(SENSE, Flags::empty()));
    resume(&channel, &program)?;
    expect_good(&mut channel, &program, 2)?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Takes the status of a suspension before the second CCW.
fn expect_suspension(channel: &mut Channel, program: &Program) -> TestResult {
    let scsw = expect_status(channel)?.scsw();
    let is_suspended = scsw.actl().contains(ActivityControl::SUSPENDED);
    check(is_suspended, format!("it is not suspended: {scsw:?}"))?;
    check_eq("address", scsw.cpa(), program.orb.cpa() + 2 * ccw::SIZE)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)
}

fn no_address(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let before = pinned()?;
    let (program, guest) = start_text(&mut channel, SUSPENDED)?;
    let during = pinned()?;
    for resume in [by_region, by_command] {
        let refused = resume(&channel, &program);
        check_errno("resuming it", refused, libc::EOPNOTSUPP)?;
        check_eq("KiB pinned while it is suspended", pinned()?, during)?;
        check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    }
    halt(&channel)?;
    expect_end(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn ends(devices: &Devices, resume: fn(&Channel, &Program) -> io::Result<()>) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let before = pinned()?;
    let (program, guest) = start_text(&mut channel, SUSPENDED)?;
    resume_well(channel, (program, guest), before, resume)
}

fn stored(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let (program, guest) = start_text(&mut channel, SUSPENDED)?;
    guest.write(SENSE.into(), &[0x5a; 32]);
    let id = Ccw {
        command: SENSE_ID_COMMAND,
        flags: Flags::CC.union(Flags::SLI),
        count: 8,
        address: OTHER,
    };
    let nop = Ccw {
        command: ccw::NO_OPERATION,
        flags: Flags::SLI,
        count: 1,
        address: SENSE,
    };
    store(&guest, &program, 0, id);
    store(&guest, &program, 1, nop);
    by_region(&channel, &program)?;
    expect_good(&mut channel, &program, 3)?;
    let id = guest.read(OTHER.into(), sense_id().len());
    check_eq("SENSE ID data", id, sense_id())?;
    check_eq(
        "the page of the old CCW",
        guest.read(SENSE.into(), 32),
        vec![0x5a; 32],
    )?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn again(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let before = pinned()?;
    let (program, guest) = start_text(&mut channel, SUSPENDED)?;
    let during = pinned()?;
    for _ in 0..machine::rounds(100) {
        by_region(&channel, &program)?;
        expect_suspension(&mut channel, &program)?;
        check_eq("KiB pinned while it is suspended", pinned()?, during)?;
    }
    resume_well(channel, (program, guest), before, by_region)
}

fn wrong(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let (program, guest) = start_text(&mut channel, SUSPENDED)?;
    store(&guest, &program, 0, sense(SENSE, Flags::CC));
    store(&guest, &program, 1, sense(0x7fff_f000, Flags::empty()));
    by_region(&channel, &program)?;
    let scsw = expect_end(&mut channel)?.scsw();
    let status = scsw.subchannel_status();
    check_eq("subchannel status", status, SubchannelStatus::PROGRAM_CHECK)?;
    check_eq("address", scsw.cpa(), program.orb.cpa() + 3 * ccw::SIZE)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn nothing(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let nop = nop(&mut channel)?;
    for resume in [by_region, by_command] {
        check_errno("of an idle device", resume(&channel, &nop), libc::EBUSY)?;
        channel.start(nop.orb)?;
        expect_end(&mut channel)?;
        check_errno("of an ended program", resume(&channel, &nop), libc::EBUSY)?;
    }
    drop(channel);
    check_usable(&mut open(devices)?)
}

fn too_long(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = open(devices)?;
    let before = pinned()?;
    let text = format!("{SUSPENDED}\narea many at {MANY:#x} size 0x9000");
    let (program, guest) = start_text(&mut channel, &text)?;
    let during = pinned()?;
    let nop = Ccw {
        command: ccw::NO_OPERATION,
        flags: Flags::CC.union(Flags::SLI),
        count: 1,
        address: SENSE,
    };
    let nops = [nop.to_bytes(Format::of(&program.orb)); 0x9000 / 8];
    guest.write(MANY.into(), nops.as_flattened());
    let tic = Ccw {
        command: ccw::TIC,
        address: MANY,
        ..Ccw::default()
    };
    store(&guest, &program, 0, tic);
    for _ in 0..3 {
        check_errno(
            "a rest that is too long",
            by_region(&channel, &program),
            libc::EINVAL,
        )?;
        check_eq("KiB pinned", pinned()?, during)?;
        check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    }
    resume_well(channel, (program, guest), before, by_region)
}

fn ended(devices: &Devices) -> TestResult {
    only_ours()?;
    let before = pinned()?;
    for way in ["halt", "reset", "unmap", "close"] {
        let mut channel = open(devices)?;
        let (program, guest) = start_text(&mut channel, SUSPENDED)?;
        by_region(&channel, &program)?;
        expect_suspension(&mut channel, &program)?;
        match way {
            "halt" => halt(&channel)?,
            "reset" => channel.device().reset()?,
            "unmap" => channel.device_mut().unmap(SENSE.into())?,
            _ => {}
        }
        if way == "halt" {
            expect_end(&mut channel)?;
        }
        if way != "close" {
            check_eq(&format!("KiB pinned after {way}"), pinned()?, before)?;
            check_errno(
                "nothing is suspended",
                by_region(&channel, &program),
                libc::EBUSY,
            )?;
            guest.unmap(channel.device_mut())?;
            check_usable(&mut channel)?;
        }
        drop(channel);
        check_eq("KiB pinned after closing", pinned()?, before)?;
    }
    Ok(())
}
