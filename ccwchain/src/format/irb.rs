// SPDX-License-Identifier: GPL-2.0

//! The interruption-response block (IRB): SCSW, extended-status word and extended-control word.
//!
//! Principles of Operation, "Interruption-Response Block"; `arch/s390/include/asm/cio.h`.

use core::{
    fmt,
    ops::Range, //
};

use crate::scsw::Scsw;

/// The size in bytes of the part of the block that TEST SUBCHANNEL always stores.
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
    /// The number of sense bytes (bits 10 to 15), as shift and mask.
    pub(super) const SENSE_COUNT: (u32, u32) = (16, 0x3f);
}

/// An interruption-response block: SCSW, extended-status word and extended-control word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Irb([u8; SIZE]);

impl Irb {
    /// Returns the block with these bytes.
    #[inline]
    pub const fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        Self(*bytes)
    }

    /// Returns the bytes of the block.
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

    /// Returns the subchannel-status word.
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

    /// Accumulates `newer` into this block, as a status-pending subchannel does.
    ///
    /// Extended status and sense bytes are those of `newer`, or those of this block if `newer` has
    /// none.
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

    /// Returns the extended-report word.
    #[inline]
    pub fn erw(&self) -> u32 {
        u32::from_be_bytes(self.field(ERW))
    }

    /// Returns the sense bytes that were presented with the status (concurrent sense), if any.
    ///
    /// QEMU leaves their count zero. Then this returns all 32 bytes of the extended-control word.
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

    /// Clears the extended-control word except sense bytes: its other contents depend on the model
    /// of the machine, and may be host addresses.
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

    /// Returns the failing-storage address, which is absolute, if it is valid.
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

    /// Returns the secondary-CCW address, if it is valid.
    #[inline]
    pub fn secondary_ccw_address(&self) -> Option<u32> {
        (self.scsw().logout() && self.erw() & erw::SECONDARY_CCW_VALID != 0)
            .then(|| u32::from_be_bytes(self.field(SECONDARY_CCW)))
    }

    /// Replaces the failing-storage address and the secondary-CCW address. `None` stores an invalid
    /// address of zero.
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
