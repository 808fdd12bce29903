// SPDX-License-Identifier: GPL-2.0

//! Channel paths that the operator varies off and on.
//!
//! The terminal has a path of its own, so that nobody else misses it.

use std::{
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    program::Program, //
};
use ccwchain::scsw::{
    DeviceStatus,
    FunctionControl, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "varying a path off and on again leaves an idle device alone" => idle;
        "a path that is off ends a suspended program" => ends_program;
        "the pins of that program go with its status" => pins_go;
        "that program can be started again when the path is on" => started_again;
        "a path that is off ends no program of another device" => other_device;
        "another device can be used while the path is off" => other_usable;
        "status that waits survives the path" => status_waits;
        "a halt is possible without a path" =>
            |devices| command_without_path(devices, HALT, FunctionControl::HALT);
        "a clear is possible without a path" =>
            |devices| command_without_path(devices, CLEAR, FunctionControl::CLEAR);
        "a reset without a path leaves the device open" => reset;
        "the SCHIB can be read without a path" => schib;
        "a device that is closed without a path can be opened again" => closed;
        // These come last: a start without a path leaves a condition code in QEMU's SCSW.
        "a start without a path is ENODEV" => refused;
        "a start is possible when the path is on again" => usable_again;
        "a path that was off before the device is opened is off" => off_before_open;
        "a path that was off before the driver is bound is off" => off_before_bind;
        "a path going off and on in the midst of starts loses no end" => storm;
    }
}

/// Opens the 3270, whose path no other device has. The path is on again when it goes, before the
/// device.
fn terminal(devices: &Devices) -> TestResult<(Channel, ChannelPath)> {
    let channel = devices.open_named("terminal")?;
    Ok((channel, ChannelPath::of(devices.named("terminal")?)?))
}

/// Maps a no-operation that leaves the choice of the path to the driver; its memory stays mapped.
fn nop(channel: &mut Channel) -> TestResult<Program> {
    let nop = program("orb lpm=0\nccw nop")?;
    map(channel, &nop)?;
    Ok(nop)
}

fn check_runs(channel: &mut Channel, program: &Program) -> TestResult {
    channel.start(program.orb)?;
    check_eq(
        "device status",
        expect_end(channel)?.scsw().device_status(),
        DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END),
    )
}

fn check_refused(channel: &mut Channel, program: &Program) -> TestResult {
    check_errno("start", channel.start(program.orb), libc::ENODEV)?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")
}

fn refused(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let nop = nop(&mut channel)?;
    path.vary_off()?;
    for _ in 0..3 {
        check_refused(&mut channel, &nop)?;
    }
    Ok(())
}

fn usable_again(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let nop = nop(&mut channel)?;
    for _ in 0..5 {
        path.vary_off()?;
        // The start may fail or not.
        let started = channel.start(nop.orb);
        if started.is_ok() {
            channel.wait(TIMEOUT)?;
        }
        path.vary_on()?;
        check_runs(&mut channel, &nop)?;
    }
    Ok(())
}

fn idle(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let nop = nop(&mut channel)?;
    for _ in 0..10 {
        path.vary_off()?;
        path.vary_on()?;
    }
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    check_runs(&mut channel, &nop)
}

/// Takes the status by which a program ends that has lost its path.
fn expect_lost(channel: &mut Channel) -> TestResult {
    let scsw = expect_status(channel)?.scsw();
    let commands = FunctionControl::HALT.union(FunctionControl::CLEAR);
    let ended = scsw.ends_start() || scsw.fctl().intersects(commands);
    check(ended, format!("not the end of it: {scsw}"))
}

fn ends_program(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let (_, guest) = start_suspended(&mut channel)?;
    path.vary_off()?;
    expect_lost(&mut channel)?;
    check(!channel.wait_signal(SILENCE)?, "a second status came")?;
    path.vary_on()?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn pins_go(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let before = pinned()?;
    start_suspended(&mut channel)?;
    path.vary_off()?;
    expect_lost(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)
}

fn started_again(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    let (program, _guest) = start_suspended(&mut channel)?;
    for _ in 0..5 {
        path.vary_off()?;
        expect_lost(&mut channel)?;
        path.vary_on()?;
        channel.start(program.orb)?;
    }
    Ok(())
}

fn other_device(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let in_flight = InFlight::start(&mut channel)?;
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    in_flight.check_stays(&channel)
}

fn other_usable(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    check_usable(&mut channel)
}

fn status_waits(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    path.vary_on()?;
    let cpa = expect_status(&mut channel)?.scsw().cpa();
    check_eq("address in the status", cpa, nop.orb.cpa() + 8)
}

fn command_without_path(devices: &Devices, what: u32, function: FunctionControl) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    path.vary_off()?;
    retry(libc::EBUSY, || command(&channel, what))?;
    let functions = expect_status(&mut channel)?.scsw().fctl();
    check_eq("functions in the status", functions, function)
}

fn reset(devices: &Devices) -> TestResult {
    let (mut channel, path) = terminal(devices)?;
    path.vary_off()?;
    channel.device().reset()?;
    path.vary_on()?;
    check_usable(&mut channel)
}

fn schib(devices: &Devices) -> TestResult {
    let (channel, path) = terminal(devices)?;
    path.vary_off()?;
    let schib = Schib::read(&channel)?;
    check(
        schib.has_device() && schib.is_enabled(),
        "it is not enabled",
    )
}

fn off_before_open(devices: &Devices) -> TestResult {
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    check_refused(&mut channel, &nop)?;
    path.vary_on()?;
    check_runs(&mut channel, &nop)
}

fn off_before_bind(devices: &Devices) -> TestResult {
    let terminal = subchannel(devices.named("terminal")?)?;
    let uuid = devices.named("terminal")?.uuid();
    let path = ChannelPath::of(devices.named("terminal")?)?;
    unbind(&terminal)?;
    path.vary_off()?;
    let mdev = terminal.bind(Some(uuid), &mut |_| {})?;
    let mut channel = open(&mdev, devices.backend())?;
    let nop = nop(&mut channel)?;
    check_refused(&mut channel, &nop)?;
    path.vary_on()?;
    check_runs(&mut channel, &nop)
}

fn closed(devices: &Devices) -> TestResult {
    let (channel, path) = terminal(devices)?;
    path.vary_off()?;
    drop(channel);
    let channel = devices.open_named("terminal")?;
    drop(channel);
    path.vary_on()?;
    check_usable(&mut devices.open_named("terminal")?)
}

fn storm(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let program = program("orb lpm=0\nccw nop")?;
    let guest = map(&mut channel, &program)?;
    let path = ChannelPath::of(devices.named("terminal")?)?;
    let (ended, varied) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let vary = || {
        path.vary_off()?;
        path.vary_on()?;
        varied.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let begun = Instant::now();
    beside(vary, || {
        let goes_on = || overlap(begun, [&ended, &varied]);
        starts(&mut channel, &program, &ended, goes_on)
    })?;
    check_overlap([("programs", &ended), ("times off and on", &varied)])?;
    take_rest(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Starts one program after the other while that goes on; each one is refused or has an end, which
/// is counted.
fn starts(
    channel: &mut Channel,
    program: &Program,
    ended: &AtomicUsize,
    goes_on: impl Fn() -> bool,
) -> TestResult {
    while goes_on() {
        match channel
            .start(program.orb)
            .map_err(|error| error.raw_os_error())
        {
            Ok(()) => {
                check(channel.wait(TIMEOUT)?.is_some(), "a program has no end")?;
                ended.fetch_add(1, Ordering::Relaxed);
            }
            Err(Some(libc::ENODEV | libc::EACCES)) => thread::yield_now(),
            Err(Some(libc::EBUSY | libc::EAGAIN)) => {
                // The status of a halt may be in the way.
                channel.wait(Duration::from_millis(1))?;
            }
            Err(errno) => return Err(format!("a start fails with error {errno:?}").into()),
        }
    }
    Ok(())
}
