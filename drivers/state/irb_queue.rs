// SPDX-License-Identifier: GPL-2.0

//! The status that a user has yet to read.
//!
//! Nothing is lost in it. A user who takes no status finds it accumulated in the end, as in a
//! subchannel whose status nobody takes.

use super::ring::Ring;
use ccwchain::irb::Irb;

/// How much status can wait for the user.
///
/// A start function gives an initial, an intermediate, a primary and a secondary status at most,
/// unless its program asks for more; a user who reads what was announced needs fewer still.
const LEN: usize = 17;

/// What is kept free: one place for the answer to a start function in progress, one for that to a halt
/// or clear function, one for what the device says by itself.
const RESERVED: usize = 3;

/// What status is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The start function of this generation.
    Start(u64),
    /// A halt or clear function that found no start function to end.
    HaltOrClear,
    /// Nothing that was asked for: the device's own initiative.
    Unsolicited,
}

/// An interruption-response block, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The block.
    pub(crate) irb: Irb,
    /// What it is about.
    pub(crate) answer: Answer,
    /// Whether the start function is over with it.
    pub(crate) ends: bool,
    /// Whether its addresses are the host's.
    pub(crate) host: bool,
    /// Tells whether the guest needs the status that the user took before as well, as it may not have tested
    /// that.
    pub(crate) adds: bool,
}

impl Entry {
    /// Returns whether `newer` may be accumulated in it.
    ///
    /// The end of a halt or clear function stays apart, as whoever has asked for one may look for
    /// status that shows nothing else.
    fn takes_in(&self, newer: &Self) -> bool {
        let is_apart = |entry: &Self| entry.irb.scsw().ends_halt_or_clear();

        self.answer == newer.answer && !is_apart(self) && !is_apart(newer)
    }

    fn accumulate(&mut self, newer: Self) {
        self.irb.accumulate(&newer.irb);
        self.ends |= newer.ends;
        self.host |= newer.host;
    }
}

/// What has become of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits behind the others.
    Queued,
    /// There is little room, and it was accumulated in what there was of its kind.
    Accumulated,
    /// It was dropped. A subchannel that presents one answer to each function cannot come to this.
    Lost,
}

/// A first-in first-out queue of [`Entry`].
#[derive(Clone, Default)]
pub(crate) struct IrbQueue(Ring<Entry, LEN>);

impl IrbQueue {
    /// Whether a function may be begun: whether there will be room for its status.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() + RESERVED <= LEN
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the entry that is taken next.
    pub(crate) fn oldest(&self) -> Option<&Entry> {
        self.0.oldest()
    }

    /// Appends `entry`, or accumulates it in the newest of its kind when only the reserve is left.
    #[must_use]
    pub(crate) fn push(&mut self, entry: Entry) -> Pushed {
        if !self.has_room() {
            let of_its_kind = |old: &&mut Entry| old.takes_in(&entry);
            if let Some(old) = self.0.newest_first().find(of_its_kind) {
                old.accumulate(entry);
                return Pushed::Accumulated;
            }
        }

        match self.0.push(entry) {
            Ok(()) => Pushed::Queued,
            Err(_) => Pushed::Lost,
        }
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.0.pop()
    }

    /// Calls `f` for each entry.
    #[inline]
    pub(crate) fn for_each(&mut self, f: impl FnMut(&mut Entry)) {
        if !self.is_empty() {
            self.0.newest_first().for_each(f);
        }
    }

    /// Drops all entries that answer a function.
    pub(crate) fn forget_answers(&mut self) {
        let mut old = core::mem::take(self);

        while let Some(entry) = old.pop() {
            if entry.answer == Answer::Unsolicited {
                // It is no longer than the old queue.
                let _ = self.0.push(entry);
            }
        }
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_irb_queue))]
mod tests {
    use super::*;
    use ccwchain::scsw::{
        DeviceStatus,
        Scsw, //
    };

    fn entry(answer: Answer, ends: bool) -> Entry {
        Entry {
            irb: Irb::default(),
            answer,
            ends,
            host: false,
            adds: false,
        }
    }

    #[test]
    fn a_full_queue_keeps_places_for_answers_and_one_for_the_device() {
        let mut queue = IrbQueue::default();
        let mut generation = 0;
        while queue.has_room() {
            generation += 1;
            assert!(queue.push(entry(Answer::Start(generation), true)) == Pushed::Queued);
        }
        assert!(queue.len() == LEN - 2);
        assert!(queue.push(entry(Answer::Unsolicited, false)) == Pushed::Queued);
        assert!(queue.push(entry(Answer::Unsolicited, false)) == Pushed::Accumulated);
        assert!(queue.len() == LEN - 1);

        for i in 1..=generation {
            assert!(queue
                .pop()
                .is_some_and(|e| e.ends && e.answer == Answer::Start(i)));
        }
        assert!(queue.pop().is_some_and(|e| e.answer == Answer::Unsolicited));
        assert!(queue.is_empty());
    }

    #[test]
    fn the_status_that_ends_finds_room_behind_any_other() {
        let mut queue = IrbQueue::default();
        for _ in 0..100 {
            assert!(queue.push(entry(Answer::Unsolicited, false)) != Pushed::Lost);
        }
        for _ in 0..100 {
            assert!(queue.push(entry(Answer::Start(1), false)) != Pushed::Lost);
        }
        assert!(queue.push(entry(Answer::Start(1), true)) != Pushed::Lost);

        let mut last = None;
        while let Some(entry) = queue.pop() {
            if entry.answer == Answer::Start(1) {
                last = Some(entry);
            }
        }
        assert!(last.is_some_and(|e| e.ends));
    }

    #[test]
    fn the_end_of_a_halt_or_clear_function_is_accumulated_in_nothing() {
        const CLEARED: u32 = 0x1001;
        const HALTED: u32 = 0x60c1;
        const INTERMEDIATE: u32 = 0x40c9;

        for end in [CLEARED, HALTED] {
            let mut queue = IrbQueue::default();
            let says = |control| {
                let mut entry = entry(Answer::Start(1), false);
                entry.irb.set_scsw(Scsw::from_words([control, 0, 0]));
                entry
            };

            while queue.push(says(INTERMEDIATE)) == Pushed::Queued {}
            assert!(queue.push(entry(Answer::Unsolicited, false)) == Pushed::Queued);
            assert!(queue.push(says(end)) == Pushed::Queued);
            assert!(queue.len() == LEN);

            let mut last = 0;
            while let Some(entry) = queue.pop() {
                last = entry.irb.scsw().words()[0];
            }
            assert!(last == end);
        }
    }

    #[test]
    fn each_end_of_a_halt_or_clear_function_is_one() {
        let mut queue = IrbQueue::default();
        let mut cleared = entry(Answer::HaltOrClear, false);
        cleared.irb.set_scsw(Scsw::from_words([0x1001, 0, 0]));
        let mut late = cleared;
        late.irb.set_scsw(Scsw::from_words([0x4009, 0, 0]));

        for _ in 0..LEN - 1 {
            assert!(queue.push(cleared) == Pushed::Queued);
        }
        assert!(queue.push(late) == Pushed::Queued);
        for _ in 0..LEN - 1 {
            assert!(queue
                .pop()
                .is_some_and(|e| e.irb.scsw() == cleared.irb.scsw()));
        }
    }

    #[test]
    fn what_the_device_says_is_accumulated_not_dropped() {
        let mut queue = IrbQueue::default();
        let says = |status: DeviceStatus| {
            let mut entry = entry(Answer::Unsolicited, false);
            let status = u32::from(status.bits()) << 24;
            entry.irb.set_scsw(Scsw::from_words([0x11, 0, status]));
            entry
        };

        while queue.has_room() {
            assert!(queue.push(says(DeviceStatus::ATTENTION)) == Pushed::Queued);
        }
        assert!(queue.push(says(DeviceStatus::DEVICE_END)) == Pushed::Accumulated);

        let mut last = None;
        while let Some(entry) = queue.pop() {
            last = Some(entry.irb.scsw().device_status());
        }
        let both = DeviceStatus::ATTENTION.union(DeviceStatus::DEVICE_END);
        assert!(last == Some(both));
    }

    #[test]
    fn forgetting_answers_keeps_the_devices_own_status() {
        let mut queue = IrbQueue::default();
        for answer in [
            Answer::Start(1),
            Answer::Unsolicited,
            Answer::HaltOrClear,
            Answer::Start(2),
            Answer::Unsolicited,
        ] {
            assert!(queue.push(entry(answer, false)) == Pushed::Queued);
        }
        queue.forget_answers();
        for _ in 0..2 {
            assert!(queue.pop().is_some_and(|e| e.answer == Answer::Unsolicited));
        }
        assert!(queue.pop().is_none());
    }
}
