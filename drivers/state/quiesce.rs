// SPDX-License-Identifier: GPL-2.0

//! The instructions by which a subchannel is quiesced, and their order.

use ccwchain::condition_code::ConditionCode;

/// Limits the halt functions that are tried: as many as `cio_cancel_halt_clear` tries.
const HALTS: u16 = 3;

/// Limits the clear functions that are tried, to 13 minutes in all: as many as
/// `cio_cancel_halt_clear` tries.
///
/// A control unit that restarts may not respond for a long time, and continue the program after
/// that.
const CLEARS: u16 = 255;

/// Limits the pending IRBs that are taken before the next function is tried. A device presents no
/// more unsolicited status at once; a program can present any number of IRBs.
const STATUSES: u8 = 16;

/// The next step towards a subchannel that is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuiesceStep {
    /// Nothing: the subchannel is disabled.
    Disabled,
    /// Take the pending status, which may be unsolicited: a clear function would drop it.
    TakeStatus,
    /// Issue CANCEL SUBCHANNEL. Whether it has succeeded shows when the subchannel is disabled
    /// again.
    Cancel,
    /// Issue HALT SUBCHANNEL, and wait for the end of the function if it is initiated. A subchannel
    /// that cannot be halted, as status is pending or a function is in progress, can be cleared.
    Halt,
    /// Issue CLEAR SUBCHANNEL, and wait for the end of the function if it is initiated.
    Clear,
    /// Stop: the device is gone.
    Gone,
    /// Stop: the channel does not end the function, and may use the program for ever.
    GiveUp,
}

/// The progress of quiescing a subchannel: CANCEL is tried first, then HALT, then CLEAR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct QuiesceProgress {
    tried: u16,
    statuses: u8,
}

impl QuiesceProgress {
    /// The number of instructions that are tried.
    pub const INSTRUCTIONS: u16 = 1 + HALTS + CLEARS;

    /// Returns the number of instructions that were tried.
    pub fn tried(&self) -> u16 {
        self.tried
    }

    /// Returns what to do after an attempt to disable the subchannel, which has set `cc`.
    pub fn next(&mut self, cc: ConditionCode) -> QuiesceStep {
        match cc {
            ConditionCode::Initiated => return QuiesceStep::Disabled,
            ConditionCode::NotOperational => return QuiesceStep::Gone,
            ConditionCode::StatusPending if self.statuses < STATUSES => {
                self.statuses += 1;
                return QuiesceStep::TakeStatus;
            }
            ConditionCode::StatusPending | ConditionCode::Busy => {}
        }
        self.statuses = 0;
        if self.tried == Self::INSTRUCTIONS {
            return QuiesceStep::GiveUp;
        }
        self.tried += 1;
        match self.tried - 1 {
            0 => QuiesceStep::Cancel,
            1..=HALTS => QuiesceStep::Halt,
            _ => QuiesceStep::Clear,
        }
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_quiesce))]
mod tests {
    use super::*;
    use ConditionCode::{
        Busy,
        Initiated,
        NotOperational,
        StatusPending, //
    };

    /// Returns the progress after `tried` instructions.
    fn after(tried: u16) -> QuiesceProgress {
        QuiesceProgress { tried, statuses: 0 }
    }

    #[test]
    fn it_ends_when_the_subchannel_is_disabled_or_gone() {
        for tried in [0, 1, HALTS, QuiesceProgress::INSTRUCTIONS] {
            assert!(after(tried).next(Initiated) == QuiesceStep::Disabled);
            assert!(after(tried).next(NotOperational) == QuiesceStep::Gone);
        }
    }

    #[test]
    fn cancel_comes_first_then_halt_then_clear() {
        let mut progress = QuiesceProgress::default();
        assert!(progress.next(Busy) == QuiesceStep::Cancel);
        for _ in 0..HALTS {
            assert!(progress.next(Busy) == QuiesceStep::Halt);
        }
        for _ in 0..CLEARS {
            assert!(progress.next(Busy) == QuiesceStep::Clear);
        }
        assert!(progress.tried() == QuiesceProgress::INSTRUCTIONS);
        for _ in 0..2 {
            assert!(progress.next(Busy) == QuiesceStep::GiveUp);
        }
    }

    #[test]
    fn pending_status_is_taken_before_an_instruction_but_does_not_put_it_off_for_ever() {
        for (tried, then) in [
            (0, QuiesceStep::Cancel),
            (1, QuiesceStep::Halt),
            (1 + HALTS, QuiesceStep::Clear),
            (QuiesceProgress::INSTRUCTIONS, QuiesceStep::GiveUp),
        ] {
            let mut progress = after(tried);
            for _ in 0..STATUSES {
                assert!(progress.next(StatusPending) == QuiesceStep::TakeStatus);
            }
            assert!(progress.next(StatusPending) == then);
            assert!(progress.next(StatusPending) == QuiesceStep::TakeStatus);
        }
    }
}
