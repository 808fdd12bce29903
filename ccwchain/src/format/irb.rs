// SPDX-License-Identifier: GPL-2.0

//! The interruption-response block: status, extended status and extended control.
//!
//! Principles of Operation, "Interruption-Response Block"; `arch/s390/include/asm/cio.h`.

use core::{
    fmt,
    ops::Range, //
};

use crate::scsw::Scsw;

/// The size of the part of the block that TEST SUBCHANNEL always stores.
pub const SIZE: usize = 64;

const SCSW: Range<usize> = 0..12;
const ERW: Range<usize> = 16..20;
const FAILING_STORAGE: Range<usize> = 20..28;
const SECONDARY_CCW: Range<usize> = 28..32;
const ECW: Range<usize> = 32..64;

/// Bits of the extended-report word.
mod erw {
    /// The failing-storage address is valid (bit 6).
    pub(super) const FAILING_STORAGE_VALID: u32 = 0x0200_0000;
    /// The extended-control word holds sense bytes (bit 7).
    pub(super) const CONCURRENT_SENSE: u32 = 0x0100_0000;
    /// The secondary-CCW address is valid (bit 8).
    pub(super) const SECONDARY_CCW_VALID: u32 = 0x0080_0000;
    /// The failing-storage address has 64 bits, not 31 (bit 9).
    pub(super) const FAILING_STORAGE_64: u32 = 0x0040_0000;
    /// How many sense bytes there are (bits 10 to 15), as shift and mask.
    pub(super) const SENSE_COUNT: (u32, u32) = (16, 0x3f);
}

/// An interruption-response block: SCSW, extended-status word and extended-control word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Irb([u8; SIZE]);

impl Irb {
    /// The block with these bytes.
    #[inline]
    pub const fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        Self(*bytes)
    }

    /// The bytes of the block.
    #[inline]
    pub const fn as_bytes(&self) -> &[u8; SIZE] {
        &self.0
    }

    #[inline]
    fn field<const N: usize>(&self, at: Range<usize>) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at]);
        bytes
    }

    #[inline]
    fn set_field(&mut self, at: Range<usize>, bytes: &[u8]) {
        self.0[at].copy_from_slice(bytes);
    }

    /// The subchannel-status word.
    #[inline]
    pub fn scsw(&self) -> Scsw {
        Scsw::from_bytes(&self.field(SCSW))
    }

    /// Replaces the subchannel-status word.
    #[inline]
    pub fn set_scsw(&mut self, scsw: Scsw) {
        for (word, at) in scsw.words().iter().zip((SCSW.start..).step_by(4)) {
            self.set_field(at..at + 4, &word.to_be_bytes());
        }
    }

    /// Adds `newer` to this block, as a subchannel does whose status nobody took meanwhile.
    ///
    /// Extended status and sense bytes are the newer ones, or the older ones where only those had any.
    pub fn accumulate(&mut self, newer: &Self) {
        let scsw = self.scsw();
        let both = scsw.accumulate(newer.scsw());
        let extended = |scsw: Scsw| scsw.logout() || scsw.extended_control();

        if extended(scsw) && !extended(newer.scsw()) {
            self.set_scsw(both.with_extended(scsw));
        } else {
            *self = *newer;
            self.set_scsw(both);
        }
    }

    /// The extended-report word.
    #[inline]
    pub fn erw(&self) -> u32 {
        u32::from_be_bytes(self.field(ERW))
    }

    /// The sense bytes that came with the status, if any did.
    ///
    /// QEMU leaves the count of them zero: then all 32 bytes of the extended-control word are given.
    pub fn sense(&self) -> Option<&[u8]> {
        if self.erw() & erw::CONCURRENT_SENSE == 0 {
            return None;
        }
        let ecw = &self.0[ECW];
        let (shift, mask) = erw::SENSE_COUNT;
        match (self.erw() >> shift) & mask {
            0 => Some(ecw),
            count => ecw.get(..count as usize).or(Some(ecw)),
        }
    }

    /// Zeroes what is in the extended-control word but sense bytes that came with the status: it depends on
    /// the model of the machine, which may have addresses of its own there.
    #[inline]
    pub(crate) fn clear_all_but_sense(&mut self) {
        let sense = match self.sense() {
            Some(sense) if self.scsw().extended_control() => sense.len(),
            _ => 0,
        };
        if let Some(rest) = self.0.get_mut(ECW.start + sense..ECW.end) {
            rest.fill(0);
        }
    }

    /// The absolute address of the storage that an error was found at, if it is valid.
    #[inline]
    pub fn failing_storage_address(&self) -> Option<u64> {
        let erw = self.erw();
        if !self.scsw().logout() || erw & erw::FAILING_STORAGE_VALID == 0 {
            return None;
        }
        let words = u64::from_be_bytes(self.field(FAILING_STORAGE));
        if erw & erw::FAILING_STORAGE_64 != 0 {
            Some(words)
        } else {
            Some(words >> 32)
        }
    }

    /// The address of the CCW that was current as well when an error was found, if it is valid.
    #[inline]
    pub fn secondary_ccw_address(&self) -> Option<u32> {
        (self.scsw().logout() && self.erw() & erw::SECONDARY_CCW_VALID != 0)
            .then(|| u32::from_be_bytes(self.field(SECONDARY_CCW)))
    }

    /// Replaces the failing-storage address and the secondary-CCW address; `None` makes one invalid and
    /// zero.
    #[inline]
    pub fn set_addresses(&mut self, failing_storage: Option<u64>, secondary_ccw: Option<u32>) {
        const BITS: u32 =
            erw::FAILING_STORAGE_VALID | erw::FAILING_STORAGE_64 | erw::SECONDARY_CCW_VALID;
        let (mut bits, words) = match failing_storage {
            None => (0, 0),
            Some(address) if address < 1 << 31 => (erw::FAILING_STORAGE_VALID, address << 32),
            Some(address) => (
                erw::FAILING_STORAGE_VALID | erw::FAILING_STORAGE_64,
                address,
            ),
        };
        if secondary_ccw.is_some() {
            bits |= erw::SECONDARY_CCW_VALID;
        }
        let erw = self.erw() & !BITS | bits;
        self.set_field(ERW, &erw.to_be_bytes());
        self.set_field(FAILING_STORAGE, &words.to_be_bytes());
        self.set_field(SECONDARY_CCW, &secondary_ccw.unwrap_or(0).to_be_bytes());
    }
}

impl Default for Irb {
    fn default() -> Self {
        Self([0; SIZE])
    }
}

impl fmt::Debug for Irb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Irb")
            .field("scsw", &self.scsw())
            .field("erw", &self.erw())
            .field("sense", &self.sense())
            .finish()
    }
}
