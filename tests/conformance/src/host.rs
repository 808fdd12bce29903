// SPDX-License-Identifier: GPL-2.0

//! Devices, the module and memory that the host takes back.

use std::{
    fs,
    io,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration, //
};

use ccw::sysfs::{
    BusId,
    Subchannel, //
};

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "unbinding waits for the user, whose death ends a suspended program" => unbind;
        "removing the mediated device waits for the user, too" => remove;
        "the module stays while a program is in flight" => unload_in_use;
        "closing leaves no memory behind" => memory, slow(240);
    }
}

/// The time to wait for something that must not happen.
const PATIENCE: Duration = Duration::from_millis(500);

fn unbind(devices: &Devices) -> TestResult {
    take_from(devices, User::hold, |subchannel, _| {
        fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", subchannel)
    })
}

fn remove(devices: &Devices) -> TestResult {
    take_from(devices, User::hold, |_, mdev| {
        fs::write(format!("/sys/bus/mdev/devices/{mdev}/remove"), "1")
    })
}

/// Takes the device away while a user has a program in flight, and then takes it into use again.
pub(crate) fn take_from(
    devices: &Devices,
    hold: fn(&Devices) -> TestResult<User>,
    take: fn(&str, &str) -> io::Result<()>,
) -> TestResult {
    let uuid = devices.first().uuid().to_owned();
    let subchannel = subchannel(devices.first())?;
    let references = machine::references()?;
    let user = hold(devices)?;

    let (done, taken) = mpsc::channel();
    let names = (subchannel.bus_id().to_string(), uuid.clone());
    thread::spawn(move || done.send(take(&names.0, &names.1)));
    check(
        taken.recv_timeout(PATIENCE).is_err(),
        "the device was taken from its user",
    )?;
    user.kill()?;
    taken
        .recv_timeout(TIMEOUT)
        .map_err(|_| "the device was not taken after its user's death".to_owned())??;

    subchannel.bind(Some(&uuid), &mut |_| {})?;
    check_usable(&mut devices.open()?)?;
    check_eq(
        "references to the module",
        machine::references()?,
        references,
    )
}

/// Takes a device from the driver and gives it back, with the same UUID.
pub(crate) fn rebind(bus_id: &str, uuid: &str) -> TestResult {
    let bus_id = BusId::parse(bus_id).ok_or_else(|| format!("{bus_id} is no subchannel"))?;
    let subchannel = match Subchannel::find(&bus_id) {
        Ok(subchannel) => subchannel,
        Err(_) => {
            // The driver has had it unregistered; this makes the kernel look for new ones.
            fs::write("/proc/cio_ignore", "free all")?;
            fs::write("/proc/cio_settle", "1")?;
            Subchannel::find(&bus_id)?
        }
    };
    crate::fixtures::unbind(&subchannel)?;
    subchannel.bind(Some(uuid), &mut |_| {})?;
    Ok(())
}

fn unload_in_use(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (_, guest) = start_suspended(&mut channel)?;
    let unloaded = Command::new("rmmod").arg("vfio_ccw").output()?;
    check(!unloaded.status.success(), "the module was unloaded")?;
    channel.device().reset()?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn memory(devices: &Devices) -> TestResult {
    const ROUNDS: u64 = 200;
    const NOISE_KIB: u64 = 4096;

    // The first rounds fill caches that stay.
    let mut before = 0;
    for round in 0..ROUNDS + 20 {
        if round == 20 {
            before = available_kib()?;
        }
        let mut channel = devices.open()?;
        if round % 2 == 0 {
            check_usable(&mut channel)?;
        } else {
            start_suspended(&mut channel)?;
        }
    }
    let lost = before.saturating_sub(available_kib()?);
    check(
        lost < NOISE_KIB,
        format!("{lost} KiB less memory after {ROUNDS} times open and close"),
    )
}

/// Returns the available memory of the system, in KiB.
fn available_kib() -> TestResult<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(kib.ok_or_else(|| "/proc/meminfo has no MemFree".to_owned())?)
}
