// SPDX-License-Identifier: GPL-2.0

//! The guest's data: the blocks of storage that each CCW moves to or from.
//!
//! The channel uses the blocks of a CCW one after the other, and a program check ends the program.
//! So the blocks of a CCW end where something is wrong: what is behind that does not matter.

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
        Storage,
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    orb::Orb,
    ways::Transfer, //
};

/// A block of storage within one page: a MIDAW, or the address that an IDAW is.
pub(crate) type Block = Midaw;

/// The blocks of one CCW: a part of the [`BlockList`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Blocks {
    first: u32,
    count: u16,
    /// Whether something wrong is behind the last of them.
    pub(crate) fault: bool,
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
        let first = blocks.first as usize;
        self.blocks
            .get(first..first + usize::from(blocks.count))
            .unwrap_or_default()
    }

    /// Adds the blocks of a CCW that moves data.
    pub(crate) fn add<M: GuestMemory>(
        &mut self,
        ccw: &Ccw,
        transfer: Transfer,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<Blocks, Error<M::Error>> {
        let area = Area {
            address: u64::from(ccw.address),
            count: ccw.count,
            transfer,
            limit: u64::from(Format::of(orb).max_address()) + 1,
            format: idaw::Format::of(orb),
        };
        let first = self.len;
        let end = if ccw.flags.contains(Flags::MIDA) {
            self.add_midaws(&area, memory)?
        } else if ccw.flags.contains(Flags::IDA) {
            self.add_idaws(&area, memory)?
        } else {
            self.add_direct(&area)?
        };
        Ok(Blocks {
            first: first as u32,
            count: (self.len - first) as u16,
            fault: end == End::Fault,
        })
    }

    /// Adds the blocks of an area whose address the CCW gives itself.
    fn add_direct(&mut self, area: &Area) -> Result<End, Bound> {
        let mut next = Some(area.address);
        for _ in 0..area.needed(area.address) {
            let Some(address) = next.filter(|address| *address < area.limit) else {
                return Ok(End::Fault);
            };
            self.push_address(address)?;
            let start = address - address % area.format.block();
            next = if area.transfer.backward() {
                start.checked_sub(1)
            } else {
                Some(start + area.format.block())
            };
        }
        Ok(End::Complete)
    }

    /// Adds the blocks of an area that a list of IDAWs gives.
    ///
    /// How many IDAWs there are depends on the first of them. So as many are fetched as there are in
    /// any case, then the one more that there may be: nothing is fetched twice, and nothing that is
    /// not of the list. Of a list in two pages, one page may not be there.
    fn add_idaws<M: GuestMemory>(
        &mut self,
        area: &Area,
        memory: &mut M,
    ) -> Result<End, Error<M::Error>> {
        let size = area.format.size();
        if area.address % size as u64 != 0 {
            return Ok(End::Fault);
        }
        let mut bytes = [0; idaw::MAX * 8];
        let mut fetched = 0;
        let mut needed = area.format.needed(0, area.count);
        while fetched < needed {
            let address = area.address + (fetched * size) as u64;
            let in_page = (PAGE_SIZE - address % PAGE_SIZE) as usize / size;
            let end = needed.min(fetched + in_page);
            let Some(part) = bytes.get_mut(fetched * size..end * size) else {
                break;
            };
            if address >= area.limit || !available(memory.read(address, part))? {
                break;
            }
            fetched = end;
            needed = area.needed(area.format.parse(&bytes, 0).unwrap_or(0));
        }

        let list = bytes.get(..fetched * size).unwrap_or_default();
        for number in 0..needed {
            match area.format.parse(list, number) {
                Some(idaw) if area.accepts_idaw(idaw, number == 0) => self.push_address(idaw)?,
                _ => return Ok(End::Fault),
            }
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
        memory: &mut M,
    ) -> Result<End, Error<M::Error>> {
        let mut address = area.address;
        let mut rest = area.count;
        if address % midaw::SIZE as u64 != 0 {
            return Ok(End::Fault);
        }
        loop {
            let mut bytes = [0; midaw::SIZE];
            if address >= area.limit || !available(memory.read(address, &mut bytes))? {
                return Ok(End::Fault);
            }
            let Some(midaw) = Midaw::parse(bytes).filter(|midaw| area.accepts_midaw(midaw)) else {
                return Ok(End::Fault);
            };
            self.push(midaw)?;
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

    fn push_address(&mut self, address: u64) -> Result<(), Bound> {
        self.push(Block {
            address,
            ..Block::default()
        })
    }

    fn push(&mut self, block: Block) -> Result<(), Bound> {
        *self.blocks.get_mut(self.len).ok_or(Bound::Idaws)? = block;
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
    /// The number of blocks when `first` is the address of the first byte that is moved.
    fn needed(&self, first: u64) -> usize {
        if self.transfer.backward() {
            self.format.needed_backward(first, self.count)
        } else {
            self.format.needed(first, self.count)
        }
    }

    /// Whether the channel takes this IDAW.
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
        if self.transfer.skips(midaw) {
            midaw.count != 0
        } else {
            midaw.accepts(self.transfer.backward())
        }
    }
}
