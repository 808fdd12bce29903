// SPDX-License-Identifier: GPL-2.0

//! The host's program, as it is written into the arena.
//!
//! ```text
//! the scratch page      data that goes nowhere, 4 KiB
//! the scratch list      IDAWs that all name the scratch page, as many as are used
//! slots              CCWs of format 1
//! lists              IDAWs of format 2, and MIDAWs
//! ```
//!
//! The first two are in the first block of the arena. Slots go on in further blocks. There is no CCW
//! at the end of a block, nor a list: the slots behind the last CCW of a block lead to the next one
//! (`slots.rs`), and what a channel fetches ahead is in the block ([`READ_AHEAD`]).
//!
//! Lists are behind the slots, if it is known how many of these there are. A sequential program is
//! written before that is known: its slots and its lists take one block after the other as they need
//! them.
//!
//! The channel can get no address but those that point into this image or into pages that are pinned
//! for the program, and [`FAULT`]: there is no other way to make an [`ArenaAddress`] or a
//! [`PinnedBlock`].

use core::ops::Range;

use crate::{
    ccw::{
        self,
        Ccw,
        Flags,
        Format, //
    },
    error::Bound,
    idaw,
    memory::{
        Arena,
        Storage,
        BLOCK,
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    pin::pages::PinnedBlock,
    translator::slots::{
        Slots,
        BLOCK_SLOTS,
        CCW_ROOM,
        FIRST_SLOT,
        GUARDS,
        READ_AHEAD,
        SLOTS, //
    },
};

/// The size of an address in a list, and of an IDAW of format 2.
const WORD: usize = 8;

/// What a list of IDAWs must not cross: an address that is a multiple of this.
const IDAW_LIST_BOUNDARY: usize = 2048;

/// A CCW that gives a program check.
///
/// The command code is invalid, and where that is not looked at the count of zero is, or at the latest
/// bit 0 of the address.
const PROGRAM_CHECK: [u8; 8] = Ccw {
    command: 0,
    flags: Flags::empty(),
    count: 0,
    address: !Format::One.max_address(),
}
.to_bytes(Format::One);

/// An address that gives a program check if the channel gets there.
///
/// It lies in the last page of all, where no machine has storage: an invalid data address. In an IDAW
/// that is not the first of its list it is an invalid IDAW as well, since it is neither the first nor
/// the last byte of a block. So no channel takes it for storage, and no device reaches anything by it.
const FAULT: u64 = 0xffff_ffff_ffff_f001;

const SINK_PAGE: Range<usize> = 0..PAGE_SIZE as usize;

/// As many IDAWs as 65535 bytes need in blocks of 2 KiB.
const SINK_LIST: Range<usize> = SINK_PAGE.end..SINK_PAGE.end + idaw::MAX * WORD;

const _: () = assert!(SINK_LIST.end == SLOTS);

/// The most bytes of a MIDAW that skips: half of the scratch page, at either side of its middle.
const SINK_MIDAW: u16 = PAGE_SIZE as u16 / 2;

/// Returns how many MIDAWs the host has for one that skips.
pub(crate) fn scratch_midaws(guest: &Midaw) -> usize {
    guest.count.div_ceil(SINK_MIDAW).into()
}

/// Returns the offset of a slot in the arena.
#[inline]
const fn slot_offset(slot: u32) -> usize {
    SLOTS + slot as usize * ccw::SIZE as usize
}

/// The absolute address of something in the arena.
///
/// # Invariants
///
/// Only [`Image`] makes one, and it lies in its arena.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArenaAddress(u32);

impl ArenaAddress {
    /// The address.
    #[inline]
    pub(crate) const fn address(self) -> u32 {
        self.0
    }
}

/// The list of a host's CCW.
#[derive(Clone, Copy)]
pub(crate) enum List {
    /// It is one of IDAWs.
    Idaws(ArenaAddress),
    /// It is one of MIDAWs.
    Midaws(ArenaAddress),
}

/// Where in a list the address of a block stands.
///
/// # Invariants
///
/// Only [`Places`] makes one that is used, and it lies in its list.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place(u32);

impl Place {
    /// Writes the address of the block, or a fault if it is not there.
    #[inline]
    pub(crate) fn fill<A: Arena>(self, block: Option<PinnedBlock>, arena: &mut A) {
        let address = block.map_or(FAULT, PinnedBlock::address);
        arena.write(self.0 as usize, address.to_be_bytes());
    }
}

/// The places of a list, from the first to the last.
pub(crate) struct Places {
    at: usize,
    end: usize,
    step: usize,
}

impl Places {
    /// Takes the last place from those.
    pub(crate) fn take_last(&mut self) -> Option<Place> {
        let last = self.end.checked_sub(self.step)?;
        self.end = last;
        (last >= self.at).then_some(Place(last as u32))
    }
}

impl Iterator for Places {
    type Item = Place;

    #[inline]
    fn next(&mut self) -> Option<Place> {
        if self.at >= self.end {
            return None;
        }
        let place = Place(self.at as u32);
        self.at += self.step;
        Some(place)
    }
}

/// A CCW of the host's program that is no command.
pub(crate) enum HostCcw {
    /// It gives a program check.
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer(ArenaAddress),
}

impl HostCcw {
    fn to_bytes(&self) -> [u8; 8] {
        match *self {
            Self::ProgramCheck => PROGRAM_CHECK,
            Self::Transfer(target) => Ccw {
                command: ccw::TIC,
                address: target.0,
                ..Ccw::default()
            }
            .to_bytes(Format::One),
        }
    }
}

/// Returns the address of a block of the arena, if it is where the channel can fetch from.
#[inline]
fn usable_block<A: Arena>(arena: &A, block: usize) -> Result<u32, Bound> {
    const LAST: u32 = (1 << 31) - BLOCK as u32;

    let address = arena.address(block).ok_or(Bound::Arena)?;
    if address <= LAST && u64::from(address) % PAGE_SIZE == 0 {
        Ok(address)
    } else {
        Err(Bound::Arena)
    }
}

/// The host's program while it is written.
pub(crate) struct Image<'a, S: Storage, A> {
    arena: &'a mut A,
    /// The address of the first block.
    base: u32,
    /// The first block that is not used yet.
    next_block: usize,
    /// The blocks that slots are in.
    blocks: &'a mut Slots<S>,
    /// The first slot that cannot be put.
    slots_end: u32,
    /// The most CCWs that a sequential program may have.
    ccws: u32,
    /// Where there is room for lists.
    free: Range<usize>,
    /// The address of what has the offset zero, if all were where that room is. It wraps around.
    lists_base: u32,
    /// Where the scratch list ends so far.
    scratch_end: usize,
    /// The scratch list for reads backward, if there is one.
    backward_scratch: Option<List>,
    has_midaws: bool,
}

impl<'a, S: Storage, A: Arena> Image<'a, S, A> {
    /// Begins a program of that many slots. All up to the last that is used are to be put.
    pub(crate) fn new(
        arena: &'a mut A,
        blocks: &'a mut Slots<S>,
        slots: u32,
    ) -> Result<Self, Bound> {
        let mut image = Self::sequential(arena, blocks, 0)?;
        let lists = slot_offset(slots);
        let mut last = (0, image.base);
        while last.0 + BLOCK <= lists {
            last = image.add_slots()?;
        }
        image.slots_end = slots;
        image.set_lists(last, lists);
        Ok(image)
    }

    /// Begins a sequential program of at most `ccws` CCWs.
    #[inline]
    pub(crate) fn sequential(
        arena: &'a mut A,
        blocks: &'a mut Slots<S>,
        ccws: u32,
    ) -> Result<Self, Bound> {
        let first = ccws.min(BLOCK_SLOTS - FIRST_SLOT - CCW_ROOM);
        let base = usable_block(arena, 0)?;
        blocks.clear();
        blocks.add(base)?;
        Ok(Self {
            arena,
            base,
            next_block: 1,
            blocks,
            slots_end: first + GUARDS,
            ccws,
            free: 0..0,
            lists_base: 0,
            scratch_end: SINK_LIST.start,
            backward_scratch: None,
            has_midaws: false,
        })
    }

    /// Returns how many slots the first CCWs of a sequential program can be in.
    #[inline]
    pub(crate) fn first_slots(&self) -> u32 {
        self.slots_end - GUARDS
    }

    /// Returns the slots of another block, for CCWs of a sequential program behind the first `number`. The
    /// slots behind the last of these lead there.
    #[cold]
    pub(crate) fn next_slots(&mut self, number: u32) -> Result<Range<u32>, Bound> {
        let ccws = (self.ccws - number).min(BLOCK_SLOTS - CCW_ROOM);
        if ccws == 0 {
            return Err(Bound::Ccws);
        }
        let (start, address) = self.add_slots()?;
        let guards = self.slots_end - GUARDS;
        self.put_guards(guards);
        for guard in 0..2 {
            // INVARIANT: The first slots of a block are in the arena.
            let next = ArenaAddress(address + guard * ccw::SIZE);
            self.put(guards + guard, HostCcw::Transfer(next));
        }
        let first = (start / ccw::SIZE as usize) as u32 - FIRST_SLOT;
        self.slots_end = first + ccws + GUARDS;
        Ok(first..first + ccws)
    }

    /// Takes a block that is not used yet. Returns the offset of its first byte, and the address.
    #[inline]
    fn take_block(&mut self) -> Result<(usize, u32), Bound> {
        let address = usable_block(self.arena, self.next_block)?;
        let start = self.next_block * BLOCK;
        self.next_block += 1;
        Ok((start, address))
    }

    /// Takes a block for slots.
    #[inline]
    fn add_slots(&mut self) -> Result<(usize, u32), Bound> {
        let (start, address) = self.take_block()?;
        self.blocks.add(address)?;
        Ok((start, address))
    }

    /// Lets lists begin at the offset `at` in a block.
    fn set_lists(&mut self, (start, address): (usize, u32), at: usize) {
        self.free = at..start + BLOCK - READ_AHEAD;
        self.lists_base = address.wrapping_sub(start as u32);
    }

    /// The absolute address of what is at an offset in the block of lists.
    #[inline]
    fn list_address(&self, offset: usize) -> ArenaAddress {
        // INVARIANT: The block is in the arena.
        ArenaAddress(self.lists_base.wrapping_add(offset as u32))
    }

    /// Whether there are MIDAWs.
    #[inline]
    pub(crate) fn has_midaws(&self) -> bool {
        self.has_midaws
    }

    /// The number of blocks that slots are in.
    #[inline]
    pub(crate) fn slot_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The address of the first slot.
    #[inline]
    pub(crate) fn first_slot(&self) -> ArenaAddress {
        // INVARIANT: The slot is in the first block of the arena.
        ArenaAddress(self.base + SLOTS as u32)
    }

    /// The address of a slot; for one that is beyond the last, that of the last.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> ArenaAddress {
        let slot = slot.min(self.slots_end.saturating_sub(1));
        // INVARIANT: The block that the slot is in is one of the arena.
        let address = self.blocks.address(slot).map(ArenaAddress);
        address.unwrap_or(self.first_slot())
    }

    /// The list for a command that moves no data but has a count: enough for a channel that uses
    /// blocks of 2 KiB, from the first byte of one on.
    #[inline]
    pub(crate) fn scratch_list(&mut self, count: u16) -> List {
        // All bytes but the first are in so many blocks, of which the last may be there in part.
        let further = (usize::from(count) + 2046) / 2048;
        let end = SINK_LIST.start + (1 + further) * WORD;
        if self.scratch_end < end {
            self.extend_scratch_list(end);
        }
        // INVARIANT: The list is in the first block of the arena.
        List::Idaws(ArenaAddress(self.base + SINK_LIST.start as u32))
    }

    #[cold]
    fn extend_scratch_list(&mut self, end: usize) {
        while self.scratch_end < end {
            self.arena
                .write(self.scratch_end, u64::from(self.base).to_be_bytes());
            self.scratch_end += WORD;
        }
    }

    /// The same for a read backward: from the last byte of a block on.
    #[cold]
    pub(crate) fn backward_scratch_list(&mut self) -> Result<List, Bound> {
        if let Some(list) = self.backward_scratch {
            return Ok(list);
        }
        let (list, places) = self.idaws(idaw::MAX)?;
        let last_byte = u64::from(self.base) + PAGE_SIZE - 1;
        for place in places {
            self.arena.write(place.0 as usize, last_byte.to_be_bytes());
        }
        self.backward_scratch = Some(list);
        Ok(list)
    }

    /// Writes the CCW of a command, or of a part of one, into a slot: the guest's, with a list of the host's
    /// and without the flags `void`.
    #[inline]
    pub(crate) fn put_command(&mut self, slot: u32, guest: &Ccw, void: Flags, list: List) {
        let (flag, address) = match list {
            List::Idaws(address) => (Flags::IDA, address),
            List::Midaws(address) => (Flags::MIDA, address),
        };
        let void = Flags::IDA.union(Flags::MIDA).union(void);
        let flags = guest.flags.difference(void);
        let ccw = Ccw {
            flags: flags.union(flag),
            address: address.0,
            ..*guest
        };
        self.put_bytes(slot, ccw.to_bytes(Format::One));
    }

    /// Writes a CCW into a slot.
    #[inline]
    pub(crate) fn put(&mut self, slot: u32, ccw: HostCcw) {
        self.put_bytes(slot, ccw.to_bytes());
    }

    /// Writes guards into the slots from this one on.
    #[inline]
    pub(crate) fn put_guards(&mut self, slot: u32) {
        const ALL: [u8; 8 * GUARDS as usize] = {
            let mut guards = [0; 8 * GUARDS as usize];
            let mut at = 0;
            while at < guards.len() {
                guards[at] = PROGRAM_CHECK[at % 8];
                at += 1;
            }
            guards
        };
        if slot + GUARDS <= self.slots_end {
            self.arena.write(slot_offset(slot), ALL);
        }
    }

    #[inline]
    fn put_bytes(&mut self, slot: u32, ccw: [u8; 8]) {
        if slot < self.slots_end {
            self.arena.write(slot_offset(slot), ccw);
        }
    }

    /// Makes a list of one IDAW, which is still to be filled in.
    #[inline]
    pub(crate) fn idaw(&mut self) -> Result<(List, Place), Bound> {
        if self.free.start + WORD > self.free.end {
            self.add_lists()?;
        }
        let at = self.free.start;
        self.free.start = at + WORD;
        Ok((List::Idaws(self.list_address(at)), Place(at as u32)))
    }

    /// Makes a list of `len` IDAWs, all of which are still to be filled in.
    #[inline]
    pub(crate) fn idaws(&mut self, len: usize) -> Result<(List, Places), Bound> {
        let size = len * WORD;
        let at = self.make_room(size, IDAW_LIST_BOUNDARY)?;
        let places = Places {
            at,
            end: at + size,
            step: WORD,
        };
        Ok((List::Idaws(self.list_address(at)), places))
    }

    /// Makes a list of `len` MIDAWs, all of which are still to be put and filled in.
    pub(crate) fn midaws(&mut self, len: usize) -> Result<(List, Places), Bound> {
        let size = len * midaw::SIZE;
        self.free.start = self.free.start.next_multiple_of(midaw::SIZE);
        let at = self.make_room(size, midaw::LIST_BOUNDARY)?;
        let places = Places {
            at: at + WORD,
            end: at + size,
            step: midaw::SIZE,
        };
        self.has_midaws = true;
        Ok((List::Midaws(self.list_address(at)), places))
    }

    /// Puts a MIDAW, whose address goes to `place`.
    pub(crate) fn put_midaw(&mut self, place: Place, flags: midaw::Flags, count: u16) {
        let word = u64::from(flags.bits()) << 16 | u64::from(count);
        self.arena
            .write(place.0 as usize - WORD, word.to_be_bytes());
    }

    /// Puts MIDAWs for data that is skipped, as many as [`scratch_midaws`] says. On a channel that stores
    /// it, in either direction, all of it would be in the scratch page.
    pub(crate) fn put_scratch(&mut self, places: impl Iterator<Item = Place>, guest: &Midaw) {
        let middle = u64::from(self.base) + u64::from(SINK_MIDAW) - 1;
        let mut left = guest.count;
        for place in places {
            let count = left.min(SINK_MIDAW);
            left -= count;
            let flags = if left == 0 {
                guest.flags
            } else {
                midaw::Flags::SKIP
            };
            self.put_midaw(place, flags, count);
            self.arena.write(place.0 as usize, middle.to_be_bytes());
        }
    }

    /// Puts a block into a place.
    #[inline]
    pub(crate) fn put_block(&mut self, place: Place, block: PinnedBlock) {
        place.fill(Some(block), self.arena);
    }

    /// Puts a fault into a place: behind it nothing is used.
    pub(crate) fn put_fault(&mut self, place: Place) {
        place.fill(None, self.arena);
    }

    /// Moves what is free to where a list of this size does not cross the boundary, and returns where
    /// that is.
    fn make_room(&mut self, size: usize, boundary: usize) -> Result<usize, Bound> {
        let mut start = self.free.start;
        if start % boundary + size > boundary {
            start = start.next_multiple_of(boundary);
        }
        if start + size > self.free.end {
            self.add_lists()?;
            start = self.free.start;
        }
        self.free.start = start + size;
        Ok(start)
    }

    /// Takes a block for lists. Each of them has room in one.
    #[cold]
    fn add_lists(&mut self) -> Result<(), Bound> {
        let block = self.take_block()?;
        self.set_lists(block, block.0);
        Ok(())
    }
}
