// SPDX-License-Identifier: GPL-2.0

//! Reading guest memory word by word, with few calls.

use crate::{
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

/// The address of no piece.
const NOWHERE: u64 = u64::MAX;

/// The piece of guest memory that was read last.
pub(crate) struct Reader<'a> {
    piece: &'a mut [u8],
    /// Its address.
    start: u64,
}

impl<'a> Reader<'a> {
    /// Begins with nothing at hand. `buffer` has room for one piece.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            piece: buffer,
            start: NOWHERE,
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

    /// Reads the piece at `start`, and returns whether it is there.
    #[cold]
    fn read<M: GuestMemory>(
        &mut self,
        start: u64,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        self.start = NOWHERE;
        let is_there = available(memory.read(start, self.piece))?;
        if is_there {
            self.start = start;
        }
        Ok(is_there)
    }
}
