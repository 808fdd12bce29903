// SPDX-License-Identifier: GPL-2.0

//! Every command code with every flag, in both formats, alone and in a data chain.

use ccwchain::{
    ccw::{
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb, //
};
use model::machine::{
    ccw,
    orb0,
    orb1,
    Machine, //
};

/// The translation of a CCW.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    ProgramCheck,
    Tic,
    /// A command without data.
    Idle,
    /// A command with a list of IDAWs.
    Idaws,
    /// A command with a list of MIDAWs.
    Midaws,
}

/// Returns the expected translation of a CCW, by its command code, its flags and the command in
/// effect.
fn expected(format: Format, ccw: &Ccw, in_effect: u8) -> Outcome {
    if ccw.command & 0x0f == 0x08 {
        // In format 1 it has a count, which is invalid.
        return match format {
            Format::Zero => Outcome::Tic,
            Format::One => Outcome::ProgramCheck,
        };
    }
    let direction = Direction::of(in_effect);
    let midaws = ccw.flags.contains(Flags::MIDA);
    if direction == Direction::Invalid
        || (midaws && ccw.flags.intersects(Flags::IDA.union(Flags::SKIP)))
    {
        Outcome::ProgramCheck
    } else if in_effect == 0x03 || (direction.stores() && ccw.flags.contains(Flags::SKIP)) {
        Outcome::Idle
    } else if midaws {
        Outcome::Midaws
    } else {
        Outcome::Idaws
    }
}

fn outcome(machine: &Machine, host: &HostOrb, ccw: Ccw) -> Outcome {
    if ccw == self::ccw(0, Flags::empty(), 0, 0x8000_0000) {
        Outcome::ProgramCheck
    } else if ccw.is_tic(Format::One) {
        Outcome::Tic
    } else if ccw.flags.contains(Flags::MIDA) {
        Outcome::Midaws
    } else if machine.guest_blocks(host, &ccw).is_none() {
        Outcome::Idle
    } else {
        Outcome::Idaws
    }
}

/// Returns the flags that other flags or the command in effect make meaningless.
fn void(flags: Flags, in_effect: u8) -> Flags {
    let mut void = Flags::empty();
    if flags.contains(Flags::CD) {
        void = void.union(Flags::CC).union(Flags::SLI);
    }
    if !Direction::of(in_effect).stores() {
        void = void.union(Flags::SKIP);
    }
    void
}

/// Checks all CCWs, in a data chain of the command `chained` if there is one.
fn check(format: Format, chained: Option<u8>) {
    let mut machine = Machine::new();
    let orb = match format {
        Format::Zero => orb0(0x10000),
        Format::One => orb1(0x10000),
    };
    let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
    let first = chained.map(|command| ccw(command, Flags::CD, 1, 0x14000));
    for (command, flags) in (0..=0xff).flat_map(|code| (0..=0xff).map(move |flags| (code, flags))) {
        let flags = Flags::from_bits(flags);
        let this = ccw(command, flags, 8, 0x12000);
        let program: Vec<_> = first.into_iter().chain([this]).collect();
        machine.program(format, 0x10000, &program);
        let host = machine.translate(&orb).unwrap();
        let of_host = machine.host_ccw(&host, first.map_or(0, |_| 1));
        let expected = expected(format, &this, chained.unwrap_or(command));
        let found = outcome(&machine, &host, of_host);
        assert_eq!(found, expected, "{format:?} {chained:?} {this}");
        if !matches!(expected, Outcome::ProgramCheck | Outcome::Tic) {
            let lists = Flags::IDA.union(Flags::MIDA);
            assert_eq!(of_host.command, chained.unwrap_or(command), "{this}");
            assert_eq!(of_host.count, 8, "{this}");
            let void = void(flags, chained.unwrap_or(command)).union(lists);
            assert_eq!(of_host.flags.difference(lists), flags.difference(void));
        }
    }
}

#[test]
fn commands_of_format_0() {
    check(Format::Zero, None);
}

#[test]
fn commands_of_format_1() {
    check(Format::One, None);
}

#[test]
fn data_chains_of_format_0() {
    check(Format::Zero, Some(0x0c));
}

#[test]
fn data_chains_of_format_1() {
    for command in [0x01, 0x02, 0x03] {
        check(Format::One, Some(command));
    }
}
