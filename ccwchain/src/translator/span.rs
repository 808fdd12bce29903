// SPDX-License-Identifier: GPL-2.0

//! Ranges of bytes of guest memory, which are compared with each other.

use crate::ccw;

/// Bytes of guest memory, by the addresses of the first and the last of them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Span {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self {
        first: u64::MAX,
        last: 0,
    };

    /// Returns the `count` bytes from `first` on, or up to it if `backward` is set. `count` is not
    /// zero.
    #[inline(always)]
    pub(crate) fn new(first: u64, count: u64, backward: bool) -> Self {
        if backward {
            Self {
                first: first.saturating_sub(count - 1),
                last: first,
            }
        } else {
            Self {
                first,
                last: first + (count - 1),
            }
        }
    }

    /// Returns the bytes of the CCW at `address`.
    pub(crate) fn of_ccw(address: u32) -> Self {
        Self::new(address.into(), ccw::SIZE.into(), false)
    }

    /// Returns whether there are no bytes.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Returns the bounds of both.
    #[inline(always)]
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Returns whether all of `other` is in `self`.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Returns whether both have a byte in common.
    #[inline]
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Returns how many bytes more the bounds of both have than `self`.
    pub(crate) fn growth(self, other: Self) -> u64 {
        let union = self.union(other);
        (union.last - union.first).saturating_sub(self.last - self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    const SPAN: Span = Span {
        first: 0x1000,
        last: 0x10ff,
    };

    fn new(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    #[test]
    fn a_span_contains_what_does_not_go_beyond_its_ends() {
        assert!(SPAN.contains(SPAN));
        assert!(SPAN.contains(new(0x1001, 0x10fe)));
        assert!(!SPAN.contains(new(0xfff, 0x10ff)));
        assert!(!SPAN.contains(new(0x1000, 0x1100)));
    }

    #[test]
    fn spans_overlap_where_they_have_a_byte_in_common() {
        for (other, overlaps) in [
            (new(0x10ff, 0x1200), true),
            (new(0x1100, 0x1200), false),
            (new(0, 0x1000), true),
            (new(0, 0xfff), false),
            (Span::EMPTY, false),
        ] {
            assert_eq!(SPAN.overlaps(other), overlaps);
            assert_eq!(other.overlaps(SPAN), overlaps);
        }
    }

    #[test]
    fn a_span_grows_by_the_bytes_between_its_ends_and_those_of_another() {
        assert_eq!(SPAN.growth(new(0x1010, 0x1020)), 0);
        assert_eq!(SPAN.growth(new(0xff0, 0x1000)), 0x10);
        assert_eq!(SPAN.growth(new(0xff0, 0x110f)), 0x20);
    }

    #[test]
    fn only_a_span_without_bytes_is_empty() {
        assert!(Span::EMPTY.is_empty());
        assert!(!new(7, 7).is_empty());
        assert!(!SPAN.union(Span::EMPTY).is_empty());
    }
}
