// SPDX-License-Identifier: GPL-2.0

//! A guest, its ORB and a translator, made of any bytes so that most programs are nearly valid:
//! with page, block and mapping boundaries nearby, and with addresses of existing memory.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb::{
        self,
        Orb, //
    },
    translator::{
        Sizes,
        Translator, //
    },
};
use iommu_type1_stub::{
    Access,
    Error,
    Fault,
    Operation,
    PAGE_SIZE, //
};

use super::{
    hostile_guest::{
        GuestPage,
        HostileGuest, //
    },
    input::Input, //
};
use crate::{
    machine::{
        Machine,
        TranslateError, //
    },
    memory::{
        ArenaBlocks,
        Guest, //
    },
};

/// The first pages of mappings: in the middle of the address space, at its two ends, at the ends of
/// what CCWs of the two formats can address, and after them.
const STARTS: [u64; 6] = [0x10, 0x14, 0, 0xffe, 0x7_fffe, 0x10_0000];

/// The offset of an address in its page, except the last bits.
const OFFSETS: [u64; 8] = [0, 0x7f8, 0x800, 0xff8, 0xff0, 0x400, 0xfc0, 0x100];

/// The number of arena blocks, which is enough for every program.
pub(crate) const BLOCKS: usize = 8;

/// A case of a fuzz target.
pub(crate) struct Case {
    pub(crate) machine: Machine,
    /// The ORB.
    pub(crate) orb: Orb,
    /// The fault of guest memory.
    pub(crate) fault: Option<Fault>,
}

impl Case {
    /// Makes a case of all bytes.
    pub(crate) fn new(input: &mut Input<'_>) -> Self {
        let mut guest = Guest::with_room(16);
        let orb = orb(input);
        let sizes = Sizes {
            ccws: input.pick(&[64, 64, 16, 3, 1]),
            idaws: input.pick(&[256, 256, 40, 33, 3, 1]),
            cached_pages: 0,
        };
        let blocks = input.pick(&[BLOCKS, BLOCKS, 2, 2, 3, 1, 1, 0]);
        let fault = fault(input);
        guest.iommu.set_fault(fault);
        let Ok(translator) = Translator::new(sizes, input.byte().into());
        let mappings = map(input, &mut guest);
        let mut writer = Writer {
            guest: &mut guest,
            mappings: &mappings,
            format: Format::of(&orb),
            cursor: orb.cpa().into(),
        };
        // A program with more items than fit into these sizes shows nothing new.
        for _ in 0..80 {
            if !input.is_left() {
                break;
            }
            writer.thing(input);
        }
        Self {
            machine: Machine {
                guest,
                arena: ArenaBlocks::new(blocks),
                translator,
            },
            orb,
            fault,
        }
    }

    /// Returns the guest.
    pub(crate) fn hostile_guest(&self) -> HostileGuest {
        let mapped = self.machine.guest.iommu.mapped();
        HostileGuest {
            orb: self.orb,
            pages: mapped
                .map(|(address, access, bytes)| GuestPage::new(address, access, bytes))
                .collect(),
            ..HostileGuest::default()
        }
    }

    /// Translates the program.
    pub(crate) fn translate(&mut self) -> Result<HostOrb, TranslateError> {
        self.machine.translate(&self.orb)
    }
}

fn orb(input: &mut Input<'_>) -> Orb {
    const USUAL: [orb::Flags; 6] = [
        orb::Flags::FORMAT_1,
        orb::Flags::IDAW_64,
        orb::Flags::IDAW_2K,
        orb::Flags::MIDAW,
        orb::Flags::SUSPEND,
        orb::Flags::PREFETCH,
    ];
    let choice = input.byte();
    let cpa = input.pick(&[0x10000, 0x10ff0, 0x13fe8, 0x17f8, 0xff_fff0, 0x7fff_fff0]);
    let mut flags = orb::Flags::empty();
    for (number, flag) in USUAL.into_iter().enumerate() {
        if choice >> number & 1 != 0 {
            flags = flags.union(flag);
        }
    }
    let orb = Orb::default().with_cpa(cpa).with_flags(flags);
    match choice >> 6 {
        3 => Orb::from_bytes(&input.bytes()),
        _ => orb,
    }
}

fn fault(input: &mut Input<'_>) -> Option<Fault> {
    let choice = input.byte();
    let operation = match choice & 0x0f {
        1 => Operation::Read,
        2 => Operation::Pin,
        _ => return None,
    };
    Some(Fault {
        operation,
        after: (choice >> 4).into(),
        error: Error::NoMemory,
    })
}

/// Maps guest memory, and stores the number of each page in it.
fn map(input: &mut Input<'_>, guest: &mut Guest) -> Vec<u64> {
    let mut pages = Vec::new();
    let choice = input.byte();
    for number in 0..1 + choice % 4 {
        let how = if number == 0 { 0 } else { input.byte() };
        let start = STARTS[usize::from(how) % STARTS.len()];
        let len = if number == 0 {
            4
        } else {
            1 + u64::from(how >> 6)
        };
        let access = match how & 0x20 {
            0 => Access::Write,
            _ => Access::Read,
        };
        let mapped = guest.iommu.map(start * PAGE_SIZE, len * PAGE_SIZE, access);
        if mapped.is_ok() {
            pages.extend(start..start + len);
        }
    }
    pages
}

/// Writes a program.
struct Writer<'a> {
    guest: &'a mut Guest,
    mappings: &'a [u64],
    format: Format,
    cursor: u64,
}

impl Writer<'_> {
    /// Writes the next item of the program, or moves to where it goes.
    fn thing(&mut self, input: &mut Input<'_>) {
        match input.byte() & 0x0f {
            0 => self.cursor = self.address(input) & 0xffff_fff8,
            1 => self.cursor += 8,
            2 => self.store(&input.bytes::<8>()),
            3 => {
                let idaw = self.idaw(input) as u32;
                self.store(&idaw.to_be_bytes());
            }
            4 | 5 => {
                let idaw = self.idaw(input);
                self.store(&idaw.to_be_bytes());
            }
            6 | 7 => {
                let [flags, count_high, count_low] = input.bytes();
                self.cursor = self.cursor.next_multiple_of(16);
                self.store(&[0, 0, 0, 0, 0, flags & 0xe0, count_high & 0x1f, count_low]);
                let address = self.address(input);
                self.store(&address.to_be_bytes());
            }
            8 | 9 => {
                let target = self.address(input) as u32 & !7;
                self.ccw(0x08, Flags::empty(), 0, target);
            }
            10 => {
                let places = u64::from(input.byte());
                let target = (self.cursor + 8 * (places & 15)).saturating_sub(8 * (places >> 4));
                self.ccw(0x08, Flags::empty(), 0, target as u32);
            }
            _ => self.command(input),
        }
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let command = input.pick(&[2, 1, 3, 4, 0x0c, 0x31, 7, 0, 0x18, 0x08, 0xff]);
        let flags = Flags::from_bits(input.byte());
        let count = input.pick(&[8, 1, 16, 0, 256, 2048, 2049, 4096, 4097, 0x7fff, 0xffff]);
        let address = self.address(input) as u32;
        self.ccw(command, flags, count, address);
    }

    fn ccw(&mut self, command: u8, flags: Flags, count: u16, address: u32) {
        let ccw = Ccw {
            command,
            flags,
            count,
            address,
        };
        self.store(&ccw.to_bytes(self.format));
    }

    /// Stores bytes where there is memory, and continues after them.
    fn store(&mut self, bytes: &[u8]) {
        // Memory that is not mapped stays so: the program may use it.
        let _ = self.guest.iommu.store(self.cursor, bytes);
        self.cursor += bytes.len() as u64;
    }

    /// As a rule, returns an address that has a meaning in this guest.
    fn address(&self, input: &mut Input<'_>) -> u64 {
        let choice = input.byte();
        let page = self.mappings[usize::from(choice & 0x1f) % self.mappings.len()];
        let near = page * PAGE_SIZE + OFFSETS[usize::from(choice >> 5)];
        let rest = input.byte();
        match rest {
            0xff => input.double(),
            0xfe => self.cursor,
            0xfd => near.wrapping_add(4 * PAGE_SIZE),
            rest => near.wrapping_add(u64::from(rest)),
        }
    }

    /// As a rule, returns an address where a block begins or, for read backward, ends.
    fn idaw(&self, input: &mut Input<'_>) -> u64 {
        let address = self.address(input);
        input.edge_of_block(address)
    }
}
