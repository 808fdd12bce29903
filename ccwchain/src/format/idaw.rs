// SPDX-License-Identifier: GPL-2.0

//! Indirect-data-address words: lists of the blocks of a storage area.
//!
//! The first IDAW of a list names any byte, the others the first byte of a block, or for a read
//! backward the last byte of one. Principles of Operation, "Indirect-Data-Address Word".

use crate::orb::Orb;

/// The most IDAWs that one CCW can need: 65535 bytes that begin at the end of a 2 KiB block.
pub const MAX: usize = 33;

/// Reads an IDAW, of which there are some of 4 bytes and some of 8.
#[inline]
pub(crate) fn parse<const N: usize>(word: [u8; N]) -> u64 {
    word.iter()
        .fold(0, |idaw, byte| idaw << 8 | u64::from(*byte))
}

/// The format of the IDAWs of a program, as the ORB gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Format 1: 31-bit addresses of blocks of 2 KiB.
    One,
    /// Format 2: 64-bit addresses of blocks of 2 KiB.
    Two2K,
    /// Format 2: 64-bit addresses of blocks of 4 KiB.
    Two4K,
}

impl Format {
    /// The format that an ORB asks for.
    #[inline]
    pub const fn of(orb: &Orb) -> Self {
        match (orb.idaw64(), orb.idaw2k()) {
            (false, _) => Self::One,
            (true, true) => Self::Two2K,
            (true, false) => Self::Two4K,
        }
    }

    /// The size of an IDAW in bytes, which is also the alignment of a list of them.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            Self::One => 4,
            Self::Two2K | Self::Two4K => 8,
        }
    }

    /// The size of a block in bytes.
    #[inline]
    pub const fn block(self) -> u64 {
        match self {
            Self::One | Self::Two2K => 2048,
            Self::Two4K => 4096,
        }
    }

    /// How many IDAWs it takes for `count` bytes from the address `first` on, upward.
    #[inline]
    pub fn needed(self, first: u64, count: u16) -> usize {
        let skipped = first % self.block();
        (skipped + u64::from(count)).div_ceil(self.block()) as usize
    }

    /// How many IDAWs it takes for `count` bytes from the address `first` on, downward.
    #[inline]
    pub fn needed_backward(self, first: u64, count: u16) -> usize {
        let skipped = self.block() - 1 - first % self.block();
        (skipped + u64::from(count)).div_ceil(self.block()) as usize
    }

    /// Whether an IDAW is an address of this format.
    #[inline]
    pub const fn in_range(self, idaw: u64) -> bool {
        match self {
            Self::One => idaw < 1 << 31,
            Self::Two2K | Self::Two4K => true,
        }
    }

    /// Whether an IDAW names the first byte of a block, as all but the first of a list must.
    #[inline]
    pub const fn is_first_byte(self, idaw: u64) -> bool {
        idaw % self.block() == 0
    }

    /// Whether an IDAW names the last byte of a block, as all but the first of a list must for a
    /// read backward.
    #[inline]
    pub const fn is_last_byte(self, idaw: u64) -> bool {
        idaw % self.block() == self.block() - 1
    }
}
