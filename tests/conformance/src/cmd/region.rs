// SPDX-License-Identifier: GPL-2.0

//! The region itself: its layout, and commands that nobody knows.

use ccw::{
    channel::Channel,
    sys, //
};

use super::{
    command_soon,
    expect, //
};
use crate::fixtures::*;

pub(super) fn unknown(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for what in [0, 3, 8, 1 << 16, HALT.swap_bytes(), u32::MAX] {
        check_errno(
            &format!("command {what:#x}"),
            command(&channel, what),
            libc::EINVAL,
        )?;
    }
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

pub(super) fn unknown_in_flight(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let in_flight = InFlight::start(&mut channel)?;
    check_errno("command", command(&channel, 3), libc::EINVAL)?;
    expect_silence(&mut channel)?;
    in_flight.check_stays(&channel)
}

pub(super) fn beyond(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for (offset, len) in [
        (0, CMD_REGION_SIZE + 1),
        (0, 4096),
        (4, 5),
        (7, 2),
        (8, 1),
        (1000, 4),
    ] {
        check_write_beyond(&channel, CMD_REGION, offset, len)?;
        check_read_beyond(&channel, CMD_REGION, offset, len)?;
    }
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

pub(super) fn bad_pointer(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let offset = i64::try_from(CMD_REGION).unwrap_or(0);
    let result = sys::pwrite_null(channel.device().file(), CMD_REGION_SIZE, offset);
    check_errno("write", result, libc::EFAULT)?;
    check_read_null(&channel, CMD_REGION, CMD_REGION_SIZE)?;
    expect_silence(&mut channel)
}

pub(super) fn read_back(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let word = |channel: &Channel| -> TestResult<u32> {
        let mut word = [0; 4];
        channel.device().pread(&mut word, CMD_REGION)?;
        Ok(u32::from_ne_bytes(word))
    };
    check_eq("result at first", result(&channel)?, 0)?;
    for (what, code) in [
        (7, -libc::EINVAL),
        (HALT, 0),
        (9, -libc::EINVAL),
        (CLEAR, 0),
    ] {
        let given = command_soon(&channel, what);
        check_eq("success", given.is_ok(), code == 0)?;
        check_eq("command", word(&channel)?, what)?;
        check_eq("result", result(&channel)?, code)?;
        if code == 0 {
            expect(&mut channel, what)?;
        }
    }
    Ok(())
}

pub(super) fn word_alone(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let written = channel.device().pwrite(&HALT.to_ne_bytes(), CMD_REGION)?;
    check_eq("bytes written", written, 4)?;
    expect(&mut channel, HALT)?;
    check_usable(&mut channel)
}

pub(super) fn results_apart(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_usable(&mut channel)?;
    check_errno("command", command(&channel, 3), libc::EINVAL)?;
    let mut code = [0; 4];
    channel
        .device()
        .pread(&mut code, ccw::channel::RET_CODE_OFFSET)?;
    check_eq("result of the start", i32::from_ne_bytes(code), 0)?;
    check_eq("result of the command", result(&channel)?, -libc::EINVAL)
}
