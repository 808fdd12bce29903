// SPDX-License-Identifier: GPL-2.0

//! Descriptors of an open device: duplicates, inherited ones, second users, and threads that get in
//! each other's way.

use std::{
    fs::{
        self,
        File, //
    },
    os::{
        fd::OwnedFd,
        unix::fs::FileExt, //
    },
    process::{
        Child,
        Command,
        Stdio, //
    },
    sync::atomic::{
        AtomicBool,
        Ordering, //
    },
    thread,
    time::Instant, //
};

use ccw::channel::{
    request,
    Channel, //
};
use ccwchain::scsw::FunctionControl;

use crate::{case::*, fixtures::*};

mod beside_starts;
use beside_starts::{
    close_beside_start,
    resets_beside_starts,
    unmap_beside_starts, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a device that is open cannot be opened by another" => second_user;
        "a device is free when its user has died" => free_after_death;
        "a duplicate keeps a program in flight" => duplicate;
        "requests go through a duplicate" => through_duplicate;
        "an heir keeps a program in flight, until death" => heir;
        "what is executed does not inherit the device" => executed;
        "a subchannel has one mediated device" => one_instance;
        "a UUID names one mediated device" => one_uuid;
        "a mediated device can be removed and made again" => remade;
        "a driver can be unbound without a mediated device" => unbound_without;
        "a device that is released is of use to its own driver" => released, slow(300);
        "closing while another thread starts programs ends them" => close_beside_start;
        "resets beside starts leave a usable device" =>
            |devices| resets_beside_starts(devices, 1), backends(Backends::One);
        "resets of two threads beside starts leave a usable device" =>
            |devices| resets_beside_starts(devices, 2), backends(Backends::One);
        "unmapping beside starts leaves a usable device" => unmap_beside_starts;
        "of two suspended programs one can be ended by a reset" =>
            |devices| one_of_two(devices, |channel| Ok(channel.device().reset()?));
        "of two suspended programs one can be ended by unmapping" =>
            |devices| { one_of_two(devices, |channel| { Ok(channel.device_mut().unmap(0x2_0000)?) }) };
        "of two suspended programs one can be ended by closing" => close_one_of_two;
        "unmapping all memory ends a suspended program" => unmap_all;
        "unmapping the CCWs leaves a suspended program alone" => unmap_ccws;
        "reading and writing in many threads at once keeps its order" => many_threads;
    }
}

fn second_user(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..3 {
        check(devices.open().is_err(), "it was opened")?;
    }
    check_usable(&mut channel)
}

fn free_after_death(devices: &Devices) -> TestResult {
    let user = User::hold(devices)?;
    check(devices.open().is_err(), "it was opened")?;
    user.kill()?;
    check_usable(&mut devices.open()?)
}

fn descriptor(channel: &Channel) -> TestResult<OwnedFd> {
    Ok(channel.device().file().try_clone_to_owned()?)
}

fn duplicate(devices: &Devices) -> TestResult {
    let before = pinned()?;
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    let during = pinned()?;
    let duplicate = descriptor(&channel)?;
    drop(channel);
    // The address space may be gone with its descriptor; the device is open.
    check(devices.open().is_err(), "it can be opened again")?;
    check(pinned()? <= during, "more is pinned")?;
    drop(duplicate);
    check_eq("KiB pinned", pinned()?, before)?;
    check_usable(&mut devices.open()?)
}

fn through_duplicate(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let nop = program("ccw nop")?;
    map(&mut channel, &nop)?;
    let duplicate = File::from(descriptor(&channel)?);
    for _ in 0..10 {
        duplicate.write_at(&request(nop.orb, FunctionControl::START), 0)?;
        check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    }
    Ok(())
}

/// A process that has the descriptor, and does nothing.
fn sleeper(inherited: Option<OwnedFd>) -> TestResult<Child> {
    let input = inherited.map_or_else(Stdio::null, Stdio::from);
    Ok(Command::new("sleep")
        .arg("60")
        .stdin(input)
        .stdout(Stdio::null())
        .spawn()?)
}

fn heir(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    start_suspended(&mut channel)?;
    let mut heir = sleeper(Some(descriptor(&channel)?))?;
    drop(channel);
    check(devices.open().is_err(), "it can be opened again")?;
    heir.kill()?;
    heir.wait()?;
    check_usable(&mut devices.open()?)
}

fn executed(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let mut other = sleeper(None)?;
    drop(channel);
    let opened = devices.open();
    other.kill()?;
    other.wait()?;
    check_usable(&mut opened?)
}

fn type_path(devices: &Devices) -> TestResult<String> {
    let bus_id = subchannel(devices.first())?.bus_id().to_string();
    Ok(format!(
        "/sys/bus/css/devices/{bus_id}/mdev_supported_types/vfio_ccw-io"
    ))
}

fn one_instance(devices: &Devices) -> TestResult {
    let path = type_path(devices)?;
    let available = || fs::read_to_string(format!("{path}/available_instances"));
    check_eq("available instances", available()?.trim(), "0")?;
    let uuid = "11111111-2222-3333-4444-555555555555";
    let made = fs::write(format!("{path}/create"), uuid);
    check_errno("a second one", made, libc::EUSERS)?;
    check_usable(&mut devices.open()?)
}

fn one_uuid(devices: &Devices) -> TestResult {
    let path = type_path(devices)?;
    let taken = devices.named("terminal")?.uuid();
    fs::write(
        format!("/sys/bus/mdev/devices/{}/remove", devices.first().uuid()),
        "1",
    )?;
    let made = fs::write(format!("{path}/create"), taken);
    fs::write(format!("{path}/create"), devices.first().uuid())?;
    check_errno("the other's UUID", made, libc::EEXIST)?;
    check_usable(&mut devices.open()?)
}

fn remade(devices: &Devices) -> TestResult {
    let (path, uuid) = (type_path(devices)?, devices.first().uuid());
    for _ in 0..10 {
        fs::write(format!("/sys/bus/mdev/devices/{uuid}/remove"), "1")?;
        fs::write(format!("{path}/create"), uuid)?;
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

fn unbound_without(devices: &Devices) -> TestResult {
    let (taken, uuid) = (subchannel(devices.first())?, devices.first().uuid());
    let bus_id = taken.bus_id().to_string();
    fs::write(format!("/sys/bus/mdev/devices/{uuid}/remove"), "1")?;
    for _ in 0..5 {
        fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", &bus_id)?;
        fs::write("/sys/bus/css/drivers/vfio_ccw/bind", &bus_id)?;
    }
    taken.bind(Some(uuid), &mut |_| {})?;
    check_usable(&mut devices.open()?)
}

fn released(devices: &Devices) -> TestResult {
    let (taken, uuid) = (subchannel(devices.first())?, devices.first().uuid());
    let device = taken.device_number().unwrap_or_default();
    taken.release(&mut |_| {})?;
    // The kernel looks through all subchannels first, which takes long on a slow machine.
    let end = Instant::now() + TIMEOUT * 40;
    let is_online = loop {
        let online = fs::read_to_string(format!("/sys/bus/ccw/devices/{device}/online"));
        if online.is_ok_and(|online| online.trim() == "1") {
            break true;
        }
        if Instant::now() > end {
            break false;
        }
        thread::sleep(SILENCE);
    };
    // The device must not be taken away while its own driver brings it online: the common I/O layer
    // would go on with the subchannel, and write into the data of its next driver.
    check(is_online, "its own driver does not get it online")?;
    thread::sleep(SILENCE * 4);
    taken.bind(Some(uuid), &mut |_| {})?;
    check_usable(&mut devices.open()?)
}

fn one_of_two(devices: &Devices, end: fn(&mut Channel) -> TestResult) -> TestResult {
    let mut channel = devices.open()?;
    let mut other = devices.open_named("terminal")?;
    let (program, _guest) = start_suspended(&mut other)?;
    let during = pinned()?;
    start_suspended(&mut channel)?;
    end(&mut channel)?;
    check_eq("KiB pinned for the other", pinned()?, during)?;
    check_errno("its second start", other.start(program.orb), libc::EBUSY)?;
    check(!other.wait_signal(SILENCE)?, "the other is signalled")
}

fn close_one_of_two(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let mut other = devices.open_named("terminal")?;
    let (program, _guest) = start_suspended(&mut other)?;
    let during = pinned()?;
    start_suspended(&mut channel)?;
    drop(channel);
    check_eq("KiB pinned for the other", pinned()?, during)?;
    check_errno("its second start", other.start(program.orb), libc::EBUSY)?;
    check_usable(&mut devices.open()?)
}

fn unmap_all(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let (_, guest) = start_suspended(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_eq("KiB pinned", pinned()?, before)?;
    take_rest(&mut channel)?;
    check_usable(&mut channel)
}

fn unmap_ccws(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _guest) = start_suspended(&mut channel)?;
    let during = pinned()?;
    channel.device_mut().unmap(program.orb.cpa().into())?;
    check_eq("KiB pinned", pinned()?, during)?;
    check_errno("second start", channel.start(program.orb), libc::EBUSY)?;
    check(!channel.wait_signal(SILENCE)?, "a signal came")
}

/// Starts of one thread, and reads of all regions by others.
fn many_threads(devices: &Devices) -> TestResult {
    const OFFSETS: [u64; 3] = [0, 2 << 10, 1 << 10];
    let mut channel = devices.open()?;
    let nop = program("ccw nop")?;
    map(&mut channel, &nop)?;
    let stop = AtomicBool::new(false);
    let files = OFFSETS
        .iter()
        .map(|_| Ok(File::from(descriptor(&channel)?)))
        .collect::<TestResult<Vec<_>>>()?;
    thread::scope(|scope| -> TestResult {
        for (file, offset) in files.iter().zip(OFFSETS) {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Of no region so much that status is taken.
                    let _ = file.read_at(&mut [0; 8], offset);
                }
            });
        }
        let result = (0..200).try_for_each(|i| {
            retry(libc::EAGAIN, || channel.start(nop.orb))
                .map_err(|error| format!("start {i}: {error}"))?;
            let irb = channel.wait(TIMEOUT)?;
            let ends = irb.is_some_and(|irb| irb.scsw().ends_start());
            check(ends, format!("start {i} has no end"))
        });
        stop.store(true, Ordering::Relaxed);
        result
    })
}
