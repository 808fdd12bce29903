// SPDX-License-Identifier: GPL-2.0

//! Open, close, reset, unmap and sudden death, with a program in flight.

use std::{
    io::{
        self,
        BufRead,
        BufReader,
        Write, //
    },
    process::{
        Child,
        Command,
        Stdio, //
    },
    thread,
    time::Duration, //
};

use ccw::{
    sysfs::Mdev,
    vfio::Backend, //
};

use crate::bench::{
    check,
    check_eq,
    check_errno,
    check_usable,
    map,
    open,
    pinned,
    program,
    start_suspended,
    Case,
    Devices,
    TestResult,
    SILENCE,
    TIMEOUT, //
};

pub(crate) const TESTS: &[Case] = &[
    ("a device can be opened again", reopen),
    ("a reset of an idle device does no harm", reset_idle),
    (
        "a second start is EBUSY while a program is suspended",
        second_start,
    ),
    ("a suspended program gives no status by itself", no_status),
    ("a reset ends a suspended program", reset),
    ("closing ends a suspended program", close),
    ("the death of the user ends a suspended program", death),
    (
        "unmapping a page of a suspended program ends it",
        unmap_pinned,
    ),
    (
        "unmapping other memory leaves a suspended program alone",
        unmap_other,
    ),
    (
        "memory can be unmapped after a program has ended",
        unmap_after,
    ),
    (
        "a program in flight on one device leaves the other alone",
        other_device,
    ),
];

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

/// What the process of the next test does: it starts a suspended program, says so, and waits to be
/// killed.
pub(crate) fn hold(backend: &str, uuid: &str) -> TestResult<bool> {
    let backend = match backend {
        "iommufd" => Backend::Iommufd,
        _ => Backend::Container,
    };
    let mut channel = open(&Mdev::find(uuid)?, backend)?;
    start_suspended(&mut channel)?;
    println!("held");
    io::stdout().flush()?;
    thread::sleep(TIMEOUT * 10);
    Ok(false)
}

/// Another process that has a suspended program in flight on the virtio-rng.
pub(crate) struct User(Child);

impl User {
    /// Starts the process, and waits until it has started the program.
    pub(crate) fn hold(devices: &Devices) -> TestResult<Self> {
        let backend = match devices.backend() {
            Backend::Container => "container",
            Backend::Iommufd => "iommufd",
        };
        let mut user = Command::new("/proc/self/exe")
            .args(["hold", backend, devices.rng().uuid()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = user.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let user = Self(user);
        if line.trim() != "held" {
            user.kill()?;
            return Err(format!("the user said {line:?}").into());
        }
        Ok(user)
    }

    /// Kills the process, and waits until it is gone.
    pub(crate) fn kill(mut self) -> TestResult {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
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

fn other_device(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let mut other = devices.open_terminal()?;
    start_suspended(&mut channel)?;
    check_usable(&mut other)
}
