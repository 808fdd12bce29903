// SPDX-License-Identifier: GPL-2.0

//! RESUME SUBCHANNEL: a suspended program continues with the CCWs that the guest has now.
//!
//! When a program is resumed, the channel fetches the CCW at which it was suspended once more. The
//! guest has changed that CCW, at least its suspend flag, and perhaps all that follow. So the rest
//! of the program is translated anew, into memory and by a translator of its own, while the program
//! stays suspended. Then a TIC to the new host program replaces the CCW at which the channel has
//! suspended the old one. If anything fails before that, nothing has changed.

use super::{
    failure::Failure,
    log_overwritten,
    rest::{
        self,
        unpin_unused, //
    },
    translate, //
};
use crate::{
    device::{
        Device,
        Session, //
    },
    log::Instruction,
    memory::UserMemory, //
};
use ccwchain::{
    condition_code::ConditionCode,
    host_orb::HostProgram,
    translator::Sizes, //
};
use kernel::prelude::*;
use mdev::{
    dma::Area,
    random,
    vfio::Open, //
};

/// Resumes the suspended program, if there is one.
pub(super) fn resume(dev: &Open<'_, Device>, session: &mut Session) -> Result<(), Failure> {
    let mut sch = dev.sch.lock().map_err(Failure::NotStarted)?;
    sch.request_resumption().map_err(Failure::Refused)?;
    drop(sch);

    let result = translate_rest(dev, session);

    if dev.sch.lock().is_ok_and(|mut sch| sch.end_rest()) {
        session.unpin_or_quarantine(dev);
        session.invalidate_all(dev);
    }
    result
}

/// Translates the rest of the program, and resumes it there.
fn translate_rest(dev: &Open<'_, Device>, session: &mut Session) -> Result<(), Failure> {
    let at = dev.sch.lock().and_then(|mut sch| sch.suspended_at());
    let at = at
        .and_then(|at| at.ok_or(EBUSY))
        .map_err(Failure::NotStarted)?;
    // The channel of QEMU stores no address when it suspends a program.
    let cpa = session.translator.suspended_ccw(at);
    let cpa = cpa.ok_or(Failure::NotStarted(EOPNOTSUPP))?;

    let mut other = session
        .translator
        .another(random::number())
        .map_err(|_| Failure::NotStarted(ENOMEM))?;
    // A program with wait points must not be prefetched, which the ORB of the start may allow.
    other.set_wait_points(session.waits && !session.orb.prefetch());
    let arena = Area::new(Sizes::IDLE_ARENA).map_err(Failure::NotStarted)?;
    let memory = &mut UserMemory::new(dev, &dev.pins, session.member.invalidations());
    let orb = session.orb.with_cpa(cpa);
    let program = translate(&mut other, arena, |translator, arena| {
        translator.translate(&orb, memory, arena)
    });
    let result = program
        .map_err(|(error, _)| Failure::NotTranslated(error))
        .and_then(|program| {
            log_overwritten(dev, &other.stats());
            rest::prepare(session, &other.stats()).map_err(Failure::NotStarted)?;
            resume_translated(dev, session, program, at).map_err(Failure::NotStarted)
        });
    if result.is_ok() {
        core::mem::swap(&mut session.translator, &mut other);
    }
    unpin_unused(dev, session, &mut other);
    result
}

/// Issues RESUME SUBCHANNEL, which is refused after a reset has ended the suspended program.
fn resume_translated(
    dev: &Device,
    session: &Session,
    program: HostProgram<Area>,
    at: u32,
) -> Result {
    let (result, unused) = {
        let mut sch = dev.sch.lock()?;
        // The IRBs that wait are of the program before it was resumed.
        session.write_back(&mut sch);
        let (result, unused) = sch.resume(program, at);
        if result.is_ok() {
            sch.notifier
                .issued(Instruction::Resume, ConditionCode::Initiated);
        }
        (result, unused)
    };
    drop(unused);
    result
}
