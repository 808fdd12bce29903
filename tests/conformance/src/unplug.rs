// SPDX-License-Identifier: GPL-2.0

//! A device that goes away under its user, and comes back.

use std::{
    fs::{
        self,
        File, //
    },
    io,
    os::fd::AsFd,
    path::{
        Path,
        PathBuf, //
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
    sys,
    sysfs::{
        Mdev,
        Subchannel, //
    },
    vfio::Backend, //
};
use ccwchain::{
    orb::Orb,
    scsw::FunctionControl, //
};

use crate::{case::*, fixtures::*, host_side::Host};

mod replaced;

pub(crate) fn cases() -> Vec<Case> {
    let cases = cases! {
        "a device that nobody has open is gone, and comes back" => closed;
        "the user is asked for a device that is gone, and told of no other" => told;
        "requests to a device that is gone fail, each in its way" => requests;
        "status that waits can be read when the device is gone" => status;
        "closing ends the program of a device that is gone, of no other" => suspended;
        "memory of a program can be unmapped when the device is gone" => unmapped;
        "the death of the user frees a device that is gone" => death;
        "a device that goes in the midst of starts ends them" => storm;
        "a device that comes back knows nothing of the one before" => new_device;
        "a device that another one takes the place of is gone" => replaced::idle;
        "the program of a device that another one takes the place of ends" => replaced::in_flight;
    };
    // The kernel looks through all subchannels when one goes or comes.
    cases.into_iter().map(|case| case.slow(400)).collect()
}

/// The time that the kernel may take to look through all subchannels, as it does when one goes or
/// comes.
///
/// With lockdep and under TCG it takes ten seconds.
const SLOW_PATH: Duration = Duration::from_secs(120);

/// The device that is unplugged; it is plugged and bound again when this goes.
struct Spare<'a> {
    host: Host,
    devices: &'a Devices,
    uuid: String,
    /// The sysfs folder of the subchannel, until it is gone altogether.
    place: PathBuf,
    is_plugged: bool,
}

impl<'a> Spare<'a> {
    fn new(devices: &'a Devices) -> TestResult<Self> {
        // Each of these cases takes long, and only memory is a matter of the back end.
        match devices.backend() {
            Backend::Iommufd => Self::of_any_back_end(devices),
            Backend::Container => Err(skip("the back end makes no difference: see iommufd")),
        }
    }

    fn of_any_back_end(devices: &'a Devices) -> TestResult<Self> {
        let uuid = devices.named("spare")?.uuid().to_owned();
        let host = Host::new()?;
        let bus_id = subchannel(devices.named("spare")?)?.bus_id().to_string();
        Ok(Self {
            place: Path::new("/sys/devices/css0").join(bus_id),
            host,
            devices,
            uuid,
            is_plugged: true,
        })
    }

    fn open(&self) -> TestResult<Channel> {
        open(&Mdev::find(&self.uuid)?, self.devices.backend())
    }

    fn is_bound(&self) -> bool {
        Path::new("/sys/bus/mdev/devices").join(&self.uuid).exists()
    }

    /// Unplugs the device; the kernel does not know it yet.
    fn pull(&mut self) -> TestResult {
        self.host.unplug("spare")?;
        self.is_plugged = false;
        Ok(())
    }

    /// Unplugs an idle device; the driver knows it when this returns.
    fn unplug(&mut self, channel: &Channel) -> TestResult {
        self.pull()?;
        let is_known = || fails(channel.device().reset(), libc::EINVAL);
        wait_for("the driver does not see that the device is gone", is_known)
    }

    /// Unplugs a device that has a program in flight.
    fn unplug_running(&mut self, channel: &Channel, program: &Program) -> TestResult {
        self.pull()?;
        let is_known = || fails(channel.start(program.orb), libc::EIO);
        wait_for("the driver does not see that the device is gone", is_known)
    }

    /// Waits until nothing is left of the device.
    fn wait_gone(&self) -> TestResult {
        wait_for("the subchannel stays", || !self.place.exists())
    }

    /// Plugs the device and takes it into use.
    fn plug(&mut self) -> TestResult {
        let _autoprobe = NoAutoprobe::new()?;
        self.host.plug("spare", "0043")?;
        self.is_plugged = true;
        let is_there = || matches!(with_number("0.0.0043"), Ok(Some(_)));
        wait_for("the device does not come back", is_there)?;
        let there = with_number("0.0.0043")?;
        let there = there.ok_or_else(|| "there is no spare device".to_owned())?;
        there.bind(Some(&self.uuid), &mut |_| {})?;
        Ok(())
    }

    /// Checks that the device is gone with its last user, and usable when it is back.
    fn check_comes_back(&mut self) -> TestResult {
        self.wait_gone()?;
        self.plug()?;
        check_usable(&mut self.open()?)
    }
}

impl Drop for Spare<'_> {
    fn drop(&mut self) {
        if self.is_plugged && self.is_bound() {
            return;
        }
        // Nothing can be done about a failure; the next look at the device sees it.
        let _ = self.wait_gone();
        let _ = self.plug();
    }
}

/// No driver takes what comes as long as this is there.
///
/// The device's own driver would be at work on it for long, and does not expect to lose it then.
pub(crate) struct NoAutoprobe;

impl NoAutoprobe {
    const FILE: &'static str = "/sys/bus/css/drivers_autoprobe";

    pub(crate) fn new() -> TestResult<Self> {
        fs::write(Self::FILE, "0")?;
        Ok(Self)
    }
}

impl Drop for NoAutoprobe {
    fn drop(&mut self) {
        // It could be written before, so it can be written now.
        let _ = fs::write(Self::FILE, "1");
    }
}

/// Returns the subchannel of the device with this number, if there is one.
fn with_number(number: &str) -> TestResult<Option<Subchannel>> {
    let mut all = Subchannel::all()?.into_iter();
    Ok(all.find(|subchannel| subchannel.device_number().as_deref() == Some(number)))
}

fn fails(result: io::Result<()>, errno: i32) -> bool {
    result.is_err_and(|error| error.raw_os_error() == Some(errno))
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) -> TestResult {
    let end = Instant::now() + SLOW_PATH;
    while !condition() {
        check(Instant::now() < end, what)?;
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn closed(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    check_usable(&mut spare.open()?)?;
    spare.pull()?;
    spare.check_comes_back()
}

/// Has an eventfd signalled by an interrupt.
fn listen(channel: &Channel, index: u32) -> TestResult<File> {
    let eventfd = sys::eventfd()?;
    channel.device().set_trigger(index, Some(eventfd.as_fd()))?;
    Ok(eventfd)
}

fn told(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let channel = spare.open()?;
    let request = listen(&channel, REQUEST_IRQ)?;
    let report = listen(&channel, CRW_IRQ)?;
    for eventfd in [&request, &report] {
        check(!sys::wait_readable(eventfd.as_fd(), SILENCE)?, "too early")?;
    }
    spare.unplug(&channel)?;
    let is_asked = sys::wait_readable(request.as_fd(), SLOW_PATH)?;
    check(is_asked, "the user is not asked")?;
    // A report would have the number of the subchannel here, which a guest takes for another
    // device.
    let is_told = sys::wait_readable(report.as_fd(), SILENCE)?;
    check(!is_told, "something is reported")?;
    check_eq("report", take_crw(&channel)?, 0)
}

fn requests(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let mut channel = spare.open()?;
    let nop = program("ccw nop")?;
    let guest = map(&mut channel, &nop)?;
    let before = pinned()?;
    spare.unplug(&channel)?;
    for _ in 0..2 {
        check_errno("start", channel.start(nop.orb), libc::EIO)?;
        check_errno("halt", halt(&channel), libc::EIO)?;
        check_errno("clear", clear(&channel), libc::EIO)?;
        check_errno("SCHIB", Schib::read(&channel), libc::ENODEV)?;
        check_errno("reset", channel.device().reset(), libc::EINVAL)?;
    }
    check(!channel.wait_signal(SILENCE)?, "a signal came")?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    within("close", move || drop(channel))
}

fn status(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let mut channel = spare.open()?;
    halt(&channel)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    let (program, _guest) = start_suspended(&mut channel)?;
    spare.unplug_running(&channel, &program)?;
    let functions = channel.irb()?.scsw().fctl();
    check_eq("functions in the status", functions, FunctionControl::HALT)
}

fn suspended(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let mut rng = devices.open()?;
    let mut terminal = devices.open_named("terminal")?;
    let (program, _guest) = start_suspended(&mut rng)?;
    let during = pinned()?;
    let mut channel = spare.open()?;
    let (in_flight, _) = start_suspended(&mut channel)?;
    spare.unplug_running(&channel, &in_flight)?;
    within("close", move || drop(channel))?;
    check_eq("KiB pinned", pinned()?, during)?;
    check_errno("another start", rng.start(program.orb), libc::EBUSY)?;
    check(!rng.wait_signal(SILENCE)?, "a signal came")?;
    check_usable(&mut terminal)
}

fn unmapped(devices: &Devices) -> TestResult {
    let mut spare = Spare::of_any_back_end(devices)?;
    let mut channel = spare.open()?;
    let before = pinned()?;
    let (program, guest) = start_suspended(&mut channel)?;
    spare.unplug_running(&channel, &program)?;
    let (result, _channel) = within("unmapping", move || {
        let mut channel = channel;
        let result = guest.unmap(channel.device_mut());
        (result, channel)
    })?;
    result?;
    check_eq("KiB pinned", pinned()?, before)
}

fn death(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let user = User::hold_device(devices.named("spare")?, devices.backend())?;
    spare.pull()?;
    thread::sleep(SILENCE * 4);
    check(spare.place.exists(), "the device was taken from its user")?;
    user.kill()?;
    spare.check_comes_back()
}

fn storm(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let mut channel = spare.open()?;
    let nop = program("ccw nop")?;
    map(&mut channel, &nop)?;
    let before = pinned()?;
    let ended = thread::scope(|scope| -> TestResult<usize> {
        let unplugging = scope.spawn(|| {
            thread::sleep(SILENCE * 4);
            spare.pull()
        });
        let ended = starts(&mut channel, nop.orb);
        join(unplugging)??;
        ended
    })?;
    check(ended > 10, format!("only {ended} programs ended"))?;
    take_rest(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    within("close", move || drop(channel))
}

/// Starts one program after the other until the device is gone; how many ended.
fn starts(channel: &mut Channel, orb: Orb) -> TestResult<usize> {
    let mut ended = 0;
    let end = Instant::now() + TIMEOUT * 2;
    loop {
        check(Instant::now() < end, "the device can still be started")?;
        match channel.start(orb).map_err(|error| error.raw_os_error()) {
            Ok(()) => {}
            Err(Some(libc::EIO)) => return Ok(ended),
            // The machine has it no more, and the kernel does not know.
            Err(Some(libc::ENODEV | libc::EACCES | libc::EAGAIN | libc::EBUSY)) => continue,
            Err(errno) => return Err(format!("a start fails with error {errno:?}").into()),
        }
        // The last one may have gone with the device.
        if channel.wait(SILENCE * 4)?.is_some() {
            ended += 1;
        }
    }
}

fn new_device(devices: &Devices) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let mut channel = spare.open()?;
    let (program, _guest) = start_suspended(&mut channel)?;
    spare.unplug_running(&channel, &program)?;
    drop(channel);
    spare.wait_gone()?;
    spare.plug()?;
    let mut channel = spare.open()?;
    check_eq("report", take_crw(&channel)?, 0)?;
    check(channel.wait(SILENCE)?.is_none(), "status came")?;
    check_usable(&mut channel)
}
