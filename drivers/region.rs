// SPDX-License-Identifier: GPL-2.0

//! The regions of the device file: where they are, and the layouts of those that can be written.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

mod bytes;
pub(crate) mod cmd;
pub(crate) mod io;
pub(crate) mod status_seq;

use core::ops::Range;
use kernel::{
    num::casts::{
        u32_as_usize,
        usize_as_u64, //
    },
    prelude::*, //
};
use mdev::{
    nospec,
    vfio, //
};

/// The distance of two regions in the file, as a power of two of bytes.
const OFFSET_SHIFT: u32 = 10;

/// `VFIO_REGION_TYPE_CCW`: the type of the regions of a channel device.
const TYPE_CCW: u32 = 2;

/// The length of region 2 in bytes: `struct ccw_schib_region`, an SCHIB.
pub(crate) const SCHIB_SIZE: usize = mdev::css::SCHIB_LEN;

/// The length of region 3 in bytes: `struct ccw_crw_region`, a channel-report word and padding.
pub(crate) const CRW_SIZE: usize = 8;

/// A region of the device file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Region 0: the start function, and IRBs.
    Io,
    /// Region 1: the halt and clear functions.
    Cmd,
    /// Region 2: the subchannel-information block.
    Schib,
    /// Region 3: channel reports.
    Crw,
}

impl Region {
    const ALL: [Self; 4] = [Self::Io, Self::Cmd, Self::Schib, Self::Crw];

    /// The number of regions.
    pub(crate) const COUNT: u32 = 4;

    /// Returns region `index`.
    pub(crate) fn of_index(index: u32) -> Option<Self> {
        nospec::get(&Self::ALL, u32_as_usize(index)).copied()
    }

    /// Returns the description of the region for `VFIO_DEVICE_GET_REGION_INFO`.
    pub(crate) fn information(self) -> vfio::Region {
        // `VFIO_REGION_SUBTYPE_CCW_*`.
        let subtype = match self {
            Self::Io => None,
            Self::Cmd => Some(1),
            Self::Schib => Some(2),
            Self::Crw => Some(3),
        };

        vfio::Region {
            offset: self.offset(),
            size: usize_as_u64(self.size()),
            writable: matches!(self, Self::Io | Self::Cmd),
            kind: subtype.map(|subtype| (TYPE_CCW, subtype)),
        }
    }

    const fn offset(self) -> u64 {
        let index = match self {
            Self::Io => 0,
            Self::Cmd => 1,
            Self::Schib => 2,
            Self::Crw => 3,
        };
        index << OFFSET_SHIFT
    }

    const fn size(self) -> usize {
        match self {
            Self::Io => io::SIZE,
            Self::Cmd => cmd::SIZE,
            Self::Schib => SCHIB_SIZE,
            Self::Crw => CRW_SIZE,
        }
    }

    /// Returns the region, and the range of its bytes, of an access of `count` bytes at `position`.
    ///
    /// Fails with `EINVAL` if the access is not within one region.
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

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_regions)]
mod tests {
    use super::*;

    #[test]
    fn each_index_below_the_count_has_its_region() {
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
