// SPDX-License-Identifier: GPL-2.0

//! Data chaining: the command in effect counts.

use ccwchain::ccw::{
    Flags,
    Format, //
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb0,
    orb1,
    tic,
    Machine,
    FAULT, //
};

const NONE: Flags = Flags::empty();

#[test]
fn the_command_in_effect_is_that_of_the_first_ccw() {
    for (first, later, blocks) in [
        (0x02, 0x01, vec![0x12010, 0x13000]),
        (0x02, 0x03, vec![0x12010, 0x13000]),
        (0x02, 0x00, vec![0x12010, 0x13000]),
        (0x02, 0x0c, vec![0x12010, 0x13000]),
        (0x06, 0x86, vec![0x12010, 0x13000]),
        (0x01, 0x02, vec![0x12010, 0x13000]),
        (0x0c, 0x02, vec![0x12010, 0x11fff]),
    ] {
        let mut machine = Machine::new();
        let host = machine.translate1(&[
            ccw(first, Flags::CD, 1, 0x12800),
            ccw(later, Flags::CD, 0x1000, 0x12010),
            ccw(later, NONE, 0x1000, 0x12010),
        ]);
        for number in [1, 2] {
            let chained = machine.host_ccw(&host, number);
            assert_eq!(chained.command, first, "the code that is ignored goes");
            assert_eq!(chained.flags.contains(Flags::CD), number == 1);
            let found = machine.guest_blocks(&host, &chained);
            assert_eq!(found.as_ref(), Some(&blocks), "{first:#x}, {later:#x}");
        }
    }
}

#[test]
fn pages_are_pinned_for_the_command_in_effect() {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    let host = machine.translate1(&[
        ccw(0x01, Flags::CD, 1, 0x30000),
        ccw(0x02, Flags::CC, 8, 0x30800),
        ccw(0x02, Flags::CD, 1, 0x12000),
        ccw(0x00, NONE, 8, 0x30800),
    ]);
    let fetching = machine.host_ccw(&host, 1);
    let blocks = machine.guest_blocks(&host, &fetching);
    assert_eq!(blocks, Some(vec![0x30800]));
    let storing = machine.host_ccw(&host, 3);
    assert_eq!(machine.guest_blocks(&host, &storing), Some(vec![FAULT]));
}

#[test]
fn the_command_in_effect_goes_through_transfers() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x01, Flags::CD, 1, 0x12000),
        tic(0x10018),
        ccw(0x02, Flags::CC, 8, 0x12000),
        ccw(0x00, NONE, 8, 0x13000),
    ]);
    // Status modifier does not lead past a TIC when data is chained.
    assert_eq!(machine.translator.stats().ccws, 3);
    let target = machine.host_ccw(&host, 1).address;
    let chained = machine.host_ccw(&host, (target - host.orb().cpa()) / 8);
    assert_eq!(chained.command, 0x01);
    let blocks = machine.guest_blocks(&host, &chained);
    assert_eq!(blocks, Some(vec![0x13000]));
}

#[test]
fn a_data_chain_ends_with_a_ccw_that_does_not_chain_data() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x01, Flags::CD.union(Flags::CC), 1, 0x12000),
        ccw(0x02, Flags::CC, 8, 0x13000),
        ccw(0x02, NONE, 8, 0x14000),
    ]);
    let read = machine.host_ccw(&host, 2);
    assert_eq!(machine.guest_blocks(&host, &read), Some(vec![0x14000]));
}

#[test]
fn what_moves_no_data_moves_none_in_the_whole_chain() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x03, Flags::CD, 1, 0x90000),
        ccw(0x02, NONE, 8, 0x90000),
    ]);
    for number in [0, 1] {
        let ccw = machine.host_ccw(&host, number);
        assert_eq!(machine.guest_blocks(&host, &ccw), None);
    }
    assert_eq!(machine.guest.iommu.counts().pin_calls, 0);
}

#[test]
fn flags_that_data_chaining_makes_void_go() {
    let void = Flags::CC.union(Flags::SLI);
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x02, Flags::CD.union(void), 1, 0x12000),
        ccw(0x02, Flags::CD.union(void).union(Flags::PCI), 1, 0x12000),
        ccw(0x02, void, 1, 0x12000),
        ccw(0x03, NONE, 1, 0),
    ]);
    let flags = [0, 1, 2].map(|number| machine.host_ccw(&host, number).flags);
    let expected = [Flags::CD, Flags::CD.union(Flags::PCI), void];
    assert_eq!(flags, expected.map(|flags| flags.union(Flags::IDA)));
}

#[test]
fn data_is_skipped_in_single_ccws_of_a_chain() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x02, Flags::CD.union(Flags::SKIP), 8, 0x90000),
        ccw(0x02, Flags::CD, 8, 0x12000),
        ccw(0x01, Flags::SKIP, 8, 0x90000),
    ]);
    let blocks =
        [0, 1, 2].map(|number| machine.guest_blocks(&host, &machine.host_ccw(&host, number)));
    assert_eq!(blocks, [None, Some(vec![0x12000]), None]);
}

#[test]
fn counts_of_zero_end_a_chain() {
    for (count, flags, ccws) in [(0, Flags::CD, 1), (1, Flags::CD, 2)] {
        let mut machine = Machine::new();
        let host = machine.translate1(&[
            ccw(0x02, flags, count, 0x12000),
            ccw(0x02, Flags::CC, 0, 0x12000),
            ccw(0x02, NONE, 8, 0x12000),
        ]);
        assert_eq!(machine.translator.stats().ccws, ccws, "{count}");
        let last = ccws as u32 - 1;
        assert!(machine.is_program_check(&host, last), "{count}");
    }
    let mut machine = Machine::new();
    let program = [
        ccw(0x02, Flags::CD, 1, 0x12000),
        ccw(0x02, NONE, 0, 0x12000),
    ];
    machine.program(Format::Zero, 0x10000, &program);
    let host = machine.translate(&orb0(0x10000)).unwrap();
    assert!(machine.is_program_check(&host, 1));
}

#[test]
fn one_ccw_with_two_commands_in_effect_has_two_slots() {
    // A write and a read chain data to 0x10028, which is valid for the write only.
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    machine.program(
        Format::One,
        0x12000,
        &[ccw(0x02, Flags::CD, 1, 0x13000), tic(0x10028)],
    );
    let host = machine.translate1(&[
        ccw(0x01, Flags::CD, 1, 0x12000),
        tic(0x10028),
        ccw(0x03, NONE, 1, 0),
        ccw(0x03, NONE, 1, 0),
        ccw(0x03, NONE, 1, 0),
        ccw(0x00, Flags::CC, 0x1000, 0x30800),
        ccw(0x03, Flags::CC, 1, 0),
        tic(0x12000),
    ]);
    assert_eq!(machine.translator.stats().ccws, 8);
    let slot = |address: u32| (address - host.orb().cpa()) / 8;
    let target = |number: u32| slot(machine.host_ccw(&host, number).address);

    let fetching = target(1);
    let chained = machine.host_ccw(&host, fetching);
    assert_eq!(chained.command, 0x01);
    let blocks = machine.guest_blocks(&host, &chained);
    assert_eq!(blocks, Some(vec![0x30800, FAULT]));
    assert_eq!(machine.host_ccw(&host, fetching + 1).command, 0x03);

    let read = target(fetching + 2);
    let storing = target(read + 1);
    assert_ne!(storing, fetching);
    let chained = machine.host_ccw(&host, storing);
    assert_eq!(chained.command, 0x02);
    let blocks = machine.guest_blocks(&host, &chained);
    assert_eq!(blocks, Some(vec![FAULT]));

    // The next CCW has its slots after another CCW: the guards lead there.
    assert_eq!(target(storing + 1), fetching + 1);
    assert_eq!(target(storing + 2), read, "a transfer for a transfer");
    assert!(machine.is_program_check(&host, storing + 3));
    for number in [fetching, storing] {
        let cpa = host.orb().cpa() + 8 * (number + 1);
        assert_eq!(machine.guest_cpa(cpa), 0x10030);
    }
}

#[test]
fn status_modifier_into_a_data_chain_finds_a_command() {
    // The third CCW is data of a write, or a read by itself.
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x07, Flags::CC, 6, 0x12000),
        ccw(0x01, Flags::CD, 8, 0x13000),
        ccw(0x02, NONE, 8, 0x14000),
    ]);
    let first = host.orb().cpa();
    let to_the_write = machine.host_ccw(&host, 1);
    assert!(to_the_write.is_tic(Format::One));
    let write = (to_the_write.address - first) / 8;
    let read = (machine.host_ccw(&host, 2).address - first) / 8;
    assert_eq!(machine.host_ccw(&host, write).command, 0x01);
    let chained = machine.host_ccw(&host, write + 1);
    assert_eq!(chained.command, 0x01);
    let blocks = machine.guest_blocks(&host, &chained);
    assert_eq!(blocks, Some(vec![0x14000]));
    let command = machine.host_ccw(&host, read);
    let blocks = machine.guest_blocks(&host, &command);
    assert_eq!(blocks, Some(vec![0x14000]));
    assert_ne!(read, write + 1);
}

#[test]
fn the_code_that_stands_in_a_data_chain_is_one_that_counts() {
    // Two commands chain data to the CCW at 0x10200. Status modifier leads to the first of them.
    for (codes, expected) in [
        ([0x06, 0x06], [0x06, 0x06]),
        ([0x06, 0x86], [0x02, 0x02]),
        ([0x06, 0x05], [0x02, 0x01]),
        ([0x07, 0x0b], [0x01, 0x01]),
        ([0x0c, 0x1c], [0x0c, 0x0c]),
        ([0x03, 0x0c], [0x03, 0x0c]),
    ] {
        let mut machine = Machine::new();
        let [first, second] = codes.map(|code| ccw(code, Flags::CD, 1, 0x12800));
        machine.program(Format::One, 0x10100, &[second, tic(0x10200)]);
        machine.program(Format::One, 0x10200, &[ccw(0xff, NONE, 8, 0x12810)]);
        let host = machine.translate1(&[
            ccw(0x31, Flags::CC, 1, 0x12000),
            tic(0x10100),
            first,
            tic(0x10200),
        ]);
        let found = [3, 8].map(|transfer| {
            let target = machine.host_ccw(&host, transfer).address;
            let chained = machine.host_ccw(&host, (target - host.orb().cpa()) / 8);
            let _ = machine.guest_blocks(&host, &chained);
            chained.command
        });
        assert_eq!(found, expected, "{codes:02x?}");
    }
}

#[test]
fn a_data_chain_like_those_of_every_day_has_one_run() {
    for later in [0x02, 0x06, 0x00] {
        let mut machine = Machine::new();
        machine.translate1(&[
            ccw(0x07, Flags::CC, 6, 0x12000),
            ccw(0x02, Flags::CD, 8, 0x13000),
            ccw(later, Flags::CD, 8, 0x14000),
            ccw(later, Flags::CC, 8, 0x15000),
            ccw(0x03, NONE, 1, 0),
        ]);
        let stats = machine.translator.stats();
        assert_eq!((stats.ccws, stats.runs), (5, 1), "{later:#x}");
    }
}

#[test]
fn a_program_check_of_a_data_chained_ccw_is_where_it_is() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x1fff8, &[ccw(0x02, Flags::CD, 8, 0x12000)]);
    let host = machine.translate(&orb1(0x1fff8)).unwrap();
    assert!(machine.is_program_check(&host, 1));
    assert_eq!(machine.guest_cpa(host.orb().cpa() + 16), 0x20008);
}
