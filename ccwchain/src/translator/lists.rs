// SPDX-License-Identifier: GPL-2.0

//! Host CCWs of commands, and their lists of IDAWs or MIDAWs.
//!
//! Every command has a list. The entries of a list hold absolute addresses of data, which are
//! written when the pages of the data are pinned. A command that moves no data has the scratch
//! list: a channel that moves data nevertheless uses the scratch page.

use core::ops::Range;

use crate::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::Bound,
    idaw,
    memory::{
        Access,
        Arena,
        Storage,
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    pin::pages::{
        PinnedBlock,
        ProgramPages, //
    },
    pin::requests::BlockRequest,
    prefix::prefix,
    translator::image::{
        ArenaAddress,
        ArenaImage, //
    },
    translator::slots::SLOTS,
};

/// The size in bytes of an address in a list, and of a format-2 IDAW.
const WORD: usize = 8;

/// The boundary in bytes that a list of IDAWs must not cross.
const IDAW_LIST_BOUNDARY: usize = 2048;

/// An address that gives a program check when the channel uses it.
///
/// It is in the last page of the address space, where no machine has storage: an invalid data
/// address. In an IDAW other than the first of its list it is also an invalid IDAW, since it is
/// neither the first nor the last byte of a block. So no channel takes it for storage, and no
/// device can reach anything through it.
pub(crate) const FAULT: u64 = 0xffff_ffff_ffff_f001;

/// The offsets in the arena of the scratch page.
const SCRATCH_PAGE: Range<usize> = 0..PAGE_SIZE as usize;

/// The offsets in the arena of the scratch list: as many IDAWs as 65535 bytes need in blocks of 2
/// KiB.
const SCRATCH_LIST: Range<usize> = SCRATCH_PAGE.end..SCRATCH_PAGE.end + idaw::MAX * WORD;

const _: () = assert!(SCRATCH_LIST.end == SLOTS);

/// The maximum count of a host MIDAW that skips: half of the scratch page, which begins or ends in
/// its middle.
const SCRATCH_MIDAW: u16 = PAGE_SIZE as u16 / 2;

/// Returns the number of host MIDAWs for a guest MIDAW that skips.
pub(crate) fn scratch_midaws(guest: &Midaw) -> usize {
    guest.count.div_ceil(SCRATCH_MIDAW).into()
}

/// The list of a host CCW.
#[derive(Clone, Copy)]
pub(crate) enum HostList {
    /// A list of IDAWs.
    Idaws(ArenaAddress),
    /// A list of MIDAWs.
    Midaws(ArenaAddress),
}

/// The address field of an entry of a list, as an offset in the arena.
///
/// # Invariants
///
/// One that is used was created by [`HostLists`], and is in its list.
#[derive(Clone, Copy, Default)]
pub(crate) struct ListEntry(u32);

impl ListEntry {
    /// Writes the absolute address of a block, or [`FAULT`] for `None`.
    #[inline]
    pub(crate) fn fill<A: Arena>(self, block: Option<PinnedBlock>, arena: &mut A) {
        let address = block.map_or(FAULT, PinnedBlock::address);
        arena.write(self.0 as usize, address.to_be_bytes());
    }
}

/// A block of storage, which lies within one page, and the list entry for its address.
#[derive(Clone, Copy, Default)]
struct DataBlock {
    entry: ListEntry,
    request: BlockRequest,
}

/// The blocks of a program whose pages are not cached.
pub(crate) struct DataBlocks<S: Storage> {
    blocks: S::Of<DataBlock>,
    len: usize,
    /// Working memory: a list of guest MIDAWs.
    pub(crate) midaws: S::Of<Midaw>,
}

impl<S: Storage> DataBlocks<S> {
    /// Allocates room for `blocks` blocks.
    pub(crate) fn new(blocks: usize) -> Result<Self, S::Error> {
        Ok(Self {
            blocks: S::allocate(blocks)?,
            len: 0,
            midaws: S::allocate(midaw::LIST_BOUNDARY / midaw::SIZE)?,
        })
    }

    /// Requests the page of the block at the guest address `address`, for the list entry `entry`.
    #[inline(always)]
    pub(crate) fn request(
        &mut self,
        address: u64,
        access: Access,
        entry: ListEntry,
        pages: &mut ProgramPages<S>,
    ) -> Result<(), Bound> {
        let block = self.blocks.get_mut(self.len).ok_or(Bound::Idaws)?;
        pages.request(address, access, &mut block.request)?;
        block.entry = entry;
        self.len += 1;
        Ok(())
    }

    /// Returns the number of blocks.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Removes all blocks.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes the absolute addresses of the blocks into their list entries.
    pub(crate) fn fill<A: Arena>(&self, pages: &ProgramPages<S>, arena: &mut A) {
        let pinned = pages.pinned();
        for block in prefix(&self.blocks, self.len) {
            block.entry.fill(pinned.block(block.request), arena);
        }
    }
}

/// The entries of a list, from the first to the last.
pub(crate) struct ListEntries {
    at: usize,
    end: usize,
    step: usize,
}

impl ListEntries {
    /// Removes and returns the last entry.
    pub(crate) fn take_last(&mut self) -> Option<ListEntry> {
        let last = self.end.checked_sub(self.step)?;
        self.end = last;
        (last >= self.at).then_some(ListEntry(last as u32))
    }
}

impl Iterator for ListEntries {
    type Item = ListEntry;

    #[inline]
    fn next(&mut self) -> Option<ListEntry> {
        if self.at >= self.end {
            return None;
        }
        let entry = ListEntry(self.at as u32);
        self.at += self.step;
        Some(entry)
    }
}

/// The commands and lists of a host program, while it is written.
pub(crate) struct HostLists<'a, S: Storage, A> {
    pub(crate) image: ArenaImage<'a, S, A>,
    /// The offset in the arena of the end of the scratch list, as far as it is written.
    scratch_end: usize,
    /// The scratch list of commands that read backward, if there is one.
    backward_scratch: Option<HostList>,
    has_midaws: bool,
}

impl<'a, S: Storage, A: Arena> HostLists<'a, S, A> {
    /// Begins a program without lists.
    #[inline]
    pub(crate) fn new(image: ArenaImage<'a, S, A>) -> Self {
        Self {
            image,
            scratch_end: SCRATCH_LIST.start,
            backward_scratch: None,
            has_midaws: false,
        }
    }

    /// Returns whether there are MIDAWs.
    #[inline]
    pub(crate) fn has_midaws(&self) -> bool {
        self.has_midaws
    }

    /// Writes the CCW of a command, or of a part of one, into a slot: the guest CCW without the
    /// flags `void`, and with a list of the host.
    #[inline]
    pub(crate) fn put_command(&mut self, slot: u32, guest: &Ccw, void: Flags, list: HostList) {
        let (flag, address) = match list {
            HostList::Idaws(address) => (Flags::IDA, address),
            HostList::Midaws(address) => (Flags::MIDA, address),
        };
        let void = Flags::IDA.union(Flags::MIDA).union(void);
        let flags = guest.flags.difference(void);
        let ccw = Ccw {
            flags: flags.union(flag),
            address: address.address(),
            ..*guest
        };
        self.image.put_bytes(slot, ccw.to_bytes(Format::One));
    }

    /// Returns the list for a command that moves no data, but has a count. It is long enough for a
    /// channel that uses blocks of 2 KiB, beginning with the first byte of a block.
    #[inline]
    pub(crate) fn scratch_list(&mut self, count: u16) -> HostList {
        // Enough blocks for all bytes but the first; the last block may be used in part.
        let further = (usize::from(count) + 2046) / 2048;
        let end = SCRATCH_LIST.start + (1 + further) * WORD;
        if self.scratch_end < end {
            self.extend_scratch_list(end);
        }
        HostList::Idaws(self.image.first_block_address(SCRATCH_LIST.start as u32))
    }

    #[cold]
    fn extend_scratch_list(&mut self, end: usize) {
        let first_byte = self.scratch_byte(0).to_be_bytes();
        while self.scratch_end < end {
            self.image.write(self.scratch_end, first_byte);
            self.scratch_end += WORD;
        }
    }

    /// Returns the absolute address of a byte of the scratch page.
    #[inline]
    fn scratch_byte(&self, offset: u16) -> u64 {
        let address = self.image.first_block_address(offset.into());
        address.address().into()
    }

    /// Returns the list for a command that reads backward, but moves no data. Each entry is the
    /// last byte of a block.
    #[cold]
    pub(crate) fn backward_scratch_list(&mut self) -> Result<HostList, Bound> {
        const LAST_BYTE: u16 = PAGE_SIZE as u16 - 1;

        if let Some(list) = self.backward_scratch {
            return Ok(list);
        }
        let (list, entries) = self.idaws(idaw::MAX)?;
        let last_byte = self.scratch_byte(LAST_BYTE).to_be_bytes();
        for entry in entries {
            self.image.write(entry.0 as usize, last_byte);
        }
        self.backward_scratch = Some(list);
        Ok(list)
    }

    /// Reserves a list of one IDAW. The caller fills it.
    #[inline]
    pub(crate) fn idaw(&mut self) -> Result<(HostList, ListEntry), Bound> {
        let at = self.image.reserve(WORD)?;
        let list = HostList::Idaws(self.image.list_address(at));
        Ok((list, ListEntry(at as u32)))
    }

    /// Reserves a list of `len` IDAWs. The caller fills them all.
    #[inline(always)]
    pub(crate) fn idaws(&mut self, len: usize) -> Result<(HostList, ListEntries), Bound> {
        let size = len * WORD;
        let at = self.image.reserve_within(size, IDAW_LIST_BOUNDARY)?;
        let entries = ListEntries {
            at,
            end: at + size,
            step: WORD,
        };
        Ok((HostList::Idaws(self.image.list_address(at)), entries))
    }

    /// Reserves a list of `len` MIDAWs. The caller puts and fills them all.
    pub(crate) fn midaws(&mut self, len: usize) -> Result<(HostList, ListEntries), Bound> {
        let size = len * midaw::SIZE;
        self.image.align(midaw::SIZE);
        let at = self.image.reserve_within(size, midaw::LIST_BOUNDARY)?;
        let entries = ListEntries {
            at: at + WORD,
            end: at + size,
            step: midaw::SIZE,
        };
        self.has_midaws = true;
        Ok((HostList::Midaws(self.image.list_address(at)), entries))
    }

    /// Writes a MIDAW except its address, which is to be written to `entry`.
    pub(crate) fn put_midaw(&mut self, entry: ListEntry, flags: midaw::Flags, count: u16) {
        let word = u64::from(flags.bits()) << 16 | u64::from(count);
        self.image
            .write(entry.0 as usize - WORD, word.to_be_bytes());
    }

    /// Writes the MIDAWs for data that is skipped, as many as [`scratch_midaws`] returns. A channel
    /// that stores the data nevertheless stores it into the scratch page, in either direction.
    ///
    /// The first one asks for the data-transfer interruption, and the last one ends the list, if
    /// the MIDAW of the guest does so.
    pub(crate) fn put_scratch(&mut self, entries: impl Iterator<Item = ListEntry>, guest: &Midaw) {
        let middle = self.scratch_byte(SCRATCH_MIDAW - 1);
        let (mut left, mut flags) = (guest.count, guest.flags);
        for entry in entries {
            let count = left.min(SCRATCH_MIDAW);
            left -= count;
            let not_here = if left == 0 {
                midaw::Flags::empty()
            } else {
                midaw::Flags::LAST
            };
            self.put_midaw(entry, flags.difference(not_here), count);
            flags = flags.difference(midaw::Flags::INTERRUPTION);
            self.image.write(entry.0 as usize, middle.to_be_bytes());
        }
    }

    /// Writes the absolute address of a block into an entry.
    #[inline]
    pub(crate) fn put_block(&mut self, entry: ListEntry, block: PinnedBlock) {
        entry.fill(Some(block), self.image.arena());
    }

    /// Writes [`FAULT`] into an entry. The channel uses no entry after it.
    pub(crate) fn put_fault(&mut self, entry: ListEntry) {
        entry.fill(None, self.image.arena());
    }
}
