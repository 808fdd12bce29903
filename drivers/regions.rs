// SPDX-License-Identifier: GPL-2.0

//! The regions of the device's file.

pub(crate) mod asynchronous;
mod crw;
pub(crate) mod io;
mod schib;

use core::ops::Range;
use kernel::prelude::*;
use mdev::{
    nospec,
    vfio, //
};

/// Each region has as many bytes of the file as this is bits.
const OFFSET_SHIFT: u32 = 10;

/// `VFIO_REGION_TYPE_CCW`: regions of a channel device, and their subtypes.
const TYPE_CCW: u32 = 2;

/// Which region a position in the device's file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Region 0: the start function, and status.
    Io,
    /// Region 1: the halt and clear functions.
    Async,
    /// Region 2: the subchannel-information block.
    Schib,
    /// Region 3: channel reports.
    Crw,
}

impl Region {
    const ALL: [Self; 4] = [Self::Io, Self::Async, Self::Schib, Self::Crw];

    /// How many regions there are.
    pub(crate) const COUNT: u32 = 4;

    /// Returns region `index`.
    pub(crate) fn of_index(index: u32) -> Option<Self> {
        nospec::get(&Self::ALL, usize::try_from(index).ok()?).copied()
    }

    /// Returns what the user is told of the region.
    pub(crate) fn information(self) -> Result<vfio::Region> {
        let subtype = match self {
            Self::Io => None,
            Self::Async => Some(1),
            Self::Schib => Some(2),
            Self::Crw => Some(3),
        };

        Ok(vfio::Region {
            offset: self.offset(),
            size: u64::try_from(self.size())?,
            writable: matches!(self, Self::Io | Self::Async),
            kind: subtype.map(|subtype| (TYPE_CCW, subtype)),
        })
    }

    const fn offset(self) -> u64 {
        let index = match self {
            Self::Io => 0,
            Self::Async => 1,
            Self::Schib => 2,
            Self::Crw => 3,
        };
        index << OFFSET_SHIFT
    }

    const fn size(self) -> usize {
        match self {
            Self::Io => io::SIZE,
            Self::Async => asynchronous::SIZE,
            Self::Schib => schib::SIZE,
            Self::Crw => crw::SIZE,
        }
    }

    /// Returns which bytes of which region an access of `count` bytes at `position` is to.
    ///
    /// `EINVAL` if it is not within one region.
    pub(crate) fn locate(position: u64, count: usize) -> Result<(Self, Range<usize>)> {
        let index = u32::try_from(position >> OFFSET_SHIFT)?;
        let region = Self::of_index(index).ok_or(EINVAL)?;
        let start = usize::try_from(position % (1 << OFFSET_SHIFT))?;
        let end = start.checked_add(count).ok_or(EINVAL)?;
        if end > region.size() {
            return Err(EINVAL);
        }
        Ok((region, start..end))
    }
}

/// Replaces bytes of `to` from `start` on; what does not fit is left out.
fn overwrite(to: &mut [u8], start: usize, bytes: &[u8]) {
    let to = to.get_mut(start..).unwrap_or_default();
    let len = to.len().min(bytes.len());

    if let (Some(to), Some(bytes)) = (to.get_mut(..len), bytes.get(..len)) {
        to.copy_from_slice(bytes);
    }
}

/// Returns how a region shows the result of a write: 0 or a negative error number.
fn ret_code(result: Result) -> [u8; 4] {
    result.map_or_else(Error::to_errno, |()| 0).to_ne_bytes()
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_regions)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_that_of_its_region_or_of_none() {
        for (index, region) in (0..).zip(Region::ALL) {
            assert!(Region::of_index(index) == Some(region));
            assert!(Region::locate(region.offset(), 1) == Ok((region, 0..1)));
        }
        for index in [Region::COUNT, Region::COUNT + 1, 1 << 31, u32::MAX] {
            assert!(Region::of_index(index).is_none());
        }
    }

    #[test]
    fn an_index_that_is_too_large_is_zero_while_the_cpu_speculates() {
        for len in [1, 3, 4] {
            for index in 0..len {
                assert_eq!(nospec::index(index, len), index);
            }
            for index in [len, len + 1, 1 << 32, isize::MAX.unsigned_abs()] {
                assert_eq!(nospec::index(index, len), 0);
            }
        }
    }
}
