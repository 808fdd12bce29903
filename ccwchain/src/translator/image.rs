// SPDX-License-Identifier: GPL-2.0

//! The arena image: where the parts of a host program are in the arena.
//!
//! ```text
//! scratch page       storage for data that nobody wants, 4 KiB
//! scratch list       IDAWs of the scratch page, as many as are used
//! slots              format-1 CCWs
//! lists              format-2 IDAWs, and MIDAWs
//! ```
//!
//! The scratch page and list are in the first block of the arena. Slots continue in further blocks.
//! No CCW and no list is at the end of a block: the slots after the last CCW of a block lead to the
//! next block (`slots.rs`), and what a channel fetches ahead is in the same block ([`READ_AHEAD`]).
//!
//! The lists follow the slots if the number of slots is known. A sequential program is written
//! before it is known: its slots and its lists take blocks in turn, as they need them.
//!
//! The channel gets no addresses except those of this image, of pages that are pinned for the
//! program, and [`FAULT`](super::lists::FAULT): there is no other way to create an [`ArenaAddress`]
//! or a [`PinnedBlock`](crate::pin::pages::PinnedBlock).

use core::ops::Range;

use crate::{
    ccw::{
        self,
        Ccw,
        Flags,
        Format, //
    },
    error::Bound,
    memory::{
        Arena,
        Storage,
        BLOCK,
        PAGE_SIZE, //
    },
    translator::slots::{
        SlotBlocks,
        BLOCK_SLOTS,
        CCW_ROOM,
        FIRST_SLOT,
        GUARDS,
        READ_AHEAD,
        SLOTS, //
    },
};

/// A CCW that gives a program check.
///
/// The command code is invalid. A channel that ignores the code finds a count of zero, and one that
/// ignores that, too, a one in bit 0 of the address.
pub const PROGRAM_CHECK: [u8; 8] = Ccw {
    command: 0,
    flags: Flags::empty(),
    count: 0,
    address: !Format::One.max_address(),
}
.to_bytes(Format::One);

/// Returns the offset in bytes of a slot in the arena.
#[inline]
const fn slot_offset(slot: u32) -> usize {
    SLOTS + slot as usize * ccw::SIZE as usize
}

/// The absolute address of a part of the arena image.
///
/// # Invariants
///
/// Only [`ArenaImage`] creates one, and it is in its arena.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArenaAddress(u32);

impl ArenaAddress {
    /// Returns the address.
    #[inline]
    pub(crate) const fn address(self) -> u32 {
        self.0
    }
}

/// A host CCW that is no command.
pub(crate) enum HostCcw {
    /// A CCW that gives a program check.
    ProgramCheck,
    /// A TIC to another host CCW.
    Tic(ArenaAddress),
    /// NO-OPERATION, which chains to the next host CCW. It has no data; the address is that of the
    /// scratch page. It asks for an interruption if `pci` is set.
    NoOperation { scratch: ArenaAddress, pci: bool },
}

impl HostCcw {
    fn to_bytes(&self) -> [u8; 8] {
        match *self {
            Self::ProgramCheck => PROGRAM_CHECK,
            Self::Tic(target) => Ccw {
                command: ccw::TIC,
                address: target.0,
                ..Ccw::default()
            }
            .to_bytes(Format::One),
            Self::NoOperation { scratch, pci } => Ccw {
                command: ccw::NO_OPERATION,
                flags: Flags::CC.union(Flags::SLI).union(match pci {
                    true => Flags::PCI,
                    false => Flags::empty(),
                }),
                count: 0,
                address: scratch.0,
            }
            .to_bytes(Format::One),
        }
    }
}

/// Returns the absolute address of an arena block, if the channel can fetch from there.
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

/// The arena image of a host program, while it is written.
pub(crate) struct ArenaImage<'a, S: Storage, A> {
    arena: &'a mut A,
    /// The absolute address of the first block.
    base: u32,
    /// The number of the first unused block.
    next_block: usize,
    /// The blocks that hold slots.
    blocks: &'a mut SlotBlocks<S>,
    /// The end of the slots that can be written.
    slots_end: u32,
    /// The maximum number of CCWs of a sequential program.
    ccws: u32,
    /// The offsets in the arena that are free for lists, all in one block.
    free: Range<usize>,
    /// The absolute address of the arena offset zero, if the arena were contiguous around `free`.
    /// May have wrapped around.
    lists_base: u32,
}

impl<'a, S: Storage, A: Arena> ArenaImage<'a, S, A> {
    /// Begins a program of `slots` slots. The caller writes every slot that can be reached.
    pub(crate) fn new(
        arena: &'a mut A,
        blocks: &'a mut SlotBlocks<S>,
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
        blocks: &'a mut SlotBlocks<S>,
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
        })
    }

    /// Returns how many CCWs of a sequential program the first block can hold.
    #[inline]
    pub(crate) fn first_slots(&self) -> u32 {
        self.slots_end - GUARDS
    }

    /// Takes another block for the CCWs of a sequential program that come after its first `number`
    /// CCWs. Returns their slots. The guards of the block before lead there.
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
            self.put(guards + guard, HostCcw::Tic(next));
        }
        let first = (start / ccw::SIZE as usize) as u32 - FIRST_SLOT;
        self.slots_end = first + ccws + GUARDS;
        Ok(first..first + ccws)
    }

    /// Takes an unused block. Returns the arena offset and the absolute address of its first byte.
    #[inline]
    fn take_block(&mut self) -> Result<(usize, u32), Bound> {
        let address = usable_block(self.arena, self.next_block)?;
        let start = self.next_block * BLOCK;
        self.next_block += 1;
        Ok((start, address))
    }

    /// Takes an unused block for slots. Returns the arena offset and the absolute address of its
    /// first byte.
    #[inline]
    fn add_slots(&mut self) -> Result<(usize, u32), Bound> {
        let (start, address) = self.take_block()?;
        self.blocks.add(address)?;
        Ok((start, address))
    }

    /// Frees the offsets from `at` on, in a block, for lists.
    fn set_lists(&mut self, (start, address): (usize, u32), at: usize) {
        self.free = at..start + BLOCK - READ_AHEAD;
        self.lists_base = address.wrapping_sub(start as u32);
    }

    /// Takes an unused block for lists. Every list fits into a block.
    #[cold]
    fn add_lists(&mut self) -> Result<(), Bound> {
        let block = self.take_block()?;
        self.set_lists(block, block.0);
        Ok(())
    }

    /// Reserves `size` bytes for a list that needs no alignment and crosses no boundary. Returns
    /// their offset in the arena.
    #[inline]
    pub(crate) fn reserve(&mut self, size: usize) -> Result<usize, Bound> {
        if self.free.start + size > self.free.end {
            self.add_lists()?;
        }
        let at = self.free.start;
        self.free.start = at + size;
        Ok(at)
    }

    /// Reserves `size` bytes for a list that does not cross an address that is a multiple of
    /// `boundary`. Returns their offset in the arena.
    #[inline(always)]
    pub(crate) fn reserve_within(&mut self, size: usize, boundary: usize) -> Result<usize, Bound> {
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

    /// Aligns the next list.
    pub(crate) fn align(&mut self, align: usize) {
        self.free.start = self.free.start.next_multiple_of(align);
    }

    /// Returns the absolute address of an offset in the block that holds the newest list.
    #[inline]
    pub(crate) fn list_address(&self, offset: usize) -> ArenaAddress {
        // INVARIANT: The block is in the arena.
        ArenaAddress(self.lists_base.wrapping_add(offset as u32))
    }

    /// Returns the absolute address of an offset in the first block.
    #[inline]
    pub(crate) fn first_block_address(&self, offset: u32) -> ArenaAddress {
        debug_assert!(offset < BLOCK as u32);
        // INVARIANT: The offset is in the first block of the arena.
        ArenaAddress(self.base + offset)
    }

    /// Returns the number of blocks that hold slots.
    #[inline]
    pub(crate) fn slot_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the absolute address of the first slot.
    #[inline]
    pub(crate) fn first_slot(&self) -> ArenaAddress {
        self.first_block_address(SLOTS as u32)
    }

    /// Returns the absolute address of a slot. For one after the last, returns that of the last.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> ArenaAddress {
        let slot = slot.min(self.slots_end.saturating_sub(1));
        // INVARIANT: The block that holds the slot is in the arena.
        let address = self.blocks.address(slot).map(ArenaAddress);
        debug_assert!(address.is_some());
        address.unwrap_or(self.first_slot())
    }

    /// Writes a CCW into a slot.
    #[inline]
    pub(crate) fn put(&mut self, slot: u32, ccw: HostCcw) {
        self.put_bytes(slot, ccw.to_bytes());
    }

    /// Writes a wait point into the slots from `slot` on.
    #[cold]
    pub(crate) fn put_wait_point(&mut self, slot: u32) {
        let scratch = self.first_block_address(0);
        self.put(slot, HostCcw::NoOperation { scratch, pci: true });
        self.put(
            slot + 1,
            HostCcw::NoOperation {
                scratch,
                pci: false,
            },
        );
        let again = self.slot(slot + 1);
        self.put(slot + 2, HostCcw::Tic(again));
    }

    /// Writes guards, each of which gives a program check, into the slots from `slot` on.
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
            self.write(slot_offset(slot), ALL);
        }
    }

    /// Writes the bytes of a CCW into a slot.
    #[inline]
    pub(crate) fn put_bytes(&mut self, slot: u32, ccw: [u8; 8]) {
        debug_assert!(slot < self.slots_end);
        if slot < self.slots_end {
            self.write(slot_offset(slot), ccw);
        }
    }

    /// Writes to an offset in the arena.
    #[inline]
    pub(crate) fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        self.arena.write(offset, bytes);
    }

    /// Returns the arena.
    #[inline]
    pub(crate) fn arena(&mut self) -> &mut A {
        self.arena
    }
}
