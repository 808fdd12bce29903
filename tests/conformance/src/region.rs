// SPDX-License-Identifier: GPL-2.0

//! The contents of region 0, and the functions that a write asks for.

use std::{
    fs::File,
    io::Read, //
};

use ccw::{
    channel::{
        request,
        Channel,
        IO_REGION_SIZE,
        IRB_OFFSET,
        RET_CODE_OFFSET, //
    },
    sys, //
};
use ccwchain::{
    ccw::Format,
    orb::Orb,
    scsw::FunctionControl, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "it is empty when the device is opened" => empty;
        "what is written can be read" => reads_what_was_written;
        "what is behind the status can be written and read" => behind_status;
        "what is written is gone after close" => gone_after_close;
        "a reset leaves what is written" => stays_over_reset;
        "a write of nothing is no error" => write_nothing;
        "a write of nothing from a null pointer is no error" => write_nothing_null;
        "a write of a part starts the program that is there" => part_starts;
        "a write of nothing starts the program that is there" => nothing_starts;
        "writing over the function ends what later writes start" => function_cleared;
        "a request without a function does nothing" => no_function;
        "a request without a function is a success whatever ret_code has" => no_function_result;
        "the halt function is EOPNOTSUPP here" => |devices| refused(devices, FunctionControl::HALT);
        "the clear function is EOPNOTSUPP here" =>
            |devices| refused(devices, FunctionControl::CLEAR);
        "the halt and clear functions are EOPNOTSUPP here" =>
            |devices| refused(devices, FunctionControl::HALT.union(FunctionControl::CLEAR));
        "the start function goes before halt and clear" => start_first;
        "other bits of the SCSW do not count" => other_bits;
        "the result of a request for nothing is 0" => result_at_first;
        "the result of a failure can be read" => result_of_failure;
        "the result of a success can be read" => result_of_success;
        "the result that a user writes does not count" => result_written;
        "the result is gone after close" => result_after_close;
        "a write that is EINVAL leaves the result" => result_stays;
        "the status is that of the start function, in the program's format" => status_fields;
        "plain reads get the same bytes again" => plain_reads;
    }
}

/// An open device whose region is empty: a driver may have kept what was there before.
fn fresh(devices: &Devices) -> TestResult<Channel> {
    let channel = devices.open()?;
    channel.device().pwrite(&[0; IO_REGION_SIZE], 0)?;
    Ok(channel)
}

fn region_of(channel: &Channel) -> TestResult<[u8; IO_REGION_SIZE]> {
    let mut region = [0; IO_REGION_SIZE];
    channel.device().pread(&mut region, 0)?;
    Ok(region)
}

fn empty(devices: &Devices) -> TestResult {
    check_eq("region", region_of(&devices.open()?)?, [0; IO_REGION_SIZE])
}

fn reads_what_was_written(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    let intparm = [0xde, 0xad, 0xbe, 0xef];
    check_eq("bytes written", channel.device().pwrite(&intparm, 0)?, 4)?;
    let mut expected = [0; IO_REGION_SIZE];
    expected[..4].copy_from_slice(&intparm);
    check_eq("region", region_of(&channel)?, expected)
}

fn behind_status(devices: &Devices) -> TestResult {
    // The place for status is larger than an IRB.
    const BEHIND: u64 = IRB_OFFSET + 64;

    let mut channel = fresh(devices)?;
    channel.device().pwrite(&[0xee; 32], BEHIND)?;
    check_usable(&mut channel)?;
    // The program was written over it.
    channel.device().pwrite(&[0; 12], 12)?;
    channel.device().pwrite(&[0xee; 32], BEHIND)?;
    let mut bytes = [0; 32];
    channel.device().pread(&mut bytes, BEHIND)?;
    check_eq("bytes", bytes, [0xee; 32])
}

fn gone_after_close(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    channel.device().pwrite(&[0xaa; 12], 0)?;
    drop(channel);
    check_eq("region", region_of(&devices.open()?)?, [0; IO_REGION_SIZE])
}

fn stays_over_reset(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    channel.device().pwrite(&[0xaa; 12], 0)?;
    channel.device().reset()?;
    let mut expected = [0; IO_REGION_SIZE];
    expected[..12].fill(0xaa);
    check_eq("region", region_of(&channel)?, expected)
}

fn write_nothing(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    check_eq("bytes written", channel.device().pwrite(&[], 0)?, 0)?;
    let end = IO_REGION_SIZE as u64;
    check_eq("bytes written", channel.device().pwrite(&[], end)?, 0)
}

fn write_nothing_null(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    let written = sys::pwrite_null(channel.device().file(), 0, 0)?;
    check_eq("bytes written", written, 0)
}

/// A channel whose region has the request to start a no-operation that has ended.
fn with_program(devices: &Devices) -> TestResult<Channel> {
    let mut channel = fresh(devices)?;
    let program = program("ccw nop")?;
    map(&mut channel, &program)?;
    channel.start(program.orb)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    Ok(channel)
}

fn check_ended(channel: &mut Channel) -> TestResult {
    let irb = channel.wait(TIMEOUT)?;
    let cpa = irb.map(|irb| irb.scsw().cpa());
    check_eq("address in the status", cpa, Some(0x1_0008))
}

fn part_starts(devices: &Devices) -> TestResult {
    let mut channel = with_program(devices)?;
    check_eq("bytes written", channel.device().pwrite(&[0x55], 3)?, 1)?;
    check_ended(&mut channel)
}

fn nothing_starts(devices: &Devices) -> TestResult {
    let mut channel = with_program(devices)?;
    check_eq("bytes written", channel.device().pwrite(&[], 0)?, 0)?;
    check_ended(&mut channel)
}

fn function_cleared(devices: &Devices) -> TestResult {
    let mut channel = with_program(devices)?;
    channel.device().pwrite(&[0; 12], 12)?;
    channel.device().pwrite(&[0x55], 3)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")
}

fn no_function(devices: &Devices) -> TestResult {
    let mut channel = fresh(devices)?;
    let region = request(Orb::default(), FunctionControl::empty());
    let written = channel.device().pwrite(&region, 0)?;
    check_eq("bytes written", written, IO_REGION_SIZE)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")
}

fn no_function_result(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    let mut region = request(Orb::default(), FunctionControl::empty());
    region[120..].copy_from_slice(&(-libc::EIO).to_ne_bytes());
    let written = channel.device().pwrite(&region, 0)?;
    check_eq("bytes written", written, IO_REGION_SIZE)?;
    check_eq("result", result_of(&channel)?, 0)
}

fn refused(devices: &Devices, function: FunctionControl) -> TestResult {
    let mut channel = fresh(devices)?;
    let region = request(Orb::default(), function);
    let result = channel.device().pwrite(&region, 0);
    check_errno(&format!("function {function}"), result, libc::EOPNOTSUPP)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")?;
    check_usable(&mut channel)
}

fn start_first(devices: &Devices) -> TestResult {
    let mut channel = fresh(devices)?;
    let program = program("ccw nop")?;
    map(&mut channel, &program)?;
    let functions = FunctionControl::START
        .union(FunctionControl::HALT)
        .union(FunctionControl::CLEAR);
    channel
        .device()
        .pwrite(&request(program.orb, functions), 0)?;
    check_ended(&mut channel)
}

fn other_bits(devices: &Devices) -> TestResult {
    let mut channel = fresh(devices)?;
    let program = program("ccw nop")?;
    map(&mut channel, &program)?;
    let mut region = request(program.orb, FunctionControl::START);
    for byte in &mut region[12..24] {
        *byte = 0xff;
    }
    // Of the function control, the start function alone.
    region[14] = 0x4f;
    channel.device().pwrite(&region, 0)?;
    check_ended(&mut channel)
}

fn result_of(channel: &Channel) -> TestResult<i32> {
    let mut code = [0; 4];
    channel.device().pread(&mut code, RET_CODE_OFFSET)?;
    Ok(i32::from_ne_bytes(code))
}

/// A channel whose last request has failed.
fn with_failure(devices: &Devices) -> TestResult<Channel> {
    let channel = fresh(devices)?;
    let region = request(Orb::default(), FunctionControl::HALT);
    let result = channel.device().pwrite(&region, 0);
    check_errno("halt", result, libc::EOPNOTSUPP)?;
    Ok(channel)
}

fn result_at_first(devices: &Devices) -> TestResult {
    check_eq("result", result_of(&fresh(devices)?)?, 0)
}

fn result_of_failure(devices: &Devices) -> TestResult {
    let channel = with_failure(devices)?;
    check_eq("result", result_of(&channel)?, -libc::EOPNOTSUPP)
}

fn result_of_success(devices: &Devices) -> TestResult {
    let mut channel = with_failure(devices)?;
    check_usable(&mut channel)?;
    check_eq("result", result_of(&channel)?, 0)
}

fn result_written(devices: &Devices) -> TestResult {
    let mut channel = fresh(devices)?;
    let program = program("ccw nop")?;
    map(&mut channel, &program)?;
    let mut region = request(program.orb, FunctionControl::START);
    region[120..].copy_from_slice(&(-libc::EIO).to_ne_bytes());
    channel.device().pwrite(&region, 0)?;
    check_eq("result", result_of(&channel)?, 0)?;
    check_ended(&mut channel)
}

fn result_after_close(devices: &Devices) -> TestResult {
    drop(with_failure(devices)?);
    check_eq("result", result_of(&devices.open()?)?, 0)
}

fn result_stays(devices: &Devices) -> TestResult {
    let channel = with_failure(devices)?;
    let result = channel.device().pwrite(&[0; 8], RET_CODE_OFFSET);
    check_errno("write over the end", result, libc::EINVAL)?;
    check_eq("result", result_of(&channel)?, -libc::EOPNOTSUPP)
}

fn status_fields(devices: &Devices) -> TestResult {
    let mut channel = fresh(devices)?;
    let program = program("ccw nop")?;
    map(&mut channel, &program)?;
    channel.start(program.orb)?;
    let irb = channel
        .wait(TIMEOUT)?
        .ok_or_else(|| "no status came".to_owned())?;
    let scsw = irb.scsw();
    check(scsw.format() == Format::One, "it has another format")?;
    check_eq("function", scsw.fctl(), FunctionControl::START)?;
    check(scsw.is_solicited(), "it is unsolicited")
}

fn plain_reads(devices: &Devices) -> TestResult {
    let channel = fresh(devices)?;
    channel.device().pwrite(&[0xde, 0xad, 0xbe, 0xef], 0)?;
    let mut file = File::from(channel.device().file().try_clone_to_owned()?);
    for _ in 0..3 {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes)?;
        check_eq("bytes", bytes, [0xde, 0xad, 0xbe, 0xef])?;
    }
    Ok(())
}
