// SPDX-License-Identifier: GPL-2.0

//! The IRB that the user read last, while the guest may not have tested it.

use crate::irb_queue::{
    Answer,
    Entry, //
};

/// The IRB that the user read last, while the guest may not have tested it.
#[derive(Clone, Copy)]
pub(crate) struct Untested {
    pub(crate) answer: Answer,
    pub(crate) ends_halt_or_clear: bool,
}

impl Untested {
    #[inline]
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            answer: entry.answer,
            ends_halt_or_clear: entry.irb.scsw().ends_halt_or_clear(),
        }
    }

    /// Returns whether `next` is solicited by the same function, so that the guest needs both IRBs,
    /// or only `next`.
    #[inline]
    pub(crate) fn is_continued_by(&self, next: &Entry) -> bool {
        self.answer == next.answer && next.answer != Answer::Unsolicited
    }

    /// Returns whether the guest needs both IRBs: the end of a halt or clear function replaces what
    /// came before it.
    #[inline]
    pub(crate) fn is_added_to(&self, next: &Entry) -> bool {
        self.is_continued_by(next)
            && !self.ends_halt_or_clear
            && !next.irb.scsw().ends_halt_or_clear()
    }
}
