// SPDX-License-Identifier: GPL-2.0

//! Reading guest memory word by word, with few calls.

use crate::{
    ccw,
    error::{
        available,
        Error, //
    },
    memory::GuestMemory,
};

/// The size of a piece in bytes: guest memory is read in pieces, from multiples of this on.
///
/// A piece may have bytes that are no part of the program. They are never looked at. It lies within
/// one page, which is there as a whole or not at all, so that reading a piece fails exactly if
/// reading any word of it fails.
pub(crate) const PIECE: usize = 1024;

/// The size of a CCW in bytes.
const CCW: usize = ccw::SIZE as usize;

/// The address of no piece.
const NO_PIECE: u64 = u64::MAX;

/// A reader of guest memory, with the piece that was read last.
pub(crate) struct GuestReader<'a> {
    piece: &'a mut [u8],
    /// The guest address of the piece.
    start: u64,
    /// The last CCW of the piece that was read before this one.
    before: [u8; CCW],
}

impl<'a> GuestReader<'a> {
    /// Creates a reader that has read nothing. `buffer` has room for one piece.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        debug_assert!(buffer.len() == PIECE);
        Self {
            piece: buffer,
            start: NO_PIECE,
            before: [0; CCW],
        }
    }

    /// Returns the word of `N` bytes at the guest address `address`, a multiple of `N`, or `None`
    /// if the guest has no memory there.
    #[inline]
    pub(crate) fn word<const N: usize, M: GuestMemory>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        let offset = address % PIECE as u64;
        if self.start != address - offset && !self.read(address - offset, memory)? {
            return Ok(None);
        }
        let offset = offset as usize;
        let word = self.piece.get(offset..offset + N);
        Ok(word.and_then(|word| word.try_into().ok()))
    }

    /// Returns the CCW before the one at `address`, if these two were read last, in this order.
    pub(crate) fn before(&self, address: u64) -> Option<[u8; CCW]> {
        match address as usize % PIECE {
            0 => Some(self.before),
            offset => self.piece.get(..offset)?.last_chunk().copied(),
        }
    }

    /// Reads the piece at the guest address `start`. Returns whether the guest has memory there.
    #[cold]
    fn read<M: GuestMemory>(
        &mut self,
        start: u64,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        self.start = NO_PIECE;
        self.before = self.piece.last_chunk().copied().unwrap_or_default();
        let is_there = available(memory.read(start, self.piece))?;
        if is_there {
            self.start = start;
        }
        Ok(is_there)
    }
}
