// SPDX-License-Identifier: GPL-2.0

//! Region 0: the user requests the start function by writing an ORB, and reads IRBs.
//!
//! The functions are in the order of an I/O: [`write`] copies the request and decodes it, [`start`]
//! asks the state machine, [`translate`] makes the host program, [`start_translated`] issues START
//! SUBCHANNEL. After the interrupt (`css_driver.rs`), [`read`] and [`take_irb`] copy the IRB to the
//! user.

mod failure;
mod rest;
mod resume;

pub(super) use rest::continue_program;

use crate::{
    device::{
        Device,
        Session, //
    },
    log::Instruction,
    memory::{
        grow,
        KernelStorage,
        UserMemory, //
    },
    region::io::{
        self,
        IoRegion,
        Request, //
    },
    subchannel::{
        refusal_errno,
        SubchannelData, //
    },
};
use ccwchain::{
    condition_code::ConditionCode,
    error::Error as TranslationError,
    host_orb::HostProgram,
    orb::Orb,
    scsw::FunctionControl,
    translator::{
        Stats,
        Translator, //
    },
};
use core::ops::Range;
use failure::{
    user_errno,
    Failure, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    clock::Tod,
    css::{
        Locked,
        ProgramMemory, //
    },
    dma::Area,
    trace,
    vfio::Open, //
};
use state::{
    Answer,
    Irq, //
};

/// A host program, or why a program was not translated, with its arena.
type Translated = Result<HostProgram<Area>, (TranslationError<Error>, Area)>;

/// Copies the bytes `range` of the region from the user, and serves the request in the region.
///
/// Returns `EAGAIN` while another thread writes to region 0 or 1, and the errors of [`start`].
pub(super) fn write(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut from: UserSliceReader,
) -> Result<usize> {
    let mut bytes = [0; io::SIZE];
    let bytes = bytes.get_mut(..range.len()).ok_or(EINVAL)?;
    from.read_slice(bytes)?;

    let guard = Session::lock_to_translate(dev);
    let mut guard = guard.map_err(|error| errno_for_user(dev, error))?;
    let session = Option::as_mut(&mut guard).ok_or(EIO)?;
    session.region.update(range.start, bytes);

    let (fctl, request) = session.region.request();
    let result = match request {
        Request::Start(orb) => {
            start(dev, session, &orb).map_err(|failure| report_failure(dev, fctl, failure))
        }
        Request::Resume => resume(dev, session),
        Request::HaltOrClear => {
            dev.msg(format_args!("{fctl} on io_region"));
            trace_request(dev, fctl, Err(EOPNOTSUPP), c"request");
            Err(EOPNOTSUPP)
        }
        Request::None => {
            trace_request(dev, fctl, Ok(()), c"request");
            Ok(())
        }
    };
    session.region.set_result(result);
    result.map(|()| range.len())
}

/// Starts the program of `orb`.
///
/// The errno is `EIO` when the device is not operational, `EAGAIN` while another request is being
/// worked on or when a reset has cancelled this one, `EBUSY` when a start function is in progress
/// or the user has to read IRBs first, `EACCES` and `ENODEV` when there is no path, `EOPNOTSUPP`
/// when the program has MIDAWs and the channel subsystem has no such facility, and those of a
/// failed translation ([`Failure`]).
fn start(dev: &Open<'_, Device>, session: &mut Session, orb: &Orb) -> Result<(), Failure> {
    let requested = Tod::now();
    let (generation, arena) = {
        let mut sch = dev.sch.lock().map_err(Failure::NotStarted)?;
        let generation = sch.request().map_err(Failure::Refused)?;
        session.write_back(&mut sch);
        (generation, sch.take_back())
    };

    let result = match session.arena.take().or(arena.map(ProgramMemory::into_area)) {
        Some(arena) => translate_to_start(dev, session, orb, arena).and_then(|program| {
            start_translated(dev, session, generation, requested, program, orb.lpm())
                .map_err(Failure::NotStarted)
        }),
        // A request is accepted only when no program is in progress.
        None => Err(Failure::NotStarted(EIO)),
    };
    match result {
        Ok(()) => {
            session.generation = generation;
            session.orb = *orb;
        }
        Err(_) => {
            session.unpin(dev);
            // A reset that has cancelled the request could not empty the pin cache.
            session.invalidate_all(dev);
            if let Ok(mut sch) = dev.sch.lock() {
                sch.cancel_request(generation);
            }
        }
    }
    result
}

/// Translates the program of `orb`, to be started. Its arena returns to `session` if it cannot be
/// translated.
fn translate_to_start(
    dev: &Open<'_, Device>,
    session: &mut Session,
    orb: &Orb,
    arena: Area,
) -> Result<HostProgram<Area>, Failure> {
    let before = session.translator.pinned();
    session.translator.set_wait_points(session.waits);
    let memory = &mut UserMemory::new(dev, &dev.pins, session.member.invalidations());
    let program = translate(&mut session.translator, arena, |translator, arena| {
        translator.translate(orb, memory, arena)
    })
    .map_err(|(error, arena)| {
        session.arena = Some(arena);
        Failure::NotTranslated(error)
    })?;

    if memory.has_pinned() || session.translator.pinned() != before {
        dev.pins.set(session.translator.pinned());
    }
    if orb.may_be_modified() {
        let stats = session.translator.stats();
        warn_of_prefetch(dev, session);
        log_overwritten(dev, &stats);
        session.rests = 0;
        if let Err(error) = rest::prepare(session, &stats) {
            session.arena = Some(program.into_arena());
            return Err(Failure::NotStarted(error));
        }
    }
    Ok(program)
}

/// Calls `attempt`, which translates a program into `arena`, with more room each time until the
/// program fits.
#[inline(always)]
fn translate(
    translator: &mut Translator<KernelStorage>,
    mut arena: Area,
    mut attempt: impl FnMut(&mut Translator<KernelStorage>, Area) -> Translated,
) -> Translated {
    loop {
        let (error, back) = match attempt(translator, arena) {
            Ok(program) => return Ok(program),
            Err(failed) => failed,
        };
        arena = back;
        let grows = match error {
            TranslationError::TooLarge(bound) => grow(translator, &mut arena, bound),
            _ => Ok(false),
        };
        // The next attempt reads the program again, and uses nothing of this one.
        if grows != Ok(true) {
            let error = grows.map_or_else(TranslationError::Memory, |_| error);
            return Err((error, arena));
        }
    }
}

/// Resumes the suspended program.
///
/// The errno is `EIO` when the device is not operational, `EAGAIN` while another request is being
/// worked on or when a reset has cancelled this one, `EBUSY` when no program is suspended or status
/// is pending, `ENODEV` when the device is gone, `EOPNOTSUPP` when the channel does not tell where
/// the program is suspended or the program gets its first MIDAWs now, and those of a failed
/// translation.
pub(super) fn resume(dev: &Open<'_, Device>, session: &mut Session) -> Result {
    resume::resume(dev, session)
        .map_err(|failure| report_failure(dev, FunctionControl::START, failure))
}

/// Issues START SUBCHANNEL, unless the request of `generation` was cancelled. The arena returns to
/// `session` if the program is not started.
fn start_translated(
    dev: &Device,
    session: &mut Session,
    generation: u64,
    requested: Tod,
    program: HostProgram<Area>,
    lpm: u8,
) -> Result {
    let checked = dev.sch.lock().and_then(|mut sch| {
        sch.check_request(generation).map_err(refusal_errno)?;
        match sch.paths_among(lpm) {
            0 => Err(no_path(&mut sch, 0)),
            lpm => Ok((sch, lpm)),
        }
    });
    let (mut sch, lpm) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            session.arena = Some(program.into_arena());
            return Err(error);
        }
    };

    let stats = session.translator.stats();
    sch.notifier.counts.starting(requested, Tod::now(), &stats);
    let (cc, arena) = sch.start(program, lpm);
    session.arena = arena;
    let cc = cc?;
    sch.notifier.issued(Instruction::Start, cc);
    match cc {
        ConditionCode::Initiated => sch.started().map_err(refusal_errno),
        ConditionCode::StatusPending | ConditionCode::Busy => Err(EBUSY),
        ConditionCode::NotOperational => Err(no_path(&mut sch, lpm)),
    }
}

/// Returns the errno of a program that has no path among `lpm`: `EACCES` if there is another path,
/// `ENODEV` if not.
fn no_path(sch: &mut Locked<'_, SubchannelData>, lpm: u8) -> Error {
    if sch.stsch().is_ok() && sch.paths() & !lpm != 0 {
        EACCES
    } else {
        ENODEV
    }
}

/// Counts a program that the guest may modify while it runs, and warns the administrator of the
/// first.
///
/// Such a program is translated as a whole before it is started, too.
fn warn_of_prefetch(dev: &Device, session: &mut Session) {
    dev.statistics.unasked_prefetches.increment();

    if !core::mem::replace(&mut session.warned_of_prefetch, true) && dev.messages.allows() {
        dev_notice!(
            dev.sch.device().as_ref(),
            "the guest may modify channel programs while they run, but they are prefetched: \
             one that changes what it fetches later may end there with a program check\n"
        );
    }
}

/// Logs that a program has program checks in place of CCWs and words of lists, because it may store
/// over them before it uses them.
fn log_overwritten(dev: &Device, program: &Stats) {
    if let Some(first) = program.first_overwritten {
        dev.msg(format_args!(
            "{} CCWs or IDAWs are overwritten by their program, one at {first:#x}",
            program.overwritten
        ));
    }
}

/// Logs, traces and counts that a program was not started, and returns the errno for the user.
fn report_failure(dev: &Device, fctl: FunctionControl, failure: Failure) -> Error {
    let (error, step) = match failure {
        // The event of the state machine was traced.
        Failure::Refused(refusal) => return refusal_errno(refusal),
        Failure::NotTranslated(error) => {
            let (errno, step, name) = failure::of_translation(error);
            match name {
                Some(name) => dev.msg(format_args!("{name}={}: {error}", errno.to_errno())),
                None => dev.msg(format_args!("{error}")),
            }
            (errno, step)
        }
        Failure::NotStarted(error) => {
            dev.msg(format_args!("fsm_io_helper={}", error.to_errno()));
            (error, c"cp fsm_io_helper")
        }
    };
    trace_request(dev, fctl, Err(error), step);
    errno_for_user(dev, error)
}

/// Returns the errno for the user in place of `error`, and counts a shortage.
pub(super) fn errno_for_user(dev: &Device, error: Error) -> Error {
    let errno = user_errno(error);
    if errno != error {
        dev.statistics.shortages.increment();
    }
    errno
}

fn trace_request(dev: &Device, fctl: FunctionControl, result: Result, step: &'static CStr) {
    trace::fsm_io_request(dev.sch.device(), fctl.bits().into(), result, step);
}

/// Copies the bytes `range` of the region to the user; takes the oldest IRB first if that is among
/// them.
pub(super) fn read(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut to: UserSliceWriter,
) -> Result<usize> {
    let reads_irb = IoRegion::reads_irb(&range);

    // If an earlier copy has failed, the IRBs after that one were not announced.
    let mut more_wait = true;
    let (bytes, seq) = {
        let mut guard = dev.session.lock();
        let session = Option::as_mut(&mut guard).ok_or(EIO)?;
        if reads_irb && dev.status_seq.is_copied() {
            more_wait = take_irb(dev, session)?;
        }
        (*session.region.bytes(), dev.status_seq.current())
    };

    to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?)?;

    if reads_irb {
        dev.status_seq.mark_copied(seq);
        // An IRB that comes while none waits is announced when it comes.
        if more_wait {
            dev.sch.lock()?.announce(Irq::Io);
        }
    }
    Ok(range.len())
}

/// Moves the oldest IRB into the region, and returns whether more wait. Unpins the pages of a
/// program that the IRB ends.
fn take_irb(dev: &Open<'_, Device>, session: &mut Session) -> Result<bool> {
    let mut sch = dev.sch.lock()?;
    let Some(mut entry) = sch.take_irb() else {
        return Ok(false);
    };
    let ends_program = entry.ends && entry.answer == Answer::Start(session.generation);
    if ends_program {
        session.write_back(&mut sch);
    }
    let more_wait = !sch.irbs().is_empty();
    drop(sch);

    if entry.has_host_addresses {
        session.translator.write_back(&mut entry.irb);
    }
    if let Some(mut both) = session.unfinished.take().filter(|_| entry.adds) {
        both.accumulate(&entry.irb);
        entry.irb = both;
    }
    if ends_program {
        session.unpin(dev);
    } else if !entry.ends {
        session.unfinished = Some(entry.irb);
    }
    session.region.set_irb(&entry.irb);
    dev.status_seq.advance();
    Ok(more_wait)
}
