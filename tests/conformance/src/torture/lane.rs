// SPDX-License-Identifier: GPL-2.0

//! One device under torture: its users, one after the other, and what the host does to both.

use std::{
    fs, io,
    path::Path,
    process::{
        Command,
        Stdio, //
    },
    sync::{
        mpsc,
        Arc,
        Mutex,
        PoisonError, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use ccw::{
    sysfs::{
        Mdev,
        Subchannel, //
    },
    vfio::Backend, //
};

use super::{
    process::Process,
    tally::Event,
    Torture,
    PATIENCE, //
};
use crate::{
    channel_reports::Injection,
    fixtures::*,
    host_side::Host,
    random::Random, //
};

/// The time after which a device that rests looks whether it is its turn.
const REST: Duration = Duration::from_millis(50);

/// What the host does while a user is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Waits until the user has done all that it wanted.
    Wait,
    Kill,
    Unbind,
    Remove,
    Unplug,
    VaryPath,
    Report,
    Attention,
    Unload,
}

impl Action {
    /// Returns whether a user may find that the device cannot be opened.
    fn takes_device(self) -> bool {
        matches!(
            self,
            Self::Unbind | Self::Remove | Self::Unplug | Self::VaryPath
        )
    }
}

/// One device.
pub(super) struct Lane<'a> {
    torture: &'a Torture,
    /// The number of the device, such as `0.0.0042`.
    number: String,
    /// Its place among the devices.
    lane: u64,
    random: Random,
    mdev: Mdev,
    subchannel: Subchannel,
    /// The IRBs of this mediated device that were counted.
    irbs: u64,
}

impl<'a> Lane<'a> {
    /// Binds a device.
    pub(super) fn new(torture: &'a Torture, number: &str, lane: u64) -> TestResult<Self> {
        let subchannel = find(number)?.ok_or_else(|| format!("there is no device {number}"))?;
        let mdev = subchannel.bind(None, &mut |_| {})?;
        Ok(Self {
            torture,
            number: number.to_owned(),
            lane,
            random: Random::new(torture.seed, lane),
            mdev,
            subchannel,
            irbs: 0,
        })
    }

    fn is_terminal(&self) -> bool {
        self.number == "0.0.000a"
    }

    /// Returns the number without its channel subsystem, and its name in QEMU.
    fn names(&self) -> (String, String) {
        let number = self.number.trim_start_matches("0.0.").to_owned();
        let name = match number.as_str() {
            "0042" => "rng".to_owned(),
            "0043" => "spare".to_owned(),
            other => format!("rng-{}", other.trim_start_matches('0')),
        };
        (number, name)
    }

    /// Tortures the device until the time is over, and then checks that it is as it was.
    pub(super) fn run(mut self) -> TestResult {
        while !self.torture.is_over() {
            match self.torture.is_at_work(self.lane) {
                true => self.round()?,
                false => thread::sleep(REST),
            }
        }
        self.check_idle()
    }

    /// Starts a user, and does something to it or to its device.
    fn round(&mut self) -> TestResult {
        let terminal = u64::from(self.is_terminal());
        let action = self.random.weighted(&[
            (28, Action::Kill),
            (3, Action::Wait),
            (15, Action::Unbind),
            (15, Action::Remove),
            // These have the kernel look at all subchannels, which takes long.
            (1 - terminal, Action::Unplug),
            (2 * terminal, Action::VaryPath),
            (terminal, Action::Report),
            (12 * terminal, Action::Attention),
            (2, Action::Unload),
        ]);
        let action = action.unwrap_or(Action::Kill);
        self.meet(action)
            .map_err(|failure| format!("{}, {action:?}: {failure}", self.number).into())
    }

    fn meet(&mut self, action: Action) -> TestResult {
        let pages = self.random.weighted(&[(1, 0), (1, 1), (1, 16), (1, 1024)]);
        self.set_pin_cache(pages.unwrap_or(0))?;
        let actions = match action {
            Action::Wait => 30,
            _ => u64::MAX,
        };
        let user = self.start_user(actions, action)?;
        if action != Action::Wait {
            // One user in five may be met before it has opened the device.
            if self.random.below(5) != 0 {
                user.wait_opened();
            }
            thread::sleep(Duration::from_millis(self.random.below(300)));
        }
        if matches!(action, Action::Unbind | Action::Remove | Action::Unplug) {
            self.count_irbs();
        }
        match action {
            Action::Wait => return user.wait(),
            Action::Kill => self.torture.tally.count(Event::Kill),
            Action::Unbind => return self.unbind(user),
            Action::Remove => return self.remove(user),
            Action::Unplug => return self.unplug(user),
            Action::VaryPath => self.vary_path()?,
            Action::Report => self.report()?,
            Action::Attention => self.attention()?,
            Action::Unload => self.unload(&user)?,
        }
        user.kill()
    }

    fn start_user(&mut self, actions: u64, action: Action) -> TestResult<Process> {
        let backend = match self.random.below(2) {
            0 => Backend::Container,
            _ => Backend::Iommufd,
        };
        let seed = self.random.next().to_string();
        let actions = actions.to_string();
        let arguments = [&*seed, &*actions, backend_word(backend), self.mdev.uuid()];
        let tally = Arc::clone(&self.torture.tally);
        Process::start(&arguments, tally, action.takes_device())
    }

    /// Has the driver keep so many pages pinned between programs.
    fn set_pin_cache(&self, pages: u32) -> TestResult {
        let path = format!("/sys/bus/mdev/devices/{}/pin_cache_pages", self.mdev.uuid());
        match Path::new(&path).exists() {
            true => Ok(fs::write(path, pages.to_string())?),
            false => Ok(()), // The C driver has none.
        }
    }

    /// Takes the subchannel from the driver, which waits for the user.
    fn unbind(&mut self, user: Process) -> TestResult {
        let bus_id = self.subchannel.bus_id().to_string();
        let unbound = write_beside("/sys/bus/css/drivers/vfio_ccw/unbind".into(), bus_id);
        self.let_go(user, &unbound)?;
        self.torture.tally.count(Event::Unbind);
        self.bind()
    }

    /// Removes the mediated device, which waits for the user.
    fn remove(&mut self, user: Process) -> TestResult {
        let path = format!("/sys/bus/mdev/devices/{}/remove", self.mdev.uuid());
        let removed = write_beside(path, "1".to_owned());
        self.let_go(user, &removed)?;
        self.torture.tally.count(Event::Remove);
        self.bind()
    }

    /// Kills the user, after which what waits for it must come to its end.
    fn let_go(&mut self, user: Process, taken: &mpsc::Receiver<io::Result<()>>) -> TestResult {
        thread::sleep(Duration::from_millis(self.random.below(50)));
        user.kill()?;
        let taken = taken.recv_timeout(PATIENCE);
        Ok(taken.map_err(|_| format!("{} is not given back", self.number))??)
    }

    fn bind(&mut self) -> TestResult {
        self.mdev = self.subchannel.bind(Some(self.mdev.uuid()), &mut |_| {})?;
        self.irbs = 0;
        Ok(())
    }

    /// Counts the IRBs of the users since this was done last.
    fn count_irbs(&mut self) {
        let Ok(statistics) = Statistics::of(&self.mdev) else {
            return; // The C driver has none.
        };
        let numbers = statistics.get_all(&["irbs", "irbs_waiting_most"]);
        if let Ok(&[irbs, queued]) = numbers.as_deref() {
            let new = irbs.saturating_sub(self.irbs);
            self.torture.tally.count_irbs(new, queued);
            self.irbs = irbs;
        }
    }

    /// Unplugs the device under its user, and plugs it again when nothing is left of it. Removes the
    /// mediated device instead while another device is unplugged: QEMU would give the subchannel of
    /// this one to that one, and waiting for it takes longer than anything else.
    fn unplug(&mut self, user: Process) -> TestResult {
        let (number, name) = self.names();
        let torture = self.torture;
        let Ok(_one_at_a_time) = torture.unplugging.try_lock() else {
            return self.remove(user);
        };
        self.torture.ask(|host| host.unplug(&name))?;
        self.torture.tally.count(Event::Unplug);
        thread::sleep(Duration::from_millis(self.random.below(2000)));
        user.kill()?;
        let place = format!("/sys/devices/css0/{}", self.subchannel.bus_id());
        self.wait_until("is not gone", || Ok(!Path::new(&place).exists()))?;
        self.torture.ask(|host| host.plug(&name, &number))?;
        let device = self.number.clone();
        self.wait_until("does not come back", || Ok(find(&device)?.is_some()))?;
        let subchannel = find(&self.number)?;
        self.subchannel = subchannel.ok_or_else(|| format!("{device} is gone again"))?;
        self.bind()
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> TestResult<bool>) -> TestResult {
        let end = Instant::now() + PATIENCE;
        while !is_so()? {
            let what = format!("the device {} {what}", self.number);
            check(Instant::now() < end, what)?;
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn vary_path(&mut self) -> TestResult {
        let path = ChannelPath::of(&self.mdev)?;
        path.vary_off()?;
        thread::sleep(Duration::from_millis(self.random.below(100)));
        path.vary_on()?;
        self.torture.tally.count(Event::Path);
        Ok(())
    }

    /// Injects the reports that a channel path is gone and is back.
    fn report(&mut self) -> TestResult {
        let bus_id = bus_id(&self.mdev)?;
        let paths = fs::read_to_string(format!("/sys/bus/css/devices/{bus_id}/chpids"))?;
        let path = paths.split_whitespace().next().unwrap_or("");
        let path = u8::from_str_radix(path, 16).map_err(|_| format!("{bus_id} has no path"))?;
        let injection = Injection::new()?;
        injection.gone(path)?;
        injection.back(path)?;
        injection.settle()?;
        self.torture.tally.count(Event::Report);
        Ok(())
    }

    fn attention(&mut self) -> TestResult {
        for _ in 0..=self.random.below(3) {
            self.torture.ask(|host| host.type_in(&[0x40; 8]))?;
            self.torture.tally.count(Event::Attention);
        }
        Ok(())
    }

    /// Tries to unload the module, which a user that has the device open must not allow.
    fn unload(&mut self, user: &Process) -> TestResult {
        if !user.has_opened() {
            return Ok(());
        }
        let unloaded = Command::new("rmmod")
            .arg("vfio_ccw")
            .stderr(Stdio::null())
            .status()?;
        check(!unloaded.success(), "the module was unloaded")?;
        self.torture.tally.count(Event::Unload);
        Ok(())
    }

    /// Checks that nothing is left of the users, and gives the device back.
    fn check_idle(mut self) -> TestResult {
        self.count_irbs();
        self.set_pin_cache(0)?;
        for _ in 0..2 {
            self.start_user(5, Action::Wait)?.wait()?;
        }
        if let Ok(statistics) = Statistics::of(&self.mdev) {
            check_eq("state", statistics.text("state")?.as_str(), "closed")?;
            for name in ["irbs_waiting", "pages_pinned"] {
                check_eq(name, statistics.get(name)?, 0)?;
            }
        }
        Ok(self.subchannel.release(&mut |_| {})?)
    }
}

/// Returns the subchannel of a device number, if there is one.
fn find(number: &str) -> TestResult<Option<Subchannel>> {
    let mut all = Subchannel::all()?.into_iter();
    Ok(all.find(|subchannel| subchannel.device_number().as_deref() == Some(number)))
}

/// Writes to a file of sysfs in another thread, as it may have to wait.
fn write_beside(path: String, text: String) -> mpsc::Receiver<io::Result<()>> {
    let (done, written) = mpsc::channel();
    thread::spawn(move || done.send(fs::write(path, text)));
    written
}

impl Torture {
    /// Asks the host for something; one device at a time.
    fn ask(&self, request: impl FnOnce(&Host) -> TestResult) -> TestResult {
        let host: &Mutex<Host> = &self.host;
        request(&host.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
