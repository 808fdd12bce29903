// SPDX-License-Identifier: GPL-2.0

//! Translation of commands, with the lists of the blocks of storage that they use.
//!
//! The channel uses the blocks of a CCW in their order, and a program check ends the program. So a
//! host list ends with the first invalid entry: nothing after that matters.
//!
//! The absolute addresses of blocks in pages that are not cached are written last, when the pages
//! are pinned ([`DataBlocks`]).

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
    midaw,
    orb::Orb,
    pin::pages::ProgramPages,
    prefix::prefix,
    translator::area::StorageArea,
    translator::effect::{
        DataTransfer,
        Effects, //
    },
    translator::fetch::GuestReader,
    translator::image::ArenaImage,
    translator::list_reader::ListReader,
    translator::lists::{
        DataBlocks,
        HostList,
        HostLists,
        ListEntries,
        ListEntry, //
    },
    translator::overwrite::{
        Exact,
        StoreWatch, //
    },
    translator::span::Span,
};

/// A writer of host commands.
pub(crate) struct CommandWriter<'a, S: Storage, A> {
    lists: HostLists<'a, S, A>,
    blocks: &'a mut DataBlocks<S>,
    pages: &'a mut ProgramPages<S>,
    reader: ListReader<'a, S>,
    /// The format of the guest IDAWs, which is also that of the blocks of a command without list.
    format: idaw::Format,
}

impl<'a, S: Storage, A: Arena> CommandWriter<'a, S, A> {
    /// Begins the program of `orb`. `reader` reads the lists of the guest. `exact` tells what
    /// is done about its stores.
    #[inline]
    pub(crate) fn new(
        orb: &Orb,
        image: ArenaImage<'a, S, A>,
        blocks: &'a mut DataBlocks<S>,
        pages: &'a mut ProgramPages<S>,
        reader: GuestReader<'a>,
        exact: Option<Exact<'a, S>>,
    ) -> Self {
        Self {
            lists: HostLists::new(image),
            blocks,
            pages,
            reader: ListReader::new(
                reader,
                u64::from(Format::of(orb).max_address()) + 1,
                StoreWatch::new(orb, exact),
            ),
            format: idaw::Format::of(orb),
        }
    }

    /// Returns the arena image.
    #[inline(always)]
    pub(crate) fn image(&mut self) -> &mut ArenaImage<'a, S, A> {
        &mut self.lists.image
    }

    /// Returns the watch over its stores.
    #[inline(always)]
    pub(crate) fn watch(&mut self) -> &mut StoreWatch<'a, S> {
        &mut self.reader.watch
    }

    /// Returns whether the program has MIDAWs.
    #[inline]
    pub(crate) fn has_midaws(&self) -> bool {
        self.lists.has_midaws()
    }

    /// Writes a command, or a part of one, into a slot. `effect` is the kind of command in effect.
    #[inline(always)]
    pub(crate) fn put_command<M: GuestMemory>(
        &mut self,
        slot: u32,
        ccw: Ccw,
        effect: Effects,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let list = match effect.data_transfer(&ccw) {
            None if ccw.count > 0 && effect.stores() => {
                return self.put_skipping(slot, ccw, effect);
            }
            None => self.lists.scratch_list(ccw.count),
            Some(transfer) if self.is_one_block(&ccw, transfer) => {
                let (list, entry) = self.lists.idaw()?;
                self.store(transfer, ccw.address.into(), ccw.count);
                self.put_data(transfer, entry, ccw.address.into())?;
                list
            }
            Some(transfer) => self.list(ccw, transfer, memory)?,
        };
        // The skip flag has no meaning for commands that fetch, or move nothing.
        self.lists.put_command(slot, &ccw, Flags::SKIP, list);
        Ok(())
    }

    /// Writes a command that stores, but whose data is skipped, into a slot.
    #[cold]
    #[inline(never)]
    fn put_skipping<E>(&mut self, slot: u32, ccw: Ccw, effect: Effects) -> Result<(), Error<E>> {
        let list = if effect.backward() {
            self.lists.backward_scratch_list()?
        } else {
            self.lists.scratch_list(ccw.count)
        };
        self.lists.put_command(slot, &ccw, Flags::empty(), list);
        Ok(())
    }

    /// Records that data of `count` bytes, of which the first is at `address`, is moved.
    #[inline(always)]
    fn store(&mut self, transfer: DataTransfer, address: u64, count: u16) {
        if transfer.stores() {
            self.reader
                .watch
                .store(Span::new(address, count.into(), transfer.backward()));
        }
    }

    /// Returns whether the CCW has no list, and its data is in one block.
    #[inline]
    fn is_one_block(&self, ccw: &Ccw, transfer: DataTransfer) -> bool {
        let block = self.format.block();
        let offset = u64::from(ccw.address) % block;
        !ccw.has_list() && !transfer.backward() && offset + u64::from(ccw.count) <= block
    }

    /// Writes the list of a command that moves data.
    #[inline(never)]
    fn list<M: GuestMemory>(
        &mut self,
        ccw: Ccw,
        transfer: DataTransfer,
        memory: &mut M,
    ) -> Result<HostList, Error<M::Error>> {
        let area = StorageArea::new(&ccw, transfer);
        if ccw.flags.contains(Flags::MIDA) {
            self.midaws(&area, memory)
        } else if !ccw.flags.contains(Flags::IDA) {
            Ok(self.direct(&area)?)
        } else if self.reader.watch.is_on() {
            self.watched_idaws(&area, memory)
        } else {
            // Three calls that are inlined, so that the format is a constant in each.
            match self.format {
                format @ idaw::Format::One => self.idaws::<4, M, false>(format, &area, memory),
                format @ idaw::Format::Two2K => self.idaws::<8, M, false>(format, &area, memory),
                format @ idaw::Format::Two4K => self.idaws::<8, M, false>(format, &area, memory),
            }
        }
    }

    /// Writes the list of an area that has a guest list of IDAWs, in a program that may be modified
    /// while it runs.
    #[inline(never)]
    fn watched_idaws<M: GuestMemory>(
        &mut self,
        area: &StorageArea,
        memory: &mut M,
    ) -> Result<HostList, Error<M::Error>> {
        match self.format {
            format @ idaw::Format::One => self.idaws::<4, M, true>(format, area, memory),
            format @ idaw::Format::Two2K => self.idaws::<8, M, true>(format, area, memory),
            format @ idaw::Format::Two4K => self.idaws::<8, M, true>(format, area, memory),
        }
    }

    /// Reserves a list of `needed` IDAWs.
    ///
    /// In a read backward, an invalid entry follows: a channel that moves the data upward
    /// nevertheless still has data to move at the end of the list.
    #[inline(always)]
    fn idaw_list(
        &mut self,
        area: &StorageArea,
        needed: usize,
    ) -> Result<(HostList, ListEntries), Bound> {
        if !area.transfer.backward() {
            return self.lists.idaws(needed);
        }
        let (list, mut entries) = self.lists.idaws(needed + 1)?;
        if let Some(last) = entries.take_last() {
            self.lists.put_fault(last);
        }
        Ok((list, entries))
    }

    /// Writes the list of an area whose guest address is in the CCW.
    fn direct(&mut self, area: &StorageArea) -> Result<HostList, Bound> {
        self.store(area.transfer, area.address, area.count);
        let needed = area.needed(self.format, area.address);
        let (list, entries) = self.idaw_list(area, needed)?;
        let mut next = Some(area.address);
        for entry in entries {
            let Some(address) = next.filter(|address| *address < self.reader.limit()) else {
                self.lists.put_fault(entry);
                break;
            };
            self.put_data(area.transfer, entry, address)?;
            let start = address - address % self.format.block();
            next = if area.transfer.backward() {
                start.checked_sub(1)
            } else {
                Some(start + self.format.block())
            };
        }
        Ok(list)
    }

    /// Writes the list of an area that has a guest list of IDAWs of `N` bytes.
    ///
    /// The number of IDAWs depends on the first of them. `WATCHED` is set if the program may be
    /// modified while it runs.
    #[inline(always)]
    fn idaws<const N: usize, M: GuestMemory, const WATCHED: bool>(
        &mut self,
        format: idaw::Format,
        area: &StorageArea,
        memory: &mut M,
    ) -> Result<HostList, Error<M::Error>> {
        let mut next = if area.address % N as u64 == 0 {
            self.reader
                .idaw::<N, M, WATCHED>(format, area.address, memory)?
        } else {
            None
        };
        let needed = next.map_or(1, |first| area.needed(format, first));
        if WATCHED {
            let list = Span::new(area.address, (needed * N) as u64, false);
            self.reader.watch.list(list);
        }
        let (list, entries) = self.idaw_list(area, needed)?;
        let (mut rest, mut blocks) = (area.count, Span::EMPTY);
        for (number, entry) in (0..).zip(entries) {
            if number > 0 {
                let address = area.address + number * N as u64;
                let idaw = self.reader.idaw::<N, M, WATCHED>(format, address, memory)?;
                next = idaw.filter(|idaw| area.accepts_idaw(format, *idaw));
            }
            let Some(idaw) = next else {
                self.lists.put_fault(entry);
                break;
            };
            if WATCHED && area.transfer.stores() {
                blocks = blocks.union(Span::new(idaw, 1, false));
                if self.reader.watch.is_exact() {
                    rest -= self.store_block(area, format, idaw, rest);
                }
            }
            self.put_data(area.transfer, entry, idaw)?;
        }
        if WATCHED {
            let (size, backward) = (format.block(), area.transfer.backward());
            self.reader.watch.add_bounds(blocks, size, backward);
        }
        Ok(list)
    }

    /// Records that the block at `at` is stored into, if `rest` bytes of the area are left. Returns
    /// how many of them it has.
    #[cold]
    fn store_block(&mut self, area: &StorageArea, format: idaw::Format, at: u64, rest: u16) -> u16 {
        let count = area.idaw_count(format, at, rest);
        self.store(area.transfer, at, count);
        count
    }

    /// Writes the list of an area that has a guest list of MIDAWs.
    ///
    /// The channel checks whether their counts add up to that of the CCW, and whether the last of
    /// them is marked as such: that is the same in the host. A MIDAW that skips may become several.
    fn midaws<M: GuestMemory>(
        &mut self,
        area: &StorageArea,
        memory: &mut M,
    ) -> Result<HostList, Error<M::Error>> {
        let (len, is_complete) = self.reader.midaws(area, &mut self.blocks.midaws, memory)?;
        let size = (len + usize::from(!is_complete)) * midaw::SIZE;
        self.reader
            .watch
            .list(Span::new(area.address, size as u64, false));
        let needed = prefix(&self.blocks.midaws, len)
            .iter()
            .map(|midaw| area.host_midaws(midaw))
            .sum::<usize>();
        if needed > midaw::LIST_BOUNDARY / midaw::SIZE {
            return Err(Bound::Idaws.into());
        }
        let (list, mut entries) = self.lists.midaws(needed + usize::from(!is_complete))?;
        for number in 0..len {
            let Some(&midaw) = self.blocks.midaws.get(number) else {
                debug_assert!(false, "there are fewer MIDAWs than counted");
                break;
            };
            if area.transfer.skips(midaw.flags) {
                let entries = (&mut entries).take(area.host_midaws(&midaw));
                self.lists.put_scratch(entries, &midaw);
            } else if let Some(entry) = entries.next() {
                // The skip flag has no meaning for commands that fetch.
                let flags = midaw.flags.difference(midaw::Flags::SKIP);
                self.lists.put_midaw(entry, flags, midaw.count);
                self.store(area.transfer, midaw.address, midaw.count);
                self.put_data(area.transfer, entry, midaw.address)?;
            }
        }
        if let Some(entry) = entries.next() {
            self.lists.put_midaw(entry, midaw::Flags::LAST, u16::MAX);
            self.lists.put_fault(entry);
        }
        Ok(list)
    }

    /// Writes the absolute address of the block at the guest address `address` into a list entry,
    /// or requests the page and leaves that to [`DataBlocks::fill`].
    #[inline(always)]
    fn put_data(
        &mut self,
        transfer: DataTransfer,
        entry: ListEntry,
        address: u64,
    ) -> Result<(), Bound> {
        let access = transfer.access();
        if let Some(block) = self.pages.cached_block(address, access) {
            self.lists.put_block(entry, block);
            return Ok(());
        }
        self.blocks.request(address, access, entry, self.pages)
    }
}
