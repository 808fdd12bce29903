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

/// How many bytes are read at once, from a multiple of that on. Beside the words that are asked for
/// they hold what the guest's program may be about to use, and what is never looked at.
///
/// A page is there as a whole or not at all, so that a piece of one has no other fault than each of
/// its words has.
pub(crate) const PIECE: usize = 1024;

/// The size of a word of CCWs.
const WORD: usize = ccw::SIZE as usize;

/// The address of no piece.
const NOWHERE: u64 = u64::MAX;

/// The piece of guest memory that was read last.
pub(crate) struct Reader<'a> {
    piece: &'a mut [u8],
    /// Its address.
    start: u64,
    /// The last word of the piece before.
    before: [u8; WORD],
}

impl<'a> Reader<'a> {
    /// Begins with nothing at hand. `buffer` has room for one piece.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            piece: buffer,
            start: NOWHERE,
            before: [0; WORD],
        }
    }

    /// Returns the word at `address`, a multiple of its size, if the guest has memory there.
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

    /// Returns the word before the one at `address`, if these two were asked for last.
    pub(crate) fn before(&self, address: u64) -> Option<[u8; WORD]> {
        match address as usize % PIECE {
            0 => Some(self.before),
            offset => self.piece.get(..offset)?.last_chunk().copied(),
        }
    }

    /// Reads the piece at `start`, and returns whether it is there.
    #[cold]
    fn read<M: GuestMemory>(
        &mut self,
        start: u64,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        self.start = NOWHERE;
        self.before = self.piece.last_chunk().copied().unwrap_or_default();
        let is_there = available(memory.read(start, self.piece))?;
        if is_there {
            self.start = start;
        }
        Ok(is_there)
    }
}
