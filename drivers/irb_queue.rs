// SPDX-License-Identifier: GPL-2.0

//! The status that a user has yet to read.

use ccwchain::irb::Irb;
use kernel::prelude::*;

/// How much status can wait for the user.
///
/// A start function gives an initial, an intermediate, a primary and a secondary status at most,
/// unless its program asks for more; a user who reads what was announced needs fewer still.
const LEN: usize = 16;

/// What is kept free for the status that ends the start function in progress.
const RESERVED: usize = 1;

/// An interruption-response block, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The block.
    pub(crate) irb: Irb,
    /// Which start function it answers, if any.
    pub(crate) generation: Option<u64>,
    /// Whether the start function is over with it.
    pub(crate) ends: bool,
    /// Whether its addresses are the host's.
    pub(crate) host: bool,
}

/// A first-in first-out queue of [`Entry`].
///
/// # Invariants
///
/// `first < LEN`, `len <= LEN`, and the `len` entries from `first` on, in a circle, are `Some`.
#[derive(Default)]
pub(crate) struct IrbQueue {
    entries: [Option<Entry>; LEN],
    first: usize,
    len: usize,
}

impl IrbQueue {
    /// Whether a start function may be begun: whether there will be room for its last status.
    pub(crate) fn has_room(&self) -> bool {
        self.len + RESERVED < LEN
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `entry`. Returns false, and leaves the queue as it is, when there is no room: the
    /// last place is only for what ends a start function.
    #[must_use]
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        let reserved = if entry.ends { 0 } else { RESERVED };
        if self.len + reserved >= LEN {
            return false;
        }

        if let Some(place) = self.entries.get_mut((self.first + self.len) % LEN) {
            *place = Some(entry);
            self.len += 1;
        }
        true
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % LEN;
        self.len -= 1;
        Some(entry)
    }

    /// Calls `f` for each entry.
    pub(crate) fn for_each(&mut self, f: impl FnMut(&mut Entry)) {
        self.entries.iter_mut().flatten().for_each(f);
    }

    /// Drops all entries that answer a start function.
    pub(crate) fn forget_answers(&mut self) {
        let mut old = core::mem::take(self);

        while let Some(entry) = old.pop() {
            if entry.generation.is_none() {
                // There is room: a full queue holds at least one answer.
                let _ = self.push(entry);
            }
        }
    }
}

#[kunit_tests(vfio_ccw_irb_queue)]
mod tests {
    use super::*;

    fn entry(generation: Option<u64>, ends: bool) -> Entry {
        Entry {
            irb: Irb::from_bytes(&[0; ccwchain::irb::SIZE]),
            generation,
            ends,
            host: false,
        }
    }

    #[test]
    fn status_comes_out_in_the_order_it_went_in() {
        let mut queue = IrbQueue::default();
        for round in 0..5 {
            for i in 0..10 {
                assert!(queue.push(entry(Some(round * 10 + i), false)));
            }
            for i in 0..10 {
                assert!(queue.pop().and_then(|e| e.generation) == Some(round * 10 + i));
            }
            assert!(queue.pop().is_none());
        }
    }

    #[test]
    fn a_full_queue_keeps_a_place_for_the_status_that_ends() {
        let mut queue = IrbQueue::default();
        for _ in 0..LEN - RESERVED {
            assert!(queue.push(entry(None, false)));
        }
        assert!(!queue.has_room());
        assert!(!queue.push(entry(None, false)));
        assert!(queue.push(entry(Some(1), true)));
        assert!(!queue.push(entry(Some(1), true)));

        for _ in 0..LEN - RESERVED {
            assert!(queue.pop().is_some_and(|e| e.generation.is_none()));
        }
        assert!(queue.pop().is_some_and(|e| e.ends));
        assert!(queue.is_empty());
    }

    #[test]
    fn forgetting_answers_keeps_the_devices_own_status() {
        let mut queue = IrbQueue::default();
        for i in 0..6 {
            let generation = if i % 2 == 0 { Some(i) } else { None };
            assert!(queue.push(entry(generation, false)));
        }
        queue.forget_answers();
        for _ in 0..3 {
            assert!(queue.pop().is_some_and(|e| e.generation.is_none()));
        }
        assert!(queue.pop().is_none());
    }
}
