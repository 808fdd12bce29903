// SPDX-License-Identifier: GPL-2.0

//! Pins: as few, as weak and as short as possible.

use ccwchain::{
    ccw::Flags,
    translator::Stats, //
};
use iommu_type1_stub::{
    Access,
    Page,
    Type1,
    PIN_MAX, //
};
use model::machine::{
    ccw,
    orb1,
    Machine,
    BLOCKS,
    FAULT,
    SIZES, //
};

const NONE: Flags = Flags::empty();

#[test]
fn a_page_is_pinned_once_for_a_program() {
    let mut machine = Machine::new();
    machine.translate1(&[
        ccw(0x02, Flags::CC, 80, 0x12000),
        ccw(0x02, Flags::CC, 80, 0x12800),
        ccw(0x01, NONE, 80, 0x12040),
    ]);
    assert_eq!(machine.guest.iommu.pins(), 1);
    assert_eq!(
        machine.translator.stats(),
        Stats {
            ccws: 3,
            runs: 1,
            blocks: 3,
            pages: 1,
            pin_calls: 1,
            ..Stats::default()
        }
    );
}

#[test]
fn neighbours_are_pinned_in_one_call() {
    let mut machine = Machine::new();
    machine.translate1(&[
        ccw(0x02, Flags::CC, 0x2000, 0x14000),
        ccw(0x02, Flags::CC, 0x2000, 0x12000),
        ccw(0x02, NONE, 0x1000, 0x17000),
    ]);
    let stats = machine.translator.stats();
    assert_eq!((stats.pages, stats.pin_calls), (5, 2));
}

#[test]
fn pages_that_come_in_descending_order_are_pinned_once_and_in_one_call() {
    for last in [0x12800, 0x14800] {
        let mut machine = Machine::new();
        machine.translate1(&[
            ccw(0x02, Flags::CC, 80, 0x14000),
            ccw(0x02, Flags::CC, 80, 0x13000),
            ccw(0x02, Flags::CC, 80, 0x12000),
            ccw(0x02, NONE, 80, last),
        ]);
        let stats = machine.translator.stats();
        assert_eq!((stats.pages, stats.pin_calls), (3, 1), "{last:#x}");
    }
}

#[test]
fn a_call_pins_no_more_than_vfio_takes() {
    let mut machine = Machine::with_sizes(SIZES, BLOCKS);
    machine.guest.iommu = Type1::new(vec![Page::default(); PIN_MAX + 9]);
    machine.map(0x100000, 4096 * (PIN_MAX as u64 + 8), Access::Write);
    let program: Vec<_> = (0..65)
        .map(|number| ccw(0x02, Flags::CC, 0x8000, 0x100000 + 0x8000 * number))
        .chain([ccw(0x03, NONE, 1, 0)])
        .collect();
    machine.map(0x10000, 0x1000, Access::Write);
    machine.translate1(&program);
    let stats = machine.translator.stats();
    assert_eq!((stats.pages, stats.pin_calls), (PIN_MAX + 8, 2));
}

#[test]
fn commands_that_only_fetch_pin_for_reading() {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    let host = machine.translate1(&[
        ccw(0x01, Flags::CC, 80, 0x30000),
        ccw(0x07, Flags::CC, 80, 0x12000),
        ccw(0x02, NONE, 80, 0x13000),
    ]);
    for (number, access) in [(0, Access::Read), (1, Access::Read), (2, Access::Write)] {
        let ccw = machine.host_ccw(&host, number);
        let [idaw] = machine.host_idaws(&host, &ccw)[..] else {
            panic!("{ccw}");
        };
        assert_eq!(machine.guest.iommu.pinned_for(idaw), Some(access));
    }
}

#[test]
fn memory_that_cannot_be_written_can_be_fetched_from() {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    let host = machine.translate1(&[
        ccw(0x01, Flags::CC, 80, 0x30000),
        ccw(0x02, Flags::CC, 80, 0x30000),
    ]);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![0x30000]));
    let ccw = machine.host_ccw(&host, 1);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![FAULT]));
}

#[test]
fn a_page_that_is_not_there_does_not_cost_its_neighbours() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x02, Flags::CC, 0x1000, 0x1e000),
        ccw(0x02, Flags::CC, 0x2000, 0x1f000),
        ccw(0x02, NONE, 0x1000, 0x1f000),
    ]);
    let stats = machine.translator.stats();
    assert_eq!(stats.pages, 2);
    assert_eq!(machine.guest.iommu.pins(), 2);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![0x1e000]));
    let ccw = machine.host_ccw(&host, 1);
    let blocks = machine.guest_blocks(&host, &ccw);
    assert_eq!(blocks, Some(vec![0x1f000, FAULT]));
    let ccw = machine.host_ccw(&host, 2);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![0x1f000]));
}

#[test]
fn pins_go_with_the_program() {
    let mut machine = Machine::new();
    machine.translate1(&[ccw(0x02, NONE, 0x2000, 0x12000)]);
    assert_eq!(machine.guest.iommu.pins(), 2);
    machine.translate1(&[ccw(0x02, NONE, 0x1000, 0x14000)]);
    assert_eq!(machine.guest.iommu.pins(), 1, "the next program");
    machine.release();
    assert_eq!(machine.guest.iommu.pins(), 0);
    assert_eq!(machine.translator.stats(), Stats::default());
    machine.release();
    let counts = machine.guest.iommu.counts();
    assert_eq!(counts.pinned, counts.unpinned);
}

#[test]
fn an_unmap_can_be_told_from_one_that_does_not_matter() {
    let mut machine = Machine::new();
    machine.translate1(&[ccw(0x02, NONE, 0x1000, 0x12800)]);
    for (address, len, pinned) in [
        (0x12000, 0x1000, true),
        (0x13000, 0x1000, true),
        (0x13fff, 1, true),
        (0x14000, 0x1000, false),
        (0x10000, 0x2000, false),
        (0x10000, 0x2001, true),
        (0, u64::MAX, true),
        (0x13800, u64::MAX, true),
        (0x14000, u64::MAX, false),
        (0x12000, 0, false),
    ] {
        let found = machine.translator.has_pinned(address, len);
        assert_eq!(found, pinned, "{address:#x}, {len:#x}");
    }
    machine.release();
    assert!(!machine.translator.has_pinned(0, u64::MAX));
}

#[test]
fn only_pages_that_are_pinned_count_for_an_unmap() {
    let mut machine = Machine::new();
    machine.program(
        ccwchain::ccw::Format::One,
        0x10000,
        &[ccw(0x02, NONE, 0x1000, 0x90000)],
    );
    machine.translate(&orb1(0x10000)).unwrap();
    assert!(!machine.translator.has_pinned(0x90000, 0x1000));
}
