// SPDX-License-Identifier: GPL-2.0

//! The guest's data: the blocks of storage that each CCW moves to or from.

use crate::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::{
        available,
        Bound,
        Error, //
    },
    idaw,
    memory::{
        GuestMemory,
        Storage, //
    },
    orb::Orb,
};

/// The blocks of one CCW: a part of the [`BlockList`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Blocks {
    first: u32,
    count: u16,
}

/// The guest addresses of all blocks of a program, each within one page.
pub(crate) struct BlockList<S: Storage> {
    addresses: S::Of<u64>,
    len: usize,
}

impl<S: Storage> BlockList<S> {
    /// Makes room for `idaws` blocks.
    pub(crate) fn new(idaws: usize) -> Result<Self, S::Error> {
        Ok(Self {
            addresses: S::allocate(idaws)?,
            len: 0,
        })
    }

    /// Forgets all blocks.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// The number of blocks.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The addresses of the blocks of a CCW.
    pub(crate) fn get(&self, blocks: Blocks) -> &[u64] {
        let first = blocks.first as usize;
        self.addresses
            .get(first..first + usize::from(blocks.count))
            .unwrap_or_default()
    }

    /// Adds the blocks of a CCW that moves data. There are none if the guest has them wrong.
    pub(crate) fn add<M: GuestMemory>(
        &mut self,
        ccw: &Ccw,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<Option<Blocks>, Error<M::Error>> {
        let limit = u64::from(Format::of(orb).max_address()) + 1;
        let format = idaw::Format::of(orb);
        let first = self.len;
        let complete = if ccw.flags.contains(Flags::IDA) {
            self.add_listed(ccw, format, limit, memory)?
        } else {
            self.add_direct(ccw, format, limit)?
        };
        if !complete {
            self.len = first;
            return Ok(None);
        }
        Ok(Some(Blocks {
            first: first as u32,
            count: (self.len - first) as u16,
        }))
    }

    /// Adds the blocks of the area that `ccw` gives itself.
    fn add_direct(&mut self, ccw: &Ccw, format: idaw::Format, limit: u64) -> Result<bool, Bound> {
        let end = u64::from(ccw.address) + u64::from(ccw.count);
        if end > limit {
            return Ok(false);
        }
        let mut address = u64::from(ccw.address);
        while address < end {
            self.push(address)?;
            address = (address / format.block() + 1) * format.block();
        }
        Ok(true)
    }

    /// Adds the blocks that the list of IDAWs of `ccw` gives.
    ///
    /// How many IDAWs there are depends on the first of them. So as many are fetched as there are in
    /// any case, then the one more that there may be: nothing is fetched twice, and nothing that is
    /// not of the list.
    fn add_listed<M: GuestMemory>(
        &mut self,
        ccw: &Ccw,
        format: idaw::Format,
        limit: u64,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        let mut bytes = [0; idaw::MAX * 8];
        let list = u64::from(ccw.address);
        if list % format.size() as u64 != 0 {
            return Ok(false);
        }

        let mut fetched = 0;
        let mut needed = format.needed(0, ccw.count);
        while fetched < needed {
            let (from, to) = (fetched * format.size(), needed * format.size());
            let Some(part) = bytes.get_mut(from..to) else {
                return Ok(false);
            };
            if list + to as u64 > limit || !available(memory.read(list + from as u64, part))? {
                return Ok(false);
            }
            fetched = needed;
            needed = match format.parse(&bytes, 0) {
                Some(first) => format.needed(first, ccw.count),
                None => return Ok(false),
            };
        }

        for number in 0..needed {
            match format.parse(&bytes, number) {
                Some(idaw) if format.accepts(idaw, number == 0) => self.push(idaw)?,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn push(&mut self, address: u64) -> Result<(), Bound> {
        let place = self.addresses.get_mut(self.len).ok_or(Bound::Idaws)?;
        *place = address;
        self.len += 1;
        Ok(())
    }
}
