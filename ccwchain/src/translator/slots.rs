// SPDX-License-Identifier: GPL-2.0

//! Slots: the positions of CCWs in the arena.
//!
//! Slots are numbered from zero, from one arena block to the next. The last [`CCW_ROOM`] slots of a
//! block hold no CCW of the program.

use crate::{
    ccw,
    error::Bound,
    idaw,
    memory::{
        Storage,
        BLOCK,
        PAGE_SIZE, //
    },
    midaw,
    prefix::prefix,
    translator::wait_points::WAIT_POINTS, //
};

/// The offset in bytes of the first slot in the arena: after the scratch page and the scratch list
/// (`lists.rs`).
pub(crate) const SLOTS: usize = PAGE_SIZE as usize + idaw::MAX * 8;

/// The position of the first slot in the first block, in slots.
pub(crate) const FIRST_SLOT: u32 = SLOTS as u32 / ccw::SIZE;

/// The number of slots that fill a block.
pub(crate) const BLOCK_SLOTS: u32 = BLOCK as u32 / ccw::SIZE;

/// The number of guards, which are the slots after a segment: one that chaining can lead to, one
/// that status modifier can lead to, and one for its address only. The channel stores that address
/// as the CPA of a program check at the second one; it must not also be the address of the first
/// CCW of the next segment.
pub(crate) const GUARDS: u32 = 3;

/// The number of bytes that stay free at the end of each block: a channel may fetch one IDAW, CCW
/// or MIDAW more than it uses.
pub(crate) const READ_AHEAD: usize = midaw::SIZE;

/// The number of slots that a block must have after each CCW: the guards, which lead to the next
/// block or give a program check, and the room for what is fetched ahead.
pub(crate) const CCW_ROOM: u32 = GUARDS + READ_AHEAD as u32 / ccw::SIZE;

/// Returns the number of the block that holds a slot.
#[inline]
const fn block_of(slot: u32) -> u32 {
    (FIRST_SLOT + slot) / BLOCK_SLOTS
}

/// Returns whether a slot can hold a CCW of the program.
pub(crate) const fn has_room(slot: u32) -> bool {
    (FIRST_SLOT + slot) % BLOCK_SLOTS < BLOCK_SLOTS - CCW_ROOM
}

/// Returns the first slot of the block after the one that holds `slot`.
pub(crate) const fn next_block(slot: u32) -> u32 {
    (block_of(slot) + 1) * BLOCK_SLOTS - FIRST_SLOT
}

/// Returns the slot of CCW `number` of a sequential program.
pub(crate) const fn sequential_slot(number: u32) -> u32 {
    match number.checked_sub(BLOCK_SLOTS - FIRST_SLOT - CCW_ROOM) {
        None => number,
        Some(further) => number + (1 + further / (BLOCK_SLOTS - CCW_ROOM)) * CCW_ROOM,
    }
}

/// Returns the number of the CCW in a slot of a sequential program.
pub(crate) const fn sequential_number(slot: u32) -> u32 {
    slot - block_of(slot) * CCW_ROOM
}

/// The absolute addresses of the arena blocks that hold the slots of a program.
pub(crate) struct SlotBlocks<S: Storage> {
    blocks: S::Of<u32>,
    len: usize,
}

impl<S: Storage> SlotBlocks<S> {
    /// Allocates room for the blocks that `ccws` CCWs need.
    pub(crate) fn new(ccws: usize) -> Result<Self, S::Error> {
        // Each CCW may have guards. A wait point has two CCWs more, and the CCW before it has
        // guards because of it. One block more, because blocks are not filled to the last slot, and
        // the first one has other contents, too.
        let ccws_of_block = ((BLOCK_SLOTS - CCW_ROOM) / (1 + GUARDS)) as usize;
        Ok(Self {
            blocks: S::allocate((ccws + WAIT_POINTS).div_ceil(ccws_of_block) + 1)?,
            len: 0,
        })
    }

    /// Removes all blocks.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a block by its absolute address.
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

    /// Returns the absolute address of a slot, or `None` if its block was not added.
    #[inline]
    pub(crate) fn address(&self, slot: u32) -> Option<u32> {
        let start = prefix(&self.blocks, self.len).get(block_of(slot) as usize)?;
        Some(start + (FIRST_SLOT + slot) % BLOCK_SLOTS * ccw::SIZE)
    }

    /// Returns the slot at an absolute address, which may be one that the program does not use.
    pub(crate) fn at(&self, address: u32) -> Option<u32> {
        let blocks = prefix(&self.blocks, self.len);
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

#[cfg(test)]
mod tests {
    use super::{
        block_of,
        has_room,
        next_block,
        sequential_number,
        sequential_slot,
        BLOCK_SLOTS,
        CCW_ROOM,
        FIRST_SLOT, //
    };

    /// The place of a slot in its block.
    fn place(slot: u32) -> u32 {
        (FIRST_SLOT + slot) % BLOCK_SLOTS
    }

    #[test]
    fn a_ccw_has_room_for_guards_and_for_what_is_fetched_ahead_behind_it() {
        for slot in 0..3 * BLOCK_SLOTS {
            let fits = place(slot) + 1 + CCW_ROOM <= BLOCK_SLOTS;
            assert_eq!(has_room(slot), fits, "{slot}");
        }
    }

    #[test]
    fn the_next_block_begins_with_a_slot() {
        for slot in 0..3 * BLOCK_SLOTS {
            let next = next_block(slot);
            assert_eq!(
                (block_of(next), place(next)),
                (block_of(slot) + 1, 0),
                "{slot}"
            );
        }
    }

    #[test]
    fn ccws_of_a_sequential_program_have_slots_with_room_one_after_the_other() {
        let mut before = None;
        for number in 0..4 * BLOCK_SLOTS {
            let slot = sequential_slot(number);
            assert!(has_room(slot), "{number}");
            assert!(before.is_none_or(|before| before < slot), "{number}");
            assert_eq!(sequential_number(slot), number);
            before = Some(slot);
        }
    }
}
