// SPDX-License-Identifier: GPL-2.0

//! The host wants its device back: interrupt 2 asks the user for it.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Read, //
    },
    os::fd::AsFd,
    sync::mpsc,
    thread,
    time::Duration, //
};

use ccw::{
    channel::{
        Channel,
        IO_IRQ, //
    },
    sys, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "the user is asked when the driver is unbound" => |devices| asked(devices, UNBIND);
        "the user is asked when the mediated device is removed" => |devices| asked(devices, REMOVE);
        "the user is asked again after ten seconds" => again, slow(120);
        "an eventfd set later is asked, too" => late, slow(120);
        "nobody is asked without need" => silence;
        "without an eventfd the host waits" => no_eventfd;
        "a device that is not open is given back at once" => not_open;
        "who was asked can use the device until close" => usable;
        "a suspended program stays in flight while the user is asked" => suspended;
        "halt, SCHIB and reset work while the user is asked" => requests;
        "the other device is not asked, and can be used" => other_device;
        "no eventfd is left when a device was taken" => eventfds;
        "both devices can be asked for at once" => both;
    }
}

/// A way to take a device: by the names of subchannel and mediated device.
type Way = fn(&str, &str) -> io::Result<()>;

const UNBIND: Way = |subchannel, _| fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", subchannel);
const REMOVE: Way = |_, mdev| fs::write(format!("/sys/bus/mdev/devices/{mdev}/remove"), "1");

/// A device that is being taken from its user.
struct Taking {
    result: mpsc::Receiver<io::Result<()>>,
}

impl Taking {
    fn start(mdev: &ccw::sysfs::Mdev, way: Way) -> TestResult<Self> {
        let bus_id = subchannel(mdev)?.bus_id().to_string();
        let uuid = mdev.uuid().to_owned();
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(way(&bus_id, &uuid)));
        Ok(Self { result })
    }

    fn check_waits(&self) -> TestResult {
        let result = self.result.recv_timeout(SILENCE * 4);
        check(result.is_err(), "the device was taken from its user")
    }

    fn finish(&self) -> TestResult {
        let result = self.result.recv_timeout(TIMEOUT);
        Ok(result.map_err(|_| "the device is not taken after close".to_owned())??)
    }
}

/// A device with a user who can be asked for it; it is bound again when this goes.
struct Asked<'a> {
    devices: &'a Devices,
    subchannel: ccw::sysfs::Subchannel,
    channel: Option<Channel>,
    eventfd: File,
}

impl<'a> Asked<'a> {
    fn open(devices: &'a Devices) -> TestResult<Self> {
        let channel = devices.open()?;
        let eventfd = sys::eventfd()?;
        channel
            .device()
            .set_trigger(REQUEST_IRQ, Some(eventfd.as_fd()))?;
        Ok(Self {
            devices,
            subchannel: subchannel(devices.first())?,
            channel: Some(channel),
            eventfd,
        })
    }

    fn channel(&mut self) -> TestResult<&mut Channel> {
        let channel = self.channel.as_mut();
        Ok(channel.ok_or_else(|| "the device is closed".to_owned())?)
    }

    fn is_asked(&mut self, timeout: Duration) -> TestResult<bool> {
        if !sys::wait_readable(self.eventfd.as_fd(), timeout)? {
            return Ok(false);
        }
        self.eventfd.read_exact(&mut [0; 8])?;
        Ok(true)
    }

    fn take(&mut self, way: Way) -> TestResult<Taking> {
        let taking = Taking::start(self.devices.first(), way)?;
        check(self.is_asked(TIMEOUT)?, "the user is not asked")?;
        taking.check_waits()?;
        Ok(taking)
    }

    fn close_for(mut self, taking: &Taking) -> TestResult {
        // That eventfds go by themselves is for one case to see.
        for index in [IO_IRQ, REQUEST_IRQ] {
            self.channel()?.device().set_trigger(index, None)?;
        }
        self.close_as_it_is(taking)
    }

    fn close_as_it_is(mut self, taking: &Taking) -> TestResult {
        self.channel = None;
        taking.finish()
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.channel = None;
        let uuid = self.devices.first().uuid();
        // Nothing is to be done if it was not taken; if it cannot be bound, the next case sees it.
        for _ in 0..50 {
            thread::sleep(Duration::from_millis(20));
            if self.subchannel.bind(Some(uuid), &mut |_| {}).is_ok() {
                break;
            }
        }
    }
}

fn asked(devices: &Devices, way: Way) -> TestResult {
    let mut user = Asked::open(devices)?;
    let taking = user.take(way)?;
    user.close_for(&taking)?;
    check_usable(&mut devices.open()?)
}

/// The period after which the kernel asks again, and some more.
const PERIOD: Duration = Duration::from_secs(12);

fn again(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    let taking = user.take(UNBIND)?;
    check(!user.is_asked(SILENCE)?, "the user is asked all the time")?;
    check(user.is_asked(PERIOD)?, "the user is not asked again")?;
    taking.check_waits()?;
    user.close_for(&taking)
}

fn late(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    user.channel()?.device().set_trigger(REQUEST_IRQ, None)?;
    let taking = Taking::start(devices.first(), UNBIND)?;
    taking.check_waits()?;
    check(!user.is_asked(SILENCE)?, "the user is asked")?;
    let eventfd = user.eventfd.try_clone()?;
    let device = user.channel()?.device();
    device.set_trigger(REQUEST_IRQ, Some(eventfd.as_fd()))?;
    check(user.is_asked(PERIOD)?, "the user is not asked")?;
    user.close_for(&taking)
}

fn silence(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    check_usable(user.channel()?)?;
    user.channel()?.device().reset()?;
    check(!user.is_asked(SILENCE)?, "the user is asked")
}

fn no_eventfd(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    user.channel()?.device().set_trigger(REQUEST_IRQ, None)?;
    let taking = Taking::start(devices.first(), UNBIND)?;
    taking.check_waits()?;
    check_usable(user.channel()?)?;
    user.close_for(&taking)
}

fn not_open(devices: &Devices) -> TestResult {
    for way in [UNBIND, REMOVE] {
        let mut user = Asked::open(devices)?;
        for index in [IO_IRQ, REQUEST_IRQ] {
            user.channel()?.device().set_trigger(index, None)?;
        }
        user.channel = None;
        Taking::start(devices.first(), way)?.finish()?;
        check(!user.is_asked(SILENCE)?, "who has closed it is asked")?;
    }
    Ok(())
}

fn usable(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    let taking = user.take(UNBIND)?;
    for _ in 0..5 {
        check_usable(user.channel()?)?;
    }
    user.close_for(&taking)
}

fn suspended(devices: &Devices) -> TestResult {
    let before = pinned()?;
    let mut user = Asked::open(devices)?;
    let in_flight = InFlight::start(user.channel()?)?;
    let taking = user.take(UNBIND)?;
    in_flight.check_stays(user.channel()?)?;
    user.close_for(&taking)?;
    check_eq("KiB pinned after close", pinned()?, before)
}

fn requests(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    start_suspended(user.channel()?)?;
    let taking = user.take(REMOVE)?;
    let channel = user.channel()?;
    halt(channel)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    check(Schib::read(channel)?.is_enabled(), "it is not enabled")?;
    channel.device().reset()?;
    user.close_for(&taking)
}

fn other_device(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    let mut other = devices.open_named("terminal")?;
    let eventfd = sys::eventfd()?;
    other
        .device()
        .set_trigger(REQUEST_IRQ, Some(eventfd.as_fd()))?;
    let taking = user.take(UNBIND)?;
    check(
        !sys::wait_readable(eventfd.as_fd(), SILENCE)?,
        "it is asked",
    )?;
    check_usable(&mut other)?;
    user.close_for(&taking)?;
    check_usable(&mut other)
}

fn eventfds(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    let taking = user.take(REMOVE)?;
    // The runner sees what is left.
    user.close_as_it_is(&taking)
}

fn both(devices: &Devices) -> TestResult {
    let mut user = Asked::open(devices)?;
    let other = devices.open_named("terminal")?;
    let bus_id = subchannel(devices.named("terminal")?)?;
    let eventfd = sys::eventfd()?;
    other
        .device()
        .set_trigger(REQUEST_IRQ, Some(eventfd.as_fd()))?;
    let second = Taking::start(devices.named("terminal")?, REMOVE)?;
    let is_asked = sys::wait_readable(eventfd.as_fd(), TIMEOUT)?;
    check(is_asked, "the other user is not asked")?;
    let first = user.take(REMOVE)?;
    second.check_waits()?;
    user.close_for(&first)?;
    second.check_waits()?;
    for index in [IO_IRQ, REQUEST_IRQ] {
        other.device().set_trigger(index, None)?;
    }
    drop(other);
    second.finish()?;
    bus_id.bind(Some(devices.named("terminal")?.uuid()), &mut |_| {})?;
    check_usable(&mut devices.open_named("terminal")?)
}
