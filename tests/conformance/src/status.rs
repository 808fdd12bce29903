// SPDX-License-Identifier: GPL-2.0

//! Status reaches the user: all of it, in order, once.

use std::{
    io,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::channel::Channel;
use ccwchain::orb::Orb;

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "each start gives one interrupt and one IRB" => one_each;
        "status stays in the region until there is more" => stays;
        "reading other parts of the region takes no status" => others_take_none;
        "status of a second program does not replace that of the first" => not_replaced;
        "status is not announced until that before has had time to reach the guest" =>
            time_to_reach_guest;
        "status is announced at once when the guest starts something" => guest_has_status;
        "a user who takes no status is refused, and loses none" => full_queue;
        "a start right after an interrupt is not busy" => back_to_back;
        "pins of a finished program are gone once its status is taken" => pins_go;
    }
}

/// Several no-operations from 0x10000 on, so that status tells which one ran.
fn nops(channel: &mut Channel) -> TestResult<Orb> {
    let program = program(&"ccw nop\n".repeat(64))?;
    // The memory stays mapped until the device is closed.
    map(channel, &program)?;
    Ok(program.orb)
}

fn nop(orb: Orb, number: u32) -> Orb {
    orb.with_cpa(orb.cpa() + 8 * number)
}

/// Starts a program, and tries again for a while if the last one is not over.
fn start_for(channel: &Channel, orb: Orb, patience: Duration) -> io::Result<()> {
    let end = Instant::now() + patience;
    loop {
        match channel.start(orb) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < end => {
                thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

fn check_cpa(channel: &Channel, orb: Orb) -> TestResult {
    check_eq(
        "address in the status",
        channel.irb()?.scsw().cpa(),
        orb.cpa() + 8,
    )
}

fn one_each(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    for i in 0..20 {
        channel.start(nop(orb, i))?;
        check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
        check_cpa(&channel, nop(orb, i))?;
    }
    check(
        !channel.wait_signal(SILENCE)?,
        "there was a signal too many",
    )
}

fn stays(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    channel.start(orb)?;
    let first = channel.wait(TIMEOUT)?;
    check(first.is_some(), "no status came")?;
    check_eq("the same status again", Some(channel.irb()?), first)
}

fn others_take_none(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    channel.start(orb)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    for (offset, len) in [(0, 24), (120, 4), (25, 63)] {
        channel.device().pread(&mut vec![0; len], offset)?;
    }
    check_cpa(&channel, orb)
}

fn not_replaced(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    channel.start(nop(orb, 0))?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    start_for(&channel, nop(orb, 1), TIMEOUT)?;
    thread::sleep(SILENCE);
    check_cpa(&channel, nop(orb, 0))?;
    check(channel.wait_signal(TIMEOUT)?, "no second signal came")?;
    check_cpa(&channel, nop(orb, 1))
}

/// Has two programs run, and takes the status of the first. Returns what it was before that.
fn take_first_of_two(channel: &mut Channel, orb: Orb) -> TestResult<Instant> {
    channel.start(nop(orb, 0))?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    start_for(channel, nop(orb, 1), TIMEOUT)?;
    thread::sleep(4 * SILENCE);
    let before = Instant::now();
    check_cpa(channel, nop(orb, 0))?;
    Ok(before)
}

fn time_to_reach_guest(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    let before = take_first_of_two(&mut channel, orb)?;
    check(channel.wait_signal(TIMEOUT)?, "no second signal came")?;
    let pause = before.elapsed();
    check(
        pause >= Duration::from_millis(20),
        format!("it came after {pause:?}"),
    )?;
    check_cpa(&channel, nop(orb, 1))
}

fn guest_has_status(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    take_first_of_two(&mut channel, orb)?;
    channel.start(nop(orb, 2))?;
    check(channel.wait_signal(Duration::ZERO)?, "it was not")?;
    check_cpa(&channel, nop(orb, 1))?;
    check(channel.wait_signal(TIMEOUT)?, "no third signal came")?;
    check_cpa(&channel, nop(orb, 2))
}

fn full_queue(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    let mut started = 0;
    loop {
        match start_for(&channel, nop(orb, started), SILENCE) {
            Ok(()) => started += 1,
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => break,
            Err(error) => return Err(error.into()),
        }
        check(
            started < 64,
            "64 programs were started without a look at their status",
        )?;
    }
    check(started >= 2, format!("{started} programs could be started"))?;
    for i in 0..started {
        check(
            channel.wait_signal(TIMEOUT)?,
            format!("no signal for program {i}"),
        )?;
        check_cpa(&channel, nop(orb, i))?;
    }
    start_for(&channel, orb, TIMEOUT)?;
    check(
        channel.wait(TIMEOUT)?.is_some(),
        "no status came afterwards",
    )
}

fn back_to_back(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let orb = nops(&mut channel)?;
    for i in 0..1000 {
        channel
            .start(orb)
            .map_err(|error| format!("start {i}: {error}"))?;
        check(
            channel.wait(TIMEOUT)?.is_some(),
            format!("no status of start {i}"),
        )?;
    }
    Ok(())
}

fn pins_go(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    map(&mut channel, &program)?;
    let before = pinned()?;
    for _ in 0..3 {
        channel.start(program.orb)?;
        check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
        check_eq("KiB pinned after the status was taken", pinned()?, before)?;
    }
    Ok(())
}
