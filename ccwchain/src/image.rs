// SPDX-License-Identifier: GPL-2.0

//! The host's program, as it is written into the arena.
//!
//! ```text
//! the sink page      data that goes nowhere, 4 KiB
//! the sink list      IDAWs that all name the sink page
//! slots              CCWs of format 1
//! lists              IDAWs of format 2
//! ```
//!
//! A CCW of the host's can only be made of addresses that point into this image or into pages that
//! are pinned for the program: there is no other way to make an [`ArenaAddress`] or a
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
    memory::{
        Arena,
        PAGE_SIZE, //
    },
    pages::PinnedBlock, //
};

/// The size of an IDAW of format 2.
const IDAW: usize = 8;

/// What a list of IDAWs must not cross: an address that is a multiple of this.
const LIST_BOUNDARY: usize = 2048;

const SINK_PAGE: Range<usize> = 0..PAGE_SIZE as usize;

/// As many IDAWs as 65535 bytes need in blocks of 2 KiB.
const SINK_LIST: Range<usize> = SINK_PAGE.end..SINK_PAGE.end + 32 * IDAW;

const SLOTS: usize = SINK_LIST.end;

/// The absolute address of something in the arena.
///
/// # Invariants
///
/// Only [`Image`] makes one, and it lies in its arena.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArenaAddress(u32);

impl ArenaAddress {
    /// The address.
    pub(crate) const fn address(self) -> u32 {
        self.0
    }
}

/// A CCW of the host's program.
pub(crate) enum HostCcw {
    /// It gives a program check.
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer(ArenaAddress),
    /// It is a command whose data is given by a list of IDAWs.
    Command {
        /// The command code.
        command: u8,
        /// The flags; that there is a list goes without saying.
        flags: Flags,
        /// The number of bytes.
        count: u16,
        /// The list.
        list: ArenaAddress,
    },
}

impl HostCcw {
    fn to_bytes(&self) -> [u8; 8] {
        match *self {
            // The command code is invalid, and where that is not looked at the count of zero is, or
            // at the latest bit 0 of the address.
            Self::ProgramCheck => Ccw {
                address: !Format::One.max_address(),
                ..Ccw::default()
            },
            Self::Transfer(target) => Ccw {
                command: ccw::TIC,
                address: target.0,
                ..Ccw::default()
            },
            Self::Command {
                command,
                flags,
                count,
                list,
            } => Ccw {
                command,
                flags: flags.union(Flags::IDA),
                count,
                address: list.0,
            },
        }
        .to_bytes(Format::One)
    }
}

/// Where the slots of a program are in memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Slots {
    first: u32,
}

impl Slots {
    /// The number of the slot at an absolute address, which may be beyond the last.
    pub(crate) fn at(self, address: u32) -> Option<u32> {
        let offset = address.checked_sub(self.first)?;
        (offset % ccw::SIZE == 0).then_some(offset / ccw::SIZE)
    }
}

/// The host's program while it is written.
pub(crate) struct Image<'a, A> {
    arena: &'a mut A,
    slots: Range<usize>,
    /// Where there is room for lists.
    free: Range<usize>,
}

impl<'a, A: Arena> Image<'a, A> {
    /// Begins a program of that many slots, all of which give a program check.
    pub(crate) fn new(arena: &'a mut A, slots: u32) -> Result<Self, Bound> {
        let base = arena.address();
        let below_2_gib = (1_u64 << 31).checked_sub(u64::from(base));
        let size = match below_2_gib {
            Some(rest) if u64::from(base) % PAGE_SIZE == 0 => arena.size().min(rest as usize),
            _ => 0,
        };
        let slots = SLOTS..SLOTS + (slots * ccw::SIZE) as usize;
        if slots.end > size {
            return Err(Bound::Arena);
        }
        for idaw in SINK_LIST.step_by(IDAW) {
            arena.write(idaw, &u64::from(base).to_be_bytes());
        }
        for slot in slots.clone().step_by(ccw::SIZE as usize) {
            arena.write(slot, &HostCcw::ProgramCheck.to_bytes());
        }
        Ok(Self {
            arena,
            free: slots.end..size,
            slots,
        })
    }

    /// The absolute address of what is at an offset that is known to be in the arena.
    fn address(&self, offset: usize) -> ArenaAddress {
        ArenaAddress(self.arena.address() + offset as u32)
    }

    /// Where the slots are.
    pub(crate) fn slots(&self) -> Slots {
        Slots {
            first: self.address(self.slots.start).0,
        }
    }

    /// The address of a slot; for one that is beyond the last, that of the last.
    pub(crate) fn slot(&self, slot: u32) -> ArenaAddress {
        let offset = self.slots.start + (slot * ccw::SIZE) as usize;
        let last = self.slots.end - ccw::SIZE as usize;
        self.address(offset.min(last))
    }

    /// The list for commands that move no data.
    pub(crate) fn sink_list(&self) -> ArenaAddress {
        self.address(SINK_LIST.start)
    }

    /// Writes a CCW into a slot.
    pub(crate) fn put(&mut self, slot: u32, ccw: &HostCcw) {
        let offset = self.slots.start + (slot * ccw::SIZE) as usize;
        if offset < self.slots.end {
            self.arena.write(offset, &ccw.to_bytes());
        }
    }

    /// Writes a list of the blocks that are `found` for these guest addresses. There is no list if
    /// one of them is not found.
    pub(crate) fn list(
        &mut self,
        blocks: &[u64],
        found: impl Fn(u64) -> Option<PinnedBlock>,
    ) -> Result<Option<ArenaAddress>, Bound> {
        let size = blocks.len() * IDAW;
        let room = LIST_BOUNDARY - self.free.start % LIST_BOUNDARY;
        let start = if size > room {
            self.free.start + room
        } else {
            self.free.start
        };
        let list = start..start + size;
        if list.end > self.free.end {
            return Err(Bound::Arena);
        }
        for (offset, block) in list.clone().step_by(IDAW).zip(blocks) {
            match found(*block) {
                Some(block) => self.arena.write(offset, &block.address().to_be_bytes()),
                None => return Ok(None),
            }
        }
        self.free.start = list.end;
        Ok(Some(self.address(list.start)))
    }
}
