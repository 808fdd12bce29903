// SPDX-License-Identifier: GPL-2.0

//! The start function as it is asked for ("Operation-Request Block").

use crate::ccw::Format;

/// What IDAWs look like (ORB bits H and T).
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
    /// The size of an IDAW in bytes, and its alignment.
    pub const fn size(self) -> u64 {
        match self {
            Self::One => 4,
            Self::Two2K | Self::Two4K => 8,
        }
    }

    /// The size of a block in bytes.
    pub const fn block(self) -> u64 {
        match self {
            Self::One | Self::Two2K => 2048,
            Self::Two4K => 4096,
        }
    }
}

/// What the channel takes from an ORB.
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
    /// Whether suspending makes no intermediate status (U).
    pub suppress_suspended: bool,
    /// Whether immediate operations have no incorrect length (L). Without it they do in programs of
    /// format 1 only.
    pub suppress_length: bool,
}

impl Request {
    /// A request for a program of format 1 with format-2 IDAWs of 4 KiB, and nothing else.
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

    /// Reads the first three words of an ORB, as numbers.
    pub const fn from_orb([_, control, cpa]: [u32; 3]) -> Self {
        /// Whether a bit is one, in the architecture's count.
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
}
