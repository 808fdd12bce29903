// SPDX-License-Identifier: GPL-2.0

//! The subchannel-information block, which region 2 shows.

use std::{
    fs,
    time::Duration, //
};

use ccw::{
    channel::Channel,
    sysfs::Subchannel, //
};
use ccwchain::scsw::{
    ActivityControl,
    FunctionControl,
    StatusControl, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "it has the number of the device" => device_number;
        "the subchannel is valid and enabled" => valid;
        "the masks of paths are those of sysfs" => path_masks;
        "the paths are those of sysfs" => paths;
        "an idle device shows no function" => idle;
        "a suspended program is shown as suspended" => suspended;
        "a halted program is not shown any more" => |devices| ended(devices, halt);
        "a cleared program is not shown any more" => |devices| ended(devices, clear);
        "a reset leaves it enabled and idle" => reset;
        "a device opened again is enabled" => reopened;
        "it has no interruption parameter of the host's" => parameter;
        "it has no address of the measurement block" => measurement;
        "it has no address of a program, suspended or ended" => no_address;
        "any part of it can be read" => parts;
        "reading it takes no status" => takes_no_status;
        "reading it gives no interrupt" => no_interrupt;
        "reads beyond it are EINVAL" => beyond;
        "it cannot be written" => written;
        "a read of it to a bad pointer is EFAULT" => bad_pointer;
    }
}

/// An attribute of the subchannel, as numbers.
fn attribute(subchannel: &Subchannel, name: &str) -> TestResult<Vec<u8>> {
    let path = format!("/sys/bus/css/devices/{}/{name}", subchannel.bus_id());
    let text = fs::read_to_string(&path)?;
    let numbers: Result<_, _> = text
        .split_whitespace()
        .map(|number| u8::from_str_radix(number, 16))
        .collect();
    Ok(numbers.map_err(|_| format!("{path} is {text:?}"))?)
}

fn device_number(devices: &Devices) -> TestResult {
    for (mdev, channel) in [
        (devices.first(), devices.open()?),
        (devices.named("terminal")?, devices.open_named("terminal")?),
    ] {
        let number = Schib::read(&channel)?.device_number();
        let expected = subchannel(mdev)?.device_number();
        let is = Some(format!("0.0.{number:04x}"));
        check_eq("device number", is, expected)?;
    }
    Ok(())
}

fn valid(devices: &Devices) -> TestResult {
    let schib = Schib::read(&devices.open()?)?;
    check(schib.has_device(), "the device number is not valid")?;
    check(schib.is_enabled(), "it is not enabled")
}

fn path_masks(devices: &Devices) -> TestResult {
    let schib = Schib::read(&devices.open()?)?;
    let expected = attribute(&subchannel(devices.first())?, "pimpampom")?;
    check_eq("PIM, PAM, POM", schib.path_masks().to_vec(), expected)
}

fn paths(devices: &Devices) -> TestResult {
    let schib = Schib::read(&devices.open()?)?;
    let expected = attribute(&subchannel(devices.first())?, "chpids")?;
    check_eq("CHPIDs", schib.paths().to_vec(), expected)
}

fn check_idle(channel: &Channel) -> TestResult {
    let scsw = Schib::read(channel)?.scsw();
    check_eq("functions", scsw.fctl(), FunctionControl::empty())?;
    check_eq("activity", scsw.actl(), ActivityControl::empty())?;
    check_eq("status", scsw.stctl(), StatusControl::empty())
}

fn idle(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_idle(&channel)?;
    check_usable(&mut channel)?;
    check_idle(&channel)
}

fn suspended(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    let scsw = Schib::read(&channel)?.scsw();
    check_eq("functions", scsw.fctl(), FunctionControl::START)?;
    check_eq("activity", scsw.actl(), ActivityControl::SUSPENDED)
}

fn ended(devices: &Devices, end: fn(&Channel) -> std::io::Result<()>) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    end(&channel)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    check_idle(&channel)
}

fn reset(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    channel.device().reset()?;
    check(Schib::read(&channel)?.is_enabled(), "it is not enabled")?;
    check_idle(&channel)
}

fn reopened(devices: &Devices) -> TestResult {
    for _ in 0..3 {
        let channel = devices.open()?;
        check(Schib::read(&channel)?.is_enabled(), "it is not enabled")?;
        check_idle(&channel)?;
    }
    Ok(())
}

fn parameter(devices: &Devices) -> TestResult {
    let schib = Schib::read(&devices.open()?)?;
    check_eq("interruption parameter", schib.interruption_parameter(), 0)
}

fn measurement(devices: &Devices) -> TestResult {
    let schib = Schib::read(&devices.open()?)?;
    check_eq("measurement-block address", schib.measurement_block(), 0)
}

fn no_address(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_usable(&mut channel)?;
    let address = |channel: &Channel| Ok::<_, std::io::Error>(Schib::read(channel)?.scsw().cpa());
    check_eq("address of an ended program", address(&channel)?, 0)?;
    start_suspended(&mut channel)?;
    check_eq("address of a suspended program", address(&channel)?, 0)
}

fn parts(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let whole = Schib::read(&channel)?;
    for (offset, len) in [(0, 52), (0, 1), (4, 4), (7, 3), (28, 12), (51, 1), (52, 0)] {
        let mut part = vec![0; len];
        let read = channel.device().pread(&mut part, SCHIB + offset as u64)?;
        check_eq(&format!("bytes read at {offset}"), read, len)?;
        check_eq(
            &format!("bytes at {offset}"),
            part.as_slice(),
            &whole.bytes()[offset..offset + len],
        )?;
    }
    Ok(())
}

fn takes_no_status(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    halt(&channel)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    for _ in 0..3 {
        Schib::read(&channel)?;
    }
    check_eq(
        "functions in the status",
        channel.irb()?.scsw().fctl(),
        FunctionControl::HALT,
    )
}

fn no_interrupt(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..100 {
        Schib::read(&channel)?;
    }
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    start_suspended(&mut channel)?;
    for _ in 0..100 {
        Schib::read(&channel)?;
    }
    check(
        !channel.wait_signal(Duration::ZERO)?,
        "a signal came with a program in flight",
    )
}

fn beyond(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for (offset, len) in [(0, SCHIB_SIZE + 1), (51, 2), (52, 1), (1000, 24), (0, 4096)] {
        check_read_beyond(&channel, SCHIB, offset, len)?;
    }
    Ok(())
}

fn written(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for len in [1, 4, SCHIB_SIZE] {
        check_write_beyond(&channel, SCHIB, 0, len)?;
    }
    Ok(())
}

fn bad_pointer(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    check_read_null(&channel, SCHIB, SCHIB_SIZE)
}
