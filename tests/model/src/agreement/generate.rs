// SPDX-License-Identifier: GPL-2.0

//! The generator of programs, which prefers addresses and values where faults are likely.

mod choices;

use ccwchain::orb::{
    Flags,
    Orb, //
};

use choices::{
    BORDERS,
    CODES,
    COUNTS,
    LISTS,
    SEARCHES,
    STARTS, //
};

use super::{
    case::Case,
    guest_memory::FILLER,
    random::Random, //
};
use crate::channel::{
    device_status::{
        CHANNEL_END,
        DEVICE_END,
        STATUS_MODIFIER,
        UNIT_CHECK,
        UNIT_EXCEPTION, //
    },
    Ccw,
    Format,
    IdawFormat,
    Request,
    Step, //
};

/// Returns the case of a seed.
pub fn generate(seed: u64) -> Case {
    let mut generator = Generator {
        random: Random::new(seed),
        request: Request::new(0),
        calm: false,
        lists: Vec::new(),
    };
    generator.calm = generator.random.one_in(3);
    let mut orb = generator.orb();
    generator.request = Request::from_orb(orb.words());
    let filler = generator.filler();
    let mut start = orb.cpa();
    if !filler.is_empty() {
        orb = orb.with_cpa(FILLER);
        start = FILLER + 8 * filler.len() as u32;
    }
    let mut steps = vec![Step::immediate(); filler.len()];
    let mut ccws: Vec<_> = (FILLER..).step_by(8).zip(filler).collect();
    ccws.extend(generator.ccws(start));
    steps.extend(generator.steps());
    Case {
        orb,
        ccws,
        lists: generator.lists,
        steps,
        ..Case::default()
    }
}

struct Generator {
    random: Random,
    request: Request,
    /// Whether almost nothing is to be invalid, so that the program gets far.
    calm: bool,
    lists: Vec<(u64, Vec<u8>)>,
}

impl Generator {
    /// Returns true once in `times` calls on average, but never if the program is to get far.
    fn rarely(&mut self, times: u64) -> bool {
        self.random.one_in(times) && !self.calm
    }

    fn orb(&mut self) -> Orb {
        let mut flags = Flags::empty();
        for flag in [
            Flags::FORMAT_1,
            Flags::IDAW_64,
            Flags::IDAW_2K,
            Flags::LENGTH,
            Flags::MIDAW,
            Flags::PREFETCH,
            Flags::SUSPEND,
            Flags::SUPPRESS_SUSPENDED,
        ] {
            if self.random.one_in(2) {
                flags = flags.union(flag);
            }
        }
        let mut cpa = self.start();
        if self.rarely(60) {
            cpa += 4;
        }
        Orb::default().with_flags(flags).with_cpa(cpa)
    }

    /// Returns where a program begins: usually at the first address, so that programs overlap.
    fn start(&mut self) -> u32 {
        if self.random.one_in(2) {
            STARTS[0]
        } else {
            self.random.pick(STARTS)
        }
    }

    /// Sometimes returns commands that begin a program. There are so many that their slots or their
    /// lists reach the end of an arena block, or nearly do so.
    fn filler(&mut self) -> Vec<Ccw> {
        // The number of IDAWs of each, and the number of commands that fill a block.
        let (idaws, most) = match self.random.below(64) {
            0 | 1 => (0, 474),
            2 => (0, 474 + 1019),
            3 => (1, 1022),
            4 | 5 => (2, 511),
            _ => return Vec::new(),
        };
        let few = if self.random.one_in(3) { most } else { 12 };
        let len = most - self.random.below(few);
        let ccw = Ccw {
            code: if idaws == 0 { 0x03 } else { 0x01 },
            flags: Ccw::CC | Ccw::SLI,
            count: idaws.max(1),
            address: 0x1_0fff,
        };
        vec![ccw; len as usize]
    }

    /// Generates a few segments of CCWs that lead into each other. The program begins with one of
    /// them.
    fn ccws(&mut self, cpa: u32) -> Vec<(u32, Ccw)> {
        let mut ccws = Vec::new();
        for run in 0..1 + self.random.below(4) {
            let start = if run == 0 { cpa } else { self.start() };
            let mut backward = false;
            let len = 2 + self.random.below(8) as u32;
            let mut searches = 0;
            for number in 0..len {
                let at = start.wrapping_add(8 * number);
                let mut ccw = self.ccw(at, number == 0, backward);
                searches = self.search(searches, &mut ccw);
                if self.calm && number == len - 1 && !ccw.is_tic() {
                    ccw.flags &= !(Ccw::CC | Ccw::CD);
                }
                // The command that stays in effect if this CCW chains data.
                backward = ccw.code & 0x0f == 0x0c;
                ccws.push((at, ccw));
            }
        }
        ccws
    }

    fn ccw(&mut self, at: u32, first: bool, backward: bool) -> Ccw {
        if !first && self.random.one_in(5) {
            return self.transfer(at);
        }
        let mut ccw = Ccw {
            code: self.random.pick(CODES),
            flags: self.flags(),
            count: self.random.pick(COUNTS),
            address: 0,
        };
        if backward && self.random.one_in(2) {
            ccw.code = 0x0c;
        }
        if self.rarely(60) {
            ccw.code = self.random.next() as u8;
        }
        if self.rarely(60) {
            ccw.flags = self.random.next() as u8;
        }
        if self.rarely(60) {
            ccw.count = self.random.pick(&[0, 0, u16::MAX]);
        }
        ccw.address = self.storage_area(ccw);
        ccw
    }

    /// Sometimes makes a CCW a part of a search: of the command itself, whose data may be in
    /// several areas, or of what ends the program if nothing is found. Returns what follows: 1 for
    /// a further area, 2 for the end, 0 for anything.
    fn search(&mut self, part: u8, ccw: &mut Ccw) -> u8 {
        match part {
            0 if ccw.is_tic() || !self.random.one_in(6) => return 0,
            0 => ccw.code = self.random.pick(SEARCHES),
            1 if ccw.is_tic() => return 1,
            1 => {}
            _ => {
                if !ccw.is_tic() {
                    ccw.flags &= !(Ccw::CC | Ccw::CD);
                }
                return 0;
            }
        }
        ccw.flags &= !(Ccw::CC | Ccw::CD);
        if self.random.one_in(3) {
            ccw.flags |= Ccw::CD;
            1
        } else {
            ccw.flags |= Ccw::CC | Ccw::SLI;
            2
        }
    }

    /// Returns a transfer in channel: to a nearby address, to another segment, or to anywhere.
    fn transfer(&mut self, at: u32) -> Ccw {
        let near = at
            .wrapping_sub(8 * 5)
            .wrapping_add(8 * self.random.below(9) as u32);
        let address = match self.random.below(12) {
            0 if !self.calm => self.data_address() as u32,
            1..=4 if !self.calm => self.start() + 8 * self.random.below(3) as u32,
            _ => near,
        };
        let mut tic = Ccw {
            code: 0x08,
            address,
            ..Ccw::default()
        };
        match self.random.below(40) {
            0 if !self.calm => tic.code = 0x08 | self.random.next() as u8,
            1 if !self.calm => tic.flags = self.random.next() as u8,
            2 if !self.calm => tic.count = self.random.next() as u16,
            _ => {}
        }
        tic
    }

    fn flags(&mut self) -> u8 {
        let mut flags = 0;
        for (flag, times) in [(Ccw::CC, 2), (Ccw::CD, 4), (Ccw::SKIP, 8), (Ccw::PCI, 10)] {
            if self.random.one_in(times) {
                flags |= flag;
            }
        }
        if self.calm {
            flags |= Ccw::CC;
        }
        if self.calm || !self.random.one_in(3) {
            flags |= Ccw::SLI;
        }
        if self.rarely(40) {
            flags |= Ccw::SUSPEND;
        }
        match self.random.below(6) {
            0..=2 => flags |= Ccw::IDA,
            3 if self.request.midaws => flags |= Ccw::MIDA,
            _ => {}
        }
        flags
    }

    /// Returns an address of data: half of the time in the middle of memory, otherwise near a
    /// boundary.
    fn data_address(&mut self) -> u64 {
        if self.calm || self.random.one_in(2) {
            return 0x1_0000 + self.random.below(0x4000);
        }
        let border = self.random.pick(BORDERS);
        let offset = match self.random.below(4) {
            0 => self.random.below(16),
            1 => self.random.below(16).wrapping_neg(),
            2 => self.random.below(0x1000),
            _ => self.random.below(0x2400).wrapping_neg(),
        };
        border.wrapping_add(offset)
    }

    /// Returns the address field of a CCW.
    fn storage_area(&mut self, ccw: Ccw) -> u32 {
        let limit = u64::from(self.request.format.limit());
        let address = if ccw.has(Ccw::IDA) {
            self.idaws(ccw)
        } else if ccw.has(Ccw::MIDA) {
            self.midaws(ccw)
        } else {
            self.data_address()
        };
        let address = if self.rarely(60) {
            limit + self.random.below(16)
        } else {
            address % limit
        };
        match self.request.format {
            Format::Zero => address as u32 & 0xff_ffff,
            Format::One => address as u32,
        }
    }

    fn list_address(&mut self, size: u64) -> u64 {
        if self.calm {
            return 0x1_2000 + 0x100 * (self.lists.len() as u64 % 0x1f);
        }
        let address = self.random.pick(LISTS);
        let misaligned = if self.rarely(60) { 4 } else { 0 };
        address / size * size + misaligned
    }

    /// Generates a list of IDAWs, most of which are valid.
    fn idaws(&mut self, ccw: Ccw) -> u64 {
        let format = self.request.idaws;
        let block = format.block();
        let backward = ccw.code & 0x0f == 0x0c;
        let mut bytes = Vec::new();
        for number in 0..u64::from(ccw.count) / block + 2 {
            let mut idaw = self.data_address();
            if number > 0 && !self.rarely(40) {
                idaw = idaw / block * block + if backward { block - 1 } else { 0 };
            }
            match format {
                IdawFormat::One => {
                    let range = if self.rarely(6) {
                        u64::MAX
                    } else {
                        0x7fff_ffff
                    };
                    bytes.extend(((idaw & range) as u32).to_be_bytes());
                }
                IdawFormat::Two2K | IdawFormat::Two4K => bytes.extend(idaw.to_be_bytes()),
            }
        }
        let address = self.list_address(format.size());
        self.lists.push((address, bytes));
        address
    }

    /// Generates a list of MIDAWs, most of which are valid and add up.
    fn midaws(&mut self, ccw: Ccw) -> u64 {
        let backward = ccw.code & 0x0f == 0x0c;
        let mut left = ccw.count;
        let mut bytes = Vec::new();
        while left > 0 && bytes.len() < 32 * 16 {
            let address = self.data_address();
            let room = if backward {
                address % 4096 + 1
            } else {
                4096 - address % 4096
            } as u16;
            let mut count = left.min(room).min(self.random.pick(COUNTS));
            if self.rarely(60) {
                count = self.random.pick(COUNTS);
            }
            let last = left <= count && !self.random.one_in(20);
            let mut flags = if last || self.rarely(60) { 0x80 } else { 0 };
            if self.random.one_in(8) {
                flags |= 0x40;
            }
            if self.rarely(100) {
                flags |= 1 << self.random.below(6);
            }
            left = left.saturating_sub(count);
            bytes.extend([0, 0, 0, 0, 0, flags]);
            bytes.extend(count.to_be_bytes());
            bytes.extend(address.to_be_bytes());
        }
        let address = self.list_address(16);
        self.lists.push((address, bytes));
        address
    }

    /// Generates the actions of the device, most of which let the program continue.
    fn steps(&mut self) -> Vec<Step> {
        (0..12)
            .map(|_| {
                let length = match self.random.below(4) {
                    0 => usize::from(self.random.pick(COUNTS)),
                    1 => self.random.below(5000) as usize,
                    2 => 70_000,
                    _ => {
                        usize::from(self.random.pick(COUNTS))
                            + usize::from(self.random.pick(COUNTS))
                    }
                };
                let status = CHANNEL_END | DEVICE_END;
                Step {
                    immediate: self.random.one_in(6),
                    length,
                    status: match self.random.below(30) {
                        0..=2 if self.calm => status,
                        0 => status | UNIT_CHECK,
                        1 => status | UNIT_EXCEPTION,
                        2 => UNIT_CHECK,
                        3..=14 => status | STATUS_MODIFIER,
                        _ => status,
                    },
                }
            })
            .collect()
    }
}
