// SPDX-License-Identifier: GPL-2.0

//! A builder of programs in which each command moves a known number of bytes.

use ccwchain::orb::{
    Flags,
    Orb, //
};

use super::{
    addressing::Addressing,
    kinds::Overwritten, //
};
use crate::{
    agreement::{
        case::Case,
        random::Random, //
    },
    channel::{
        Ccw,
        Format,
        IdawFormat,
        Request,
        Step, //
    },
};

/// The flags of a CCW after which the program continues.
pub(super) const CHAIN: u8 = Ccw::CC | Ccw::SLI;

/// The page of data before the program has changed anything.
pub(super) const AREA: u32 = 0x1_2000;

/// The page of data after a change.
pub(super) const NEW: u32 = 0x1_6000;

/// The end of a block of 2 KiB and of 4 KiB, before which there is room for lists.
pub(super) const BLOCK_END: u32 = 0x1_4000;

/// A page that the guest does not have.
const NOWHERE: u32 = 0xf0_0000;

/// The addresses of the first CCWs: one program crosses a block, one a page.
const STARTS: [u32; 5] = [0x1_0000, 0x1_0400, 0x1_07e0, 0x1_0fe0, 0];

/// Commands that move data.
const CODES: [u8; 6] = [0x01, 0x02, 0x04, 0x06, 0x07, 0x12];

/// A builder of a program.
pub(super) struct Builder {
    pub(super) random: Random,
    pub(super) overwritten: Overwritten,
    pub(super) request: Request,
    orb: Orb,
    /// The addressing of the area of the command that stores.
    pub(super) addressing: Addressing,
    /// True if the list that is stored over is one of MIDAWs.
    midaws: bool,
    /// True if the stored contents are invalid.
    is_invalid: bool,
    /// The address of the next CCW.
    pub(super) at: u32,
    ccws: Vec<(u32, Ccw)>,
    pub(super) lists: Vec<(u64, Vec<u8>)>,
    pub(super) steps: Vec<Step>,
    pub(super) input: Vec<u8>,
    pub(super) responses: Vec<(u64, Vec<u8>)>,
}

impl Builder {
    pub(super) fn new(overwritten: Overwritten, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut flags = Flags::empty();
        for (flag, times) in [
            (Flags::FORMAT_1, 2),
            (Flags::IDAW_64, 2),
            (Flags::IDAW_2K, 2),
            (Flags::LENGTH, 2),
            (Flags::MIDAW, 2),
            (Flags::PREFETCH, 2),
            (Flags::MODIFICATION, 4),
        ] {
            if random.one_in(times) {
                flags = flags.union(flag);
            }
        }
        if overwritten.midaws() == Some(true) {
            flags = flags.union(Flags::MIDAW);
        }
        let has_midaws = flags.contains(Flags::MIDAW);
        let start = random.pick(&STARTS);
        let orb = Orb::default().with_flags(flags).with_cpa(start);
        Self {
            overwritten,
            request: Request::from_orb(orb.words()),
            orb,
            addressing: Addressing::new(&mut random, has_midaws),
            midaws: overwritten
                .midaws()
                .unwrap_or(has_midaws && random.one_in(2)),
            is_invalid: random.one_in(4),
            random,
            at: start,
            ccws: Vec::new(),
            lists: Vec::new(),
            steps: Vec::new(),
            input: Vec::new(),
            responses: Vec::new(),
        }
    }

    /// Returns the case.
    pub(super) fn finish(self) -> Case {
        Case {
            orb: self.orb,
            ccws: self.ccws,
            lists: self.lists,
            steps: self.steps,
            input: self.input,
            responses: self.responses,
        }
    }

    /// Returns the bytes of a CCW in memory.
    pub(super) fn bytes(&self, ccw: Ccw) -> [u8; 8] {
        ccw.to_bytes(self.request.format)
    }

    /// Returns random bytes.
    pub(super) fn junk(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random.next() as u8).collect()
    }

    /// Adds a CCW.
    pub(super) fn push_ccw(&mut self, ccw: Ccw) {
        self.ccws.push((self.at, ccw));
        self.at += 8;
    }

    /// Adds a command.
    pub(super) fn push(&mut self, code: u8, flags: u8, count: u16, address: u32, step: Step) {
        self.push_ccw(Ccw {
            code,
            flags,
            count,
            address,
        });
        self.steps.push(step);
    }

    /// Adds a TIC.
    pub(super) fn tic(&mut self, address: u32) {
        self.push_ccw(Ccw {
            code: 0x08,
            address,
            ..Ccw::default()
        });
    }

    /// Returns a command that moves at most 16 bytes.
    fn command(&mut self, flags: u8, page: u32) -> Ccw {
        Ccw {
            code: self.random.pick(&CODES),
            flags,
            count: 1 + self.random.below(16) as u16,
            address: page + self.random.below(0xff0) as u32,
        }
    }

    /// Adds any command, which chains commands.
    pub(super) fn any_command(&mut self) {
        let ccw = self.command(CHAIN, AREA);
        self.input_or_output(ccw.flags, ccw.count, Step::moves(ccw.count.into()));
    }

    /// Adds any command, with which the program ends.
    pub(super) fn last_command(&mut self) {
        self.input_or_output(Ccw::SLI, 8, Step::moves(8));
    }

    /// Adds at most `most` commands.
    pub(super) fn commands(&mut self, most: u64) {
        for _ in 0..self.random.below(most + 1) {
            self.any_command();
        }
    }

    /// Adds a command that reads or writes.
    pub(super) fn input_or_output(&mut self, flags: u8, count: u16, step: Step) {
        let ccw = self.command(flags, AREA);
        if ccw.code & 1 == 0 {
            let junk = self.junk(step.length.min(count.into()));
            self.input.extend(junk);
        }
        self.push(ccw.code, flags, count, ccw.address, step);
    }

    /// Returns a command with these flags, and what is stored over it.
    pub(super) fn old_and_new(&mut self, flags: u8) -> (Ccw, Ccw) {
        let old = self.command(flags, AREA);
        let other = self.command(flags, NEW);
        let new = match self.overwritten {
            Overwritten::SameContents => old,
            Overwritten::CommandCode => Ccw {
                code: match self.is_invalid {
                    true => 0x10,
                    false if other.code == old.code => 0x03,
                    false => other.code,
                },
                ..old
            },
            Overwritten::Flags => {
                let changes = [Ccw::CC, Ccw::PCI, Ccw::CC | Ccw::PCI];
                let change = self.random.pick(&changes);
                Ccw {
                    flags: match self.is_invalid {
                        true => old.flags | Ccw::SUSPEND,
                        false => old.flags ^ change,
                    },
                    ..old
                }
            }
            Overwritten::Count => Ccw {
                // A count of zero is invalid in format 0, and in a data chain.
                count: match self.is_invalid {
                    true => 0,
                    false => old.count % 16 + 1,
                },
                ..old
            },
            Overwritten::Address => Ccw {
                address: match (self.is_invalid, self.request.format) {
                    (true, Format::Zero) => NOWHERE,
                    (true, Format::One) => 0x8000_0000,
                    (false, _) => other.address,
                },
                ..old
            },
            _ if self.is_invalid => Ccw::default(),
            _ => other,
        };
        (old, new)
    }

    /// Returns an IDAW.
    pub(super) fn idaw(&self, address: u32) -> Vec<u8> {
        match self.request.idaws {
            IdawFormat::One => address.to_be_bytes().to_vec(),
            IdawFormat::Two2K | IdawFormat::Two4K => u64::from(address).to_be_bytes().to_vec(),
        }
    }

    /// Returns the flag of a CCW with a list of the kind that is stored over.
    pub(super) fn list_flag(&self) -> u8 {
        if self.midaws {
            Ccw::MIDA
        } else {
            Ccw::IDA
        }
    }

    /// Returns a word of such a list, for this area.
    pub(super) fn word_for(&self, address: u32, count: u16) -> Vec<u8> {
        if self.midaws {
            midaw(0, count, address)
        } else {
            self.idaw(address)
        }
    }

    /// Returns the word with this number of such a list, for 8 bytes of a page: at its end for the
    /// first word, and at its beginning for others.
    pub(super) fn word(&self, number: u32, page: u32) -> Vec<u8> {
        self.word_for(page + if number == 0 { 0xff8 } else { 0 }, 8)
    }

    /// Returns what is stored over the word with this number.
    pub(super) fn new_word(&self, number: u32) -> Vec<u8> {
        match (self.is_invalid, self.midaws) {
            (true, true) => midaw(0x20, 8, NEW),
            (true, false) => self.word(number, NOWHERE),
            (false, _) => self.word(number, NEW),
        }
    }

    /// Adds a list that is stored over, for 16 bytes, and with one word more than that.
    pub(super) fn put_list(&mut self, address: u32) {
        let words = (0..3).flat_map(|number| self.word(number, AREA));
        let words = words.collect();
        self.lists.push((address.into(), words));
    }

    /// Adds a command that writes or reads 16 bytes with this list.
    pub(super) fn push_listed(&mut self, list: u32) {
        let code = self.random.pick(&[0x01, 0x02]);
        if code == 0x02 {
            let junk = self.junk(16);
            self.input.extend(junk);
        }
        self.push(code, CHAIN | self.list_flag(), 16, list, Step::moves(16));
    }
}

/// Returns a MIDAW.
pub(super) fn midaw(flags: u8, count: u16, address: u32) -> Vec<u8> {
    let word = u64::from(flags) << 16 | u64::from(count);
    [word, address.into()].map(u64::to_be_bytes).concat()
}
