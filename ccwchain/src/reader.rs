// SPDX-License-Identifier: GPL-2.0

//! Reading guest memory word by word, with few calls.

use crate::{
    error::{
        available,
        Error, //
    },
    memory::{
        GuestMemory,
        PAGE_SIZE, //
    },
};

/// The bytes that are read at once, where the page has as many. Beside the words that are asked for
/// they hold what the guest's program may be about to use, and what is never looked at.
pub(crate) const AHEAD: usize = 1024;

/// The piece of guest memory that was read last.
///
/// A page is there as a whole or not at all, so that a piece within one has no other fault than its
/// first word has.
pub(crate) struct Reader<'a> {
    buffer: &'a mut [u8],
    /// The address of the piece.
    start: u64,
    /// Its length in bytes.
    len: usize,
}

impl<'a> Reader<'a> {
    /// Begins with nothing at hand. `buffer` has [`AHEAD`] bytes.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            start: 0,
            len: 0,
        }
    }

    /// Returns the word at `address`, a multiple of its size, if the guest has memory there.
    #[inline]
    pub(crate) fn word<const N: usize, M: GuestMemory>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        match self.at_hand(address) {
            Some(word) => Ok(Some(word)),
            None => self.read(address, memory),
        }
    }

    #[inline]
    fn at_hand<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let offset = address.wrapping_sub(self.start) as usize;
        let word = self.buffer.get(offset..)?.first_chunk()?;
        (offset + N <= self.len).then_some(*word)
    }

    #[cold]
    fn read<const N: usize, M: GuestMemory>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        let rest = (PAGE_SIZE - address % PAGE_SIZE) as usize;
        let len = rest.min(self.buffer.len());
        let piece = self.buffer.get_mut(..len).unwrap_or_default();
        self.len = 0;
        if available(memory.read(address, piece))? {
            self.start = address;
            self.len = len;
        }
        Ok(self.at_hand(address))
    }
}
