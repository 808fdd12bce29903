// SPDX-License-Identifier: GPL-2.0

//! Both sides of each bound, and the cost of hostile programs.

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
    host_orb::HostOrb,
    orb::{
        self,
        Orb, //
    },
    translator::{
        grown,
        Sizes, //
    },
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb1,
    tic,
    Machine,
    TranslateError,
    BLOCKS,
    SIZES, //
};

const NONE: Flags = Flags::empty();

/// Translates this many chained commands.
fn chain(sizes: Sizes, blocks: usize, command: Ccw, count: usize) -> Result<usize, TranslateError> {
    let mut machine = Machine::with_sizes(sizes, blocks);
    machine.map(0x10000, 0x10000, Access::Write);
    let result = translate_chain(&mut machine, orb1(0x10000), command, count);
    if result.is_err() {
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
    result.map(|_| machine.translator.stats().ccws)
}

fn translate_chain(
    machine: &mut Machine,
    orb: Orb,
    command: Ccw,
    count: usize,
) -> Result<HostOrb, TranslateError> {
    let mut program = vec![command; count];
    if let Some(last) = program.last_mut() {
        last.flags = last.flags.difference(Flags::CC);
    }
    machine.program(Format::of(&orb), orb.cpa(), &program);
    machine.translate(&orb)
}

#[test]
fn of_ccws() {
    let sizes = Sizes {
        ccws: 100,
        idaws: 1,
        cached_pages: 0,
    };
    let nop = ccw(0x03, Flags::CC, 1, 0);
    assert_eq!(chain(sizes, 2, nop, 100), Ok(100));
    let error = chain(sizes, 2, nop, 101).unwrap_err();
    assert_eq!(error, Error::TooLarge(Bound::Ccws));
    assert_eq!(error.to_string(), "the program has too many CCWs");
    assert_eq!(chain(SIZES, BLOCKS, nop, 4096), Ok(4096));
    assert_eq!(
        chain(SIZES, BLOCKS, nop, 4097),
        Err(Error::TooLarge(Bound::Ccws))
    );
}

#[test]
fn of_idaws() {
    let sizes = Sizes {
        ccws: 8,
        idaws: 6,
        cached_pages: 0,
    };
    let read = ccw(0x02, Flags::CC, 0x2000, 0x12000);
    assert_eq!(chain(sizes, 2, read, 3), Ok(3));
    assert_eq!(chain(sizes, 2, read, 4), Err(Error::TooLarge(Bound::Idaws)));
}

#[test]
fn of_the_arena() {
    let sizes = Sizes {
        ccws: 64,
        idaws: 1100,
        cached_pages: 0,
    };
    // Lists of 16 IDAWs fill the room between two boundaries of 2 KiB, except the last list of a
    // block, which is followed by room for what a channel may fetch ahead.
    let read = ccw(0x02, Flags::CC, 0xf000, 0x12fff);
    assert_eq!(chain(sizes, 2, read, 63), Ok(63));
    for (blocks, ccws, result) in [
        (2, 64, Err(Error::TooLarge(Bound::Arena))),
        (3, 64, Ok(64)),
        (1, 1, Err(Error::TooLarge(Bound::Arena))),
        (0, 1, Err(Error::TooLarge(Bound::Arena))),
    ] {
        assert_eq!(chain(sizes, blocks, read, ccws), result, "{blocks}");
    }
}

#[test]
fn an_arena_is_used_below_2_gib_only() {
    for (block, address, fits) in [
        (0, 0x7fff_e000, true),
        (0, 0x7fff_f000, false),
        (0, 0x8000_0000, false),
        (0, 0xffff_f000, false),
        (0, 0x7000_0800, false),
        (1, 0x7fff_e000, true),
        (1, 0x7fff_f000, false),
        (1, 0x7000_4008, false),
    ] {
        let mut machine = Machine::new();
        machine.arena.blocks[block] = address;
        machine.program(Format::One, 0x10000, &[ccw(0x02, NONE, 1, 0x12000)]);
        let result = machine.translate(&orb1(0x10000));
        assert_eq!(result.is_ok(), fits, "{block} {address:#x}");
    }
}

/// The largest programs that the C driver accepts: each of 4096 CCWs has as many IDAWs as 65,535
/// bytes can have.
#[test]
fn the_largest_programs_have_a_quarter_of_a_gibibyte_of_data() {
    let two_k = orb1(0x10000).with_flags(orb1(0).flags().union(orb::Flags::IDAW_2K));
    for (orb, idaws) in [(orb1(0x10000), 17), (two_k, 33)] {
        let mut machine = Machine::with_sizes(Sizes::IDLE, Sizes::IDLE_ARENA);
        machine.map(0x10000, 0x20000, Access::Write);
        let read = ccw(0x02, Flags::CC, u16::MAX, 0x1ffff);
        machine
            .translate_growing(|machine| translate_chain(machine, orb, read, 4096))
            .unwrap();
        let stats = machine.translator.stats();
        assert_eq!((stats.ccws, stats.blocks), (4096, 4096 * idaws));
        assert_eq!(stats.pages, 17);

        let result = machine.translate_growing(|machine| translate_chain(machine, orb, read, 4097));
        assert_eq!(result, Err(Error::TooLarge(Bound::Ccws)));
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
}

/// Only lists of MIDAWs can exceed the largest arena: those that fill a page take a block each.
#[test]
fn the_largest_arena_has_a_bound() {
    let orb = orb1(0x10000);
    let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
    let read = ccw(0x02, Flags::CC.union(Flags::MIDA), 256, 0x18000);
    let last = Sizes::MAX_ARENA - 1;
    for (lists, result) in [
        (last, Ok(())),
        (last + 1, Err(Error::TooLarge(Bound::Arena))),
    ] {
        let mut machine = Machine::with_sizes(Sizes::IDLE, Sizes::IDLE_ARENA);
        machine.map(0x10000, 0x10000, Access::Write);
        machine.store_midaws(0x18000);
        let translated =
            machine.translate_growing(|machine| translate_chain(machine, orb, read, lists));
        assert_eq!(translated.map(|_| ()), result, "{lists}");
    }
}

#[test]
fn what_grows_is_four_times_as_large_up_to_the_bound() {
    assert_eq!(grown(0, 10), Some(1));
    assert_eq!(grown(2, 10), Some(8));
    assert_eq!(grown(8, 10), Some(10));
    assert_eq!(grown(10, 10), None);
    assert_eq!(grown(usize::MAX - 1, usize::MAX), Some(usize::MAX));
}

#[test]
fn a_translator_grows_by_what_is_too_small_and_only_without_a_program() {
    let mut machine = Machine::with_sizes(Sizes::IDLE, BLOCKS);
    machine.map(0x10000, 0x10000, Access::Write);
    let (nop, read) = (
        ccw(0x03, Flags::CC, 1, 0),
        ccw(0x02, Flags::CC, 0x1000, 0x12000),
    );
    let orb = orb1(0x10000);
    assert_eq!(machine.translator.grow(Bound::Arena), Ok(false));
    assert_eq!(
        translate_chain(&mut machine, orb, nop, 129),
        Err(Error::TooLarge(Bound::Ccws))
    );
    assert_eq!(machine.translator.grow(Bound::Ccws), Ok(true));
    translate_chain(&mut machine, orb, nop, 512).unwrap();
    assert_eq!(
        translate_chain(&mut machine, orb, read, 257),
        Err(Error::TooLarge(Bound::Idaws))
    );
    translate_chain(&mut machine, orb, read, 256).unwrap();

    // The translator has a program, whose pages are pinned.
    let stats = machine.translator.stats();
    for bound in [Bound::Ccws, Bound::Idaws] {
        assert_eq!(machine.translator.grow(bound), Ok(false));
    }
    assert_eq!(machine.translator.stats(), stats);
    machine.release();
    assert_eq!(machine.guest.iommu.pins(), 0);
    assert_eq!(machine.translator.grow(Bound::Idaws), Ok(true));
    translate_chain(&mut machine, orb, read, 512).unwrap();

    machine.release();
    for (bound, times) in [(Bound::Ccws, 2), (Bound::Idaws, 4)] {
        for _ in 0..times {
            assert_eq!(machine.translator.grow(bound), Ok(true), "{bound}");
        }
        assert_eq!(machine.translator.grow(bound), Ok(false), "{bound}");
    }
}

#[test]
fn hostile_programs_cost_one_fetch_for_each_ccw() {
    // Each command is followed by a TIC into the middle of all the others, and overlaps them.
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
            cached_pages: 0,
        },
        1,
    );
    machine.map(0x10000, 0x10000, Access::Write);
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
                cached_pages: 0,
            },
            2,
        );
        machine.map(0x10000, 0x10000, Access::Write);
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
    // Every TIC leads to another one, in every possible way, and so against their order.
    let mut machine = Machine::new();
    machine.map(0x20000, 0x10000, Access::Write);
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
