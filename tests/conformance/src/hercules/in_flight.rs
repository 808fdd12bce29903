// SPDX-License-Identifier: GPL-2.0

//! A program that goes on until it is stopped, and all that may stop it.

use std::{
    fs,
    process::Command,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::channel::Channel;
use ccwchain::scsw::{
    DeviceStatus,
    FunctionControl, //
};

use crate::{
    case::*,
    fixtures::*,
    host,
    machine, //
};

mod storing;

pub(crate) use storing::start_storm;
use storing::{
    stores_until,
    stores_until_close,
    storms,
    unbind_storm,
    STORED,
    STORING, //
};

use super::{
    Endless,
    ENDLESS, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "it ends when the guest lets it" => ends;
        "a second start is EBUSY, and the program goes on" => second;
        "a halt ends it" => halted;
        "a device can be used again behind a halt" => behind_halt;
        "a clear ends it" => cleared;
        "a clear ends it behind a halt" => halted_and_cleared;
        "a reset ends it, and gives no status" => reset;
        "closing ends it" => closed;
        "the death of the user ends it" => death;
        "unmapping a page of its data ends it" => unmapped;
        "unmapping other memory leaves it alone" => unmapped_other;
        "nothing is stored behind a clear" => |devices| {
            stores_until(devices, STORING, |channel| {
                clear(channel)?;
                check(channel.wait(TIMEOUT)?.is_some(), "no status came")
            })
        };
        "nothing is stored behind a reset" =>
            |devices| stores_until(devices, STORING, |channel| Ok(channel.device().reset()?));
        "nothing is stored where memory was unmapped" =>
            |devices| { stores_until(devices, STORING, |channel| { Ok(channel.device_mut().unmap(STORED)?) }) };
        "nothing is stored behind a close" => |devices| stores_until_close(devices, STORING);
        "unbinding waits for the user, whose death ends it" => unbind;
        "removing the mediated device waits for the user, too" => remove;
        "the module stays while it is in flight" => unload;
        "another device is not held up by a device that is" => other_goes_on;
        "two devices have one each" => two;
        "it is started and stopped many times" => many;
        "a storm of interruptions ends like any other" => storms, slow(1800);
        "unbinding waits for the user of a storm, whose death ends it" => unbind_storm, slow(1800);
    }
}

fn ends(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        Endless::start(&mut channel)?.end(&mut channel)?;
    }
    check_usable(&mut channel)
}

fn second(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let endless = Endless::start(&mut channel)?;
    for _ in 0..3 {
        let again = channel.start(endless.program.orb);
        check_errno("second start", again, libc::EBUSY)?;
    }
    endless.end(&mut channel)?;
    check_usable(&mut channel)
}

/// Starts a program, waits until the channel has begun it, and halts it: one that is halted before
/// that is never over in Hercules.
fn start_and_halt(channel: &mut Channel) -> TestResult<Endless> {
    const BEGUN: u64 = 0x2_2000;

    let text = format!("area begun at {BEGUN:#x} size 1\nccw senseid,begun,cc|sli\n{ENDLESS}");
    let endless = Endless::start_text(channel, &text)?;
    let end = Instant::now() + TIMEOUT;
    while endless.guest.read(BEGUN, 1) == [0] {
        check(Instant::now() < end, "the program does not begin")?;
        thread::sleep(Duration::from_millis(1));
    }
    halt(channel)?;
    Ok(endless)
}

/// Waits for the status of a function that has ended a program.
fn take_end(channel: &mut Channel, function: FunctionControl) -> TestResult {
    let irb = channel.wait(TIMEOUT)?;
    let scsw = irb.ok_or_else(|| "no status came".to_owned())?.scsw();
    check(
        scsw.fctl().contains(function),
        format!("status of another function: {scsw:?}"),
    )?;
    check(channel.wait(SILENCE)?.is_none(), "status came twice")
}

/// Stops a program by HALT SUBCHANNEL, and then what Hercules leaves of it: it keeps the activity
/// bits of a halted program until a clear.
fn halted(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let endless = start_and_halt(&mut channel)?;
    take_end(&mut channel, FunctionControl::HALT)?;
    check_eq("KiB pinned", pinned()?, before)?;
    clear(&channel)?;
    take_end(&mut channel, FunctionControl::CLEAR)?;
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn behind_halt(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_and_halt(&mut channel)?;
    take_end(&mut channel, FunctionControl::HALT)?;
    drop(channel);
    check_usable(&mut devices.open()?)
}

fn cleared(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        let before = pinned()?;
        let endless = Endless::start(&mut channel)?;
        clear(&channel)?;
        take_end(&mut channel, FunctionControl::CLEAR)?;
        check_eq("KiB pinned", pinned()?, before)?;
        endless.guest.unmap(channel.device_mut())?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn halted_and_cleared(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let endless = start_and_halt(&mut channel)?;
    clear(&channel)?;
    // The status of the halt may come before, or be replaced by that of the clear.
    let end = Instant::now() + TIMEOUT;
    loop {
        let irb = channel.wait(end.saturating_duration_since(Instant::now()))?;
        let scsw = irb
            .ok_or_else(|| "no status of the clear came".to_owned())?
            .scsw();
        if scsw.fctl().contains(FunctionControl::CLEAR) {
            break;
        }
    }
    endless.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn reset(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        let before = pinned()?;
        let endless = Endless::start(&mut channel)?;
        channel.device().reset()?;
        check_eq("KiB pinned", pinned()?, before)?;
        check(channel.wait(SILENCE)?.is_none(), "status came")?;
        endless.guest.unmap(channel.device_mut())?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn closed(devices: &Devices) -> TestResult {
    for _ in 0..3 {
        let before = pinned()?;
        let mut channel = devices.open()?;
        Endless::start(&mut channel)?;
        drop(channel);
        check_eq("KiB pinned", pinned()?, before)?;
    }
    check_usable(&mut devices.open()?)
}

fn death(devices: &Devices) -> TestResult {
    for _ in 0..3 {
        User::hold_endless(devices)?.kill()?;
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

fn unmapped(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let endless = Endless::start(&mut channel)?;
    endless.guest.unmap(channel.device_mut())?;
    check_eq("KiB pinned", pinned()?, before)?;
    while channel.wait(Duration::ZERO)?.is_some() {}
    check_usable(&mut channel)
}

fn unmapped_other(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let other = program("area other at 0x800000 size 8\norg 0x900000\nccw nop")?;
    let other = map(&mut channel, &other)?;
    let endless = Endless::start(&mut channel)?;
    let during = pinned()?;
    other.unmap(channel.device_mut())?;
    check_eq("KiB pinned", pinned()?, during)?;
    endless.end(&mut channel)?;
    check_usable(&mut channel)
}

fn unbind(devices: &Devices) -> TestResult {
    host::take_from(devices, User::hold_endless, |subchannel, _| {
        fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", subchannel)
    })
}

fn remove(devices: &Devices) -> TestResult {
    host::take_from(devices, User::hold_endless, |_, mdev| {
        fs::write(format!("/sys/bus/mdev/devices/{mdev}/remove"), "1")
    })
}

fn unload(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let endless = Endless::start(&mut channel)?;
    let unloaded = Command::new("rmmod").arg("vfio_ccw").output()?;
    check(!unloaded.status.success(), "the module was unloaded")?;
    endless.end(&mut channel)?;
    check_usable(&mut channel)
}

/// The time that one SENSE ID may take while another device is busy: by itself it takes a
/// millisecond.
const AT_ONCE: Duration = Duration::from_secs(1);

fn other_goes_on(devices: &Devices) -> TestResult {
    let (mut channel, mut other) = (devices.open()?, devices.open_named("disk2")?);
    let endless = Endless::start(&mut channel)?;
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let guest = map(&mut other, &sense_id)?;
    for round in 0..machine::rounds(200) {
        other.start(sense_id.orb)?;
        let irb = other.wait(AT_ONCE)?;
        let status = irb.map(|irb| irb.scsw().device_status());
        let expected = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
        check_eq(&format!("round {round}"), status, Some(expected))?;
    }
    guest.unmap(other.device_mut())?;
    endless.end(&mut channel)?;
    check_usable(&mut channel)
}

fn two(devices: &Devices) -> TestResult {
    let (mut channel, mut other) = (devices.open()?, devices.open_named("disk2")?);
    let (first, second) = (Endless::start(&mut channel)?, Endless::start(&mut other)?);
    second.end(&mut other)?;
    check(channel.wait(SILENCE)?.is_none(), "the first one has ended")?;
    let again = Endless::start(&mut other)?;
    clear(&channel)?;
    take_end(&mut channel, FunctionControl::CLEAR)?;
    again.end(&mut other)?;
    first.guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)?;
    check_usable(&mut other)
}

fn many(devices: &Devices) -> TestResult {
    for round in 0..machine::rounds(400) {
        start_and_stop(devices, round).map_err(|failure| format!("round {round}: {failure}"))?;
    }
    check_usable(&mut devices.open()?)
}

fn start_and_stop(devices: &Devices, round: u32) -> TestResult {
    let before = pinned()?;
    let mut channel = devices.open()?;
    let endless = Endless::start(&mut channel)?;
    thread::sleep(Duration::from_micros(u64::from(round % 7) * 300));
    match round % 4 {
        0 => channel.device().reset()?,
        1 => {
            clear(&channel)?;
            check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
        }
        2 => endless.guest.unmap(channel.device_mut())?,
        _ => drop(channel),
    }
    check_eq("KiB pinned", pinned()?, before)
}
