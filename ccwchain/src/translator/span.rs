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
