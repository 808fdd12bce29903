// SPDX-License-Identifier: GPL-2.0

//! One of many devices, and what a user does with it.

use std::{
    mem,
    sync::Barrier,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    outcome::{
        data_faults,
        Outcome, //
    },
    program::Program,
    sysfs::Subchannel,
    vfio::Backend, //
};

use crate::fixtures::*;

/// The time that a status may take on a machine that is busy with all devices.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device.
pub(super) struct Lane<'a> {
    /// Its number, such as `0.0.0042`.
    number: &'a str,
    subchannel: Subchannel,
    backend: Backend,
    /// The device while it is open.
    channel: Option<Channel>,
    /// The memory of a program that is mapped.
    guest: Option<GuestMemory>,
    is_started: bool,
}

impl<'a> Lane<'a> {
    /// Finds the devices of these numbers. Every other one is opened through iommufd.
    pub(super) fn all(numbers: &[&'a str]) -> TestResult<Vec<Self>> {
        let all = Subchannel::all()?;
        let mut by_number: Vec<_> = all
            .into_iter()
            .filter_map(|subchannel| Some((subchannel.device_number()?, subchannel)))
            .collect();
        let backends = [Backend::Container, Backend::Iommufd];
        numbers
            .iter()
            .zip(backends.into_iter().cycle())
            .map(|(&number, backend)| {
                let place = by_number.iter().position(|(there, _)| there == number);
                let place = place.ok_or_else(|| format!("there is no device {number}"))?;
                Ok(Self {
                    number,
                    subchannel: by_number.swap_remove(place).1,
                    backend,
                    channel: None,
                    guest: None,
                    is_started: false,
                })
            })
            .collect()
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    /// Binds the subchannel, and creates a mediated device.
    pub(super) fn bind(&mut self) -> TestResult {
        Ok(self.subchannel.bind(None, &mut |_| {}).map(drop)?)
    }

    /// Takes the subchannel from the driver, and with it the mediated device.
    pub(super) fn unbind(&mut self) -> TestResult {
        unbind(&self.subchannel)
    }

    /// Gives the device back to the kernel.
    pub(super) fn release(&mut self) -> TestResult {
        Ok(self.subchannel.release(&mut |_| {})?)
    }

    pub(super) fn open(&mut self) -> TestResult {
        let mdev = self.subchannel.mdev();
        let mdev = mdev.ok_or_else(|| "it has no mediated device".to_owned())?;
        self.channel = Some(open(&mdev, self.backend)?);
        Ok(())
    }

    pub(super) fn close(&mut self) -> TestResult {
        self.channel = None;
        self.guest = None;
        Ok(())
    }

    fn channel(&mut self) -> TestResult<&mut Channel> {
        let channel = self.channel.as_mut();
        Ok(channel.ok_or_else(|| "it is not open".to_owned())?)
    }

    /// Maps the memory of a program.
    pub(super) fn map(&mut self, program: &Program) -> TestResult {
        self.guest = Some(map(self.channel()?, program)?);
        Ok(())
    }

    /// Starts a program that is mapped. Returns `false` if that is `EBUSY`, as the host is short of
    /// something.
    pub(super) fn start(&mut self, program: &Program) -> TestResult<bool> {
        self.is_started = match self.channel()?.start(program.orb) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => false,
            result => {
                result?;
                true
            }
        };
        Ok(self.is_started)
    }

    /// Waits for the end of the program, if it was started, and unmaps its memory.
    pub(super) fn end(&mut self, program: &Program) -> TestResult {
        let guest = self.guest.take();
        let guest = guest.ok_or_else(|| "no program is mapped".to_owned())?;
        let is_started = mem::take(&mut self.is_started);
        let channel = self.channel()?;
        let mut faults = Vec::new();
        if is_started {
            let mut others = Vec::new();
            let end = channel.wait_end(PATIENCE, &mut others)?;
            let outcome = end.map_or(Outcome::Nothing, Outcome::Ended);
            faults.extend(outcome.faults(&program.expected.ending));
            faults.extend(data_faults(&program.expected, &guest));
            faults.extend(others.iter().map(|irb| format!("also {}", irb.scsw())));
        }
        guest.unmap(channel.device_mut())?;
        check(faults.is_empty(), faults.join("\n"))
    }

    /// Runs a program, which must be accepted.
    pub(super) fn run(&mut self, program: &Program) -> TestResult {
        self.map(program)?;
        check(self.start(program)?, "the start is EBUSY")?;
        self.end(program)
    }
}

/// Does something with each device, each in a thread of its own, all at the same time. Returns the
/// results in the order of the devices.
pub(super) fn at_once<'a, T: Send>(
    what: &str,
    lanes: &mut [Lane<'a>],
    f: impl Fn(&mut Lane<'a>) -> TestResult<T> + Sync,
) -> TestResult<Vec<T>> {
    let (count, begun) = (lanes.len(), Instant::now());
    let start = &Barrier::new(count);
    let f = &f;
    let results = thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter_mut()
            .map(|lane| {
                scope.spawn(move || {
                    start.wait();
                    let result = f(lane);
                    result.map_err(|failure| format!("{}: {what}: {failure}", lane.number))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(join)
            .collect::<TestResult<Vec<_>>>()
    })?;
    let results = results.into_iter().collect::<Result<_, String>>()?;
    println!("{what}: {count} devices at once, {:?}", begun.elapsed());
    Ok(results)
}
