// SPDX-License-Identifier: GPL-2.0

//! The rest of a program that waits for it, because the program has stored over its own CCWs or the
//! guest may have appended to it.
//!
//! The host program of such a program has wait points (`ccwchain/src/translator/wait_points.rs`).
//! When the channel comes to one, an interruption tells the driver, and a work item translates the
//! rest from the CCWs that the guest has now, into memory and by a translator of its own. Then a
//! TIC to the new host program ends the wait. If that is not possible, a program check does.
//!
//! The memory for a rest of the usual size is allocated before the program is started, as a program
//! that waits can get no error but a program check. A larger rest is charged to the cgroup of the
//! process that has opened the device, as the work item belongs to none.

use super::{
    failure,
    log_overwritten,
    translate, //
};
use crate::{
    device::{
        Device,
        Session, //
    },
    memory::{
        KernelStorage,
        UserMemory, //
    },
    subchannel::SubchannelData, //
};
use ccwchain::{
    error::Error as TranslationError,
    host_orb::HostProgram,
    translator::{
        Continuation,
        Sizes,
        Stats,
        Translator, //
    },
};
use kernel::{
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use mdev::{
    css::Locked,
    dma::Area,
    random,
    vfio::Open, //
};

/// The maximum number of rests of one program: one that changes itself in a loop must not occupy
/// the host for ever. In place of wait points, the last rest has program checks where the program
/// stores over its CCWs, and the CCWs that the guest has then where it may append to the program.
const MAX_RESTS: u32 = 64;

/// The number of arena blocks for a rest, which is enough for 474 CCWs and 3066 IDAWs.
const BLOCKS: usize = 2 * Sizes::IDLE_ARENA;

/// The number of attempts while memory is being unmapped or the device is otherwise busy, and the
/// time between two of them. The program waits for two seconds at most.
const ATTEMPTS: usize = 200;
const INTERVAL: Delta = Delta::from_millis(10);

/// Allocates memory for the rest of a program that has wait points, and is about to be started.
pub(super) fn prepare(session: &mut Session, program: &Stats) -> Result {
    if program.wait_points == 0 {
        return Ok(());
    }
    if session.spare.translator.is_none() {
        session.spare.translator = Some(session.translator.another(random::number())?);
    }
    if session.spare.arena.is_none() {
        session.spare.arena = Some(Area::new(BLOCKS)?);
    }
    Ok(())
}

/// Translates the rest of the program, if it waits for it.
pub(crate) fn continue_program(dev: &Open<'_, Device>) {
    for _ in 0..ATTEMPTS {
        match attempt(dev) {
            Err(error) if error == EAGAIN => fsleep(INTERVAL),
            _ => return,
        }
    }
    if let Ok(mut sch) = dev.sch.lock() {
        let at = sch.waits_at();
        refuse(&mut sch, at);
    }
}

/// Ends the program by a program check if it still waits at the absolute address `at`, and is not
/// being ended otherwise.
fn refuse(sch: &mut Locked<'_, SubchannelData>, at: Option<u32>) {
    if sch.is_running() && at.is_some_and(|at| sch.refuse_rest(at)) {
        sch.notifier.counts.overwritten_ccws += 1;
    }
}

/// Returns `EAGAIN` if another attempt may succeed.
fn attempt(dev: &Open<'_, Device>) -> Result {
    let mut guard = Session::lock_for_rest(dev)?;
    let Some(session) = Option::as_mut(&mut guard) else {
        return Ok(());
    };
    let at = {
        let mut sch = dev.sch.lock()?;
        match sch.waits_at() {
            // Otherwise the program was ended.
            Some(at) if sch.request_rest().is_ok() => at,
            _ => return Ok(()),
        }
    };
    let result = translate_rest(dev, session, at);

    let mut sch = dev.sch.lock()?;
    if result.is_err_and(|error| error != EAGAIN) {
        refuse(&mut sch, Some(at));
    }
    let must_unpin = sch.end_rest();
    drop(sch);
    if must_unpin {
        session.unpin_or_quarantine(dev);
        session.invalidate_all(dev);
    }
    result
}

/// Translates the rest of the program that waits at the absolute address `at`, and makes it
/// continue there.
fn translate_rest(dev: &Open<'_, Device>, session: &mut Session, at: u32) -> Result {
    let continuation = session.translator.continuation(at).ok_or(EIO)?;
    let left = dev.sch.lock()?.take_left();
    let arena = session.spare.arena.take().or(left).ok_or(ENOMEM)?;
    let mut other = session.spare.translator.take().ok_or(ENOMEM)?;

    other.set_wait_points(session.waits && session.rests + 1 < MAX_RESTS);
    let memory = &mut UserMemory::new(dev, &dev.pins, session.member.invalidations());
    let orb = &session.orb;
    let program = session.memcg.charge(|| {
        translate(&mut other, arena, |translator, arena| {
            translator.translate_rest(continuation, orb, memory, arena)
        })
    });
    let result = match program {
        Ok(program) => continue_translated(dev, session, program, &other.stats(), at),
        Err((error, arena)) => {
            session.spare.arena = Some(arena);
            Err(errno(error))
        }
    };
    if result.is_ok() {
        log_overwritten(dev, &other.stats());
        session.rests += 1;
        core::mem::swap(&mut session.translator, &mut other);
    }
    log(dev, session.rests, &continuation, result);
    unpin_unused(dev, session, &mut other);
    session.spare.translator = Some(other);
    result
}

fn errno(error: TranslationError<Error>) -> Error {
    let (errno, ..) = failure::of_translation(error);
    errno
}

/// Makes the program that waits at the absolute address `at` continue as `program`.
fn continue_translated(
    dev: &Device,
    session: &mut Session,
    program: HostProgram<Area>,
    stats: &Stats,
    at: u32,
) -> Result {
    let (result, unused) = {
        let mut sch = dev.sch.lock()?;
        // The IRBs that wait are of the program before.
        session.write_back(&mut sch);
        let (result, unused) = match sch.is_running() {
            true => sch.continue_at(program, at),
            false => (Err(EBUSY), Some(program.into_arena())),
        };
        if result.is_ok() {
            sch.notifier.counts.continued(stats);
        }
        (result, unused)
    };
    if session.spare.arena.is_none() {
        session.spare.arena = unused;
    }
    result
}

fn log(dev: &Device, rests: u32, continuation: &Continuation, result: Result) {
    let ccw = continuation.ccw();
    match result {
        Ok(()) if rests >= MAX_RESTS => dev.msg(format_args!(
            "the rest of a program was read again at {ccw:#x} for the last time"
        )),
        Ok(()) => dev.msg(format_args!(
            "the rest of a program was read again at {ccw:#x}"
        )),
        // It is tried again.
        Err(error) if error == EAGAIN => {}
        Err(error) => dev.msg(format_args!(
            "the rest of a program cannot be read again at {ccw:#x}: {}",
            error.to_errno()
        )),
    }
}

/// Unpins the pages of a program that the channel does not use, of which the translator knows.
pub(super) fn unpin_unused(
    dev: &Open<'_, Device>,
    session: &Session,
    translator: &mut Translator<KernelStorage>,
) {
    let memory = &mut UserMemory::new(dev, &dev.pins, None);
    translator.release(memory);
    translator.invalidate(0, u64::MAX, memory);
    dev.pins.set(session.translator.pinned());
}
