// SPDX-License-Identifier: GPL-2.0

//! Commands of the host's, and the lists of the blocks of storage that they move data to or from.
//!
//! The channel uses the blocks of a CCW one after the other, and a program check ends the program.
//! So a list ends where something is wrong: what is behind that does not matter.
//!
//! The addresses of the blocks are filled in at the last, when their pages are pinned.

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
        Arena,
        GuestMemory,
        Storage, //
    },
    midaw::{
        self,
        Midaw, //
    },
    orb::Orb,
    pin::pages::{
        Pages,
        Wanted, //
    },
    translator::effect::{
        Effects, //
        Transfer,
    },
    translator::image::{
        scratch_midaws,
        Image,
        List,
        Place,
        Places, //
    },
    translator::reader::Reader,
};

/// A block of storage within one page, whose address is to be filled in.
#[derive(Clone, Copy, Default)]
struct Block {
    place: Place,
    wanted: Wanted,
}

/// The blocks of a program that are not in pages that are kept.
pub(crate) struct Blocks<S: Storage> {
    blocks: S::Of<Block>,
    len: usize,
    /// A list of MIDAWs while it is read.
    midaws: S::Of<Midaw>,
}

impl<S: Storage> Blocks<S> {
    /// Makes room for that many blocks.
    pub(crate) fn new(blocks: usize) -> Result<Self, S::Error> {
        Ok(Self {
            blocks: S::allocate(blocks)?,
            len: 0,
            midaws: S::allocate(midaw::LIST_BOUNDARY / midaw::SIZE)?,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets all blocks.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Fills in where the blocks are in the host.
    pub(crate) fn fill<A: Arena>(&self, pages: &Pages<S>, arena: &mut A) {
        let pinned = pages.granted();
        for block in self.blocks.get(..self.len).unwrap_or_default() {
            block.place.fill(pinned.block(block.wanted), arena);
        }
    }
}

/// Writes commands.
pub(crate) struct Writer<'a, S: Storage, A> {
    pub(crate) image: Image<'a, S, A>,
    blocks: &'a mut Blocks<S>,
    pages: &'a mut Pages<S>,
    lists: Reader<'a>,
    /// The first address that a CCW cannot give.
    limit: u64,
    /// What the blocks are of a command that has no MIDAWs.
    format: idaw::Format,
}

impl<'a, S: Storage, A: Arena> Writer<'a, S, A> {
    /// Begins a program of the request `orb`.
    #[inline]
    pub(crate) fn new(
        orb: &Orb,
        image: Image<'a, S, A>,
        blocks: &'a mut Blocks<S>,
        pages: &'a mut Pages<S>,
        lists: Reader<'a>,
    ) -> Self {
        Self {
            image,
            blocks,
            pages,
            lists,
            limit: u64::from(Format::of(orb).max_address()) + 1,
            format: idaw::Format::of(orb),
        }
    }

    /// Writes a command, or a part of one, with `effect` in effect, into a slot.
    #[inline(always)]
    pub(crate) fn put_command<M: GuestMemory>(
        &mut self,
        slot: u32,
        ccw: Ccw,
        effect: Effects,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let list = match effect.transfer(&ccw) {
            None if ccw.count > 0 && effect.stores() => {
                return self.put_skipping(slot, ccw, effect);
            }
            None => self.image.scratch_list(ccw.count),
            Some(transfer) if self.is_one_block(&ccw, transfer) => {
                let (list, place) = self.image.idaw()?;
                self.push(transfer, place, ccw.address.into())?;
                list
            }
            Some(transfer) => self.list(ccw, transfer, memory)?,
        };
        // To a command that fetches, or moves nothing, the flag means nothing.
        self.image.put_command(slot, &ccw, Flags::SKIP, list);
        Ok(())
    }

    /// Writes a command that would store, but skips.
    #[cold]
    #[inline(never)]
    fn put_skipping<E>(&mut self, slot: u32, ccw: Ccw, effect: Effects) -> Result<(), Error<E>> {
        let list = if effect.backward() {
            self.image.backward_scratch_list()?
        } else {
            self.image.scratch_list(ccw.count)
        };
        self.image.put_command(slot, &ccw, Flags::empty(), list);
        Ok(())
    }

    /// Whether a command's data is within one block of storage, whose address it gives itself.
    #[inline]
    fn is_one_block(&self, ccw: &Ccw, transfer: Transfer) -> bool {
        let block = self.format.block();
        let offset = u64::from(ccw.address) % block;
        !ccw.has_list() && !transfer.backward() && offset + u64::from(ccw.count) <= block
    }

    /// Makes the list of a command that moves data.
    #[inline(never)]
    fn list<M: GuestMemory>(
        &mut self,
        ccw: Ccw,
        transfer: Transfer,
        memory: &mut M,
    ) -> Result<List, Error<M::Error>> {
        let area = Area::new(&ccw, transfer);
        if ccw.flags.contains(Flags::MIDA) {
            self.midaws(&area, memory)
        } else if !ccw.flags.contains(Flags::IDA) {
            Ok(self.direct(&area)?)
        } else {
            // Three times, so that the format is a constant in each.
            match self.format {
                format @ idaw::Format::One => self.idaws::<4, M>(format, &area, memory),
                format @ idaw::Format::Two2K => self.idaws::<8, M>(format, &area, memory),
                format @ idaw::Format::Two4K => self.idaws::<8, M>(format, &area, memory),
            }
        }
    }

    /// Makes room for the list of an area. Behind one of a read backward stands a fault: a channel that
    /// moves the data upward has not had all of it when the list is at its end.
    #[inline(always)]
    fn idaw_list(&mut self, area: &Area, needed: usize) -> Result<(List, Places), Bound> {
        if !area.transfer.backward() {
            return self.image.idaws(needed);
        }
        let (list, mut places) = self.image.idaws(needed + 1)?;
        if let Some(last) = places.take_last() {
            self.image.put_fault(last);
        }
        Ok((list, places))
    }

    /// Makes the list of an area whose address the CCW gives itself.
    fn direct(&mut self, area: &Area) -> Result<List, Bound> {
        let needed = area.needed(self.format, area.address);
        let (list, places) = self.idaw_list(area, needed)?;
        let mut next = Some(area.address);
        for place in places {
            let Some(address) = next.filter(|address| *address < self.limit) else {
                self.image.put_fault(place);
                break;
            };
            self.push(area.transfer, place, address)?;
            let start = address - address % self.format.block();
            next = if area.transfer.backward() {
                start.checked_sub(1)
            } else {
                Some(start + self.format.block())
            };
        }
        Ok(list)
    }

    /// Makes the list of an area that a list of IDAWs of `N` bytes gives.
    ///
    /// How many IDAWs there are depends on the first of them.
    #[inline(always)]
    fn idaws<const N: usize, M: GuestMemory>(
        &mut self,
        format: idaw::Format,
        area: &Area,
        memory: &mut M,
    ) -> Result<List, Error<M::Error>> {
        let mut next = if area.address % N as u64 == 0 {
            self.idaw::<N, M>(format, area.address, memory)?
        } else {
            None
        };
        let needed = next.map_or(1, |first| area.needed(format, first));
        let (list, places) = self.idaw_list(area, needed)?;
        for (number, place) in (0..).zip(places) {
            if number > 0 {
                let address = area.address + number * N as u64;
                let idaw = self.idaw::<N, M>(format, address, memory)?;
                next = idaw.filter(|idaw| area.continues(format, *idaw));
            }
            let Some(idaw) = next else {
                self.image.put_fault(place);
                break;
            };
            self.push(area.transfer, place, idaw)?;
        }
        Ok(list)
    }

    /// Makes the list of an area that a list of MIDAWs gives.
    ///
    /// Whether their counts are those of the CCW and the last of them is marked so is for the
    /// channel to judge: they are the same in the host. One that skips may be several there.
    fn midaws<M: GuestMemory>(
        &mut self,
        area: &Area,
        memory: &mut M,
    ) -> Result<List, Error<M::Error>> {
        let (len, is_complete) = self.read_midaws(area, memory)?;
        let midaws = self.blocks.midaws.get(..len).unwrap_or_default();
        let needed = midaws
            .iter()
            .map(|midaw| area.host_midaws(midaw))
            .sum::<usize>();
        if needed > midaw::LIST_BOUNDARY / midaw::SIZE {
            return Err(Bound::Idaws.into());
        }
        let (list, mut places) = self.image.midaws(needed + usize::from(!is_complete))?;
        for number in 0..len {
            let midaw = self.blocks.midaws.get(number).copied().unwrap_or_default();
            if area.transfer.skips(midaw.flags) {
                let places = (&mut places).take(area.host_midaws(&midaw));
                self.image.put_scratch(places, &midaw);
            } else if let Some(place) = places.next() {
                // To a command that fetches, the flag means nothing.
                let flags = midaw.flags.difference(midaw::Flags::SKIP);
                self.image.put_midaw(place, flags, midaw.count);
                self.push(area.transfer, place, midaw.address)?;
            }
        }
        if let Some(place) = places.next() {
            self.image.put_midaw(place, midaw::Flags::LAST, u16::MAX);
            self.image.put_fault(place);
        }
        Ok(list)
    }

    /// Reads a list of MIDAWs, up to its end or to what is wrong. Returns how many there are, and
    /// whether they have all bytes of the area.
    fn read_midaws<M: GuestMemory>(
        &mut self,
        area: &Area,
        memory: &mut M,
    ) -> Result<(usize, bool), Error<M::Error>> {
        let mut address = area.address;
        let mut rest = area.count;
        if address % midaw::SIZE as u64 != 0 {
            return Ok((0, false));
        }
        // It does not cross a boundary.
        let room = midaw::LIST_BOUNDARY - address as usize % midaw::LIST_BOUNDARY;
        for len in 0..room / midaw::SIZE {
            let midaw = self.word(address, memory)?.and_then(Midaw::parse);
            let Some(midaw) = midaw.filter(|midaw| area.accepts_midaw(midaw, rest)) else {
                return Ok((len, false));
            };
            if let Some(place) = self.blocks.midaws.get_mut(len) {
                *place = midaw;
            }
            if midaw.count >= rest {
                return Ok((len + 1, true));
            }
            // A channel that does not look at the flag goes on behind the list.
            if midaw.flags.contains(midaw::Flags::LAST) {
                return Ok((len + 1, false));
            }
            rest -= midaw.count;
            address += midaw::SIZE as u64;
        }
        Ok((room / midaw::SIZE, false))
    }

    /// Puts the address in the host of the block at `address` into a place, now or at the last.
    #[inline(always)]
    fn push(&mut self, transfer: Transfer, place: Place, address: u64) -> Result<(), Bound> {
        let access = transfer.access();
        if let Some(block) = self.pages.kept_block(address, access) {
            self.image.put_block(place, block);
            return Ok(());
        }
        let blocks = &mut *self.blocks;
        let block = blocks.blocks.get_mut(blocks.len).ok_or(Bound::Idaws)?;
        self.pages.want(address, access, &mut block.wanted)?;
        block.place = place;
        blocks.len += 1;
        Ok(())
    }

    /// A word of a list.
    #[inline]
    fn word<const N: usize, M: GuestMemory>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        if address < self.limit {
            self.lists.word(address, memory)
        } else {
            Ok(None)
        }
    }

    /// An IDAW of a list, if it is there and is an address.
    #[inline]
    fn idaw<const N: usize, M: GuestMemory>(
        &mut self,
        format: idaw::Format,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<u64>, Error<M::Error>> {
        let idaw = self.word::<N, M>(address, memory)?.map(idaw::parse);
        Ok(idaw.filter(|idaw| format.in_range(*idaw)))
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
}

impl Area {
    #[inline]
    fn new(ccw: &Ccw, transfer: Transfer) -> Self {
        Self {
            address: u64::from(ccw.address),
            count: ccw.count,
            transfer,
        }
    }

    /// Whether the channel takes this IDAW behind another.
    #[inline]
    fn continues(&self, format: idaw::Format, idaw: u64) -> bool {
        if self.transfer.backward() {
            format.is_last_byte(idaw)
        } else {
            format.is_first_byte(idaw)
        }
    }

    /// How many blocks it has if `first` is the address of the first byte that is moved.
    #[inline]
    fn needed(&self, format: idaw::Format, first: u64) -> usize {
        if self.transfer.backward() {
            format.needed_backward(first, self.count)
        } else {
            format.needed(first, self.count)
        }
    }

    /// How many MIDAWs the host has for this one.
    fn host_midaws(&self, midaw: &Midaw) -> usize {
        if self.transfer.skips(midaw.flags) {
            scratch_midaws(midaw)
        } else {
            1
        }
    }

    /// Whether the channel takes this MIDAW where `rest` bytes are left. Whether these are as many as it
    /// says is for the channel to judge, but in one that skips, which can be several.
    fn accepts_midaw(&self, midaw: &Midaw, rest: u16) -> bool {
        if self.transfer.skips(midaw.flags) {
            let is_last = midaw.flags.contains(midaw::Flags::LAST);
            (1..=rest).contains(&midaw.count) && (!is_last || midaw.count == rest)
        } else {
            midaw.accepts(self.transfer.backward())
        }
    }
}
