// SPDX-License-Identifier: GPL-2.0

//! Channel paths that the operator varies off and on.
//!
//! The terminal has a path of its own, so that nobody else misses it.

use std::{
    fs,
    sync::atomic::{
        AtomicBool,
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
    program::Program,
    sysfs::Mdev, //
};
use ccwchain::scsw::{
    DeviceStatus,
    FunctionControl, //
};

use crate::fixtures::*;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "varying a path off and on again leaves an idle device alone",
            idle,
        ),
        Case::new("a path that is off ends a suspended program", ends_program),
        Case::new("the pins of that program go with its status", pins_go),
        Case::new(
            "that program can be started again when the path is on",
            started_again,
        ),
        Case::new(
            "a path that is off ends no program of another device",
            other_device,
        ),
        Case::new(
            "another device can be used while the path is off",
            other_usable,
        ),
        Case::new("status that waits survives the path", status_waits),
        Case::new("a halt is possible without a path", halted),
        Case::new("a clear is possible without a path", cleared),
        Case::new("a reset without a path leaves the device open", reset),
        Case::new("the SCHIB can be read without a path", schib),
        Case::new(
            "a device that is closed without a path can be opened again",
            closed,
        ),
        // What is started without a path leaves a condition code in QEMU's SCSW that stays, so these
        // come last.
        Case::new("a start without a path is ENODEV", refused),
        Case::new(
            "a start is possible when the path is on again",
            usable_again,
        ),
        Case::new(
            "a path that was off before the device is opened is off",
            off_before_open,
        ),
        Case::new(
            "a path that was off before the driver is bound is off",
            off_before_bind,
        ),
        Case::new(
            "a path going off and on in the midst of starts loses no end",
            storm,
        ),
    ]
}

/// The path of a device, which is on again when this goes.
pub(crate) struct Path {
    status: String,
}

impl Path {
    pub(crate) fn of(mdev: &Mdev) -> TestResult<Self> {
        let bus_id = subchannel(mdev)?.bus_id().to_string();
        let paths = fs::read_to_string(format!("/sys/bus/css/devices/{bus_id}/chpids"))?;
        let path = paths.split_whitespace().next().unwrap_or("").to_owned();
        Ok(Self {
            status: format!("/sys/devices/css0/chp0.{path}/status"),
        })
    }

    pub(crate) fn vary_off(&self) -> TestResult {
        Ok(fs::write(&self.status, "off")?)
    }

    pub(crate) fn vary_on(&self) -> TestResult {
        Ok(fs::write(&self.status, "on")?)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // What is on stays on; the next case sees what is not.
        let _ = fs::write(&self.status, "on");
    }
}

/// A no-operation that leaves the choice of the path to the driver; its memory stays mapped.
fn nop(channel: &mut Channel) -> TestResult<Program> {
    let nop = program("orb lpm=0\nccw nop")?;
    map(channel, &nop)?;
    Ok(nop)
}

fn check_runs(channel: &mut Channel, program: &Program) -> TestResult {
    channel.start(program.orb)?;
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "the program does not end".to_owned())?;
    check(irb.scsw().ends_start(), "it is not the end of the program")?;
    check_eq(
        "device status",
        irb.scsw().device_status(),
        DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END),
    )
}

fn check_refused(channel: &mut Channel, program: &Program) -> TestResult {
    check_errno("start", channel.start(program.orb), libc::ENODEV)?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")
}

fn refused(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    for _ in 0..3 {
        check_refused(&mut channel, &nop)?;
    }
    Ok(())
}

fn usable_again(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    for _ in 0..5 {
        path.vary_off()?;
        // Whatever comes of it now.
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
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    for _ in 0..10 {
        path.vary_off()?;
        path.vary_on()?;
    }
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    check_runs(&mut channel, &nop)
}

/// The status by which a program ends that has lost its path.
fn expect_end(channel: &mut Channel) -> TestResult {
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "no status came".to_owned())?;
    let ended = irb.scsw().ends_start()
        || irb
            .scsw()
            .fctl()
            .intersects(FunctionControl::HALT.union(FunctionControl::CLEAR));
    check(ended, format!("not the end of it: {}", irb.scsw()))
}

fn ends_program(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let (_, guest) = start_suspended(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    expect_end(&mut channel)?;
    check(!channel.wait_signal(SILENCE)?, "a second status came")?;
    path.vary_on()?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn pins_go(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let before = pinned()?;
    start_suspended(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    expect_end(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)
}

fn started_again(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let (program, _guest) = start_suspended(&mut channel)?;
    let path = Path::of(devices.named("terminal")?)?;
    for _ in 0..5 {
        path.vary_off()?;
        expect_end(&mut channel)?;
        path.vary_on()?;
        channel.start(program.orb)?;
    }
    Ok(())
}

fn other_device(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _guest) = start_suspended(&mut channel)?;
    let during = pinned()?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    check_eq("KiB pinned", pinned()?, during)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)
}

fn other_usable(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    check_usable(&mut channel)
}

fn status_waits(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let nop = nop(&mut channel)?;
    channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    path.vary_on()?;
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "no status came".to_owned())?;
    check_eq("address in the status", irb.scsw().cpa(), nop.orb.cpa() + 8)
}

fn command_without_path(
    devices: &Devices,
    command: fn(&Channel) -> std::io::Result<()>,
    function: FunctionControl,
) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    retry(libc::EBUSY, || command(&channel))?;
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "no status came".to_owned())?;
    check_eq("functions in the status", irb.scsw().fctl(), function)
}

fn halted(devices: &Devices) -> TestResult {
    command_without_path(devices, halt, FunctionControl::HALT)
}

fn cleared(devices: &Devices) -> TestResult {
    command_without_path(devices, clear, FunctionControl::CLEAR)
}

fn reset(devices: &Devices) -> TestResult {
    let mut channel = devices.open_named("terminal")?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    channel.device().reset()?;
    path.vary_on()?;
    check_usable(&mut channel)
}

fn schib(devices: &Devices) -> TestResult {
    let channel = devices.open_named("terminal")?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    let schib = Schib::read(&channel)?;
    check(
        schib.has_device() && schib.is_enabled(),
        "it is not enabled",
    )
}

fn off_before_open(devices: &Devices) -> TestResult {
    let path = Path::of(devices.named("terminal")?)?;
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
    let path = Path::of(devices.named("terminal")?)?;
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
    let channel = devices.open_named("terminal")?;
    let path = Path::of(devices.named("terminal")?)?;
    path.vary_off()?;
    drop(channel);
    let channel = devices.open_named("terminal")?;
    drop(channel);
    path.vary_on()?;
    check_usable(&mut devices.open_named("terminal")?)
}

fn storm(devices: &Devices) -> TestResult {
    const LONG: Duration = Duration::from_secs(1);
    let mut channel = devices.open_named("terminal")?;
    let program = program("orb lpm=0\nccw nop")?;
    let guest = map(&mut channel, &program)?;
    let path = Path::of(devices.named("terminal")?)?;
    let stop = AtomicBool::new(false);
    let (ended, varied) = thread::scope(|scope| {
        let varying = scope.spawn(|| -> TestResult<usize> {
            let mut varied = 0;
            while !stop.load(Ordering::Relaxed) {
                path.vary_off()?;
                path.vary_on()?;
                varied += 1;
            }
            Ok(varied)
        });
        let ended = starts(&mut channel, &program, Instant::now() + LONG);
        stop.store(true, Ordering::Relaxed);
        let varied = varying
            .join()
            .map_err(|_| "the other thread has panicked".to_owned())?;
        Ok::<_, crate::fixtures::Failure>((ended?, varied?))
    })?;
    check(
        ended > 10 && varied > 10,
        format!("{ended} programs, {varied} times off and on"),
    )?;
    take_rest(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Starts one program after the other until then; each one is refused or has an end.
fn starts(channel: &mut Channel, program: &Program, end: Instant) -> TestResult<usize> {
    let mut ended = 0;
    while Instant::now() < end {
        match channel
            .start(program.orb)
            .map_err(|error| error.raw_os_error())
        {
            Ok(()) => {
                check(channel.wait(TIMEOUT)?.is_some(), "a program has no end")?;
                ended += 1;
            }
            Err(Some(libc::ENODEV | libc::EACCES)) => thread::yield_now(),
            Err(Some(libc::EBUSY | libc::EAGAIN)) => {
                // The status of a halt may be in the way.
                channel.wait(Duration::from_millis(1))?;
            }
            Err(errno) => return Err(format!("a start fails with error {errno:?}").into()),
        }
    }
    Ok(ended)
}
