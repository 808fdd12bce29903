// SPDX-License-Identifier: GPL-2.0

//! A user that does all that it may, in random order, until it is killed.
//!
//! Each answer must be one that the interface allows, and each program that was started must end
//! once, unless the device is gone.

use std::{
    io,
    os::fd::AsFd,
    sync::Arc,
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program,
    sys,
    sysfs::Mdev,
    vfio::Backend, //
};
use ccwchain::{
    irb::Irb,
    scsw::{
        DeviceStatus,
        FunctionControl,
        SubchannelStatus, //
    },
};

mod storm;

use super::{
    programs::{
        Ending,
        Programs,
        DATA, //
    },
    tally::Event, //
};
use crate::{
    fixtures::*,
    random::Random, //
};

/// The time that a status may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command of the cmd region that resumes a program.
const RESUME: u32 = 4;

/// Why a user stops.
enum Stop {
    /// The device is gone, which the host must know of.
    Gone,
    /// The driver has broken a promise.
    Fault(Failure),
}

impl<T: Into<Failure>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::Fault(error.into())
    }
}

type Done<T = ()> = Result<T, Stop>;

struct User {
    channel: Channel,
    random: Random,
    programs: Arc<Programs>,
}

/// Uses a device until this process is killed, or the device is gone, or for so many actions.
pub(crate) fn user(seed: &str, actions: &str, backend: &str, uuid: &str) -> TestResult {
    let number = |text: &str| -> TestResult<u64> {
        Ok(text.parse().map_err(|_| format!("{text:?} is no number"))?)
    };
    let backend = backend_of(backend).ok_or_else(|| "no such back end".to_owned())?;
    let Ok(mdev) = Mdev::find(uuid) else {
        return Ok(Event::NotOpened.tell()?);
    };
    let Ok(mut user) = User::open(&mdev, backend, number(seed)?) else {
        return Ok(Event::NotOpened.tell()?);
    };
    // Users never rest, and the host must come to its turn between them.
    sys::run_last()?;
    for _ in 0..number(actions)? {
        match user.act() {
            Ok(()) => {}
            Err(Stop::Gone) => {
                Event::Gone.tell()?;
                return Ok(());
            }
            Err(Stop::Fault(failure)) => return Err(failure),
        }
    }
    drop(user);
    Ok(Event::Close.tell()?)
}

impl User {
    fn open(mdev: &Mdev, backend: Backend, seed: u64) -> TestResult<Self> {
        let channel = open(mdev, backend)?;
        Event::Open.tell()?;
        Ok(Self {
            channel,
            random: Random::new(seed, 0),
            programs: Arc::new(Programs::new()?),
        })
    }

    /// Does one thing, after which the device is at rest.
    fn act(&mut self) -> Done {
        let action: Option<fn(&mut Self) -> Done> = self.random.weighted(&[
            (8, Self::nop as fn(&mut Self) -> Done),
            (4, Self::nops),
            (8, Self::sense_id),
            (2, Self::fault),
            (4, Self::suspend),
            (2, Self::halt),
            (2, Self::clear),
            (4, Self::resets),
            (1, Self::query),
            (3, Self::storm),
        ]);
        action.map_or(Ok(()), |action| action(self))
    }

    fn nop(&mut self) -> Done {
        self.repeat(|programs| &programs.nop, Ending::Normal)
    }

    fn nops(&mut self) -> Done {
        self.repeat(|programs| &programs.nops, Ending::Normal)
    }

    fn sense_id(&mut self) -> Done {
        self.repeat(|programs| &programs.sense_id, Ending::Data)
    }

    fn fault(&mut self) -> Done {
        self.repeat(|programs| &programs.fault, Ending::ProgramCheck)
    }

    /// Runs a program some times from memory that is mapped for it, and then unmapped.
    fn repeat(&mut self, which: fn(&Programs) -> &Program, ending: Ending) -> Done {
        let programs = Arc::clone(&self.programs);
        let program = which(&programs);
        let guest = self.map(program)?;
        for _ in 0..=self.random.below(100) {
            if ending == Ending::Data && self.random.below(3) == 0 {
                let (memory, offset) = guest.memory(DATA);
                memory.discard(offset)?;
                Event::Discard.tell()?;
            }
            self.run(program, ending, &guest)?;
        }
        self.unmap(&guest)
    }

    fn map(&mut self, program: &Program) -> Done<GuestMemory> {
        Ok(map(&mut self.channel, program)?)
    }

    fn unmap(&mut self, guest: &GuestMemory) -> Done {
        guest.unmap(self.channel.device_mut())?;
        Ok(Event::Unmap.tell()?)
    }

    /// Runs a program to its end, which must be the right one and the only one.
    fn run(&mut self, program: &Program, ending: Ending, guest: &GuestMemory) -> Done {
        if ending == Ending::Data {
            guest.write(DATA, &[0; 16]);
        }
        if !self.start(program)? {
            return Ok(());
        }
        let irb = self.wait_for("the end of a program", |irb| irb.scsw().ends_start())?;
        let scsw = irb.scsw();
        let is_right = match ending {
            Ending::ProgramCheck => scsw.subchannel_status() == SubchannelStatus::PROGRAM_CHECK,
            // QEMU's 3270 stores an attention in place of the device status of a program whose status
            // is pending.
            _ => {
                let ended = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
                [ended, DeviceStatus::ATTENTION].contains(&scsw.device_status())
                    && scsw.subchannel_status().bits() == 0
            }
        };
        // A path that went off is a deferred condition code, which stays in all later statuses of
        // QEMU's 3270.
        if !is_right && scsw.cc() != 3 {
            return Err(format!("the program ends with {scsw}").into());
        }
        if ending == Ending::Data && scsw.cc() != 3 && guest.read(DATA, 1) != [0xff] {
            return Err("the data of a program are not where they belong"
                .to_owned()
                .into());
        }
        let event = match ending {
            Ending::ProgramCheck => Event::ProgramCheck,
            _ => Event::Io,
        };
        Ok(event.tell()?)
    }

    /// Starts a program. Returns false if it was refused in a way that is allowed at any time.
    fn start(&mut self, program: &Program) -> Done<bool> {
        let result = self.channel.start(program.orb);
        self.allowed("start", result)
    }

    /// Judges the answer to a request.
    fn allowed(&self, what: &str, result: io::Result<()>) -> Done<bool> {
        let Err(error) = result else {
            return Ok(true);
        };
        match error.raw_os_error() {
            Some(libc::EBUSY) => Event::Busy.tell()?,
            Some(libc::EAGAIN) => Event::Again.tell()?,
            Some(libc::ENODEV) => Event::NoPath.tell()?,
            Some(libc::EIO) => return Err(Stop::Gone),
            _ => return Err(format!("{what}: {error}").into()),
        }
        Ok(false)
    }

    /// Waits for a status; others on the way must be unsolicited.
    fn wait_for(&mut self, what: &str, is_it: impl Fn(&Irb) -> bool) -> Done<Irb> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.channel.wait(Duration::from_secs(1))? {
                Some(irb) if is_it(&irb) => return Ok(irb),
                // A path that has gone off ends a program, as a deferred condition code.
                Some(irb) if irb.scsw().cc() == 3 => Event::NoPath.tell()?,
                Some(irb) if irb.scsw().is_solicited() => {
                    return Err(format!("in place of {what}: {}", irb.scsw()).into());
                }
                Some(_) => Event::Unsolicited.tell()?,
                None => self.check_there()?,
            }
            if Instant::now() > end {
                return Err(format!("{what} does not come").into());
            }
        }
    }

    /// Finds out whether the device is gone.
    fn check_there(&self) -> Done {
        match Schib::read(&self.channel) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Err(Stop::Gone),
            _ => Ok(()),
        }
    }

    /// Suspends a program, and ends it in one of the ways there are.
    fn suspend(&mut self) -> Done {
        let programs = Arc::clone(&self.programs);
        let guest = self.map(&programs.suspended)?;
        if self.start(&programs.suspended)? {
            Event::Suspended.tell()?;
            thread::sleep(Duration::from_micros(self.random.below(2000)));
            let way: Option<fn(&mut Self) -> Done> = self.random.weighted(&[
                (2, Self::halt as fn(&mut Self) -> Done),
                (2, Self::clear),
                (2, Self::reset),
                (1, Self::start_second),
                (1, Self::resume),
                (2, |_| Ok(())), // Unmapping ends it.
            ]);
            way.map_or(Ok(()), |way| way(self))?;
        }
        self.unmap(&guest)?;
        // What it ends with can come late; nothing does after this.
        self.reset()
    }

    fn start_second(&mut self) -> Done {
        let programs = Arc::clone(&self.programs);
        match self.start(&programs.suspended)? {
            false => self.reset(),
            // A path that goes off has ended it.
            true => self.clear(),
        }
    }

    fn resume(&mut self) -> Done {
        // QEMU stores no CPA when it suspends a program. If the one of the program before is by
        // chance that of the suspended CCW, the program is resumed, and suspended again.
        match command(&self.channel, RESUME).map_err(|error| error.raw_os_error()) {
            Err(Some(libc::EOPNOTSUPP | libc::EINVAL)) => Event::NotResumed.tell()?,
            Err(errno) => {
                let error = io::Error::from_raw_os_error(errno.unwrap_or(0));
                self.allowed("resume", Err(error))?;
            }
            Ok(()) => Event::Resumed.tell()?,
        }
        self.clear()
    }

    fn halt(&mut self) -> Done {
        let result = halt(&self.channel);
        if !self.allowed("halt", result)? {
            return Ok(());
        }
        Event::Halt.tell()?;
        let is_end = |irb: &Irb| irb.scsw().fctl().contains(FunctionControl::HALT);
        self.wait_for("the end of a halt", is_end).map(drop)
    }

    fn clear(&mut self) -> Done {
        let result = clear(&self.channel);
        if !self.allowed("clear", result)? {
            return Ok(());
        }
        Event::Clear.tell()?;
        let is_end = |irb: &Irb| irb.scsw().fctl().contains(FunctionControl::CLEAR);
        self.wait_for("the end of a clear", is_end).map(drop)
    }

    /// Starts programs, and resets the device before their end is asked for.
    fn resets(&mut self) -> Done {
        let programs = Arc::clone(&self.programs);
        let guest = self.map(&programs.nop)?;
        for _ in 0..=self.random.below(30) {
            if self.start(&programs.nop)? {
                Event::Disturbed.tell()?;
            }
            self.reset()?;
        }
        self.unmap(&guest)
    }

    fn reset(&mut self) -> Done {
        self.reset_only()?;
        // A reset takes away what was there.
        while self.channel.wait(Duration::ZERO)?.is_some() {}
        Ok(())
    }

    fn reset_only(&self) -> Done {
        match self.channel.device().reset() {
            Ok(()) => Ok(Event::Reset.tell()?),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Err(Stop::Gone),
            Err(error) => Err(format!("reset: {error}").into()),
        }
    }

    /// Asks for all that can be asked for.
    fn query(&mut self) -> Done {
        let device = self.channel.device();
        for index in 0..device.info()?.num_regions {
            device.region_info(index)?;
        }
        for index in 0..device.info()?.num_irqs {
            device.irq_info(index)?;
        }
        let eventfd = sys::eventfd()?;
        device.set_trigger(CRW_IRQ, Some(eventfd.as_fd()))?;
        while take_crw(&self.channel)? != 0 {}
        device.set_trigger(CRW_IRQ, None)?;
        Event::Query.tell()?;
        self.check_there()
    }
}
