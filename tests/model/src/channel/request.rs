// SPDX-License-Identifier: GPL-2.0

//! The request for a start function ("Operation-Request Block").

use super::ccw::{
    Ccw,
    Direction,
    Format, //
};

/// The format of IDAWs (ORB bits H and T).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdawFormat {
    /// Format 1: 31 bits, for blocks of 2 KiB.
    One,
    /// Format 2: 64 bits, for blocks of 2 KiB.
    Two2K,
    /// Format 2: 64 bits, for blocks of 4 KiB.
    Two4K,
}

impl IdawFormat {
    /// Returns the size of an IDAW in bytes, which is also its alignment.
    pub const fn size(self) -> u64 {
        match self {
            Self::One => 4,
            Self::Two2K | Self::Two4K => 8,
        }
    }

    /// Returns the size of a block in bytes.
    pub const fn block(self) -> u64 {
        match self {
            Self::One | Self::Two2K => 2048,
            Self::Two4K => 4096,
        }
    }
}

/// The fields of an ORB that the channel uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The channel-program address.
    pub cpa: u32,
    /// The format of CCWs (F).
    pub format: Format,
    /// The format of IDAWs (H and T).
    pub idaws: IdawFormat,
    /// Whether CCWs may use MIDAWs (D).
    pub midaws: bool,
    /// Whether CCWs may suspend the program (S).
    pub suspend: bool,
    /// Whether suspending presents no intermediate status (U).
    pub suppress_suspended: bool,
    /// Whether immediate operations have no incorrect length (L). Without it they do in format-1
    /// programs only.
    pub suppress_length: bool,
}

impl Request {
    /// A request for a format-1 program with format-2 IDAWs of 4 KiB, and nothing else.
    pub const fn new(cpa: u32) -> Self {
        Self {
            cpa,
            format: Format::One,
            idaws: IdawFormat::Two4K,
            midaws: false,
            suspend: false,
            suppress_suspended: false,
            suppress_length: false,
        }
    }

    /// Parses the first three words of an ORB, as numbers.
    pub const fn from_orb([_, control, cpa]: [u32; 3]) -> Self {
        /// Returns whether a bit is one. Bit 0 is the most significant.
        const fn bit(word: u32, number: u32) -> bool {
            word >> (31 - number) & 1 == 1
        }
        Self {
            cpa,
            format: if bit(control, 8) {
                Format::One
            } else {
                Format::Zero
            },
            idaws: match (bit(control, 14), bit(control, 15)) {
                (false, _) => IdawFormat::One,
                (true, true) => IdawFormat::Two2K,
                (true, false) => IdawFormat::Two4K,
            },
            midaws: bit(control, 25),
            suspend: bit(control, 4),
            suppress_suspended: bit(control, 12),
            suppress_length: bit(control, 24),
        }
    }

    /// Returns whether a transfer in channel is valid ("Transfer in Channel"). In format 0 only the
    /// address counts, and in format 1 all else but the code must be zero.
    pub const fn takes_transfer(&self, ccw: Ccw) -> bool {
        match self.format {
            Format::Zero => true,
            Format::One => ccw.code == 0x08 && ccw.flags == 0 && ccw.count == 0,
        }
    }

    /// Returns whether a CCW is valid as a command ("Program Check").
    pub const fn takes_command(&self, ccw: Ccw) -> bool {
        let count = match self.format {
            Format::Zero => ccw.count != 0,
            Format::One => ccw.count != 0 || !ccw.has(Ccw::CD),
        };
        let suspend = self.suspend || !ccw.has(Ccw::SUSPEND);
        Direction::of(ccw.code).is_some() && count && suspend && self.takes_area(ccw)
    }

    /// Returns whether a CCW is valid after data chaining, where the command code does not count.
    pub const fn takes_chained(&self, ccw: Ccw) -> bool {
        ccw.count != 0 && !ccw.has(Ccw::SUSPEND) && self.takes_area(ccw)
    }

    const fn takes_area(&self, ccw: Ccw) -> bool {
        let midaws = self.midaws && !ccw.has(Ccw::IDA) && !ccw.has(Ccw::SKIP);
        ccw.address < self.format.limit() && (midaws || !ccw.has(Ccw::MIDA))
    }
}
