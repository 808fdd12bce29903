// SPDX-License-Identifier: GPL-2.0

//! The storage area of a CCW, piece by piece ("Designation of Storage Area").

use super::{
    ccw::{
        Ccw,
        Direction, //
    },
    deviations::Deviations,
    memory::{
        Fault,
        Memory,
        Use, //
    },
    request::{
        IdawFormat,
        Request, //
    },
};

/// The boundary that neither a list of MIDAWs nor the data of a MIDAW crosses.
const PAGE: u64 = 4096;

/// The boundary that no piece of a directly addressed area crosses.
const BLOCK: u64 = 2048;

/// Bits of byte 5 of a MIDAW ("Modified-CCW-Indirect-Data-Address Word").
mod midaw {
    /// The last MIDAW of the list.
    pub(super) const LAST: u8 = 0x80;
    /// Skip: do not store the data that is read.
    pub(super) const SKIP: u8 = 0x40;
}

/// A part of a storage area that is used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The address of the byte that is used first, or `None` if the data that is read is not
    /// stored.
    pub(crate) first: Option<u64>,
    /// The number of bytes.
    pub(crate) len: usize,
}

/// How the rest of a storage area is addressed.
enum Rest {
    Nowhere,
    /// Directly, from this address on.
    Direct(u64),
    /// By a list, of which this many IDAWs were used.
    Idaws(u64),
    /// By a list, of which this many MIDAWs were used, for this many bytes.
    Midaws {
        used: u64,
        bytes: u16,
    },
}

/// The storage area of a CCW.
pub(crate) struct Area<'a> {
    request: &'a Request,
    deviations: &'a Deviations,
    ccw: Ccw,
    direction: Direction,
    rest: Rest,
}

impl<'a> Area<'a> {
    /// Returns the area of a CCW, for a command of this direction.
    pub(crate) fn new(
        request: &'a Request,
        deviations: &'a Deviations,
        ccw: Ccw,
        direction: Direction,
    ) -> Self {
        // Skipping applies to input only, and uses no storage at all ("Skipping").
        let skips = ccw.has(Ccw::SKIP) && direction != Direction::Output;
        let rest = if skips && !deviations.ignores_skip {
            Rest::Nowhere
        } else if ccw.has(Ccw::IDA) {
            Rest::Idaws(0)
        } else if ccw.has(Ccw::MIDA) {
            Rest::Midaws { used: 0, bytes: 0 }
        } else {
            Rest::Direct(ccw.address.into())
        };
        Self {
            request,
            deviations,
            ccw,
            direction,
            rest,
        }
    }

    fn backward(&self) -> bool {
        self.direction == Direction::InputBackward
    }

    /// Returns the next piece of the area, which may be larger than the rest of the count.
    pub(crate) fn next(&mut self, memory: &mut impl Memory) -> Result<Piece, Fault> {
        match self.rest {
            Rest::Nowhere => Ok(Piece {
                first: None,
                len: self.ccw.count.into(),
            }),
            Rest::Direct(first) => {
                let piece = self.direct(first)?;
                self.rest = Rest::Direct(if self.backward() {
                    first.wrapping_sub(piece.len as u64)
                } else {
                    first + piece.len as u64
                });
                Ok(piece)
            }
            Rest::Idaws(used) => {
                self.rest = Rest::Idaws(used + 1);
                self.idaw(used, memory)
            }
            Rest::Midaws { used, bytes } => {
                let (piece, bytes) = self.midaw(used, bytes, memory)?;
                let used = used + 1;
                self.rest = Rest::Midaws { used, bytes };
                Ok(piece)
            }
        }
    }

    /// Returns the number of bytes from `first` to the beginning or the end of its block of `size`
    /// bytes.
    fn within(&self, first: u64, size: u64) -> Piece {
        let len = if self.backward() {
            first % size + 1
        } else {
            size - first % size
        };
        Piece {
            first: Some(first),
            len: len as usize,
        }
    }

    /// Returns a piece of a directly addressed area. Addresses with more bits than the format has
    /// are invalid data addresses ("Program Check").
    fn direct(&self, first: u64) -> Result<Piece, Fault> {
        if first < u64::from(self.request.format.limit()) {
            Ok(self.within(first, BLOCK))
        } else {
            Err(Fault::Addressing)
        }
    }

    /// Returns a piece of an area with IDAWs. The first IDAW can be any address; the others are the
    /// first or, backward, the last byte of a block ("CCW Indirect Data Addressing").
    fn idaw(&self, number: u64, memory: &mut impl Memory) -> Result<Piece, Fault> {
        let format = self.request.idaws;
        let address = self.list_word(number, format.size())?;
        let mut bytes = [0; 8];
        let idaw = match format {
            IdawFormat::One => {
                memory.fetch(address, Use::Idaw, &mut bytes[4..])?;
                u64::from_be_bytes(bytes)
            }
            IdawFormat::Two2K | IdawFormat::Two4K => {
                memory.fetch(address, Use::Idaw, &mut bytes)?;
                u64::from_be_bytes(bytes)
            }
        };
        if self.deviations.fetches_lists_ahead {
            // An IDAW that is not available is never used.
            let ahead = &mut [0; 8][..format.size() as usize];
            let _ = memory.fetch(address + format.size(), Use::Idaw, ahead);
        }
        let edge = if self.backward() {
            format.block() - 1
        } else {
            0
        };
        let wrong_block = number > 0 && idaw % format.block() != edge;
        let too_large = format == IdawFormat::One && idaw >= 1 << 31;
        if wrong_block || too_large {
            return Err(Fault::Addressing);
        }
        Ok(self.within(idaw, format.block()))
    }

    /// Returns a piece of an area with MIDAWs, and the number of bytes of the MIDAWs up to this one
    /// ("Modified CCW Indirect Data Addressing").
    fn midaw(
        &self,
        number: u64,
        before: u16,
        memory: &mut impl Memory,
    ) -> Result<(Piece, u16), Fault> {
        let address = self.list_word(number, 16)?;
        if number > 0 && address % PAGE == 0 {
            return Err(Fault::Addressing);
        }
        let mut bytes = [0; 16];
        memory.fetch(address, Use::Midaw, &mut bytes)?;
        let [0, 0, 0, 0, 0, mut flags, c0, c1, ..] = bytes else {
            return Err(Fault::Addressing);
        };
        if self.deviations.fetches_lists_ahead {
            // A MIDAW that is not available is never used.
            let _ = memory.fetch(address + 16, Use::Midaw, &mut [0; 16]);
        }
        if self.deviations.ignores_last {
            flags &= !midaw::LAST;
        }
        let count = u16::from_be_bytes([c0, c1]);
        let first = u64::from_be_bytes(bytes[8..].try_into().expect("8 bytes"));
        let left = self.ccw.count - before;

        // A request for a data-transfer interruption gives a program check, too.
        let wrong_flags = flags & !(midaw::LAST | midaw::SKIP) != 0;
        let wrong_sum = count > left || (flags & midaw::LAST != 0 && count < left);
        if wrong_flags || count == 0 || wrong_sum {
            return Err(Fault::Addressing);
        }
        let skip = flags & midaw::SKIP != 0 && self.direction != Direction::Output;
        if !skip && usize::from(count) > self.within(first, PAGE).len {
            return Err(Fault::Addressing);
        }
        let piece = Piece {
            first: (!skip || self.deviations.ignores_skip).then_some(first),
            len: count.into(),
        };
        Ok((piece, before + count))
    }

    /// Returns the address of an IDAW or MIDAW of that size.
    fn list_word(&self, number: u64, size: u64) -> Result<u64, Fault> {
        let address = u64::from(self.ccw.address) + number * size;
        if address % size == 0 && address < u64::from(self.request.format.limit()) {
            Ok(address)
        } else {
            Err(Fault::Addressing)
        }
    }
}
