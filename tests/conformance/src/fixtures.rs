// SPDX-License-Identifier: GPL-2.0

//! What tests are made of: open devices, programs, and checks.

use std::{
    collections::BTreeSet,
    fmt,
    fs,
    io,
    sync::{
        mpsc,
        Mutex,
        PoisonError, //
    },
    thread,
    time::Duration, //
};

use ccw::{
    channel::Channel,
    decode,
    error::Error,
    guest::GuestMemory,
    outcome::{
        data_faults,
        Outcome, //
    },
    program::{
        self,
        Program, //
    },
    run,
    sysfs::{
        Mdev,
        Subchannel, //
    },
    vfio::{
        Backend,
        Device, //
    }, //
};
use ccwchain::{
    irb::Irb,
    scsw::ActivityControl, //
};

use crate::machine;

mod regions;

pub(crate) use crate::case::{
    Backends,
    Case, //
};
pub(crate) use regions::*;

/// How long an interrupt may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How long is waited for an interrupt that must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);

/// How long is waited for status that may come. Our driver announces one up to 120 ms after another
/// was taken, and the machine may be busy.
const REST: Duration = Duration::from_millis(400);

/// The mediated devices that this process has opened.
static OPENED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Why a test did not pass.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was to be seen was not.
    Fault(String),
    /// It cannot be seen on this machine.
    Skip(String),
}

pub(crate) type TestResult<T = ()> = Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(what) => f.write_str(what),
            Self::Skip(why) => write!(f, "skipped: {why}"),
        }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Fault(what)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Fails with `what` unless the condition holds.
pub(crate) fn check(condition: bool, what: impl Into<String>) -> TestResult {
    if condition {
        Ok(())
    } else {
        Err(Failure::Fault(what.into()))
    }
}

/// Checks that a value is the one expected.
pub(crate) fn check_eq<T: PartialEq + fmt::Debug>(what: &str, is: T, expected: T) -> TestResult {
    let text = format!("{what}: expected {expected:?}, is {is:?}");
    check(is == expected, text)
}

/// Checks that a call fails with this error number.
pub(crate) fn check_errno<T: fmt::Debug>(
    what: &str,
    result: io::Result<T>,
    errno: i32,
) -> TestResult {
    let name = |errno: Option<i32>| match errno {
        Some(errno) => program::errno_name(errno).map_or(errno.to_string(), str::to_owned),
        None => "no error".to_owned(),
    };
    let is = result.err().map(|error| error.raw_os_error().unwrap_or(0));
    check(
        is == Some(errno),
        format!("{what}: expected {}, is {}", name(Some(errno)), name(is)),
    )
}

/// Skips a case that is about a promise of our driver, and would harm this machine on another.
pub(crate) fn only_ours() -> TestResult {
    match machine::is_our_driver()? {
        true => Ok(()),
        false => Err(Failure::Skip("not asked of the C driver".to_owned())),
    }
}

/// Numbers as they are in an argument.
pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// How much memory is pinned for devices, in KiB.
///
/// Containers count it as locked, iommufd as pinned.
pub(crate) fn pinned() -> TestResult<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    Ok(field("VmLck:") + field("VmPin:"))
}

/// The machine in which L1 runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Qemu,
    Hercules,
}

impl Machine {
    /// What its devices are called here, and their device numbers.
    pub(crate) fn devices(self) -> [(&'static str, &'static str); 3] {
        match self {
            Self::Qemu => [
                ("rng", "0.0.0042"),
                ("terminal", "0.0.000a"),
                ("spare", "0.0.0043"),
            ],
            Self::Hercules => [
                ("disk", "0.0.0120"),
                ("disk2", "0.0.0121"),
                ("tape", "0.0.0581"),
            ],
        }
    }
}

/// The devices that tests run on, by their names.
pub(crate) struct Devices {
    /// That on which most tests run: the virtio-rng or a disk.
    first: (&'static str, Mdev),
    second: (&'static str, Mdev),
    third: Option<(&'static str, Mdev)>,
    backend: Backend,
}

impl Devices {
    pub(crate) fn new(
        first: (&'static str, Mdev),
        second: (&'static str, Mdev),
        third: Option<(&'static str, Mdev)>,
        backend: Backend,
    ) -> Self {
        Self {
            first,
            second,
            third,
            backend,
        }
    }

    fn all(&self) -> impl Iterator<Item = &(&'static str, Mdev)> {
        [&self.first, &self.second].into_iter().chain(&self.third)
    }

    pub(crate) fn first(&self) -> &Mdev {
        &self.first.1
    }

    /// Another one: the 3270 or a disk.
    pub(crate) fn second(&self) -> &Mdev {
        &self.second.1
    }

    /// A device by its name.
    pub(crate) fn named(&self, name: &str) -> TestResult<&Mdev> {
        let found = self
            .all()
            .find_map(|(there, mdev)| (*there == name).then_some(mdev));
        found.ok_or_else(|| Failure::Skip(format!("there is no {name}")))
    }

    /// The options that name these devices for another process of the suite.
    pub(crate) fn options(&self) -> Vec<String> {
        self.all()
            .flat_map(|(name, mdev)| [format!("--{name}"), mdev.uuid().to_owned()])
            .collect()
    }

    /// The subchannel and the UUID of each.
    pub(crate) fn places(&self) -> TestResult<Vec<(String, String)>> {
        self.all()
            .map(|(_, mdev)| {
                let subchannel = subchannel(mdev)?.bus_id().to_string();
                Ok((subchannel, mdev.uuid().to_owned()))
            })
            .collect()
    }

    /// Checks that each device can be opened and answers; takes back what eventfds the driver has
    /// kept from users before.
    pub(crate) fn probe(&self) -> TestResult {
        self.probe_those(|_| true)
    }

    /// Does so with the devices that this process has opened, or with all if it has opened none.
    pub(crate) fn probe_opened(&self) -> TestResult {
        let opened = OPENED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.probe_those(|uuid| opened.is_empty() || opened.contains(uuid))
    }

    fn probe_those(&self, is_wanted: impl Fn(&str) -> bool) -> TestResult {
        let mdevs = self.all().map(|(_, mdev)| mdev);
        for mdev in mdevs.filter(|mdev| is_wanted(mdev.uuid())) {
            let mut channel = open(mdev, self.backend)?;
            check_usable(&mut channel)?;
            for index in 0..channel.device().info()?.num_irqs {
                channel.device().set_trigger(index, None)?;
            }
        }
        Ok(())
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// Opens the first device.
    pub(crate) fn open(&self) -> TestResult<Channel> {
        open(self.first(), self.backend)
    }

    /// Opens a device by its name.
    pub(crate) fn open_named(&self, name: &str) -> TestResult<Channel> {
        open(self.named(name)?, self.backend)
    }

    /// Opens another device in the address space of `first`.
    pub(crate) fn open_beside(&self, first: &Channel, mdev: &Mdev) -> TestResult<Channel> {
        note_opened(mdev);
        Ok(Channel::new(first.device().open_beside(mdev)?)?)
    }

    /// Runs a program on the first device, which must then still be of use.
    pub(crate) fn run_program(&self, program: &Program) -> TestResult {
        let mut channel = self.open()?;
        run_checked(&mut channel, program)?;
        check_usable(&mut channel)
    }
}

/// The word for a back end.
pub(crate) fn backend_word(backend: Backend) -> &'static str {
    match backend {
        Backend::Container => "container",
        Backend::Iommufd => "iommufd",
    }
}

/// Opens a device, and listens to it.
pub(crate) fn open(mdev: &Mdev, backend: Backend) -> TestResult<Channel> {
    note_opened(mdev);
    Ok(Channel::new(Device::open(mdev, backend)?)?)
}

fn note_opened(mdev: &Mdev) {
    OPENED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(mdev.uuid().to_owned());
}

/// Takes a device from the driver, and gives it to no other: what its own driver begins to do with it
/// goes on for a while, and not all of that bears to be cut off.
pub(crate) fn unbind(subchannel: &Subchannel) -> TestResult {
    let bus_id = subchannel.bus_id().to_string();
    Ok(fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", bus_id)?)
}

/// The subchannel of a mediated device.
pub(crate) fn subchannel(mdev: &Mdev) -> TestResult<Subchannel> {
    let mut all = Subchannel::all()?.into_iter();
    let found = all.find(|subchannel| {
        let there = subchannel.mdev();
        there.is_some_and(|there| there.uuid() == mdev.uuid())
    });
    Ok(found.ok_or_else(|| format!("no subchannel has {}", mdev.uuid()))?)
}

/// Reads a program that a test has in it.
pub(crate) fn program(text: &str) -> TestResult<Program> {
    let text = format!("program test\n{text}");
    let no_files = |_: &str| Err(io::ErrorKind::NotFound.into());
    let mut programs =
        program::read("test", &text, &no_files).map_err(|error| error.to_string())?;
    programs
        .pop()
        .ok_or_else(|| Failure::Fault("no program".to_owned()))
}

/// Maps a program's memory.
pub(crate) fn map(channel: &mut Channel, program: &Program) -> TestResult<GuestMemory> {
    Ok(GuestMemory::map(channel.device_mut(), &program.chunks)?)
}

/// Runs a program, and checks that it does what it says, with no page pinned when it is over.
pub(crate) fn run_checked(channel: &mut Channel, program: &Program) -> TestResult {
    let guest = map(channel, program)?;
    let before = pinned()?;
    let mut others = Vec::new();
    let outcome = run::start(channel, program, TIMEOUT, &mut others)?;
    let after = pinned()?;

    let mut faults = outcome.faults(&program.expected.ending);
    faults.extend(data_faults(&program.expected, &guest));
    if !others.is_empty() {
        faults.push(format!("{} other interrupts came", others.len()));
    }
    if let Outcome::Nothing = outcome {
        channel.device().reset()?;
    } else if before != after {
        faults.push(format!(
            "{before} KiB were pinned before the start, {after} KiB after its end"
        ));
    }
    guest.unmap(channel.device_mut())?;
    if faults.is_empty() {
        return Ok(());
    }
    faults.extend(decode::program(program).lines().take(24).map(str::to_owned));
    if let Outcome::Ended(irb) = outcome {
        faults.push(decode::irb(&irb, ""));
    }
    Err(Failure::Fault(faults.join("\n")))
}

/// Runs a program in text form, as [`run_checked`] does.
pub(crate) fn run_text(channel: &mut Channel, text: &str) -> TestResult {
    run_checked(channel, &program(text)?)
}

/// Takes all status that is there or may still come.
pub(crate) fn take_rest(channel: &mut Channel) -> TestResult<Vec<Irb>> {
    let mut taken = Vec::new();
    while let Some(irb) = channel.wait(REST)? {
        taken.push(irb);
    }
    Ok(taken)
}

/// Checks that a program can be run.
pub(crate) fn check_usable(channel: &mut Channel) -> TestResult {
    let sense_id = "area id at 0x20000 size 256\n\
                    ccw senseid,id,sli\n\
                    expect data id X'FF'";
    run_text(channel, sense_id)
        .map_err(|failure| format!("the device is of no use any more:\n{failure}").into())
}

/// What SENSE ID of the first device begins with: that of virtio, or of a 3990.
pub(crate) fn sense_id() -> Vec<u8> {
    match machine::is_hercules() {
        true => vec![0xff, 0x39, 0x90],
        false => vec![0xff, 0x38, 0x32],
    }
}

/// A program that suspends itself before its second CCW.
pub(crate) const SUSPENDED: &str = "\
orb  suspend=yes
area sense at 0x20000 size 32
area other at 0x40000 size 8
     ccw  nop,,cc
     ccw  sense,sense,suspend";

/// Starts a program that stays in flight: it suspends itself.
pub(crate) fn start_suspended(channel: &mut Channel) -> TestResult<(Program, GuestMemory)> {
    let program = program(SUSPENDED)?;
    let guest = map(channel, &program)?;
    let before = pinned()?;
    channel.start(program.orb)?;
    check(
        pinned()? > before,
        "no page is pinned while a program is in flight",
    )?;
    // QEMU does not tell of a suspension.
    if machine::is_hercules() {
        let irb = channel.wait(TIMEOUT)?;
        let is_suspended = irb.is_some_and(|irb| {
            let actl = irb.scsw().actl();
            actl.contains(ActivityControl::SUSPENDED)
        });
        check(is_suspended, format!("it is not suspended: {irb:?}"))?;
    }
    Ok((program, guest))
}

/// Does something that must not take longer than anything may; what hangs is left alone.
pub(crate) fn within<T: Send + 'static>(
    what: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> TestResult<T> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(f()));
    let result = result.recv_timeout(TIMEOUT);
    Ok(result.map_err(|_| format!("{what} does not return"))?)
}
