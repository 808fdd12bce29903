// SPDX-License-Identifier: GPL-2.0

//! The regions of the device's file.

pub(crate) mod io;

use core::ops::Range;
use kernel::prelude::*;

/// Each region has as many bytes of the file as this is bits.
const OFFSET_SHIFT: u32 = 10;

/// Which region a position in the device's file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Region 0: requests and their status.
    Io,
}

impl Region {
    /// How many regions there are.
    pub(crate) const COUNT: u32 = 1;

    /// Returns region `index`.
    pub(crate) fn of_index(index: u32) -> Option<Self> {
        match index {
            0 => Some(Self::Io),
            _ => None,
        }
    }

    const fn index(self) -> u64 {
        match self {
            Self::Io => 0,
        }
    }

    /// Returns where the region begins in the device's file.
    pub(crate) const fn offset(self) -> u64 {
        self.index() << OFFSET_SHIFT
    }

    /// Returns the length of the region in bytes.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::Io => io::SIZE,
        }
    }

    /// Returns which bytes of which region an access of `count` bytes at `position` is to.
    ///
    /// `EINVAL` if it is not within one region.
    pub(crate) fn locate(position: u64, count: usize) -> Result<(Self, Range<usize>)> {
        let index = u32::try_from(position >> OFFSET_SHIFT)?;
        let region = Self::of_index(index).ok_or(EINVAL)?;
        let start = usize::try_from(position - region.offset())?;
        let end = start.checked_add(count).ok_or(EINVAL)?;
        if end > region.size() {
            return Err(EINVAL);
        }
        Ok((region, start..end))
    }
}
