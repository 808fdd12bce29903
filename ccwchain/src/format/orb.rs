// SPDX-License-Identifier: GPL-2.0

//! The operation-request block (ORB) of START SUBCHANNEL, in command mode.
//!
//! Principles of Operation, "Operation-Request Block"; `drivers/s390/cio/orb.h`.

use core::fmt;

use crate::format::{
    self,
    flags::flags, //
};

/// Returns bit `number` of a word. As in the Principles of Operation, bit 0 is the most
/// significant.
const fn bit(number: u32) -> u32 {
    1 << (31 - number)
}

flags! {
    /// The control bits of word 1 of an ORB.
    pub struct Flags(u32);
    /// S: the program may suspend itself (bit 4).
    SUSPEND = bit(4), "suspend";
    /// C: streaming-mode control, for FICON channels (bit 5).
    STREAMING = bit(5), "streaming";
    /// M: modification control: the program may be modified while it runs, though the channel may
    /// prefetch (bit 6).
    MODIFICATION = bit(6), "modification";
    /// Y: synchronize prefetched writes (bit 7).
    SYNCHRONIZE = bit(7), "synchronize";
    /// F: the program has format-1 CCWs (bit 8).
    FORMAT_1 = bit(8), "format-1";
    /// P: the channel may prefetch CCWs and data (bit 9).
    PREFETCH = bit(9), "prefetch";
    /// I: the subchannel presents intermediate status when the program is accepted (bit 10).
    INITIAL_STATUS = bit(10), "initial-status";
    /// A: addresses are compared with the address limit, if the subchannel is enabled for that (bit
    /// 11).
    ADDRESS_LIMIT = bit(11), "address-limit";
    /// U: no intermediate status when the program is suspended (bit 12).
    SUPPRESS_SUSPENDED = bit(12), "suppress-suspended";
    /// B: the ORB is one of transport mode (bit 13).
    TRANSPORT = bit(13), "transport";
    /// H: IDAWs are of format 2, 64 bits each (bit 14).
    IDAW_64 = bit(14), "64-bit-idaw";
    /// T: format-2 IDAWs are for blocks of 2 KiB, not of 4 KiB (bit 15).
    IDAW_2K = bit(15), "2k-idaw";
    /// L: immediate operations in format-1 programs have no incorrect length, as in format-0
    /// programs (bit 24).
    LENGTH = bit(24), "length";
    /// D: CCWs may use modified indirect data addressing (bit 25).
    MIDAW = bit(25), "midaw";
    /// X: the ORB has an extension (bit 31).
    EXTENSION = bit(31), "extension";
}

impl Flags {
    /// Bits 26 to 30, which must be zero.
    pub const RESERVED: Self = Self(bit(26) | bit(27) | bit(28) | bit(29) | bit(30));
}

const KEY_SHIFT: u32 = 28;
const KEY_MASK: u32 = 0xf << KEY_SHIFT;
const LPM_SHIFT: u32 = 8;
const LPM_MASK: u32 = 0xff << LPM_SHIFT;

/// The first three words of an operation-request block.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Orb([u32; 3]);

impl Orb {
    /// Parses an ORB.
    #[inline]
    pub fn from_bytes(bytes: &[u8; 12]) -> Self {
        Self(format::words_from_bytes(bytes))
    }

    /// Returns the bytes of the three words in memory.
    pub fn to_bytes(&self) -> [u8; 12] {
        format::words_to_bytes(self.0)
    }

    /// Returns the three words, as numbers.
    #[inline]
    pub const fn words(&self) -> [u32; 3] {
        self.0
    }

    /// Returns the interruption parameter.
    pub const fn intparm(&self) -> u32 {
        let [intparm, _, _] = self.0;
        intparm
    }

    #[inline]
    const fn control(&self) -> u32 {
        let [_, control, _] = self.0;
        control
    }

    /// Returns the subchannel key, 0 to 15.
    pub const fn key(&self) -> u8 {
        (self.control() >> KEY_SHIFT) as u8
    }

    /// Returns the logical-path mask.
    #[inline]
    pub const fn lpm(&self) -> u8 {
        (self.control() >> LPM_SHIFT) as u8
    }

    /// Returns the control bits, including reserved ones.
    #[inline]
    pub const fn flags(&self) -> Flags {
        Flags(self.control() & !(KEY_MASK | LPM_MASK))
    }

    /// Returns the channel-program address. Bit 0 must be zero.
    #[inline]
    pub const fn cpa(&self) -> u32 {
        let [_, _, cpa] = self.0;
        cpa
    }

    /// Returns whether the program may suspend itself.
    pub const fn suspend(&self) -> bool {
        self.flags().contains(Flags::SUSPEND)
    }

    /// Returns whether the program has format-1 CCWs. Otherwise it has format-0 CCWs.
    #[inline]
    pub const fn format1(&self) -> bool {
        self.flags().contains(Flags::FORMAT_1)
    }

    /// Returns whether the channel may prefetch CCWs and data.
    #[inline]
    pub const fn prefetch(&self) -> bool {
        self.flags().contains(Flags::PREFETCH)
    }

    /// Returns whether the program may be modified while it runs: prefetching is not allowed, or
    /// modification control is set.
    #[inline]
    pub const fn may_be_modified(&self) -> bool {
        !self.prefetch() || self.flags().contains(Flags::MODIFICATION)
    }

    /// Returns whether the subchannel presents intermediate status when the program is accepted.
    pub const fn initial_status(&self) -> bool {
        self.flags().contains(Flags::INITIAL_STATUS)
    }

    /// Returns whether this is an ORB of transport mode, whose other words have another meaning.
    #[inline]
    pub const fn transport(&self) -> bool {
        self.flags().contains(Flags::TRANSPORT)
    }

    /// Returns whether IDAWs have format 2 (64 bits). Otherwise they have format 1.
    #[inline]
    pub const fn idaw64(&self) -> bool {
        self.flags().contains(Flags::IDAW_64)
    }

    /// Returns whether format-2 IDAWs are for blocks of 2 KiB. Otherwise they are for blocks of 4
    /// KiB.
    #[inline]
    pub const fn idaw2k(&self) -> bool {
        self.flags().contains(Flags::IDAW_2K)
    }

    /// Returns this ORB with another interruption parameter.
    #[inline]
    #[must_use]
    pub const fn with_intparm(self, intparm: u32) -> Self {
        let [_, control, cpa] = self.0;
        Self([intparm, control, cpa])
    }

    /// Returns this ORB with another channel-program address.
    #[inline]
    #[must_use]
    pub const fn with_cpa(self, cpa: u32) -> Self {
        let [intparm, control, _] = self.0;
        Self([intparm, control, cpa])
    }

    /// Returns this ORB with another subchannel key: the low four bits of `key`.
    #[must_use]
    pub const fn with_key(self, key: u8) -> Self {
        self.with_control(KEY_MASK, (key as u32) << KEY_SHIFT)
    }

    /// Returns this ORB with another logical-path mask.
    #[inline]
    #[must_use]
    pub const fn with_lpm(self, lpm: u8) -> Self {
        self.with_control(LPM_MASK, (lpm as u32) << LPM_SHIFT)
    }

    /// Returns this ORB with exactly these control bits. Bits in the fields of the key and the path
    /// mask are ignored.
    #[inline]
    #[must_use]
    pub const fn with_flags(self, flags: Flags) -> Self {
        self.with_control(!(KEY_MASK | LPM_MASK), flags.0)
    }

    #[inline]
    const fn with_control(self, mask: u32, value: u32) -> Self {
        let [intparm, control, cpa] = self.0;
        Self([intparm, (control & !mask) | (value & mask), cpa])
    }
}

impl fmt::Display for Orb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ORB intparm={:#010x} key={} lpm={:#04x} cpa={:#010x} {}",
            self.intparm(),
            self.key(),
            self.lpm(),
            self.cpa(),
            self.flags()
        )
    }
}

impl fmt::Debug for Orb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
