// SPDX-License-Identifier: GPL-2.0

//! Programs of one kind and of any size.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    orb::{
        self,
        Orb, //
    },
};

/// The guest address of programs.
const START: u32 = 0x10_0000;

/// The guest address of a list of IDAWs.
const LIST: u32 = 0x8_0000;

/// The guest address of data, after all memory that guest programs need.
const DATA: u32 = 0x100_0000;

/// The number of IDAWs of a CCW that has a list.
const IDAWS: u16 = 16;

/// The kind of a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Control commands that move no data.
    NoData,
    /// Writes of 512 bytes, each from where the last one ended.
    Writes,
    /// Writes of 512 bytes in one data chain.
    DataChain,
    /// Writes of 64 KiB through a list of 16 IDAWs, the same for all.
    Lists,
    /// Writes of 512 bytes, each followed by a TIC to another address, in no order.
    Scattered,
    /// Parts of 512 bytes of a data chain that four commands lead into, each of another direction.
    Shared,
}

/// The guest address of the beginning of a program with a shared data chain: a no-operation, after
/// which a device may or may not give status modifier, a TIC, and its target.
const LEAD: u32 = 0x4000;

fn ccw(command: u8, flags: Flags, count: u16, address: u32) -> Ccw {
    Ccw {
        command,
        flags,
        count,
        address,
    }
}

/// A program.
pub(crate) struct Program {
    kind: Kind,
    ccws: u32,
}

impl Program {
    /// The names of the kinds.
    pub(crate) const KINDS: [&'static str; 6] = [
        "no-data",
        "writes",
        "data-chain",
        "lists",
        "scattered",
        "shared",
    ];

    /// Creates a program of this kind with `ccws` CCWs, not counting TICs.
    pub(crate) fn new(kind: &str, ccws: u32) -> Option<Self> {
        let kind = match Self::KINDS.iter().position(|name| *name == kind)? {
            0 => Kind::NoData,
            1 => Kind::Writes,
            2 => Kind::DataChain,
            3 => Kind::Lists,
            4 => Kind::Scattered,
            _ => Kind::Shared,
        };
        Some(Self { kind, ccws })
    }

    /// Returns the ORB: format 1, IDAWs of 4 KiB.
    pub(crate) fn orb(&self) -> Orb {
        Orb::default()
            .with_flags(orb::Flags::FORMAT_1.union(orb::Flags::IDAW_64))
            .with_cpa(match self.kind {
                Kind::Shared => LEAD,
                _ => self.address(0),
            })
    }

    /// Returns the guest address of the CCW with this number.
    fn address(&self, number: u32) -> u32 {
        if self.kind != Kind::Scattered {
            return START + 8 * number;
        }
        // A permutation: the number of addresses is a power of two, and the factor is odd.
        let places = self.ccws.next_power_of_two();
        START + 32 * (number.wrapping_mul(0x9e37_79b1) % places)
    }

    fn ccw(&self, number: u32) -> Ccw {
        let chain = match self.kind {
            _ if number + 1 == self.ccws => Flags::empty(),
            Kind::DataChain | Kind::Shared => Flags::CD,
            _ => Flags::CC,
        };
        let direct = ccw(0x01, chain, 512, DATA + 512 * number);
        match self.kind {
            Kind::NoData => Ccw {
                command: 0x03,
                count: 1,
                ..direct
            },
            Kind::Lists => Ccw {
                flags: chain.union(Flags::IDA),
                count: u16::MAX / IDAWS * IDAWS,
                address: LIST,
                ..direct
            },
            _ => direct,
        }
    }

    /// Returns guest memory from address zero on, with the program in it.
    pub(crate) fn memory(&self) -> Vec<u8> {
        let mut memory = vec![0; (START + 32 * 4096 + 32) as usize];
        let mut store = |address: u32, bytes: &[u8]| {
            let at = address as usize;
            memory[at..at + bytes.len()].copy_from_slice(bytes);
        };
        for number in 0..u32::from(IDAWS) {
            let idaw = u64::from(DATA + 4096 * number);
            store(LIST + 8 * number, &idaw.to_be_bytes());
        }
        for number in 0..self.ccws {
            let address = self.address(number);
            store(address, &self.ccw(number).to_bytes(Format::One));
            if self.kind == Kind::Scattered && number + 1 < self.ccws {
                let transfer = ccw(0x08, Flags::empty(), 0, self.address(number + 1));
                store(address + 8, &transfer.to_bytes(Format::One));
            }
        }
        if self.kind == Kind::Shared {
            for (number, command) in (0..).zip([0x03, 0x01, 0x02, 0x0c]) {
                let (lead, chain) = (LEAD + 16 * number, LEAD + 0x100 + 16 * number);
                let ccws = [
                    (lead, ccw(0x03, Flags::CC, 1, 0)),
                    (lead + 8, ccw(0x08, Flags::empty(), 0, chain)),
                    (chain, ccw(command, Flags::CD, 1, DATA)),
                    (chain + 8, ccw(0x08, Flags::empty(), 0, self.address(0))),
                ];
                for (address, ccw) in ccws {
                    store(address, &ccw.to_bytes(Format::One));
                }
            }
        }
        memory
    }
}
