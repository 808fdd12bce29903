// SPDX-License-Identifier: GPL-2.0

//! Reading the lists of the guest.

use crate::{
    error::Error,
    idaw,
    memory::{
        GuestMemory,
        Storage, //
    },
    midaw::{
        self,
        Midaw, //
    },
    translator::area::StorageArea,
    translator::fetch::GuestReader,
    translator::overwrite::StoreWatch,
    translator::span::Span, //
};

/// A reader of the lists of the guest.
pub(crate) struct ListReader<'a, S: Storage> {
    reader: GuestReader<'a>,
    /// The first guest address after those that a CCW can contain.
    limit: u64,
    pub(crate) watch: StoreWatch<'a, S>,
}

impl<'a, S: Storage> ListReader<'a, S> {
    /// Creates a reader of lists below the guest address `limit`. `watch` knows which words are
    /// overwritten.
    #[inline]
    pub(crate) fn new(reader: GuestReader<'a>, limit: u64, watch: StoreWatch<'a, S>) -> Self {
        Self {
            reader,
            limit,
            watch,
        }
    }

    /// Returns the first guest address after those that a CCW can contain.
    #[inline]
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Reads an entry of a guest list. Returns `None` if it is at an address that no CCW can
    /// contain, or that the guest does not have, or if it is overwritten when the channel fetches
    /// it.
    #[inline(always)]
    pub(crate) fn word<const N: usize, M: GuestMemory, const WATCHED: bool>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        let is_overwritten = WATCHED
            && self
                .watch
                .is_overwritten(Span::new(address, N as u64, false));
        if address < self.limit && !is_overwritten {
            self.reader.word(address, memory)
        } else {
            Ok(None)
        }
    }

    /// Reads an IDAW of a guest list. Returns `None` if it is not available or not in range.
    #[inline(always)]
    pub(crate) fn idaw<const N: usize, M: GuestMemory, const WATCHED: bool>(
        &mut self,
        format: idaw::Format,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<u64>, Error<M::Error>> {
        let idaw = self
            .word::<N, M, WATCHED>(address, memory)?
            .map(idaw::parse);
        Ok(idaw.filter(|idaw| format.in_range(*idaw)))
    }

    /// Reads a guest list of MIDAWs into `midaws`, up to its end or to the first invalid one.
    /// Returns the number of valid MIDAWs, and whether their counts add up to that of the CCW.
    pub(crate) fn midaws<M: GuestMemory>(
        &mut self,
        area: &StorageArea,
        midaws: &mut [Midaw],
        memory: &mut M,
    ) -> Result<(usize, bool), Error<M::Error>> {
        let mut address = area.address;
        let mut rest = area.count;
        if address % midaw::SIZE as u64 != 0 {
            return Ok((0, false));
        }
        let room = midaw::LIST_BOUNDARY - address as usize % midaw::LIST_BOUNDARY;
        for len in 0..room / midaw::SIZE {
            let word = self.word::<_, _, true>(address, memory)?;
            let midaw = word.and_then(Midaw::parse);
            let Some(midaw) = midaw.filter(|midaw| area.accepts_midaw(midaw, rest)) else {
                return Ok((len, false));
            };
            if let Some(read) = midaws.get_mut(len) {
                *read = midaw;
            }
            if midaw.count >= rest {
                return Ok((len + 1, true));
            }
            // A channel that ignores the flag would continue after the list.
            if midaw.flags.contains(midaw::Flags::LAST) {
                return Ok((len + 1, false));
            }
            rest -= midaw.count;
            address += midaw::SIZE as u64;
        }
        Ok((room / midaw::SIZE, false))
    }
}
