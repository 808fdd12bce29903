// SPDX-License-Identifier: GPL-2.0

//! A queue of bounded length that needs no allocation.

/// A first-in first-out queue of at most `N` values.
///
/// # Invariants
///
/// `first < N`, `len <= N`, and the `len` slots from `first` on, modulo `N`, are `Some`.
#[derive(Clone)]
pub(crate) struct Ring<T, const N: usize> {
    slots: [Option<T>; N],
    first: usize,
    len: usize,
}

impl<T, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self {
            slots: [const { None }; N],
            first: 0,
            len: 0,
        }
    }
}

impl<T, const N: usize> Ring<T, N> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `value`, or returns it as the error when there is no room.
    pub(crate) fn push(&mut self, value: T) -> Result<(), T> {
        match self.slots.get_mut((self.first + self.len) % N) {
            Some(slot) if self.len < N => {
                *slot = Some(value);
                self.len += 1;
                Ok(())
            }
            _ => Err(value),
        }
    }

    /// Inserts `value` as the oldest, or returns it as the error when there is no room.
    pub(crate) fn push_front(&mut self, value: T) -> Result<(), T> {
        let before = (self.first + N - 1) % N;

        match self.slots.get_mut(before) {
            Some(slot) if self.len < N => {
                *slot = Some(value);
                self.first = before;
                self.len += 1;
                Ok(())
            }
            _ => Err(value),
        }
    }

    /// Returns the oldest value.
    pub(crate) fn oldest(&self) -> Option<&T> {
        self.slots.get(self.first)?.as_ref()
    }

    /// Takes the oldest value.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let value = self.slots.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % N;
        self.len -= 1;
        Some(value)
    }

    /// Returns the values, the newest first.
    pub(crate) fn newest_first(&mut self) -> impl Iterator<Item = &mut T> {
        let (older, newer) = self.slots.split_at_mut(self.first);

        // The slots before `first` were filled after the end of the array was reached.
        older
            .iter_mut()
            .rev()
            .chain(newer.iter_mut().rev())
            .flatten()
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_ring))]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_in_the_order_they_went_in() {
        let mut ring = Ring::<_, 4>::default();
        for round in 0..10 {
            for i in 0..3 {
                assert!(ring.push(round * 3 + i).is_ok());
            }
            for i in 0..3 {
                assert!(ring.pop() == Some(round * 3 + i));
            }
            assert!(ring.pop().is_none());
        }
    }

    #[test]
    fn a_full_ring_returns_the_value() {
        let mut ring = Ring::<_, 3>::default();
        for i in 0..3 {
            assert!(ring.push(i).is_ok());
        }
        assert!(ring.push(3) == Err(3));
        assert!(ring.push_front(3) == Err(3));
        assert!(ring.len() == 3);
        assert!(ring.pop() == Some(0));
    }

    #[test]
    fn what_is_put_back_comes_out_first() {
        let mut ring = Ring::<_, 3>::default();
        assert!(ring.push(1).is_ok());
        assert!(ring.push_front(0).is_ok());
        assert!(ring.pop() == Some(0));
        assert!(ring.pop() == Some(1));
    }

    #[test]
    fn the_newest_come_first_wherever_the_ring_begins() {
        for start in 0..4 {
            let mut ring = Ring::<_, 4>::default();
            for i in 0..start {
                assert!(ring.push(i).is_ok());
                assert!(ring.pop() == Some(i));
            }
            for i in 10..13 {
                assert!(ring.push(i).is_ok());
            }
            assert!(ring.newest_first().map(|i| *i).eq([12, 11, 10]));
        }
    }
}
