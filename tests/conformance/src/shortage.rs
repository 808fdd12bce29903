// SPDX-License-Identifier: GPL-2.0

//! The host is short of pins for a while: nothing is lost, and nothing looks like the end of a
//! file.

use std::{
    thread,
    time::Instant, //
};

use ccw::{
    channel::Channel,
    program::Program, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a start whose pages cannot be pinned is EBUSY, and goes later" => small_limit;
        "the log has the reason, and it is counted" => told;
        "a program for which the memory limit has no room is EBUSY, and goes later" =>
            memory_limit, slow(120);
        "the memory for the largest program is charged, and no more than documented" =>
            charged, slow(120);
    }
}

pub(crate) fn hercules_cases() -> Vec<Case> {
    cases! {
        "a read that is EBUSY for a while does not skip a block of a tape" => tape;
    }
}

/// The limit of locked bytes: fewer pages than a program of these tests needs.
const LIMIT: u64 = 0x8000;

/// Checks that a program that is mapped is not started, and leaves no trace.
fn check_refused(channel: &mut Channel, program: &Program) -> TestResult {
    let before = pinned()?;
    for _ in 0..3 {
        check_errno("start", channel.start(program.orb), libc::EBUSY)?;
        check_eq("KiB pinned", pinned()?, before)?;
    }
    check(channel.wait(SILENCE)?.is_none(), "status came")
}

/// A program that needs 16 pages for its data.
const SENSE_ID: &str = "area id at 0x20000 size 65535\nccw senseid,id,sli\nexpect data id X'FF'";

fn small_limit(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let limit = Limited::begin(LIMIT)?;
    let program = program(SENSE_ID)?;
    let guest = map(&mut channel, &program)?;
    check_refused(&mut channel, &program)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)?;

    drop(limit);
    run_text(&mut channel, SENSE_ID)
}

fn told(devices: &Devices) -> TestResult {
    only_ours()?;
    let statistics = Statistics::of(devices.first())?;
    let mut channel = devices.open()?;
    let _limit = Limited::begin(LIMIT)?;
    let program = program(SENSE_ID)?;
    let guest = map(&mut channel, &program)?;
    let counted = growth(
        &statistics,
        &["shortages", "errors_EBUSY", "starts"],
        || {
            check_logged(devices.first(), "cp_prefetch=-12", || {
                check_refused(&mut channel, &program)
            })
        },
    )?;
    check_eq("shortages, EBUSY, starts", counted, vec![3, 3, 0])?;
    guest.unmap(channel.device_mut()).map_err(Into::into)
}

/// A program with much to be translated: 16 words of lists for each CCW.
fn large(ccws: usize) -> TestResult<Program> {
    let text = "area id at 0x400000 size 65535\n".to_owned()
        + &"ccw senseid,id,cc|sli\n".repeat(ccws - 1)
        + "ccw senseid,id,sli";
    program(&text)
}

fn memory_limit(devices: &Devices) -> TestResult {
    only_ours()?;
    let cgroup = Cgroup::enter()?;
    let mut channel = devices.open()?;
    check_usable(&mut channel)?;
    let program = large(2000)?;
    let guest = map(&mut channel, &program)?;
    cgroup.leave_room(0x1_0000)?;
    check_refused(&mut channel, &program)?;
    cgroup.check_nobody_killed()?;
    cgroup.set("memory.max", "max")?;
    channel.start(program.orb)?;
    expect_end(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn charged(devices: &Devices) -> TestResult {
    only_ours()?;
    let cgroup = Cgroup::enter()?;
    let program = largest()?;
    let before = cgroup.kernel_memory()?;
    let mut channel = devices.open()?;
    let guest = map(&mut channel, &program)?;
    let open = cgroup.kernel_memory()?;
    check(
        open <= before + SLACK,
        format!("{} KiB for an idle device", open - before),
    )?;
    channel.start(program.orb)?;
    expect_end(&mut channel)?;
    check_largest(cgroup.kernel_memory()?.saturating_sub(open), 1)?;
    guest.unmap(channel.device_mut())?;
    drop(channel);
    let end = Instant::now() + TIMEOUT;
    while cgroup.kernel_memory()? > before + SLACK {
        check(Instant::now() < end, "the memory is not given back")?;
        thread::sleep(SILENCE);
    }
    cgroup.check_nobody_killed()
}

/// Two blocks and a tape mark; the tape is at its beginning again.
const BLOCKS: &str = "\
area first  at 0x20000 size 65535 C'FIRST' fill C'ABC'
area second at 0x40000 size 100 C'SECOND'
      ccw  rewind,,cc|sli
      ccw  write,first,cc
      ccw  write,second,cc
      ccw  tapemark,,cc|sli
      ccw  rewind,,cc|sli
last: ccw  nop
expect at=last";

const READ_FIRST: &str = "\
area block at 0x20000 size 65535
      ccw  read,block
expect residual=0
expect data block C'FIRSTABCABC'
expect data block+65531 C'ABCA'";

const READ_SECOND: &str = "\
area block at 0x20000 size 65535
      ccw  read,block,sli
expect residual=65435
expect data block C'SECOND'";

fn tape(devices: &Devices) -> TestResult {
    let mut tape = devices.open_named("tape")?;
    run_text(&mut tape, BLOCKS)?;

    let limit = Limited::begin(LIMIT)?;
    let read = program(READ_FIRST)?;
    let guest = map(&mut tape, &read)?;
    check_refused(&mut tape, &read)?;
    guest.unmap(tape.device_mut())?;

    drop(limit);
    run_text(&mut tape, READ_FIRST)?;
    run_text(&mut tape, READ_SECOND)
}
