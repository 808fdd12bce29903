// SPDX-License-Identifier: GPL-2.0

//! Which of the IRBs that the user reads it has a copy of.
//!
//! Tests on a host run this file in all orders of its accesses (crate `lock_free`).

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Numbers the IRBs that the user reads, so that none is lost when the copy to the user fails.
///
/// It has two counters: of the IRBs that were moved into region 0 (`read`), and of those that were
/// copied to the user (`copied`). These rules hold:
///
/// 1. `read` changes under the mutex of the session only; `copied` changes without a lock, after a
///    copy.
/// 2. `copied` is `read`, or one less. The next IRB is moved into the region only if they are
///    equal; until then a read finds the same IRB again.
/// 3. A read that has copied IRB number `seq` changes `copied` from `seq - 1` only, so that a read
///    which ends late marks no later IRB as copied.
/// 4. The next IRB is announced only after [`Self::mark_copied`].
pub(crate) struct StatusSeq {
    read: Atomic<u64>,
    copied: Atomic<u64>,
}

impl StatusSeq {
    /// Returns the numbers of a device that was never open.
    pub(crate) fn new() -> Self {
        Self {
            read: Atomic::new(0),
            copied: Atomic::new(0),
        }
    }

    /// Starts a session, in which no IRB was read. The caller opens the device, so that no read is
    /// going on.
    pub(crate) fn restart(&self) {
        self.copied.store(self.current(), Relaxed);
    }

    /// Returns whether the user has a copy of each IRB that was read. The caller holds the mutex of
    /// the session.
    pub(crate) fn is_copied(&self) -> bool {
        self.copied.load(Relaxed) == self.current()
    }

    /// Numbers an IRB that is moved into the region. The caller holds the mutex of the session.
    pub(crate) fn advance(&self) {
        self.read.store(self.current().wrapping_add(1), Relaxed);
    }

    /// Returns the number of the IRB in the region. The caller holds the mutex of the session.
    pub(crate) fn current(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Records that the user has a copy of IRB number `seq`.
    pub(crate) fn mark_copied(&self, seq: u64) {
        // If this fails, another read has copied the same IRB before.
        let _ = self.copied.cmpxchg(seq.wrapping_sub(1), seq, Relaxed);
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kernel::prelude::kunit_tests(vfio_ccw_status_seq)]
mod tests {
    use super::*;

    #[test]
    fn an_irb_is_read_again_until_it_is_copied() {
        let seq = StatusSeq::new();
        assert!(seq.is_copied());
        seq.advance();
        let first = seq.current();
        assert!(!seq.is_copied());
        seq.mark_copied(first);
        assert!(seq.is_copied());
    }

    #[test]
    fn a_read_that_ends_late_marks_no_later_irb() {
        let seq = StatusSeq::new();
        seq.advance();
        let first = seq.current();
        // Two reads have found the first IRB; the other one ends late.
        seq.mark_copied(first);
        seq.advance();
        seq.mark_copied(first);
        assert!(!seq.is_copied());
        seq.mark_copied(seq.current());
        assert!(seq.is_copied());
    }

    #[test]
    fn a_read_before_the_first_irb_marks_none() {
        let seq = StatusSeq::new();
        let none = seq.current();
        seq.advance();
        seq.mark_copied(none);
        assert!(!seq.is_copied());
    }

    #[test]
    fn a_session_begins_with_no_irb_to_be_read_again() {
        let seq = StatusSeq::new();
        seq.advance();
        seq.restart();
        assert!(seq.is_copied());
    }
}
