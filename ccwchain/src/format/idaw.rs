// SPDX-License-Identifier: GPL-2.0

//! Indirect-data-address words (IDAWs): lists of the blocks of a storage area.
//!
//! The first IDAW of a list is the address of any byte. The others are the address of the first
//! byte of a block or, in a read backward, of the last byte of a block. Principles of Operation,
//! "Indirect-Data-Address Word".

use crate::orb::Orb;

/// The maximum number of IDAWs that a CCW needs: for 65535 bytes that begin at the end of a 2 KiB
/// block.
pub const MAX: usize = 33;

/// Parses a big-endian IDAW, which has 4 or 8 bytes.
#[inline]
pub(crate) fn parse<const N: usize>(word: [u8; N]) -> u64 {
    word.iter()
        .fold(0, |idaw, byte| idaw << 8 | u64::from(*byte))
}

/// The format of the IDAWs of a program, which the ORB determines.
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
    /// Returns the format that an ORB asks for.
    #[inline]
    pub const fn of(orb: &Orb) -> Self {
        match (orb.idaw64(), orb.idaw2k()) {
            (false, _) => Self::One,
            (true, true) => Self::Two2K,
            (true, false) => Self::Two4K,
        }
    }

    /// Returns the size of an IDAW in bytes, which is also the alignment of a list.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            Self::One => 4,
            Self::Two2K | Self::Two4K => 8,
        }
    }

    /// Returns the size of a block in bytes.
    #[inline]
    pub const fn block(self) -> u64 {
        match self {
            Self::One | Self::Two2K => 2048,
            Self::Two4K => 4096,
        }
    }

    /// Returns the number of IDAWs for `count` bytes from the address `first` on, upward.
    #[inline]
    pub fn needed(self, first: u64, count: u16) -> usize {
        let skipped = first % self.block();
        (skipped + u64::from(count)).div_ceil(self.block()) as usize
    }

    /// Returns the number of IDAWs for `count` bytes from the address `first` on, downward.
    #[inline]
    pub fn needed_backward(self, first: u64, count: u16) -> usize {
        let skipped = self.block() - 1 - first % self.block();
        (skipped + u64::from(count)).div_ceil(self.block()) as usize
    }

    /// Returns whether an IDAW is a valid address in this format.
    #[inline]
    pub const fn in_range(self, idaw: u64) -> bool {
        match self {
            Self::One => idaw < 1 << 31,
            Self::Two2K | Self::Two4K => true,
        }
    }

    /// Returns whether an IDAW is the address of the first byte of a block, as every IDAW except
    /// the first of a list must be.
    #[inline]
    pub const fn is_first_byte(self, idaw: u64) -> bool {
        idaw % self.block() == 0
    }

    /// Returns whether an IDAW is the address of the last byte of a block, as every IDAW except the
    /// first of a list must be in a read backward.
    #[inline]
    pub const fn is_last_byte(self, idaw: u64) -> bool {
        idaw % self.block() == self.block() - 1
    }
}
