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
//! A CCW of the host's can only be made of addresses that point into this image or into pages that
//! are pinned for the program, and of [`FAULT`]: there is no other way to make an [`ArenaAddress`],
//! a [`PinnedBlock`] or a [`Target`].

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
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    pages::PinnedBlock, //
};

/// The size of an IDAW of format 2.
const IDAW: usize = 8;

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

/// A MIDAW that gives a program check if the channel gets there, for its address and its count.
const FAULT_MIDAW: Midaw = Midaw {
    flags: midaw::Flags::LAST,
    count: u16::MAX,
    address: FAULT,
};

const SINK_PAGE: Range<usize> = 0..PAGE_SIZE as usize;

/// As many IDAWs as 65535 bytes need in blocks of 2 KiB.
const SINK_LIST: Range<usize> = SINK_PAGE.end..SINK_PAGE.end + idaw::MAX * IDAW;

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
    #[inline]
    pub(crate) const fn address(self) -> u32 {
        self.0
    }
}

/// What a MIDAW names.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Data of the guest's.
    Block(PinnedBlock),
    /// The sink page, at the same offset as in the guest's page: data is skipped.
    Sink,
}

/// The list of a host's CCW.
#[derive(Clone, Copy)]
pub(crate) enum List {
    /// It is one of IDAWs.
    Idaws(ArenaAddress),
    /// It is one of MIDAWs.
    Midaws(ArenaAddress),
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
    /// The number of the slot at an absolute address, which may be beyond the last.
    #[inline]
    pub(crate) fn at(self, address: u32) -> Option<u32> {
        let offset = address.checked_sub(self.first)?;
        (offset % ccw::SIZE == 0).then_some(offset / ccw::SIZE)
    }
}

/// How much of what is in a program; the slots of no CCW and the sink list do not count.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    /// IDAWs.
    pub(crate) idaws: usize,
    /// MIDAWs.
    pub(crate) midaws: usize,
    /// Lists that end in a fault.
    pub(crate) faults: usize,
}

/// The host's program while it is written.
pub(crate) struct Image<'a, A> {
    arena: &'a mut A,
    slots: Range<usize>,
    /// Where there is room for lists.
    free: Range<usize>,
    /// Where the sink list ends so far.
    sink_end: usize,
    written: Written,
}

impl<'a, A: Arena> Image<'a, A> {
    /// Begins a program of that many slots. Those from `guard` on give a program check; the others
    /// are to be put.
    pub(crate) fn new(arena: &'a mut A, slots: u32, guard: u32) -> Result<Self, Bound> {
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
        let guards = slots.start + (guard * ccw::SIZE) as usize..slots.end;
        for slot in guards.step_by(ccw::SIZE as usize) {
            arena.write(slot, PROGRAM_CHECK);
        }
        Ok(Self {
            arena,
            free: slots.end..size,
            sink_end: SINK_LIST.start,
            slots,
            written: Written::default(),
        })
    }

    /// The absolute address of what is at an offset that is known to be in the arena.
    #[inline]
    fn address(&self, offset: usize) -> ArenaAddress {
        ArenaAddress(self.arena.address() + offset as u32)
    }

    /// Where the slots are.
    pub(crate) fn slots(&self) -> Slots {
        Slots {
            first: self.address(self.slots.start).0,
        }
    }

    /// What was written so far.
    pub(crate) fn written(&self) -> Written {
        self.written
    }

    /// The address of a slot; for one that is beyond the last, that of the last.
    pub(crate) fn slot(&self, slot: u32) -> ArenaAddress {
        let offset = self.slots.start + (slot * ccw::SIZE) as usize;
        let last = self.slots.end - ccw::SIZE as usize;
        self.address(offset.min(last))
    }

    /// The list for a command that moves no data but has a count: enough for a channel that uses
    /// blocks of 2 KiB, from the first byte of one on, in either direction.
    pub(crate) fn sink_list(&mut self, count: u16) -> List {
        let idaws = 1 + usize::from(count.saturating_sub(1)).div_ceil(2048);
        let end = SINK_LIST.start + idaws * IDAW;
        if self.sink_end < end {
            self.extend_sink_list(end);
        }
        List::Idaws(self.address(SINK_LIST.start))
    }

    #[cold]
    fn extend_sink_list(&mut self, end: usize) {
        let sink = u64::from(self.arena.address());
        while self.sink_end < end {
            self.arena.write(self.sink_end, sink.to_be_bytes());
            self.sink_end += IDAW;
        }
    }

    /// Writes a command, or a part of one, into a slot: the guest's with a list of the host's.
    #[inline]
    pub(crate) fn put_command(&mut self, slot: u32, guest: &Ccw, list: List) {
        let (flag, address) = match list {
            List::Idaws(address) => (Flags::IDA, address),
            List::Midaws(address) => (Flags::MIDA, address),
        };
        let flags = guest.flags.difference(Flags::IDA.union(Flags::MIDA));
        let ccw = Ccw {
            flags: flags.union(flag),
            address: address.0,
            ..*guest
        };
        self.put_bytes(slot, ccw.to_bytes(Format::One));
    }

    /// Writes a CCW into a slot.
    pub(crate) fn put(&mut self, slot: u32, ccw: &HostCcw) {
        self.put_bytes(slot, ccw.to_bytes());
    }

    #[inline]
    fn put_bytes(&mut self, slot: u32, ccw: [u8; 8]) {
        let offset = self.slots.start + (slot * ccw::SIZE) as usize;
        if offset < self.slots.end {
            self.arena.write(offset, ccw);
        }
    }

    /// Writes a list of `len` IDAWs at most. It ends behind the first of them that is none: a fault,
    /// which stands behind all of them if there is one at the `end`.
    #[inline]
    pub(crate) fn list_idaws(
        &mut self,
        len: usize,
        idaws: impl Iterator<Item = Option<PinnedBlock>>,
        end: bool,
    ) -> Result<List, Bound> {
        let size = (len + usize::from(end)) * IDAW;
        let start = self.make_room(size, IDAW, IDAW_LIST_BOUNDARY)?;
        let mut at = self.free.start;
        let mut fault = end;
        for idaw in idaws.take(len) {
            let Some(block) = idaw else {
                fault = true;
                break;
            };
            self.arena.write(at, block.address().to_be_bytes());
            at += IDAW;
        }
        if fault {
            self.arena.write(at, FAULT.to_be_bytes());
            self.written.faults += 1;
            at += IDAW;
        }
        self.written.idaws += (at - self.free.start) / IDAW;
        self.free.start = at;
        Ok(List::Idaws(start))
    }

    /// Writes a list of `len` MIDAWs at most, in the same way.
    pub(crate) fn list_midaws(
        &mut self,
        len: usize,
        midaws: impl Iterator<Item = (Midaw, Option<Target>)>,
        end: bool,
    ) -> Result<List, Bound> {
        let size = (len + usize::from(end)) * midaw::SIZE;
        let start = self.make_room(size, midaw::SIZE, midaw::LIST_BOUNDARY)?;
        let mut fault = end;
        for (guest, target) in midaws.take(len) {
            let Some(target) = target else {
                fault = true;
                break;
            };
            let midaw = Midaw {
                address: self.target(target, guest.address),
                ..guest
            };
            self.append(midaw.to_bytes());
            self.written.midaws += 1;
        }
        if fault {
            self.append(FAULT_MIDAW.to_bytes());
            self.written.midaws += 1;
            self.written.faults += 1;
        }
        Ok(List::Midaws(start))
    }

    /// Moves what is free to where a list of this size can stand, and returns its address.
    #[inline]
    fn make_room(
        &mut self,
        size: usize,
        alignment: usize,
        boundary: usize,
    ) -> Result<ArenaAddress, Bound> {
        // Slots and lists are of doublewords, so that there is always room for one.
        let mut start = self.free.start;
        if size > IDAW {
            start = start.next_multiple_of(alignment);
            if start % boundary + size > boundary {
                start = start.next_multiple_of(boundary);
            }
        }
        if start + size > self.free.end {
            return Err(Bound::Arena);
        }
        self.free.start = start;
        Ok(self.address(start))
    }

    /// Writes a word of a list where there is room for it.
    fn append<const N: usize>(&mut self, word: [u8; N]) {
        self.arena.write(self.free.start, word);
        self.free.start += N;
    }

    /// The absolute address of a target; `guest` is what the guest has for it.
    fn target(&self, target: Target, guest: u64) -> u64 {
        match target {
            Target::Block(block) => block.address(),
            Target::Sink => u64::from(self.arena.address()) + guest % PAGE_SIZE,
        }
    }
}
