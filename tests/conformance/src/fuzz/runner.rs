// SPDX-License-Identifier: GPL-2.0

//! Runs a sequence, and checks what it leaves.

use std::{
    io,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    program::Program,
    vfio::Backend, //
};

use super::{
    action::{
        Action,
        Which, //
    },
    recorder::Recorder,
    sequence::Sequence,
    session::{
        Place,
        Session, //
    }, //
};
use crate::{
    fixtures::*,
    machine::KernelLog, //
};

/// The time that a program of the check may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The address of the data of that program.
const DATA: u64 = 0x2_0000;

/// All that sequences run on.
pub(super) struct Runner<'a> {
    place: Place<'a>,
    recorder: Recorder,
    sense_id: Program,
    log: KernelLog,
}

impl<'a> Runner<'a> {
    pub(super) fn new(devices: &'a Devices) -> TestResult<Self> {
        let sense_id = format!("area id at {DATA:#x} size 256\nccw senseid,id,sli");
        Ok(Self {
            place: Place::new(devices)?,
            recorder: Recorder::new()?,
            sense_id: program(&sense_id)?,
            log: KernelLog::open()?,
        })
    }

    /// Returns how many addresses of the module were executed.
    pub(super) fn points(&self) -> usize {
        self.recorder.points()
    }

    /// Returns the devices.
    pub(super) fn place(&self) -> &Place<'a> {
        &self.place
    }

    /// Runs a sequence, and returns how many addresses of the module it was the first to execute.
    pub(super) fn run(&mut self, sequence: &Sequence) -> TestResult<usize> {
        let (points, before) = (self.points(), pinned()?);
        let has = |is_it: &dyn Fn(&Action) -> bool| {
            let mut actions = sequence.0.iter().map(|(_, action)| action);
            actions.any(is_it)
        };
        let opens =
            |wanted| has(&|action| matches!(action, Action::Open(which, _) if *which == wanted));
        let session = Session::new(&self.place, opens(Which::Rng), sequence.is_serial())?;

        let recorder = &mut self.recorder;
        let (alone, threads) = sequence.split();
        let mut performed = recorder.alone(|| session.perform_all(&alone));
        if performed.is_ok() && !sequence.is_serial() {
            performed = recorder.beside(&threads, |actions| session.perform_all(actions));
        }
        recorder.alone(|| {
            session.close();
            Ok(())
        })?;
        let new = self.points() - points;
        performed?;

        check_eq("KiB pinned after all was closed", pinned()?, before)?;
        session.guest().all_closed()?;
        if has(&|action| matches!(action, Action::Cache(_))) {
            self.place.set_pin_cache(0)?;
        }
        for which in [Which::Terminal, Which::Rng] {
            if opens(which) {
                self.check_usable(which)?;
            }
        }
        session.guest().check()?;
        let trouble = self.log.trouble()?;
        check(trouble.is_none(), trouble.unwrap_or_default())?;
        Ok(new)
    }

    /// Checks that a device runs a program as if nothing had been before.
    fn check_usable(&self, which: Which) -> TestResult {
        let result = self.sense(which);
        let result =
            result.map_err(|failure| format!("{which:?} is of no use any more: {failure}"));
        Ok(result?)
    }

    fn sense(&self, which: Which) -> TestResult {
        let mut channel = open(self.place.mdev(which), Backend::Container)?;
        let guest = map(&mut channel, &self.sense_id)?;
        self.start(&channel)?;
        let irb = channel.wait_end(PATIENCE, &mut Vec::new())?;
        let irb = irb.ok_or_else(|| "a program does not end".to_owned())?;
        let scsw = irb.scsw();
        // Channel end and device end.
        let is_good = scsw.device_status().bits() == 0x0c && scsw.subchannel_status().bits() == 0;
        check(is_good, format!("a program ends with {scsw}"))?;
        check_eq("data of SENSE ID", guest.read(DATA, 1), vec![0xff])
    }

    /// Starts the program; again while status is in its way that came before the device was opened.
    fn start(&self, channel: &Channel) -> TestResult {
        let end = Instant::now() + PATIENCE;
        loop {
            let result = channel.start(self.sense_id.orb);
            match result.as_ref().map_err(io::Error::raw_os_error) {
                Err(Some(libc::EBUSY | libc::EAGAIN)) if Instant::now() < end => {
                    channel.irb()?;
                }
                _ => return Ok(result?),
            }
        }
    }
}
