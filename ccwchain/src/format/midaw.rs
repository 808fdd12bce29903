// SPDX-License-Identifier: GPL-2.0

//! Modified indirect-data-address words (MIDAWs): lists of the parts of a storage area, each with
//! its length.
//!
//! Principles of Operation, "Modified CCW Indirect Data Addressing".

use crate::{
    format::flags::flags,
    memory::PAGE_SIZE, //
};

/// The size of a MIDAW in bytes, which is also the alignment of a list.
pub const SIZE: usize = 16;

/// The boundary in bytes that a list must not cross.
pub const LIST_BOUNDARY: usize = 4096;

/// The boundary in bytes that the data of a MIDAW must not cross, unless it is skipped.
pub const DATA_BOUNDARY: u64 = PAGE_SIZE;

flags! {
    /// The flags of a MIDAW.
    pub struct Flags(u8);
    /// The last MIDAW of the list.
    LAST = 0x80, "last";
    /// Skip: do not store the data that is read.
    SKIP = 0x40, "skip";
    /// Data-transfer-interruption control.
    INTERRUPTION = 0x20, "interruption";
}

impl Flags {
    /// The bits that must be zero.
    pub const RESERVED: Self = Self(0x1f);
}

/// A modified indirect-data-address word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Midaw {
    /// The flags.
    pub flags: Flags,
    /// The number of bytes.
    pub count: u16,
    /// The address of the first byte that is moved, which is the highest address in a read
    /// backward.
    pub address: u64,
}

impl Midaw {
    /// Parses a MIDAW. Returns `None` if a bit that must be zero is one.
    pub fn parse(bytes: [u8; SIZE]) -> Option<Self> {
        let [0, 0, 0, 0, 0, flags, count0, count1, address @ ..] = bytes else {
            return None;
        };
        let flags = Flags::from_bits(flags);
        (!flags.intersects(Flags::RESERVED)).then_some(Self {
            flags,
            count: u16::from_be_bytes([count0, count1]),
            address: u64::from_be_bytes(address),
        })
    }

    /// Returns the bytes of the MIDAW in memory.
    #[inline]
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let word = u64::from(self.flags.bits()) << 16 | u64::from(self.count);
        (u128::from(word) << 64 | u128::from(self.address)).to_be_bytes()
    }

    /// Returns whether the count is not zero, and the data does not cross the boundary in the
    /// direction in which it is moved.
    pub fn accepts(&self, backward: bool) -> bool {
        let offset = self.address % DATA_BOUNDARY;
        let room = if backward {
            offset + 1
        } else {
            DATA_BOUNDARY - offset
        };
        self.count != 0 && u64::from(self.count) <= room
    }
}
