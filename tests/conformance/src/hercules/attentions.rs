// SPDX-License-Identifier: GPL-2.0

//! Attentions, which the operator of Hercules has a disk give, in the life of programs.

use std::time::{
    Duration,
    Instant, //
};

use ccw::channel::Channel;
use ccwchain::{
    irb::Irb,
    orb::Orb,
    scsw::DeviceStatus, //
};

use crate::{
    case::*,
    fixtures::*,
    host_side::Host,
    machine, //
};

use super::Endless;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "it comes to an idle device" => idle;
        "it is read behind the status of a program" => behind_end;
        "it comes to a device whose program has just ended" => as_it_ends;
        "it does not come to another disk" => other;
        "it does not end a suspended program" => suspended;
        "it comes behind a clear" => behind_clear;
        "it comes behind a reset" => behind_reset;
        "a thousand of them all come, and end no program" => thousand, slow(300);
    }
}

/// The device numbers of the disks, as Hercules has them.
const DISK: &str = "0120";
const OTHER: &str = "0121";

/// Returns whether this is the attention that the operator has asked for.
fn is_attention(irb: &Irb) -> bool {
    let scsw = irb.scsw();
    !scsw.is_solicited() && scsw.device_status() == DeviceStatus::ATTENTION
}

/// Takes an attention, and nothing but that.
fn take(channel: &mut Channel) -> TestResult {
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "no attention came".to_owned())?;
    check(
        is_attention(&irb),
        format!("other status: {:?}", irb.scsw()),
    )?;
    check(channel.wait(SILENCE)?.is_none(), "more status came")
}

fn idle(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    for _ in 0..3 {
        host.attentions(DISK, 1)?.wait()?;
        take(&mut channel)?;
    }
    check_usable(&mut channel)
}

fn behind_end(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &sense_id)?;
    channel.start(sense_id.orb)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    host.attentions(DISK, 1)?.wait()?;
    check(channel.irb()?.scsw().ends_start(), "the end is not first")?;
    take(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Hercules has a device that is busy give no attention; the operator asks until it does.
fn as_it_ends(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    for _ in 0..3 {
        let endless = Endless::start(&mut channel)?;
        let attention = host.attentions(DISK, 1)?;
        endless.end(&mut channel)?;
        attention.wait()?;
        take(&mut channel)?;
    }
    check_usable(&mut channel)
}

fn other(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    let mut other = devices.open_named("disk2")?;
    host.attentions(OTHER, 1)?.wait()?;
    take(&mut other)?;
    check(
        channel.wait(SILENCE)?.is_none(),
        "the first disk has status",
    )?;
    check_usable(&mut channel)
}

fn suspended(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    let (program, guest) = start_suspended(&mut channel)?;
    let during = pinned()?;
    // A suspended device need not give it at once.
    let attention = host.attentions(DISK, 1)?;
    while let Some(irb) = channel.wait(SILENCE * 4)? {
        check(
            !irb.scsw().ends_start(),
            format!("it ends the program: {:?}", irb.scsw()),
        )?;
    }
    check_eq("KiB pinned", pinned()?, during)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    channel.device().reset()?;
    attention.wait()?;
    take_rest(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn behind_clear(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    let endless = Endless::start(&mut channel)?;
    let attention = host.attentions(DISK, 1)?;
    clear(&channel)?;
    let irb = channel.wait(TIMEOUT)?;
    check(
        irb.is_some_and(|irb| irb.scsw().is_solicited()),
        "no status of the clear",
    )?;
    attention.wait()?;
    take(&mut channel)?;
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn behind_reset(devices: &Devices) -> TestResult {
    let (host, mut channel) = (Host::new()?, devices.open()?);
    let endless = Endless::start(&mut channel)?;
    channel.device().reset()?;
    host.attentions(DISK, 1)?.wait()?;
    take(&mut channel)?;
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Starts a program; as long as status must be taken first, takes it.
fn start(channel: &mut Channel, orb: Orb, others: &mut Vec<Irb>) -> TestResult {
    let end = Instant::now() + TIMEOUT;
    loop {
        match channel.start(orb) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < end => {
                others.extend(channel.wait(Duration::from_millis(1))?);
            }
            result => return Ok(result?),
        }
    }
}

/// Hercules has an attention become one with another that is not taken yet, so one is asked for at
/// a time.
fn thousand(devices: &Devices) -> TestResult {
    let count = if machine::is_in_a_hurry() { 25 } else { 1000 };

    let (host, mut channel) = (Host::new()?, devices.open()?);
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &sense_id)?;
    let mut others = Vec::new();
    for number in 1..=count {
        let attention = host.attentions(DISK, 1)?;
        // The harness asks for so long that the device is not busy.
        let end = Instant::now() + TIMEOUT * 6;
        let mut idle = Duration::from_millis(2);
        while others.is_empty() {
            let missing = format!("attention {number} of {count} does not come");
            check(Instant::now() < end, missing)?;
            start(&mut channel, sense_id.orb, &mut others)?;
            let irb = channel.wait_end(TIMEOUT, &mut others)?;
            let irb = irb.ok_or_else(|| format!("attention {number}: a program does not end"))?;
            check_eq(
                &format!("attention {number}: status of a program"),
                irb.scsw().device_status(),
                DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END),
            )?;
            // A busy device gives none: time in which no program is in flight, and the more of it
            // the longer the operator on a busy machine takes to find it.
            others.extend(channel.wait(idle)?);
            idle = (idle * 2).min(SILENCE);
        }
        attention.wait()?;
        check_eq("status beside that of programs", others.len(), 1)?;
        for irb in others.drain(..) {
            let what = format!("attention {number}: other status: {:?}", irb.scsw());
            check(is_attention(&irb), what)?;
        }
    }
    check(channel.wait(SILENCE)?.is_none(), "more status came")?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}
