// SPDX-License-Identifier: GPL-2.0

//! The rest of a program that waits until its rest is translated.
//!
//! The channel repeats NO-OPERATION at a wait point (`ccwchain/src/translator/wait_points.rs`). A
//! TIC to the rest of the program ends that.

use super::{
    Locked,
    ProgramMemory, //
};
use crate::dma::Area;
use ccwchain::{
    host_orb::{
        HostProgram,
        PROGRAM_CHECK, //
    },
    scsw::Scsw,
    translator::WAIT_TIC, //
};
use kernel::{
    num::casts::u32_as_usize,
    prelude::*, //
};

impl<S> Locked<'_, S> {
    fn program(&mut self) -> Option<&mut ProgramMemory> {
        // SAFETY: By the type invariants, the subchannel lock is held and `self` is the only proof
        // of it, which is borrowed exclusively. The cell is accessed under the lock alone.
        unsafe { (*self.sch.program.get()).as_mut() }
    }

    /// Returns the program that the channel may have, and the offset of the TIC of the wait point
    /// at the absolute address `at`, at which the program waits.
    fn program_at(&mut self, at: u32) -> Option<(&mut ProgramMemory, usize)> {
        if self.waits_at() != Some(at) {
            return None;
        }
        let memory = self.program()?;
        let offset = memory.area.offset_of(at)? + u32_as_usize(WAIT_TIC);
        Some((memory, offset))
    }

    /// Notes at which wait point the program waits, if status with this word, which the subchannel
    /// has presented, tells it.
    pub(super) fn note_wait(&mut self, scsw: &Scsw) {
        if let Some(memory) = self.program() {
            match memory.wait_points.reached_by(scsw) {
                Some(at) => memory.waits_at = Some(at),
                None => memory.wait_points.note_other(scsw),
            }
        }
    }

    /// Returns whether the program has come to a wait point with this status, and whether that is
    /// the only reason of the status.
    #[inline]
    pub fn reaches_wait_point(&mut self, scsw: &Scsw) -> (bool, bool) {
        self.program().map_or((false, false), |memory| {
            let points = &memory.wait_points;
            let reaches = !points.is_empty() && points.reached_by(scsw).is_some();
            (reaches, reaches && points.is_only_reason(scsw))
        })
    }

    /// Returns the absolute address of the wait point at which the program waits.
    pub fn waits_at(&mut self) -> Option<u32> {
        if !self.may_run() {
            return None;
        }
        self.program()?.waits_at
    }

    /// Returns memory that the program has left: while it waits, it is past the TIC that has led to
    /// the wait point.
    pub fn take_left(&mut self) -> Option<Area> {
        self.waits_at()?;
        self.program()?.before.take()
    }

    /// Makes the program that waits at the absolute address `at` continue as `program`.
    ///
    /// If it waits there, the channel has `program` from now on, and the memory that is returned is
    /// what the program has left, if there is any. Otherwise the memory of `program` is returned.
    /// It must be dropped without the lock.
    ///
    /// Returns `EBUSY` when the program does not wait there any more, and `EOPNOTSUPP` when the ORB
    /// with which it was started does not admit `program`.
    pub fn continue_at(&mut self, program: HostProgram<Area>, at: u32) -> (Result, Option<Area>) {
        let (orb, tic) = (program.orb(), program.tic());
        let wait_points = *program.wait_points();
        let area = program.into_arena();
        match self.program_at(at) {
            None => (Err(EBUSY), Some(area)),
            Some((memory, _)) if !memory.orb.admits(&orb) => (Err(EOPNOTSUPP), Some(area)),
            Some((memory, offset)) => {
                // The TIC leads to `area`, which stays here. By the guarantees of `HostProgram`,
                // the channel only gets addresses there and in pinned pages. It still fetches from
                // the memory of the wait point until it has followed the TIC. What was there before
                // that, it has left when it came to the wait point.
                memory.area.store(offset, tic);
                (Ok(()), memory.continue_in(area, wait_points))
            }
        }
    }

    /// Ends the program that waits at the absolute address `at` by a program check. Returns whether
    /// it waited there.
    pub fn refuse_rest(&mut self, at: u32) -> bool {
        let Some((memory, offset)) = self.program_at(at) else {
            return false;
        };
        memory.area.store(offset, PROGRAM_CHECK);
        memory.waits_at = None;
        true
    }
}
