// SPDX-License-Identifier: GPL-2.0

//! Open, close, reset, unmap and sudden death, with a program in flight.

use std::time::Duration;

use ccw::channel::Channel;
use ccwchain::{
    orb::Orb,
    scsw::SubchannelStatus, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a device can be opened again" => reopen;
        "a reset of an idle device does no harm" => reset_idle;
        "a second start is EBUSY while a program is suspended" => second_start;
        "a suspended program gives no status by itself" => no_status;
        "a reset ends a suspended program" => reset;
        "closing ends a suspended program" => close;
        "the death of the user ends a suspended program" => death;
        "unmapping a page of a suspended program ends it" => unmap_pinned;
        "unmapping other memory leaves a suspended program alone" => unmap_other;
        "memory can be unmapped after a program has ended" => unmap_after;
        "unmapping the CCWs of a suspended program leaves it alone" => unmap_ccws;
        "memory can be mapped during a suspended program" => map_during;
        "memory that is unmapped and mapped again is used anew" => map_again;
        "a program is read anew at each start" => read_anew;
        "two resets in a row do no harm" => reset_twice;
        "a reset of a suspended program gives no status" => reset_silent;
        "status that was not taken is gone after a reset" => reset_status;
        "status that was not taken is gone after close" => close_status;
        "a signal for the last user does not come to the next" => close_signal;
        "a device without memory gives a program check" => no_memory;
        "status is taken after its memory is unmapped" => status_after_unmap;
        "a program in flight on one device leaves the other alone" => other_device;
    }
}

fn reopen(devices: &Devices) -> TestResult {
    for _ in 0..5 {
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

fn reset_idle(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        channel.device().reset()?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn second_start(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _) = start_suspended(&mut channel)?;
    for _ in 0..3 {
        check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    }
    Ok(())
}

fn no_status(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    check(channel.wait(SILENCE)?.is_none(), "status came")
}

fn reset(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        let before = pinned()?;
        let (_, guest) = start_suspended(&mut channel)?;
        channel.device().reset()?;
        check_eq("KiB pinned after the reset", pinned()?, before)?;
        guest.unmap(channel.device_mut())?;
        while channel.wait(Duration::ZERO)?.is_some() {}
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn close(devices: &Devices) -> TestResult {
    for _ in 0..3 {
        let before = pinned()?;
        let mut channel = devices.open()?;
        start_suspended(&mut channel)?;
        drop(channel);
        check_eq("KiB pinned after closing", pinned()?, before)?;
    }
    check_usable(&mut devices.open()?)
}

fn death(devices: &Devices) -> TestResult {
    for _ in 0..3 {
        User::hold(devices)?.kill()?;
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

/// The page of the suspended program's data.
const PINNED: u64 = 0x2_0000;
/// A page that it has nothing to do with.
const OTHER: u64 = 0x4_0000;

fn unmap_pinned(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let (_, guest) = start_suspended(&mut channel)?;
    channel.device_mut().unmap(PINNED)?;
    check_eq("KiB pinned after unmapping", pinned()?, before)?;
    while channel.wait(Duration::ZERO)?.is_some() {}
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn unmap_other(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _) = start_suspended(&mut channel)?;
    let during = pinned()?;
    channel.device_mut().unmap(OTHER)?;
    check_eq("KiB pinned after unmapping", pinned()?, during)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)
}

fn unmap_after(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &program)?;
    channel.start(program.orb)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    // The status is not taken yet.
    guest.unmap(channel.device_mut())?;
    check_eq(
        "address in the status",
        channel.irb()?.scsw().cpa(),
        program.orb.cpa() + 8,
    )?;
    check_usable(&mut channel)
}

fn unmap_ccws(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _) = start_suspended(&mut channel)?;
    let during = pinned()?;
    channel.device_mut().unmap(u64::from(program.orb.cpa()))?;
    check_eq("KiB pinned after unmapping", pinned()?, during)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)
}

fn map_during(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (running, _) = start_suspended(&mut channel)?;
    let other = program("area id at 0x800000 size 256\norg 0x900000\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &other)?;
    check_errno("second start", channel.start(running.orb), libc::EBUSY)?;
    channel.device().reset()?;
    while channel.wait(Duration::ZERO)?.is_some() {}
    channel.start(other.orb)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    check_eq("data", guest.read(0x80_0000, 3), sense_id())
}

/// A program that stores data, and where.
const SENSE_ID: &str = "area id at 0x20000 size 256\nccw senseid,id,sli";

fn map_again(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    for _ in 0..3 {
        let guest = map(&mut channel, &program)?;
        channel.start(program.orb)?;
        check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
        check_eq("data", guest.read(0x2_0000, 3), sense_id())?;
        guest.unmap(channel.device_mut())?;
    }
    Ok(())
}

fn read_anew(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    let guest = map(&mut channel, &program)?;
    for address in [0x2_0000_u32, 0x2_0100, 0x2_0800] {
        guest.write(u64::from(program.orb.cpa()) + 4, &address.to_be_bytes());
        channel.start(program.orb)?;
        check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
        check_eq("data", guest.read(u64::from(address), 3), sense_id())?;
    }
    Ok(())
}

fn reset_twice(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (_, guest) = start_suspended(&mut channel)?;
    channel.device().reset()?;
    channel.device().reset()?;
    while channel.wait(Duration::ZERO)?.is_some() {}
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn reset_silent(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    channel.device().reset()?;
    check(channel.wait(SILENCE)?.is_none(), "status came")
}

/// A device of which a program has ended, whose status is announced but not taken.
fn ended(devices: &Devices) -> TestResult<(Channel, u32)> {
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    map(&mut channel, &program)?;
    channel.start(program.orb)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    Ok((channel, program.orb.cpa() + 8))
}

fn reset_status(devices: &Devices) -> TestResult {
    let (channel, _) = ended(devices)?;
    channel.device().reset()?;
    check_eq("status", channel.irb()?.scsw().words(), [0; 3])
}

fn close_status(devices: &Devices) -> TestResult {
    drop(ended(devices)?);
    let channel = devices.open()?;
    check_eq("status", channel.irb()?.scsw().words(), [0; 3])
}

fn close_signal(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    map(&mut channel, &program)?;
    channel.start(program.orb)?;
    drop(channel);
    let mut channel = devices.open()?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    check_usable(&mut channel)
}

fn no_memory(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    channel.start(Orb::default().with_cpa(0x1_0000))?;
    let irb = channel.wait(TIMEOUT)?;
    let status = irb.map(|irb| irb.scsw().subchannel_status());
    check_eq("status", status, Some(SubchannelStatus::PROGRAM_CHECK))
}

fn status_after_unmap(devices: &Devices) -> TestResult {
    let (mut channel, cpa) = ended(devices)?;
    channel.device_mut().unmap(PINNED)?;
    channel.device_mut().unmap(u64::from(cpa) - 8)?;
    check_eq("address in the status", channel.irb()?.scsw().cpa(), cpa)?;
    check_usable(&mut channel)
}

fn other_device(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let mut other = open(devices.second(), devices.backend())?;
    start_suspended(&mut channel)?;
    check_usable(&mut other)
}
