// SPDX-License-Identifier: GPL-2.0

//! Addresses of the host's CCWs: each CCW has a slot in a block of the arena.
//!
//! Slots are numbered from zero, from one block to the next. The last [`CCW_ROOM`] slots of a block have no
//! CCW of the program.

use crate::{
    ccw,
    error::Bound,
    idaw,
    memory::{
        Storage,
        BLOCK,
        PAGE_SIZE, //
    },
    midaw, //
};

/// The offset of the first slot in the arena, in bytes: behind the scratch page and the scratch list
/// (`image.rs`).
pub(crate) const SLOTS: usize = PAGE_SIZE as usize + idaw::MAX * 8;

/// The position of the first slot in the first block, in slots.
pub(crate) const FIRST_SLOT: u32 = SLOTS as u32 / ccw::SIZE;

/// The number of slots in a block that has nothing else.
pub(crate) const BLOCK_SLOTS: u32 = BLOCK as u32 / ccw::SIZE;

/// The slots behind a run of CCWs: one that chaining can lead to, one that status modifier can, and one
/// that is there for its address, which the channel gives as the CPA of a program check at the second:
/// it is not also the address of the first CCW of the next run.
pub(crate) const GUARDS: u32 = 3;

/// The bytes that are left free at the end of each block: a channel may fetch one word, CCW or MIDAW more
/// than it uses.
pub(crate) const READ_AHEAD: usize = midaw::SIZE;

/// The slots behind each CCW in its block: the guards, which lead to the next block or nowhere, and what
/// is fetched ahead.
pub(crate) const CCW_ROOM: u32 = GUARDS + READ_AHEAD as u32 / ccw::SIZE;

/// Returns the number of the block that a slot is in.
#[inline]
const fn block_of(slot: u32) -> u32 {
    (FIRST_SLOT + slot) / BLOCK_SLOTS
}

/// Returns whether a slot has room for a CCW.
pub(crate) const fn has_room(slot: u32) -> bool {
    (FIRST_SLOT + slot) % BLOCK_SLOTS < BLOCK_SLOTS - CCW_ROOM
}

/// Returns the first slot of the next block.
pub(crate) const fn next_block(slot: u32) -> u32 {
    (block_of(slot) + 1) * BLOCK_SLOTS - FIRST_SLOT
}

/// Returns the slot of a CCW of a sequential program, by its number.
pub(crate) const fn straight_slot(number: u32) -> u32 {
    match number.checked_sub(BLOCK_SLOTS - FIRST_SLOT - CCW_ROOM) {
        None => number,
        Some(behind) => number + (1 + behind / (BLOCK_SLOTS - CCW_ROOM)) * CCW_ROOM,
    }
}

/// Returns the number of the CCW that a slot of a sequential program stands for.
pub(crate) const fn straight_number(slot: u32) -> u32 {
    slot - block_of(slot) * CCW_ROOM
}

/// The absolute addresses of the blocks that the slots of a program are in.
pub(crate) struct Slots<S: Storage> {
    blocks: S::Of<u32>,
    len: usize,
}

impl<S: Storage> Slots<S> {
    /// Makes room for the slots of `ccws` CCWs.
    pub(crate) fn new(ccws: usize) -> Result<Self, S::Error> {
        // Behind each CCW there may be guards. Blocks are not full to the last slot, nor is the first one.
        let ccws_of_block = ((BLOCK_SLOTS - CCW_ROOM) / (1 + GUARDS)) as usize;
        Ok(Self {
            blocks: S::allocate(ccws.div_ceil(ccws_of_block) + 1)?,
            len: 0,
        })
    }

    /// Forgets the blocks.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a block of the arena, by its address.
    #[inline]
    pub(crate) fn add(&mut self, address: u32) -> Result<(), Bound> {
        *self.blocks.get_mut(self.len).ok_or(Bound::Ccws)? = address;
        self.len += 1;
        Ok(())
    }

    /// Returns the number of blocks.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the absolute address of a slot, if its block was added.
    #[inline]
    pub(crate) fn address(&self, slot: u32) -> Option<u32> {
        let start = self.blocks.get(..self.len)?.get(block_of(slot) as usize)?;
        Some(start + (FIRST_SLOT + slot) % BLOCK_SLOTS * ccw::SIZE)
    }

    /// Returns the number of the slot at an absolute address, which may be beyond the last.
    pub(crate) fn at(&self, address: u32) -> Option<u32> {
        let blocks = self.blocks.get(..self.len)?;
        let (block, offset) = (0..).zip(blocks).find_map(|(block, start)| {
            let offset = address.checked_sub(*start)?;
            (offset < BLOCK as u32).then_some((block, offset))
        })?;
        let slot = block * BLOCK_SLOTS + offset / ccw::SIZE;
        (offset % ccw::SIZE == 0)
            .then(|| slot.checked_sub(FIRST_SLOT))
            .flatten()
    }
}
