// SPDX-License-Identifier: GPL-2.0

//! The host's program, as it is written into the arena.
//!
//! ```text
//! the sink page      data that goes nowhere, 4 KiB
//! the sink list      IDAWs that all name the sink page
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

/// What a word of a list names.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Data of the guest's.
    Block(PinnedBlock),
    /// The sink page, at the same offset as in the guest's page: a MIDAW that has data skipped.
    Sink,
    /// Nothing. There is a program check if the channel gets there, and not before.
    Fault,
}

/// The list of a host's CCW.
#[derive(Clone, Copy)]
pub(crate) enum List {
    /// It is one of IDAWs.
    Idaws(ArenaAddress),
    /// It is one of MIDAWs.
    Midaws(ArenaAddress),
}

/// A CCW of the host's program.
pub(crate) enum HostCcw {
    /// It gives a program check.
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer(ArenaAddress),
    /// It is a command, or a part of one, whose data is given by a list.
    Command {
        /// The command code.
        command: u8,
        /// The flags; those that say what list there is are not looked at.
        flags: Flags,
        /// The number of bytes.
        count: u16,
        /// The list.
        list: List,
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
            } => {
                let (flag, address) = match list {
                    List::Idaws(address) => (Flags::IDA, address),
                    List::Midaws(address) => (Flags::MIDA, address),
                };
                Ccw {
                    command,
                    flags: flags.difference(Flags::IDA.union(Flags::MIDA)).union(flag),
                    count,
                    address: address.0,
                }
            }
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
    written: Written,
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
            written: Written::default(),
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

    /// The list for commands that move no data.
    pub(crate) fn sink_list(&self) -> List {
        List::Idaws(self.address(SINK_LIST.start))
    }

    /// Writes a CCW into a slot.
    pub(crate) fn put(&mut self, slot: u32, ccw: &HostCcw) {
        let offset = self.slots.start + (slot * ccw::SIZE) as usize;
        if offset < self.slots.end {
            self.arena.write(offset, &ccw.to_bytes());
        }
    }

    /// Writes a list of IDAWs, of `len` at most. It ends behind the first fault.
    pub(crate) fn list_idaws(
        &mut self,
        len: usize,
        targets: impl Iterator<Item = Target>,
    ) -> Result<List, Bound> {
        let start = self.make_room(len * IDAW, IDAW, IDAW_LIST_BOUNDARY)?;
        for (_, target) in (0..len).zip(targets) {
            let address = self.target(target, 0);
            self.append(&address.to_be_bytes());
            self.written.idaws += 1;
            if matches!(target, Target::Fault) {
                self.written.faults += 1;
                break;
            }
        }
        Ok(List::Idaws(start))
    }

    /// Writes a list of MIDAWs, of `len` at most. It ends behind the first fault.
    pub(crate) fn list_midaws(
        &mut self,
        len: usize,
        targets: impl Iterator<Item = (Midaw, Target)>,
    ) -> Result<List, Bound> {
        let start = self.make_room(len * midaw::SIZE, midaw::SIZE, midaw::LIST_BOUNDARY)?;
        for (_, (midaw, target)) in (0..len).zip(targets) {
            let word = match target {
                Target::Fault => FAULT_MIDAW,
                _ => Midaw {
                    address: self.target(target, midaw.address),
                    ..midaw
                },
            };
            self.append(&word.to_bytes());
            self.written.midaws += 1;
            if matches!(target, Target::Fault) {
                self.written.faults += 1;
                break;
            }
        }
        Ok(List::Midaws(start))
    }

    /// Moves what is free to where a list of this size can stand, and returns its address.
    fn make_room(
        &mut self,
        size: usize,
        alignment: usize,
        boundary: usize,
    ) -> Result<ArenaAddress, Bound> {
        let mut start = self.free.start.next_multiple_of(alignment);
        if start % boundary + size > boundary {
            start = start.next_multiple_of(boundary);
        }
        if start + size > self.free.end {
            return Err(Bound::Arena);
        }
        self.free.start = start;
        Ok(self.address(start))
    }

    /// Writes a word of a list where there is room for it.
    fn append(&mut self, word: &[u8]) {
        self.arena.write(self.free.start, word);
        self.free.start += word.len();
    }

    /// The absolute address of a target; `guest` is what the guest has for it.
    fn target(&self, target: Target, guest: u64) -> u64 {
        match target {
            Target::Block(block) => block.address(),
            Target::Sink => u64::from(self.arena.address()) + guest % PAGE_SIZE,
            Target::Fault => FAULT,
        }
    }
}
