// SPDX-License-Identifier: GPL-2.0

//! The addresses of the module that were executed.

/// The distance from the first address to which others are counted; no module is larger.
const REACH: u64 = 16 << 20;

/// The distance of two instructions at least.
const STEP: u64 = 2;

/// A set of addresses, most of which were seen before.
#[derive(Default)]
pub(super) struct Coverage {
    /// The lowest address that can be in the set.
    base: Option<u64>,
    seen: Vec<u64>,
    points: usize,
}

impl Coverage {
    /// Returns how many addresses are in the set.
    pub(super) fn points(&self) -> usize {
        self.points
    }

    /// Adds addresses, and returns how many of them are new.
    pub(super) fn add(&mut self, addresses: impl Iterator<Item = u64>) -> usize {
        let before = self.points;
        for address in addresses {
            let base = *self.base.get_or_insert(address.saturating_sub(REACH));
            let Some(offset) = address
                .checked_sub(base)
                .filter(|offset| *offset < 2 * REACH)
            else {
                continue;
            };
            if self.seen.is_empty() {
                self.seen = vec![0; usize::try_from(2 * REACH / STEP / 64).unwrap_or(0)];
            }
            let bit = offset / STEP;
            let word = usize::try_from(bit / 64).ok();
            if let Some(word) = word.and_then(|word| self.seen.get_mut(word)) {
                let mask = 1 << (bit % 64);
                self.points += usize::from(*word & mask == 0);
                *word |= mask;
            }
        }
        self.points - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_addresses_count() {
        let mut coverage = Coverage::default();
        let first = 0x3ff_8012_3456;
        assert_eq!(coverage.add([first, first + 2, first].into_iter()), 2);
        assert_eq!(coverage.add([first + 2, first - 2].into_iter()), 1);
        assert_eq!(coverage.add([].into_iter()), 0);
        assert_eq!(coverage.points(), 3);
    }

    #[test]
    fn addresses_far_away_are_left_out() {
        let mut coverage = Coverage::default();
        coverage.add([1 << 40].into_iter());
        assert_eq!(coverage.add([0, u64::MAX, 2 << 40].into_iter()), 0);
    }
}
