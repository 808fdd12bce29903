// SPDX-License-Identifier: GPL-2.0

//! Both sides of each bound, and what hostile programs cost.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    translator::Sizes, //
};

use crate::machine::{
    ccw,
    orb1,
    tic,
    Machine,
    TranslateError, //
};

const NONE: Flags = Flags::empty();

/// Translates this many commands that are chained.
fn chain(sizes: Sizes, arena: usize, command: Ccw, count: usize) -> Result<usize, TranslateError> {
    let mut machine = Machine::with_sizes(sizes, arena);
    machine.map(0x10000, 0x10000, iommu_type1_stub::Access::Write);
    let mut program = vec![command; count];
    if let Some(last) = program.last_mut() {
        last.flags = NONE;
    }
    machine.program(Format::One, 0x10000, &program);
    let result = machine.translate(&orb1(0x10000));
    if result.is_err() {
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
    result.map(|_| machine.translator.stats().ccws)
}

#[test]
fn of_ccws() {
    let sizes = Sizes {
        ccws: 100,
        idaws: 1,
        kept: 0,
    };
    let nop = ccw(0x03, Flags::CC, 1, 0);
    assert_eq!(chain(sizes, 0x4000, nop, 100), Ok(100));
    let error = chain(sizes, 0x4000, nop, 101).unwrap_err();
    assert_eq!(error, Error::TooLarge(Bound::Ccws));
    assert_eq!(error.to_string(), "the program has too many CCWs");
    assert_eq!(
        chain(Sizes::DEFAULT, Sizes::DEFAULT_ARENA, nop, 4096),
        Ok(4096)
    );
}

#[test]
fn of_idaws() {
    let sizes = Sizes {
        ccws: 8,
        idaws: 6,
        kept: 0,
    };
    let read = ccw(0x02, Flags::CC, 0x2000, 0x12000);
    assert_eq!(chain(sizes, 0x4000, read, 3), Ok(3));
    assert_eq!(
        chain(sizes, 0x4000, read, 4),
        Err(Error::TooLarge(Bound::Idaws))
    );
}

#[test]
fn of_the_arena() {
    let sizes = Sizes {
        ccws: 8,
        idaws: 8,
        kept: 0,
    };
    let read = ccw(0x02, Flags::CC, 0x2000, 0x12000);
    // The sink page and its list, two CCWs, three guards, two lists of two IDAWs, and what a channel
    // may fetch behind them.
    let needed = 4096 + 264 + 8 * (2 + 3) + 8 * 4 + 16;
    assert_eq!(chain(sizes, needed, read, 2), Ok(2));
    for arena in [needed - 1, 4096 + 264 + 8 * (2 + 3) + 15, 4096, 0] {
        assert_eq!(
            chain(sizes, arena, read, 2),
            Err(Error::TooLarge(Bound::Arena))
        );
    }
}

#[test]
fn an_arena_is_used_below_2_gib_only() {
    for (address, fits) in [
        (0x7fff_e000, true),
        (0x7fff_f000, false),
        (0x8000_0000, false),
        (0x7000_0800, false),
    ] {
        let mut machine = Machine::new();
        machine.arena.address = address;
        machine.program(Format::One, 0x10000, &[ccw(0x03, NONE, 1, 0)]);
        let result = machine.translate(&orb1(0x10000));
        assert_eq!(result.is_ok(), fits, "{address:#x}");
    }
}

#[test]
fn hostile_programs_cost_one_fetch_for_each_ccw() {
    // Each command is followed by a transfer into the middle of all the others, and overlaps them.
    let program: Vec<_> = (0..2000)
        .flat_map(|number: u32| {
            [
                ccw(0x03, Flags::CC, 1, 0),
                tic(0x10000 + 16 * (number * 777 % 2000)),
            ]
        })
        .collect();
    let mut machine = Machine::new();
    machine.translate1(&program);
    let stats = machine.translator.stats();
    assert!((4000..=4001).contains(&stats.ccws), "{stats:?}");
    assert!(machine.guest.reads.len() <= stats.ccws);
    assert_eq!(machine.guest.iommu.counts().pin_calls, 0);
}

#[test]
fn a_translator_has_the_same_room_for_every_program() {
    let mut machine = Machine::with_sizes(
        Sizes {
            ccws: 8,
            idaws: 1,
            kept: 0,
        },
        0x2000,
    );
    machine.map(0x10000, 0x10000, iommu_type1_stub::Access::Write);
    for round in 0..500 {
        let length = 1 + round % 8;
        let cpa = 0x10000 + 8 * (round * 37 % 8000);
        let mut program = vec![ccw(0x03, Flags::CC, 1, 0); length as usize];
        program[length as usize - 1].flags = NONE;
        machine.program(Format::One, cpa, &program);
        machine.translate(&orb1(cpa)).unwrap();
        assert_eq!(machine.translator.stats().ccws, program.len());
        assert!(machine.guest.reads.len() <= 2);
    }
}

/// A program whose data chains, of four commands, all go through two CCWs at 0x11000.
fn meeting_chains(machine: &mut Machine) {
    let program: Vec<_> = [0x01, 0x02, 0x0c, 0x03]
        .into_iter()
        .flat_map(|command| [ccw(command, Flags::CD, 1, 0x12000), tic(0x11000)])
        .collect();
    machine.program(Format::One, 0x10000, &program);
    machine.program(
        Format::One,
        0x11000,
        &[
            ccw(0x00, Flags::CD, 1, 0x12000),
            ccw(0x00, Flags::CC, 1, 0x12000),
            // Status modifier leads through all of the chains.
            ccw(0x03, Flags::CC, 1, 0),
            tic(0x10000),
            ccw(0x03, Flags::CC, 1, 0),
            tic(0x10010),
            ccw(0x03, Flags::CC, 1, 0),
            tic(0x10020),
            ccw(0x03, Flags::CC, 1, 0),
            tic(0x10030),
            ccw(0x03, NONE, 1, 0),
        ],
    );
}

#[test]
fn each_command_in_effect_counts_as_a_ccw() {
    // Eight CCWs begin the chains, nine end them, and two are there for each of four commands.
    for (ccws, fits) in [(25, true), (24, false)] {
        let mut machine = Machine::with_sizes(
            Sizes {
                ccws,
                idaws: 64,
                kept: 0,
            },
            0x4000,
        );
        machine.map(0x10000, 0x10000, iommu_type1_stub::Access::Write);
        meeting_chains(&mut machine);
        let result = machine.translate(&orb1(0x10000));
        match result {
            Ok(_) => assert!(fits, "{ccws}"),
            Err(error) => {
                assert!(!fits, "{ccws}: {error}");
                assert_eq!(error, Error::TooLarge(Bound::Ccws));
                assert_eq!(machine.guest.iommu.pins(), 0);
            }
        }
        assert!(machine.guest.reads.len() <= 19);
    }
}

#[test]
fn a_maze_of_transfers_costs_one_fetch_for_each_ccw() {
    // Every transfer leads to another, in every way that there is, and so against their order.
    let mut machine = Machine::new();
    machine.map(0x20000, 0x10000, iommu_type1_stub::Access::Write);
    let mut program: Vec<_> = (0..700)
        .rev()
        .flat_map(|number: u32| {
            let target = 0x10000 + 24 * (number * 389 % 700);
            let command = [0x01, 0x02, 0x0c, 0x03][number as usize % 4];
            let flags = if number % 3 == 0 {
                Flags::CC
            } else {
                Flags::CD
            };
            [
                ccw(command, flags, 1, 0x12000),
                tic(target),
                ccw(0x00, flags, 1, 0x12000),
            ]
        })
        .collect();
    program.push(ccw(0x03, NONE, 1, 0));
    machine.program(Format::One, 0x10000, &program);
    let result = machine.translate(&orb1(0x10000));
    assert!(machine.guest.reads.len() <= program.len());
    if let Err(error) = result {
        assert_eq!(error, Error::TooLarge(Bound::Arena));
    }
}
