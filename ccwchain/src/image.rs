// SPDX-License-Identifier: GPL-2.0

//! The host's program, as it is written into the arena.
//!
//! ```text
//! the sink page      data that goes nowhere, 4 KiB
//! the sink list      IDAWs that all name the sink page, as many as are used
//! slots              CCWs of format 1
//! lists              IDAWs of format 2, and MIDAWs
//! ```
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
    layout::GUARDS,
    memory::{
        Arena,
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    pages::PinnedBlock, //
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

const SLOTS: usize = SINK_LIST.end;

/// The most bytes of a MIDAW that skips: half of the sink page, at either side of its middle.
const SINK_MIDAW: u16 = PAGE_SIZE as u16 / 2;

/// Returns how many MIDAWs the host has for one that skips.
pub(crate) fn sink_midaws(guest: &Midaw) -> usize {
    guest.count.div_ceil(SINK_MIDAW).into()
}

/// The bytes that are left free behind the last list: a channel may fetch one word, CCW or MIDAW more than it
/// uses.
pub(crate) const READ_AHEAD: usize = midaw::SIZE;

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

/// Where the slots of a program are in memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Slots {
    first: u32,
}

impl Slots {
    /// Those of any program in an arena.
    pub(crate) fn of<A: Arena>(arena: &A) -> Self {
        Self {
            first: arena.address() + SLOTS as u32,
        }
    }

    /// The number of the slot at an absolute address, which may be beyond the last.
    #[inline]
    pub(crate) fn at(self, address: u32) -> Option<u32> {
        let offset = address.checked_sub(self.first)?;
        (offset % ccw::SIZE == 0).then_some(offset / ccw::SIZE)
    }
}

/// The host's program while it is written.
pub(crate) struct Image<'a, A> {
    arena: &'a mut A,
    base: u32,
    slots: u32,
    /// Where there is room for lists.
    free: Range<usize>,
    /// Where the sink list ends so far.
    sink_end: usize,
    /// The sink list for reads backward, if there is one.
    backward_sink: Option<List>,
    has_midaws: bool,
}

impl<'a, A: Arena> Image<'a, A> {
    /// Begins a program of that many slots. All up to the last that is used are to be put.
    #[inline]
    pub(crate) fn new(arena: &'a mut A, slots: u32) -> Result<Self, Bound> {
        let base = arena.address();
        let below_2_gib = (1_u64 << 31).saturating_sub(u64::from(base));
        let size = if u64::from(base) % PAGE_SIZE == 0 {
            arena.size().min(below_2_gib as usize)
        } else {
            0
        };
        let lists = SLOTS + (slots * ccw::SIZE) as usize;
        let end = size.saturating_sub(READ_AHEAD);
        if lists > end {
            return Err(Bound::Arena);
        }
        Ok(Self {
            arena,
            base,
            slots,
            free: lists..end,
            sink_end: SINK_LIST.start,
            backward_sink: None,
            has_midaws: false,
        })
    }

    /// The absolute address of what is at an offset that is known to be in the arena.
    #[inline]
    fn address(&self, offset: usize) -> ArenaAddress {
        ArenaAddress(self.base + offset as u32)
    }

    /// The number of slots.
    #[inline]
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// Whether there are MIDAWs.
    #[inline]
    pub(crate) fn has_midaws(&self) -> bool {
        self.has_midaws
    }

    /// The address of a slot; for one that is beyond the last, that of the last.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> ArenaAddress {
        self.address(SLOTS + (slot.min(self.slots - 1) * ccw::SIZE) as usize)
    }

    /// The list for a command that moves no data but has a count: enough for a channel that uses
    /// blocks of 2 KiB, from the first byte of one on.
    #[inline]
    pub(crate) fn sink_list(&mut self, count: u16) -> List {
        let end =
            SINK_LIST.start + (1 + usize::from(count.saturating_sub(1)).div_ceil(2048)) * WORD;
        if self.sink_end < end {
            self.extend_sink_list(end);
        }
        List::Idaws(self.address(SINK_LIST.start))
    }

    #[cold]
    fn extend_sink_list(&mut self, end: usize) {
        while self.sink_end < end {
            self.arena
                .write(self.sink_end, u64::from(self.base).to_be_bytes());
            self.sink_end += WORD;
        }
    }

    /// The same for a read backward: from the last byte of a block on.
    #[cold]
    pub(crate) fn backward_sink_list(&mut self) -> Result<List, Bound> {
        if let Some(list) = self.backward_sink {
            return Ok(list);
        }
        let (list, places) = self.idaws(idaw::MAX)?;
        let last_byte = u64::from(self.base) + PAGE_SIZE - 1;
        for place in places {
            self.arena.write(place.0 as usize, last_byte.to_be_bytes());
        }
        self.backward_sink = Some(list);
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
        if slot + GUARDS <= self.slots {
            self.arena.write(SLOTS + (slot * ccw::SIZE) as usize, ALL);
        }
    }

    #[inline]
    fn put_bytes(&mut self, slot: u32, ccw: [u8; 8]) {
        if slot < self.slots {
            self.arena.write(SLOTS + (slot * ccw::SIZE) as usize, ccw);
        }
    }

    /// Makes a list of one IDAW, which is still to be filled in.
    #[inline]
    pub(crate) fn idaw(&mut self) -> Result<(List, Place), Bound> {
        let at = self.free.start;
        let end = at + WORD;
        if end > self.free.end {
            return Err(Bound::Arena);
        }
        self.free.start = end;
        Ok((List::Idaws(self.address(at)), Place(at as u32)))
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
        Ok((List::Idaws(self.address(at)), places))
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
        Ok((List::Midaws(self.address(at)), places))
    }

    /// Puts a MIDAW, whose address goes to `place`.
    pub(crate) fn put_midaw(&mut self, place: Place, flags: midaw::Flags, count: u16) {
        let word = u64::from(flags.bits()) << 16 | u64::from(count);
        self.arena
            .write(place.0 as usize - WORD, word.to_be_bytes());
    }

    /// Puts MIDAWs for data that is skipped, as many as [`sink_midaws`] says. On a channel that stores
    /// it, in either direction, all of it would be in the sink page.
    pub(crate) fn put_sink(&mut self, places: impl Iterator<Item = Place>, guest: &Midaw) {
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
            return Err(Bound::Arena);
        }
        self.free.start = start + size;
        Ok(start)
    }
}
