// SPDX-License-Identifier: GPL-2.0

//! The guest's data: the blocks of storage that each CCW moves to or from.
//!
//! The channel uses the blocks of a CCW one after the other, and a program check ends the program.
//! So the blocks of a CCW end where something is wrong: what is behind that does not matter.

use core::ops::Range;

use crate::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    idaw,
    memory::{
        GuestMemory,
        Storage, //
    },
    midaw::{
        self,
        Midaw, //
    },
    orb::Orb,
    pages::{
        Pages,
        Wanted, //
    },
    reader::Reader,
    ways::Transfer, //
};

/// A block of storage within one page: a MIDAW, or the address that an IDAW is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Block {
    pub(crate) address: u64,
    count: u16,
    flags: midaw::Flags,
    /// Its page, or none if it is skipped.
    pub(crate) page: Wanted,
}

impl Block {
    /// The block as a MIDAW of the guest's.
    pub(crate) fn midaw(&self) -> Midaw {
        Midaw {
            flags: self.flags,
            count: self.count,
            address: self.address,
        }
    }
}

/// The blocks of one CCW: a part of the [`BlockList`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Blocks {
    first: u32,
    count: u16,
    /// Whether something wrong is behind the last of them.
    pub(crate) fault: bool,
}

impl Blocks {
    #[inline]
    fn range(self) -> Range<usize> {
        let first = self.first as usize;
        first..first + usize::from(self.count)
    }
}

/// The blocks of all CCWs of a program.
pub(crate) struct BlockList<S: Storage> {
    blocks: S::Of<Block>,
    len: usize,
}

/// How the blocks of a CCW end.
#[derive(PartialEq, Eq)]
enum End {
    Complete,
    Fault,
}

impl<S: Storage> BlockList<S> {
    /// Makes room for that many blocks.
    pub(crate) fn new(blocks: usize) -> Result<Self, S::Error> {
        Ok(Self {
            blocks: S::allocate(blocks)?,
            len: 0,
        })
    }

    /// Forgets all blocks.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// The blocks of a CCW.
    pub(crate) fn get(&self, blocks: Blocks) -> &[Block] {
        self.blocks.get(blocks.range()).unwrap_or_default()
    }

    /// Adds the blocks of a CCW that moves data, and wants the pages that they are in.
    #[inline(never)]
    pub(crate) fn add<M: GuestMemory>(
        &mut self,
        ccw: &Ccw,
        transfer: Transfer,
        orb: &Orb,
        pages: &mut Pages<S>,
        memory: &mut Reader<'_, M>,
    ) -> Result<Blocks, Error<M::Error>> {
        let area = Area {
            address: u64::from(ccw.address),
            count: ccw.count,
            transfer,
            limit: u64::from(Format::of(orb).max_address()) + 1,
            format: idaw::Format::of(orb),
        };
        let first = self.len;
        let end = if area.is_one_block() && !ccw.has_list() {
            self.push(&area, Midaw::at(area.address), pages)?;
            End::Complete
        } else if ccw.flags.contains(Flags::MIDA) {
            self.add_midaws(&area, pages, memory)?
        } else if !ccw.flags.contains(Flags::IDA) {
            self.add_direct(&area, pages)?
        } else if area.format == idaw::Format::One {
            self.add_idaws::<4, M>(&area, pages, memory)?
        } else {
            self.add_idaws::<8, M>(&area, pages, memory)?
        };
        Ok(Blocks {
            first: first as u32,
            count: (self.len - first) as u16,
            fault: end == End::Fault,
        })
    }

    /// Adds the blocks of an area whose address the CCW gives itself.
    fn add_direct(&mut self, area: &Area, pages: &mut Pages<S>) -> Result<End, Bound> {
        let mut next = Some(area.address);
        for _ in 0..area.needed(area.address) {
            let Some(address) = next.filter(|address| *address < area.limit) else {
                return Ok(End::Fault);
            };
            self.push(area, Midaw::at(address), pages)?;
            let start = address - address % area.format.block();
            next = if area.transfer.backward() {
                start.checked_sub(1)
            } else {
                Some(start + area.format.block())
            };
        }
        Ok(End::Complete)
    }

    /// Adds the blocks of an area that a list of IDAWs of `N` bytes gives.
    ///
    /// How many IDAWs there are depends on the first of them.
    fn add_idaws<const N: usize, M: GuestMemory>(
        &mut self,
        area: &Area,
        pages: &mut Pages<S>,
        memory: &mut Reader<'_, M>,
    ) -> Result<End, Error<M::Error>> {
        let mut address = area.address;
        let mut rest = 1;
        let mut is_first = true;
        if address % N as u64 != 0 {
            return Ok(End::Fault);
        }
        while rest > 0 {
            let Some(idaw) = area.word::<N, M>(address, memory)?.map(idaw::parse) else {
                return Ok(End::Fault);
            };
            if is_first {
                rest = area.needed(idaw);
            }
            if !area.accepts_idaw(idaw, is_first) {
                return Ok(End::Fault);
            }
            self.push(area, Midaw::at(idaw), pages)?;
            is_first = false;
            rest -= 1;
            address += N as u64;
        }
        Ok(End::Complete)
    }

    /// Adds the blocks of an area that a list of MIDAWs gives.
    ///
    /// Whether their counts are those of the CCW and the last of them is marked so is for the
    /// channel to judge: they are the same in the host.
    fn add_midaws<M: GuestMemory>(
        &mut self,
        area: &Area,
        pages: &mut Pages<S>,
        memory: &mut Reader<'_, M>,
    ) -> Result<End, Error<M::Error>> {
        let mut address = area.address;
        let mut rest = area.count;
        if address % midaw::SIZE as u64 != 0 {
            return Ok(End::Fault);
        }
        loop {
            let midaw = area.word(address, memory)?.and_then(Midaw::parse);
            let Some(midaw) = midaw.filter(|midaw| area.accepts_midaw(midaw)) else {
                return Ok(End::Fault);
            };
            self.push(area, midaw, pages)?;
            if midaw.flags.contains(midaw::Flags::LAST) || midaw.count >= rest {
                return Ok(End::Complete);
            }
            rest -= midaw.count;
            address += midaw::SIZE as u64;
            if address % midaw::LIST_BOUNDARY as u64 == 0 {
                return Ok(End::Fault);
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, area: &Area, midaw: Midaw, pages: &mut Pages<S>) -> Result<(), Bound> {
        let place = self.blocks.get_mut(self.len).ok_or(Bound::Idaws)?;
        let page = if area.transfer.skips(midaw.flags) {
            Wanted::NONE
        } else {
            pages.want(midaw.address, area.transfer.access())?
        };
        *place = Block {
            address: midaw.address,
            count: midaw.count,
            flags: midaw.flags,
            page,
        };
        self.len += 1;
        Ok(())
    }
}

/// The storage area of a CCW.
struct Area {
    /// Its address, or that of its list.
    address: u64,
    /// The number of bytes.
    count: u16,
    /// How it is used.
    transfer: Transfer,
    /// The first address that a CCW cannot give.
    limit: u64,
    /// What its blocks are.
    format: idaw::Format,
}

impl Area {
    /// Whether it is within one block of storage, if the CCW gives its address.
    #[inline]
    fn is_one_block(&self) -> bool {
        let offset = self.address % self.format.block();
        !self.transfer.backward() && offset + u64::from(self.count) <= self.format.block()
    }

    /// A word of its list.
    #[inline]
    fn word<const N: usize, M: GuestMemory>(
        &self,
        address: u64,
        memory: &mut Reader<'_, M>,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        if address < self.limit {
            memory.word(address)
        } else {
            Ok(None)
        }
    }

    /// The number of blocks when `first` is the address of the first byte that is moved.
    #[inline]
    fn needed(&self, first: u64) -> usize {
        if self.transfer.backward() {
            self.format.needed_backward(first, self.count)
        } else {
            self.format.needed(first, self.count)
        }
    }

    /// Whether the channel takes this IDAW.
    #[inline]
    fn accepts_idaw(&self, idaw: u64, is_first: bool) -> bool {
        self.format.in_range(idaw)
            && (is_first
                || if self.transfer.backward() {
                    self.format.is_last_byte(idaw)
                } else {
                    self.format.is_first_byte(idaw)
                })
    }

    /// Whether the channel takes this MIDAW.
    fn accepts_midaw(&self, midaw: &Midaw) -> bool {
        if self.transfer.skips(midaw.flags) {
            midaw.count != 0
        } else {
            midaw.accepts(self.transfer.backward())
        }
    }
}
