// SPDX-License-Identifier: GPL-2.0

//! The generator of sequences: actions and values with which much can go wrong.

use ccw::vfio::Backend;
use model::agreement::mappings;

use super::{
    action::{
        Action,
        Ioctl,
        Kind,
        Which, //
    },
    judge::REGION_SIZES,
    sequence::{
        Sequence,
        THREADS, //
    }, //
};
use crate::{
    fixtures::words,
    random::Random, //
};

mod ioctls;
use ioctls::set_eventfd;

/// Numbers at the ends of ranges, sizes of structures and numbers of commands.
const NUMBERS: &[u32] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    12,
    15,
    16,
    20,
    24,
    31,
    32,
    48,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    u32::MAX,
];

/// Offsets in a region: the ends of its fields.
const OFFSETS: &[u64] = &[
    0, 1, 3, 4, 8, 11, 12, 15, 23, 24, 25, 40, 51, 52, 87, 88, 119, 120, 121, 123, 124, 125, 1023,
];

/// Lengths of accesses.
const LENGTHS: &[u16] = &[
    0, 1, 2, 4, 8, 9, 12, 24, 52, 64, 96, 100, 120, 124, 125, 1024, 4096,
];

/// Offsets in the file that are in no region.
const FAR: &[i64] = &[
    -1,
    i64::MIN,
    i64::MAX,
    1 << 40,
    5 << 10,
    (1 << 42) + 1024,
    (1 << 42) - 1,
];

/// The source of chance of generators, and their material.
pub(super) struct Generator<'a> {
    pub(super) random: &'a mut Random,
    /// Inputs of the fuzz target `agreement` of `ccwchain`.
    pub(super) programs: &'a [Vec<u8>],
}

impl Generator<'_> {
    /// Returns a new sequence.
    pub(super) fn sequence(&mut self) -> Sequence {
        let mut steps = vec![(0, self.open())];
        for number in 0..mappings().count() {
            if !self.random.one_in(12) {
                steps.push((0, Action::Map(u8::try_from(number).unwrap_or(0))));
            }
        }
        if !self.random.one_in(4) {
            steps.push((0, Action::Ioctl(Ioctl::SetIrqs, set_eventfd(0, 0))));
        }
        let is_serial = !self.random.one_in(6);
        for _ in 0..3 + self.random.below(18) {
            let thread = match is_serial {
                true => 0,
                false => self.random.index(THREADS),
            };
            steps.push((thread, self.action()));
        }
        Sequence(steps)
    }

    /// Returns an action with which a sequence begins.
    pub(super) fn open(&mut self) -> Action {
        let which = match self.random.one_in(4) {
            true => Which::Rng,
            false => Which::Terminal,
        };
        let backends = [Backend::Container, Backend::Iommufd];
        Action::Open(which, self.random.pick(&backends))
    }

    /// Returns an action.
    pub(super) fn action(&mut self) -> Action {
        type Make<'b> = fn(&mut Generator<'b>) -> Action;
        let make: Option<Make<'_>> = self.random.weighted(&[
            (10, Self::program as Make<'_>),
            (7, Self::coded),
            (4, Self::store),
            (7, Self::request),
            (8, Self::command),
            (8, |_| read(24, 96)),
            (6, Self::read),
            (4, Self::write),
            (10, Self::ioctl),
            (2, Self::number),
            (4, |this| Action::Map(this.range())),
            (5, |this| Action::Unmap(this.range())),
            (2, |this| Action::Discard(this.address())),
            (5, |this| {
                Action::Wait(this.random.pick(&[0, 1, 5, 25, 125]))
            }),
            (3, |_| Action::Reset),
            (2, |_| Action::Close),
            (3, Self::open),
            (1, |this| {
                Action::Cache(this.random.pick(&[0, 1, 2, 16, 1024]))
            }),
        ]);
        make.map_or(Action::Reset, |make| make(self))
    }

    fn range(&mut self) -> u8 {
        u8::try_from(self.random.index(mappings().count())).unwrap_or(0)
    }

    /// Returns an address of the guest that is in or near its memory.
    fn address(&mut self) -> u64 {
        let ranges: Vec<_> = mappings().collect();
        let (start, len, _) = self.random.pick(&ranges);
        match self.random.below(3) {
            0 => start.wrapping_add(8 * self.random.below(4)),
            1 => start
                .wrapping_add(len)
                .wrapping_sub(8 * self.random.below(4)),
            _ => start.wrapping_add(self.random.below(len)),
        }
    }

    fn program(&mut self) -> Action {
        let kinds = Kind::ALL.map(|(kind, _)| kind);
        let seed = self.random.below(1 << 20);
        Action::Program(self.random.pick(&kinds), seed)
    }

    fn coded(&mut self) -> Action {
        let any = match self.programs.len() {
            0 => Vec::new(),
            len => self.programs[self.random.index(len)].clone(),
        };
        match self.random.one_in(3) {
            true => Action::Coded(self.bytes(60)),
            false => Action::Coded(any),
        }
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = self.random.below(most + 1);
        (0..len)
            .map(|_| self.random.next().to_be_bytes()[0])
            .collect()
    }

    /// Returns a CCW, or a word of a list, in the memory of a program.
    fn store(&mut self) -> Action {
        let address = self.address();
        let data = self.address();
        let mut bytes = data.to_be_bytes().to_vec();
        if !self.random.one_in(3) {
            let code = self.random.pick(&[1, 2, 3, 4, 8, 0x0c, 0xe4, 0x0b, 0]);
            let flags = self
                .random
                .pick(&[0, 0x20, 0x40, 0x60, 0x80, 0xa4, 0x42, 0x48]);
            let count = self.random.pick(&[0_u16, 1, 8, 4096, 4097, u16::MAX]);
            bytes = [code, flags]
                .into_iter()
                .chain(count.to_be_bytes())
                .collect();
            bytes.extend_from_slice(&data.to_be_bytes()[4..]);
        }
        Action::Store(address & !7, bytes)
    }

    /// Returns a write to region 0 that requests something.
    fn request(&mut self) -> Action {
        let cpa = self.address().to_be_bytes();
        let mut bytes = vec![0; 124];
        bytes[..4].copy_from_slice(&[0xff; 4]);
        let flags = self.random.next().to_be_bytes();
        let valid = [0xf8, 0x8f, 0xff, 0x00]; // Key and the usual flags.
        for (byte, (flag, mask)) in bytes[4..8].iter_mut().zip(flags.iter().zip(valid)) {
            *byte = flag & mask;
        }
        bytes[6] = self.random.pick(&[0x80, 0x80, 0xff, 0x40, 0]);
        if self.random.one_in(8) {
            bytes[5] |= flags[4];
        }
        bytes[8..12].copy_from_slice(&cpa[4..]);
        if !self.random.one_in(10) {
            bytes[8] &= 0x7f;
        }
        // Start, resume, halt, clear, nothing.
        let functions = [
            [0x40, 0],
            [0x40, 0],
            [0x48, 0x20],
            [0x20, 0],
            [0x10, 0],
            [0, 0],
        ];
        bytes[14..16].copy_from_slice(&self.random.pick(&functions));
        bytes.truncate(self.random.pick(&[124, 124, 24, 16, 100]));
        whole_write(0, bytes)
    }

    fn command(&mut self) -> Action {
        let command = match self.random.one_in(8) {
            true => self.random.pick(NUMBERS),
            false => self.random.pick(&[1, 1, 2, 2, 4]),
        };
        let mut bytes = words(&[command, 0]);
        if self.random.one_in(4) {
            bytes.truncate(4);
        }
        whole_write(1 << 10, bytes)
    }

    fn offset(&mut self) -> i64 {
        if self.random.one_in(12) {
            return self.random.pick(FAR);
        }
        let region = self.random.below(REGION_SIZES.len() as u64 + 1);
        i64::try_from(region << 10 | self.random.pick(OFFSETS)).unwrap_or(0)
    }

    fn read(&mut self) -> Action {
        let (offset, len) = (self.offset(), self.random.pick(LENGTHS));
        let room = match self.random.one_in(4) {
            true => self.random.pick(LENGTHS),
            false => len,
        };
        Action::Read { offset, len, room }
    }

    fn write(&mut self) -> Action {
        let (offset, len) = (self.offset(), self.random.pick(LENGTHS));
        let mut bytes = self.bytes(160);
        if !self.random.one_in(4) {
            bytes.resize(len.into(), 0);
        }
        Action::Write { offset, len, bytes }
    }

    fn number(&mut self) -> Action {
        // `VFIO_TYPE` and the numbers from `VFIO_BASE` on, or anything.
        Action::Number(match self.random.one_in(4) {
            true => self.random.pick(NUMBERS),
            false => 0x3b64 + u32::try_from(self.random.below(40)).unwrap_or(0),
        })
    }
}

fn read(offset: i64, len: u16) -> Action {
    let room = len;
    Action::Read { offset, len, room }
}

fn whole_write(offset: i64, bytes: Vec<u8>) -> Action {
    let len = u16::try_from(bytes.len()).unwrap_or(0);
    Action::Write { offset, len, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(seed: u64) -> Vec<Sequence> {
        let programs = [vec![1, 2, 3]];
        let mut random = Random::new(seed, 0);
        let mut generator = Generator {
            random: &mut random,
            programs: &programs,
        };
        (0..500).map(|_| generator.sequence()).collect()
    }

    #[test]
    fn a_seed_decides_the_sequences() {
        assert_eq!(sequences(1), sequences(1));
        assert_ne!(sequences(1), sequences(2));
    }

    #[test]
    fn sequences_are_the_same_after_their_text() {
        let sequences = sequences(3);
        let text: Vec<_> = sequences.iter().map(Sequence::to_string).collect();
        assert_eq!(Sequence::parse_all(&text.join("\n")), Ok(sequences));
    }

    #[test]
    fn all_actions_come_from_one_thread_and_from_several() {
        let sequences = sequences(4);
        let serial = sequences.iter().filter(|sequence| sequence.is_serial());
        assert!((350..480).contains(&serial.count()));
        let text: String = sequences.iter().map(Sequence::to_string).collect();
        for word in [
            "open rng",
            "close",
            "cache",
            "map",
            "unmap",
            "discard",
            "store",
            "program any",
            "program append",
            "coded",
            "reset",
            "ioctl info",
            "ioctl detach",
            "number",
            "read",
            "write",
            "wait",
        ] {
            assert!(text.contains(&format!(" {word}")), "{word}");
        }
    }
}
