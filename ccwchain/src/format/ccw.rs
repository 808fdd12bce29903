// SPDX-License-Identifier: GPL-2.0

//! Channel-command words (CCWs) of both formats.
//!
//! Principles of Operation, "Channel-Command Word"; `arch/s390/include/asm/cio.h`.

use core::fmt;

use crate::{
    format::flags::flags,
    orb::Orb, //
};

/// The size of a CCW in bytes, which is also its alignment.
pub const SIZE: u32 = 8;

/// The command code of transfer in channel (TIC). In format 0 only its low four bits count.
pub const TIC: u8 = 0x08;

/// The command code of write, without modifier bits.
pub const WRITE: u8 = 0x01;

/// The command code of read, without modifier bits.
pub const READ: u8 = 0x02;

/// The command code of no-operation, which transfers no data.
pub const NO_OPERATION: u8 = 0x03;

/// The command code of read backward, without modifier bits.
pub const READ_BACKWARD: u8 = 0x0c;

/// Returns whether a device is known to end a command of this code with status modifier, for which
/// command chaining skips the next CCW, whatever that is.
///
/// Two kinds of commands are known:
///
/// - the searches of a disk, `tccff001`: `t` is one to search all tracks of a cylinder, `cc` is the
///   condition (01 equal, 10 high, 11 equal or high), `ff` the field (01 key, 10 identifier, 11
///   home address). The device gives status modifier when it has found the record;
/// - POLL of the terminal controls 2702 and 2703, 09. The device gives status modifier when a
///   terminal has answered.
///
/// No write of a disk has such a code. The command "write, space one line" of a printer has the
/// code of POLL: memory past the end of printer programs is read in vain.
#[inline]
pub const fn can_give_status_modifier(command: u8) -> bool {
    const POLL: u8 = 0x09;
    const CONDITION: u8 = 0x60;
    const FIELD: u8 = 0x18;
    let searches = command & 0x07 == 0x01 && command & CONDITION != 0 && command & FIELD != 0;
    searches || command == POLL
}

flags! {
    /// The flags of a CCW.
    pub struct Flags(u8);
    /// Chain data: the next CCW has a further storage area of this command.
    CD = 0x80, "CD";
    /// Chain command: the next CCW is the next command.
    CC = 0x40, "CC";
    /// Suppress length indication: an incorrect length is not reported.
    SLI = 0x20, "SLI";
    /// Skip: do not store the data that is read.
    SKIP = 0x10, "SKIP";
    /// Program-controlled interruption: present intermediate status when this CCW becomes current.
    PCI = 0x08, "PCI";
    /// Indirect data addressing: the address is that of a list of IDAWs.
    IDA = 0x04, "IDA";
    /// Suspend: the channel suspends the program before this CCW.
    SUSPEND = 0x02, "SUSPEND";
    /// Modified indirect data addressing: the address is that of a list of MIDAWs.
    MIDA = 0x01, "MIDA";
}

/// The format of the CCWs of a program, which the ORB determines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Format 0: addresses have 24 bits.
    Zero,
    /// Format 1: addresses have 31 bits.
    One,
}

impl Format {
    /// Returns the format that an ORB asks for.
    #[inline]
    pub const fn of(orb: &Orb) -> Self {
        if orb.format1() {
            Self::One
        } else {
            Self::Zero
        }
    }

    /// Returns the highest address that a CCW of this format can contain.
    #[inline]
    pub const fn max_address(self) -> u32 {
        match self {
            Self::Zero => 0x00ff_ffff,
            Self::One => 0x7fff_ffff,
        }
    }
}

/// The basic operation that the low bits of a command code ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `xxxx 0000`: invalid; gives a program check.
    Invalid,
    /// `xxxx xx01`: memory to device.
    Write,
    /// `xxxx xx10`: device to memory.
    Read,
    /// `xxxx xx11`: memory to device, as parameters of a control operation.
    Control,
    /// `xxxx 0100`: device to memory, information about the device.
    Sense,
    /// `xxxx 1000`: transfer in channel, which continues with another CCW.
    TransferInChannel,
    /// `xxxx 1100`: device to memory, toward lower addresses.
    ReadBackward,
}

impl Direction {
    /// Returns the direction of a command code.
    #[inline]
    pub const fn of(command: u8) -> Self {
        match command & 0x0f {
            0x00 => Self::Invalid,
            0x04 => Self::Sense,
            0x08 => Self::TransferInChannel,
            0x0c => Self::ReadBackward,
            low => match low & 0x03 {
                0x01 => Self::Write,
                0x02 => Self::Read,
                _ => Self::Control,
            },
        }
    }

    /// Returns whether the channel stores into memory.
    #[inline]
    pub const fn stores(self) -> bool {
        matches!(self, Self::Read | Self::Sense | Self::ReadBackward)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Write => "write",
            Self::Read => "read",
            Self::Control => "control",
            Self::Sense => "sense",
            Self::TransferInChannel => "transfer in channel",
            Self::ReadBackward => "read backward",
        })
    }
}

/// A channel-command word of either format.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Ccw {
    /// The command code.
    pub command: u8,
    /// The flags.
    pub flags: Flags,
    /// The size of the storage area in bytes.
    pub count: u16,
    /// The address of the storage area, of its list, or of the target of a TIC. It has 24 bits in
    /// format 0; in format 1, 31 bits and a bit 0 that must be zero.
    pub address: u32,
}

impl Ccw {
    /// Parses a CCW.
    #[inline]
    pub const fn parse(format: Format, bytes: [u8; 8]) -> Self {
        let word = u64::from_be_bytes(bytes);
        // Convert to format 1.
        let word = match format {
            Format::Zero => {
                let (flags, count) = (word >> 24 & 0xff, word & 0xffff);
                word & 0xff << 56 | flags << 48 | count << 32 | (word >> 32 & 0x00ff_ffff)
            }
            Format::One => word,
        };
        Self {
            command: (word >> 56) as u8,
            flags: Flags::from_bits((word >> 48) as u8),
            count: (word >> 32) as u16,
            address: word as u32,
        }
    }

    /// Returns the bytes of the CCW in memory. Format 0 has only the low 24 bits of the address.
    #[inline]
    pub const fn to_bytes(&self, format: Format) -> [u8; 8] {
        let (flags, count) = (self.flags.bits() as u64, self.count as u64);
        let address = self.address as u64;
        let rest = match format {
            Format::Zero => (address & 0x00ff_ffff) << 32 | flags << 24 | count,
            Format::One => flags << 48 | count << 32 | address,
        };
        ((self.command as u64) << 56 | rest).to_be_bytes()
    }

    /// Returns whether this is a transfer in channel in a program of that format.
    ///
    /// In format 1, only the code 0x08 is one; other codes with these low four bits are invalid.
    #[inline]
    pub const fn is_tic(&self, format: Format) -> bool {
        match format {
            Format::Zero => self.command & 0x0f == TIC,
            Format::One => self.command == TIC,
        }
    }

    /// Returns whether commands or data are chained, so that another CCW follows.
    #[inline]
    pub const fn chains(&self) -> bool {
        self.flags.intersects(Flags::CD.union(Flags::CC))
    }

    /// Returns whether the address is that of a list, not of data.
    #[inline]
    pub const fn has_list(&self) -> bool {
        self.flags.intersects(Flags::IDA.union(Flags::MIDA))
    }

    /// Returns the basic operation that the command code asks for.
    #[inline]
    pub const fn direction(&self) -> Direction {
        Direction::of(self.command)
    }
}

impl fmt::Display for Ccw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CCW {:02x} {} count={} address={:#010x} ({})",
            self.command,
            self.flags,
            self.count,
            self.address,
            self.direction()
        )
    }
}

impl fmt::Debug for Ccw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
