// SPDX-License-Identifier: GPL-2.0

//! The way of one I/O: a request written to region 0 becomes a start function, and its status is
//! read from there.

use crate::{
    device::{
        Device,
        Io, //
    },
    observer::Instruction,
    program::{
        answer,
        errno,
        grow,
        UserMemory, //
    },
    regions::io::{
        self,
        IoRegion,
        Request, //
    },
    state::{
        Answer,
        Irq,
        Refusal, //
    },
    triggers::SubchannelData, //
};
use ccwchain::{
    error::Error as TranslationError,
    host_orb::HostProgram,
    orb::Orb,
    scsw::FunctionControl, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    sync::atomic::Relaxed,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    clock::Tod,
    css::{
        ConditionCode,
        Locked, //
    },
    dma::Area,
    trace,
    vfio::Open, //
};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Again => EAGAIN,
            Refusal::Busy => EBUSY,
            Refusal::Unusable => EIO,
        }
    }
}

/// Why a program was not started.
enum Failure {
    /// The state of the subchannel does not allow it.
    Refused(Refusal),
    /// It was not translated.
    NotTranslated(TranslationError<Error>),
    /// Its translation was not started.
    NotStarted(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Device {
    /// Writes the bytes `range` of region 0, and does what the region then asks for.
    ///
    /// Returns `EAGAIN` while another write is being worked on.
    pub(crate) fn write_io(
        &self,
        dev: &Open<'_, Self>,
        range: Range<usize>,
        mut from: UserSliceReader,
    ) -> Result<usize> {
        let mut bytes = [0; io::SIZE];
        let bytes = bytes.get_mut(..range.len()).ok_or(EINVAL)?;
        from.read_slice(bytes)?;

        let mut guard = self.io.try_lock().ok_or(EAGAIN)?;
        let io = Option::as_mut(&mut guard).ok_or(EIO)?;
        if io.member.space().is_stale() {
            let space = io.member.space().clone();
            drop(guard);
            space.empty(dev.device())?;
            guard = self.io.try_lock().ok_or(EAGAIN)?;
        }
        let io = Option::as_mut(&mut guard).ok_or(EIO)?;
        io.region.update(range.start, bytes);

        let fctl = io.region.functions();
        let result = match io.region.request() {
            Request::Start(orb) => match self.start(dev, io, &orb) {
                Ok(()) => Ok(()),
                Err(failure) => Err(self.tell(fctl, failure)),
            },
            Request::HaltOrClear => {
                self.log(format_args!("{fctl} on io_region"));
                self.trace(fctl, Err(EOPNOTSUPP), c"request");
                Err(EOPNOTSUPP)
            }
            Request::None => {
                self.trace(fctl, Ok(()), c"request");
                Ok(())
            }
        };
        io.region.set_result(result);
        result.map(|()| range.len())
    }

    /// Reads the bytes `range` of region 0, and takes the oldest status first if it is in them.
    pub(crate) fn read_io(
        &self,
        dev: &Open<'_, Self>,
        range: Range<usize>,
        mut to: UserSliceWriter,
    ) -> Result<usize> {
        let takes_status = IoRegion::takes_status(&range);

        // If a copy failed before, its status is shown again, and what was behind it not announced.
        let mut more_waits = true;
        let (bytes, shown) = {
            let mut guard = self.io.lock();
            let io = Option::as_mut(&mut guard).ok_or(EIO)?;
            if takes_status && self.delivered.load(Relaxed) == io.shown {
                more_waits = self.take_status(dev, io)?;
            }
            (*io.region.bytes(), io.shown)
        };

        to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?)?;

        if takes_status {
            // Only now is the status the user's; had the copy failed, it would be shown again. There is
            // no other before this one is delivered, so that it is delivered already if this fails.
            let before = shown.wrapping_sub(1);
            let _ = self.delivered.cmpxchg(before, shown, Relaxed);
            // What comes when nothing waits is announced when it comes.
            if more_waits {
                self.sch.lock()?.announce(Irq::Io);
            }
        }
        Ok(range.len())
    }

    /// Moves the oldest status into the region, and returns whether more waits. The pages of a
    /// program that is over with it are unpinned.
    fn take_status(&self, dev: &Open<'_, Self>, io: &mut Io) -> Result<bool> {
        let mut sch = self.sch.lock()?;
        let Some(mut entry) = sch.take_irb() else {
            return Ok(false);
        };
        let is_over = entry.ends && entry.answer == Answer::Start(io.generation);
        if is_over {
            io.write_back(&mut sch);
        }
        let more_waits = !sch.irbs().is_empty();
        drop(sch);

        if entry.host {
            io.translator.write_back(&mut entry.irb);
        }
        if let Some(mut both) = io.unfinished.take().filter(|_| entry.adds) {
            both.accumulate(&entry.irb);
            entry.irb = both;
        }
        if is_over {
            io.release(dev);
        } else if !entry.ends {
            io.unfinished = Some(entry.irb);
        }
        io.region.set_irb(&entry.irb);
        io.shown += 1;
        Ok(more_waits)
    }

    /// Starts the program of `orb`.
    ///
    /// The errno tells why not: `EIO` when the device is not operational, `EAGAIN` when another
    /// request is being worked on, or a reset has made this one void, `EBUSY` when a start function
    /// is in progress or status is to be taken first, `EACCES` and `ENODEV` when there is no path,
    /// `EOPNOTSUPP` when the program has MIDAWs and the channel subsystem has no such facility, and
    /// those of [`errno`], of which the user gets the [`answer`].
    fn start(&self, dev: &Open<'_, Self>, io: &mut Io, orb: &Orb) -> Result<(), Failure> {
        let began = Tod::now();
        let (generation, area) = {
            let mut sch = self.sch.lock().map_err(Failure::NotStarted)?;
            let generation = sch.request()?;
            io.write_back(&mut sch);
            (generation, sch.take_back())
        };

        let result = match io.area.take().or(area) {
            Some(area) => self.translate(dev, io, orb, area).and_then(|program| {
                self.start_translated(io, generation, began, program, orb.lpm())
                    .map_err(Failure::NotStarted)
            }),
            // A request is accepted only when no program is in progress.
            None => Err(Failure::NotStarted(EIO)),
        };
        match result {
            Ok(()) => io.generation = generation,
            Err(_) => {
                io.release(dev);
                // A reset that has made the request void could not do this.
                io.drop_all(dev);
                if let Ok(mut sch) = self.sch.lock() {
                    sch.abandon(generation);
                }
            }
        }
        result
    }

    fn translate(
        &self,
        dev: &Open<'_, Self>,
        io: &mut Io,
        orb: &Orb,
        mut area: Area,
    ) -> Result<HostProgram<Area>, Failure> {
        let before = io.translator.pinned();
        let memory = &mut UserMemory::new(dev, io.member.watch());
        let program = loop {
            let (error, back) = match io.translator.translate(orb, memory, area) {
                Ok(program) => break program,
                Err(failed) => failed,
            };
            area = back;
            let grows = match error {
                TranslationError::TooLarge(bound) => grow(&mut io.translator, &mut area, bound),
                _ => Ok(false),
            };
            // The next try reads the program anew, and uses nothing of this one.
            if grows != Ok(true) {
                io.area = Some(area);
                let error = grows.map_or_else(TranslationError::Memory, |_| error);
                return Err(Failure::NotTranslated(error));
            }
        };

        if memory.has_pinned() || io.translator.pinned() != before {
            self.statistics.pinned(&io.translator);
        }
        if orb.may_be_modified() {
            self.tell_of_prefetch(io);
        }
        Ok(program)
    }

    /// Tells those who watch why a program was not started, and returns the errno for the user.
    fn tell(&self, fctl: FunctionControl, failure: Failure) -> Error {
        let (error, step) = match failure {
            // The state machine's events tell all.
            Failure::Refused(refusal) => return refusal.into(),
            Failure::NotTranslated(error) => {
                let code = errno(error);
                let number = code.to_errno();
                let step = match error {
                    TranslationError::TransportMode => {
                        self.log(format_args!("{error}"));
                        c"transport mode"
                    }
                    TranslationError::ReservedOrbBits { .. } | TranslationError::TooLarge(_) => {
                        self.log(format_args!("cp_init={number}: {error}"));
                        c"cp init"
                    }
                    TranslationError::Memory(_) => {
                        self.log(format_args!("cp_prefetch={number}: {error}"));
                        c"cp prefetch"
                    }
                };
                (code, step)
            }
            Failure::NotStarted(error) => {
                let number = error.to_errno();
                self.log(format_args!("fsm_io_helper={number}"));
                (error, c"cp fsm_io_helper")
            }
        };
        self.trace(fctl, Err(error), step);
        let answer = answer(error);
        if answer != error {
            self.statistics.shortages.increment();
        }
        answer
    }

    fn trace(&self, fctl: FunctionControl, result: Result, step: &'static CStr) {
        trace::fsm_io_request(self.sch.device(), fctl.bits().into(), result, step);
    }

    /// The guest may modify its program while it runs, but it is translated as a whole before.
    fn tell_of_prefetch(&self, io: &mut Io) {
        self.statistics.unasked_prefetches.increment();

        if !core::mem::replace(&mut io.told_of_prefetch, true) && self.messages.allows() {
            dev_notice!(
                self.sch.device().as_ref(),
                "the guest may modify channel programs while they run, but they are prefetched: \
                 one that changes itself will not run as it should\n"
            );
        }
    }

    /// START SUBCHANNEL, unless the request of `generation` has become void. The program's memory comes
    /// back to `io` if it is not started.
    fn start_translated(
        &self,
        io: &mut Io,
        generation: u64,
        began: Tod,
        program: HostProgram<Area>,
        lpm: u8,
    ) -> Result {
        let checked = self.sch.lock().and_then(|mut sch| {
            sch.check(generation)?;
            match sch.paths_among(lpm) {
                0 => Err(no_path(&mut sch, 0)),
                lpm => Ok((sch, lpm)),
            }
        });
        let (mut sch, lpm) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                io.area = Some(program.into_arena());
                return Err(error);
            }
        };

        let observer = &mut sch.notifier.observer;
        let stats = io.translator.stats();
        observer.counts.starting(began, Tod::now(), &stats);
        let (cc, area) = sch.start(program, lpm);
        io.area = area;
        let cc = cc?;
        sch.notifier.observer.instruction(Instruction::Start, cc);
        match cc {
            ConditionCode::Initiated => Ok(sch.started()?),
            ConditionCode::StatusPending | ConditionCode::Busy => Err(EBUSY),
            ConditionCode::NotOperational => Err(no_path(&mut sch, lpm)),
        }
    }
}

/// Returns the errno of a program that has no path among `lpm`: whether it would have another.
fn no_path(sch: &mut Locked<'_, SubchannelData>, lpm: u8) -> Error {
    if sch.stsch().is_ok() && sch.paths() & !lpm != 0 {
        EACCES
    } else {
        ENODEV
    }
}
