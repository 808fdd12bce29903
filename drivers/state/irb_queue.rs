// SPDX-License-Identifier: GPL-2.0

//! The IRBs that wait for the user.
//!
//! None is lost. When only the reserved entries are free, a new IRB is accumulated into the newest
//! one of its kind, as in a status-pending subchannel that the program does not test.

use super::ring::Ring;
use ccwchain::irb::Irb;

/// The number of IRBs that can wait for the user.
///
/// A start function presents an initial, an intermediate, a primary and a secondary status at most,
/// unless its program asks for more; a user who reads each IRB that is announced needs fewer still.
const LEN: usize = 17;

/// The entries that are reserved: one each for a start function in progress, for a halt or clear
/// function, and for unsolicited status.
const RESERVED: usize = 3;

/// The function that an IRB answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The start function of this generation.
    Start(u64),
    /// A halt or clear function that found no start function to end.
    HaltOrClear,
    /// None: the status is unsolicited.
    Unsolicited,
}

/// An IRB in the queue.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The interruption-response block.
    pub irb: Irb,
    /// The function that it answers.
    pub answer: Answer,
    /// Set if the IRB ends a start function.
    pub ends: bool,
    /// Set while the addresses in the IRB are those of the host program, not yet translated back.
    pub has_host_addresses: bool,
    /// Set if the guest also needs the IRB that the user read before, as the guest may not have
    /// tested that one.
    pub adds: bool,
}

impl Entry {
    /// Returns whether `newer` may be accumulated into this entry.
    ///
    /// The end of a halt or clear function has an entry of its own, as a program that has asked for
    /// one may look for an IRB that shows nothing else.
    fn can_accumulate(&self, newer: &Self) -> bool {
        let stands_alone = |entry: &Self| entry.irb.scsw().ends_halt_or_clear();

        self.answer == newer.answer && !stands_alone(self) && !stands_alone(newer)
    }

    fn accumulate(&mut self, newer: Self) {
        self.irb.accumulate(&newer.irb);
        self.ends |= newer.ends;
        self.has_host_addresses |= newer.has_host_addresses;
    }
}

/// The result of pushing an IRB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The IRB has an entry of its own, the newest.
    Queued,
    /// The IRB was accumulated into the newest entry of its kind, as there is little room.
    Accumulated,
    /// The IRB was dropped. This does not happen with a subchannel that presents one IRB for each
    /// function.
    Lost,
}

/// A first-in first-out queue of [`Entry`].
#[derive(Clone, Default)]
pub struct IrbQueue(Ring<Entry, LEN>);

impl IrbQueue {
    /// Returns whether a function may be begun: whether there is room for its IRBs.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() + RESERVED <= LEN
    }

    /// Returns whether no IRB waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many IRBs wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the entry that [`Self::pop`] takes next.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<&Entry> {
        self.0.oldest()
    }

    /// Appends `entry`, or accumulates it into the newest of its kind when only the reserve is
    /// left.
    #[inline]
    #[must_use]
    pub(crate) fn push(&mut self, entry: Entry) -> Pushed {
        if !self.has_room() {
            let of_its_kind = |old: &&mut Entry| old.can_accumulate(&entry);
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
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.0.pop()
    }

    /// Returns all entries, the newest first.
    #[inline]
    pub fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.newest_first()
    }

    /// Calls `translate` for each IRB whose addresses are not yet translated back.
    #[inline]
    pub fn write_back(&mut self, mut translate: impl FnMut(&mut Irb)) {
        if self.is_empty() {
            return;
        }
        for entry in self.entries() {
            if core::mem::take(&mut entry.has_host_addresses) {
                translate(&mut entry.irb);
            }
        }
    }

    /// Drops all solicited IRBs.
    pub(crate) fn drop_solicited(&mut self) {
        let mut old = core::mem::take(self);

        while let Some(entry) = old.pop() {
            if entry.answer == Answer::Unsolicited {
                // There is room, as the queue gets no longer than it was.
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
            has_host_addresses: false,
            adds: false,
        }
    }

    #[test]
    fn a_full_queue_reserves_entries_for_functions_and_for_unsolicited_status() {
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
    fn there_is_room_for_the_irb_that_ends_a_start() {
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
            let with_control = |control| {
                let mut entry = entry(Answer::Start(1), false);
                entry.irb.set_scsw(Scsw::from_words([control, 0, 0]));
                entry
            };

            while queue.push(with_control(INTERMEDIATE)) == Pushed::Queued {}
            assert!(queue.push(entry(Answer::Unsolicited, false)) == Pushed::Queued);
            assert!(queue.push(with_control(end)) == Pushed::Queued);
            assert!(queue.len() == LEN);

            let mut last = 0;
            while let Some(entry) = queue.pop() {
                last = entry.irb.scsw().words()[0];
            }
            assert!(last == end);
        }
    }

    #[test]
    fn each_end_of_a_halt_or_clear_function_has_an_entry() {
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
    fn unsolicited_status_is_accumulated_not_dropped() {
        let mut queue = IrbQueue::default();
        let unsolicited = |status: DeviceStatus| {
            let mut entry = entry(Answer::Unsolicited, false);
            let status = u32::from(status.bits()) << 24;
            entry.irb.set_scsw(Scsw::from_words([0x11, 0, status]));
            entry
        };

        while queue.has_room() {
            assert!(queue.push(unsolicited(DeviceStatus::ATTENTION)) == Pushed::Queued);
        }
        assert!(queue.push(unsolicited(DeviceStatus::DEVICE_END)) == Pushed::Accumulated);

        let mut last = None;
        while let Some(entry) = queue.pop() {
            last = Some(entry.irb.scsw().device_status());
        }
        let both = DeviceStatus::ATTENTION.union(DeviceStatus::DEVICE_END);
        assert!(last == Some(both));
    }

    #[test]
    fn each_irb_with_host_addresses_is_translated_back_once() {
        let translated = |queue: &mut IrbQueue| {
            let mut count = 0;
            queue.write_back(|_| count += 1);
            count
        };
        let with_host_addresses = Entry {
            has_host_addresses: true,
            ..entry(Answer::Start(1), false)
        };
        let without = entry(Answer::Start(1), false);

        // An IRB that is accumulated has such addresses if one of both has.
        for (first, second, count) in [
            (without, without, 0),
            (with_host_addresses, without, 1),
            (without, with_host_addresses, 1),
        ] {
            let mut queue = IrbQueue::default();
            while queue.has_room() {
                assert!(queue.push(entry(Answer::Unsolicited, false)) == Pushed::Queued);
            }
            assert!(queue.push(first) == Pushed::Queued);
            assert!(queue.push(second) == Pushed::Accumulated);
            assert!(translated(&mut queue) == count);
            assert!(translated(&mut queue) == 0);
        }
    }

    #[test]
    fn only_solicited_irbs_are_dropped() {
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
        queue.drop_solicited();
        for _ in 0..2 {
            assert!(queue.pop().is_some_and(|e| e.answer == Answer::Unsolicited));
        }
        assert!(queue.pop().is_none());
    }
}
