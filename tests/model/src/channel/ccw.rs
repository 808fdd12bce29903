// SPDX-License-Identifier: GPL-2.0

//! Channel-command words ("Channel-Command Word").

/// The format of the CCWs of a program (ORB bit F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 24-bit addresses, flags in byte 4.
    Zero,
    /// 31-bit addresses, flags in byte 1.
    One,
}

impl Format {
    /// Returns the end of the addresses of CCWs and of data in CCWs.
    pub const fn limit(self) -> u32 {
        match self {
            Self::Zero => 1 << 24,
            Self::One => 1 << 31,
        }
    }
}

/// A CCW of either format, as it is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ccw {
    /// The command code.
    pub code: u8,
    /// The flags: the associated constants.
    pub flags: u8,
    /// The count in bytes.
    pub count: u16,
    /// The data address with all bits that the format has for it: 24 or 32.
    pub address: u32,
}

impl Ccw {
    /// The flag chain data.
    pub const CD: u8 = 0x80;
    /// The flag chain command.
    pub const CC: u8 = 0x40;
    /// The flag suppress-length indication.
    pub const SLI: u8 = 0x20;
    /// The flag skip.
    pub const SKIP: u8 = 0x10;
    /// The flag program-controlled interruption.
    pub const PCI: u8 = 0x08;
    /// The flag indirect data address.
    pub const IDA: u8 = 0x04;
    /// The flag suspend.
    pub const SUSPEND: u8 = 0x02;
    /// The flag modified indirect data address.
    pub const MIDA: u8 = 0x01;

    /// Parses the eight bytes of a CCW.
    pub const fn parse(format: Format, b: [u8; 8]) -> Self {
        match format {
            Format::Zero => Self {
                code: b[0],
                flags: b[4],
                count: u16::from_be_bytes([b[6], b[7]]),
                address: u32::from_be_bytes([0, b[1], b[2], b[3]]),
            },
            Format::One => Self {
                code: b[0],
                flags: b[1],
                count: u16::from_be_bytes([b[2], b[3]]),
                address: u32::from_be_bytes([b[4], b[5], b[6], b[7]]),
            },
        }
    }

    /// Returns the eight bytes of the CCW in memory.
    pub const fn to_bytes(self, format: Format) -> [u8; 8] {
        let [a0, a1, a2, a3] = self.address.to_be_bytes();
        let [c0, c1] = self.count.to_be_bytes();
        match format {
            Format::Zero => [self.code, a1, a2, a3, self.flags, 0, c0, c1],
            Format::One => [self.code, self.flags, c0, c1, a0, a1, a2, a3],
        }
    }

    /// Returns whether a flag is one.
    pub const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns whether this is a transfer in channel, valid or not ("Transfer in Channel").
    pub const fn is_tic(self) -> bool {
        self.code & 0x0f == 0x08
    }
}

/// The direction of data, by the low bits of a command code ("Command Code").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Write and control: from memory.
    Output,
    /// Read and sense: to memory.
    Input,
    /// Read backward: to memory, toward lower addresses.
    InputBackward,
}

impl Direction {
    /// Returns the direction of a command code, or `None` if it is invalid or is no command.
    pub(crate) const fn of(code: u8) -> Option<Self> {
        match code & 0x0f {
            0x0 | 0x8 => None,
            0xc => Some(Self::InputBackward),
            0x4 => Some(Self::Input),
            low if low & 1 == 1 => Some(Self::Output),
            _ => Some(Self::Input),
        }
    }
}
