// SPDX-License-Identifier: GPL-2.0

//! I/O instructions, and the program that the channel may have.
//!
//! Principles of Operation, "I/O Instructions".
//!
//! C headers: [`drivers/s390/cio/cio.h`](srctree/drivers/s390/cio/cio.h),
//! [`drivers/s390/cio/ioasm.h`](srctree/drivers/s390/cio/ioasm.h)

use super::{
    Locked,
    IRB_LEN, //
};
use crate::{
    bindings,
    css::Isc,
    dma::Area, //
};
use ccwchain::{
    condition_code::ConditionCode,
    host_orb::{
        HostOrb,
        HostProgram, //
    },
    irb::Irb,
    memory::Arena,
    translator::WaitPoints, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Returns the condition code that an instruction has set, and `None` for another result of its
/// helper.
fn condition_code(result: c_int) -> Option<ConditionCode> {
    ConditionCode::from_number(u8::try_from(result).ok()?)
}

/// The memory of a program that was started.
pub struct ProgramMemory {
    /// The ORB that it was started with.
    pub(super) orb: HostOrb,
    pub(super) area: Area,
    pub(super) wait_points: WaitPoints,
    /// The absolute address of the wait point in `area` at which the program waits.
    pub(super) waits_at: Option<u32>,
    /// The memory that the program had before its rest was translated last. The channel follows a
    /// TIC from there.
    pub(super) before: Option<Area>,
}

impl ProgramMemory {
    /// Returns the memory for another program.
    pub fn into_area(self) -> Area {
        self.area
    }

    /// Records that the program continues in `area`, to which a TIC leads. Returns the memory from
    /// which a TIC has led before.
    pub(super) fn continue_in(&mut self, area: Area, wait_points: WaitPoints) -> Option<Area> {
        let before = core::mem::replace(&mut self.area, area);
        self.wait_points = wait_points;
        self.waits_at = None;
        self.before.replace(before)
    }
}

impl<S> Locked<'_, S> {
    /// Enables the subchannel for interrupts of the subclass `isc`: MODIFY SUBCHANNEL.
    ///
    /// All other controls are reset, whatever another driver has set before; so concurrent sense is
    /// off.
    pub fn enable(&mut self, isc: &Isc) -> Result {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        to_result(unsafe {
            bindings::mdev_sch_configure(self.as_raw(), isc.number());
            bindings::cio_enable_subchannel(self.as_raw(), self.interruption_parameter())
        })
    }

    /// Disables the subchannel: MODIFY SUBCHANNEL.
    ///
    /// Unlike `cio_disable_subchannel()` this drops no pending status: it returns code 1 then. Code
    /// 2 means that a function is in progress.
    pub fn disable(&mut self) -> ConditionCode {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_sch_disable(self.as_raw()) };
        // A subchannel that refuses the operand may still have the program.
        let cc = condition_code(cc).unwrap_or(ConditionCode::Busy);
        if matches!(cc, ConditionCode::Initiated | ConditionCode::NotOperational) {
            // SAFETY: A subchannel that could be disabled executes no function, and one that is not
            // operational executes none any more.
            unsafe { self.note_program_ended() };
        }
        cc
    }

    /// Issues TEST SUBCHANNEL. Returns the status that was pending, for which no interrupt comes
    /// any more.
    #[must_use = "the status is lost otherwise"]
    pub fn test(&mut self) -> Option<[u8; IRB_LEN]> {
        let mut irb = [0; IRB_LEN];

        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. `irb` is
        // valid for writing an interruption-response block.
        let was_pending = unsafe { bindings::mdev_tsch(self.as_raw(), &mut irb) };
        was_pending.then(|| {
            // SAFETY: The call above has stored the status that was pending.
            unsafe { self.note_status(&irb) };
            irb
        })
    }

    /// Issues START SUBCHANNEL for a translated program, on the paths `lpm`.
    ///
    /// If it is accepted, the channel has the program, whose memory stays here until
    /// [`Locked::take_back`]. Otherwise the memory is returned at once.
    ///
    /// Returns `EOPNOTSUPP` when the program has MIDAWs or asks for streaming-mode control, and the
    /// channel subsystem has no such facility. Returns `EBUSY` while the memory of another program
    /// is here.
    pub fn start(
        &mut self,
        program: HostProgram<Area>,
        lpm: u8,
    ) -> (Result<ConditionCode>, Option<Area>) {
        let (host_orb, wait_points) = (program.orb(), *program.wait_points());
        let orb = host_orb.words(self.interruption_parameter(), lpm);
        let area = program.into_arena();
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed.
        if self.may_run() || unsafe { (*self.sch.program.get()).is_some() } {
            return (Err(EBUSY), Some(area));
        }

        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. `orb` is
        // as long as an ORB. By the guarantees of `HostProgram`, the channel only gets addresses in
        // `area` and in pinned pages. While `may_run` is true, `area` is not freed, and only
        // `resume`, `continue_at` and `refuse_rest` write to it.
        let cc = unsafe { bindings::mdev_ssch(self.as_raw(), orb.as_ptr().cast()) };

        match condition_code(cc) {
            Some(ConditionCode::Initiated) => {
                // INVARIANT: The channel has the program from now on; `program` holds its memory
                // and `may_run` is true.
                // SAFETY: By the type invariants, the subchannel lock is held, under which alone
                // the cells are accessed.
                unsafe {
                    *self.sch.program.get() = Some(ProgramMemory {
                        orb: host_orb,
                        area,
                        wait_points,
                        waits_at: None,
                        before: None,
                    });
                    *self.sch.may_run.get() = true;
                }
                (Ok(ConditionCode::Initiated), None)
            }
            cc => (cc.ok_or(EOPNOTSUPP), Some(area)),
        }
    }

    /// Returns the absolute address of the CCW at which the channel has suspended the program, or
    /// `None` if no program is suspended. Issues STORE SUBCHANNEL.
    ///
    /// Returns the errors of [`Locked::stsch`].
    pub fn suspended_at(&mut self) -> Result<Option<u32>> {
        self.stsch()?;
        Ok(self.scsw().suspended_at().filter(|_| self.may_run()))
    }

    /// Issues RESUME SUBCHANNEL, after which the channel executes `program` in place of the CCW at
    /// the absolute address `at` and all that follow.
    ///
    /// If it is accepted, the channel has `program`, and the memory that is returned is what the
    /// program had before it was resumed the last time, if it was. Otherwise the memory of
    /// `program` is returned. It must be dropped without the lock.
    ///
    /// Returns `EBUSY` when status is pending or the program is not suspended at `at`, `EOPNOTSUPP`
    /// when the ORB with which it was started does not admit `program`, and `ENODEV` when the
    /// subchannel is not operational.
    pub fn resume(&mut self, program: HostProgram<Area>, at: u32) -> (Result, Option<Area>) {
        let (orb, tic) = (program.orb(), program.tic());
        let wait_points = *program.wait_points();
        let area = program.into_arena();
        let found = self.suspended_at().and_then(|suspended_at| {
            // SAFETY: By the type invariants, the subchannel lock is held, under which alone the
            // cell is accessed.
            let memory = unsafe { (*self.sch.program.get()).as_mut() };
            let memory = memory.filter(|_| suspended_at == Some(at)).ok_or(EBUSY)?;
            let offset = memory.area.offset_of(at).ok_or(EBUSY)?;
            match memory.orb.admits(&orb) {
                true => Ok((memory, offset)),
                false => Err(EOPNOTSUPP),
            }
        });
        let (memory, offset) = match found {
            Ok(found) => found,
            Err(error) => return (Err(error), Some(area)),
        };

        // The channel fetches nothing while the program is suspended, and this CCW first after
        // that.
        memory.area.write(offset, tic);

        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. By the
        // guarantees of `HostProgram`, the channel only gets addresses in `area` and in pinned
        // pages: the ORB of the start, by which it executes the program, is that of `program` but
        // for the CPA and permissions. While `may_run` is true, `area` is not freed, and only this
        // function writes to it, where the program is suspended again, and those of `rest.rs`.
        let resumed = to_result(unsafe { bindings::cio_resume(self.as_raw()) });
        match resumed {
            Ok(()) => {
                // INVARIANT: The channel has the program from now on. Of what it had before, it can
                // only use the TIC, which is in the memory that is kept.
                (Ok(()), memory.continue_in(area, wait_points))
            }
            Err(error) => {
                // Nothing leads to memory that is freed: this CCW is invalid.
                memory.area.write(offset, [0; 8]);
                // Condition code 2.
                let error = if error == EINVAL { EBUSY } else { error };
                (Err(error), Some(area))
            }
        }
    }

    /// Returns whether the channel may have a program: whether it may fetch from the program's
    /// memory, and move data to and from its pages.
    #[inline]
    pub fn may_run(&self) -> bool {
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed.
        unsafe { *self.sch.may_run.get() }
    }

    /// Returns the memory of the program that was started last, unless the channel may still have
    /// the program.
    pub fn take_back(&mut self) -> Option<ProgramMemory> {
        if self.may_run() {
            return None;
        }
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed.
        unsafe { (*self.sch.program.get()).take() }
    }

    /// Notes that the channel has no program.
    ///
    /// # Safety
    ///
    /// The channel must not fetch from the memory of the program any more, nor move data to or from
    /// its pages.
    pub(super) unsafe fn note_program_ended(&mut self) {
        // INVARIANT: By the safety requirements of this function, the channel has no program.
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed.
        unsafe { *self.sch.may_run.get() = false };
    }

    /// Notes whether the status `irb` ends the program, or tells that the program waits.
    ///
    /// # Safety
    ///
    /// `irb` must be the status that the subchannel has presented last.
    pub(in crate::css) unsafe fn note_status(&mut self, irb: &[u8; IRB_LEN]) {
        let scsw = Irb::from_bytes(irb).scsw();

        if scsw.is_solicited() && scsw.ends_start() {
            // SAFETY: By the safety requirements of this function, the subchannel has presented
            // this status, which is the last of a start function.
            unsafe { self.note_program_ended() };
        } else {
            self.note_wait(&scsw);
        }
    }

    /// Issues CANCEL SUBCHANNEL, which ends a start function that the channel has not begun, or has
    /// suspended, at once and without status.
    ///
    /// Returns `EBUSY` when status is pending, `EINVAL` when there is no such function, and
    /// `ENODEV` when the subchannel is not operational.
    pub fn cancel(&mut self) -> Result {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        to_result(unsafe { bindings::cio_cancel(self.as_raw()) })
    }

    /// Issues HALT SUBCHANNEL.
    ///
    /// Code 1 means that status is pending, code 2 that a halt or clear function is in progress.
    pub fn halt(&mut self) -> ConditionCode {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_hsch(self.as_raw()) };
        condition_code(cc).unwrap_or(ConditionCode::NotOperational)
    }

    /// Issues CLEAR SUBCHANNEL. Returns code 0 or 3.
    pub fn clear(&mut self) -> ConditionCode {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_csch(self.as_raw()) };
        condition_code(cc).unwrap_or(ConditionCode::NotOperational)
    }

    /// Makes the channel subsystem evaluate the subchannel later, and remove it if it is gone.
    pub fn unregister_later(&mut self) {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held, as
        // `css_sched_sch_todo()` requires.
        unsafe {
            bindings::css_sched_sch_todo(self.as_raw(), bindings::sch_todo_SCH_TODO_UNREG);
        }
    }
}
