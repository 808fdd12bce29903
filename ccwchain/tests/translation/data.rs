// SPDX-License-Identifier: GPL-2.0

//! Data areas, direct and indirect.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    orb, //
};
use model::machine::{
    ccw,
    orb0,
    orb1,
    Machine, //
};

use crate::one_ccw::{
    list,
    translate_one,
    NONE,
    ONE,
    TWO_2K,
    TWO_4K, //
};

#[test]
fn a_direct_area_becomes_a_list_of_its_blocks() {
    for (flags, address, count, blocks) in [
        (TWO_4K, 0x12000, 4096, vec![0x12000]),
        (TWO_4K, 0x12001, 4096, vec![0x12001, 0x13000]),
        (TWO_4K, 0x12fff, 1, vec![0x12fff]),
        (TWO_2K, 0x12000, 4096, vec![0x12000, 0x12800]),
        (TWO_2K, 0x127ff, 2050, vec![0x127ff, 0x12800, 0x13000]),
        (ONE, 0x127ff, 2, vec![0x127ff, 0x12800]),
    ] {
        let mut machine = Machine::new();
        let read = ccw(0x02, NONE, count, address);
        let (host, found) = translate_one(&mut machine, flags, read);
        assert_eq!((host.flags, host.count), (Flags::IDA, count));
        assert_eq!(found, Some(blocks), "{flags}");
    }
}

#[test]
fn the_longest_area_needs_33_blocks_of_2_kib() {
    let mut machine = Machine::new();
    machine.map(0x20000, 0x2000, iommu_type1_stub::Access::Write);
    let read = ccw(0x02, NONE, 0xffff, 0x107ff);
    let (_, blocks) = translate_one(&mut machine, TWO_2K, read);
    assert_eq!(blocks.map(|blocks| blocks.len()), Some(33));
    assert_eq!(machine.translator.stats().pages, 17);
}

#[test]
fn lists_of_every_format_are_followed() {
    for (flags, idaws) in [
        (ONE, vec![0x12804, 0x13800, 0x11000]),
        (TWO_2K, vec![0x12804, 0x13800, 0x11000]),
        (TWO_4K, vec![0x12804, 0x15000, 0x13000]),
    ] {
        let mut machine = Machine::new();
        list(&mut machine, flags, 0x14000, &idaws);
        let count = if flags == TWO_4K {
            2044 + 4097
        } else {
            2044 + 2049
        };
        let write = ccw(0x01, Flags::IDA, count, 0x14000);
        let (_, blocks) = translate_one(&mut machine, flags, write);
        assert_eq!(blocks, Some(idaws), "{flags}");
    }
}

#[test]
fn format_0_programs_have_the_same_lists() {
    let mut machine = Machine::new();
    list(&mut machine, TWO_4K, 0x14000, &[0x12804, 0x15000]);
    let write = ccw(0x01, Flags::IDA, 4096, 0x14000);
    let (_, blocks) = translate_one(&mut machine, orb::Flags::IDAW_64, write);
    assert_eq!(blocks, Some(vec![0x12804, 0x15000]));
}

#[test]
fn the_host_has_blocks_of_2_kib_where_the_guest_has() {
    for (guest, host_2k) in [
        (ONE, true),
        (ONE.union(orb::Flags::IDAW_2K), true),
        (TWO_2K, true),
        (TWO_4K, false),
    ] {
        let mut machine = Machine::new();
        machine.program(Format::One, 0x10000, &[ccw(0x03, NONE, 1, 0)]);
        let host = machine.translate(&orb1(0x10000).with_flags(guest)).unwrap();
        assert!(host.orb().idaw64());
        assert_eq!(host.orb().idaw2k(), host_2k, "{guest}");
    }
}

#[test]
fn a_list_is_read_once_and_not_beyond_its_page() {
    for (count, idaws) in [(8192, [0x12000, 0x13000]), (4096, [0x12800, 0x13000])] {
        let mut machine = Machine::new();
        machine.guest.hasty_after = 0;
        list(&mut machine, TWO_4K, 0x1fff0, &idaws);
        let host = machine.translate1(&[ccw(0x01, Flags::IDA, count, 0x1fff0)]);
        let ccw = machine.host_ccw(&host, 0);
        assert_eq!(machine.guest_blocks(&host, &ccw), Some(idaws.to_vec()));
        assert_eq!(machine.guest.reads.split_off(1), [(0x1fc00, 1024)]);
    }
}

#[test]
fn lists_that_lie_together_are_read_together() {
    let mut machine = Machine::new();
    list(&mut machine, TWO_4K, 0x18000, &[0x12000; 100]);
    let read = |number: u32| ccw(0x02, Flags::CC, 4096, 0x18000 + 8 * number);
    let program: Vec<_> = (0..100).map(read).chain([ccw(0x03, NONE, 1, 0)]).collect();
    machine.translate1(&program);
    assert_eq!(machine.guest.reads, [(0x10000, 1024)]);
    let listed = |number: u32| {
        ccw(
            0x02,
            Flags::CC.union(Flags::IDA),
            4096,
            0x18000 + 8 * number,
        )
    };
    let program: Vec<_> = (0..100)
        .map(listed)
        .chain([ccw(0x03, NONE, 1, 0)])
        .collect();
    machine.translate1(&program);
    assert_eq!(machine.guest.reads, [(0x10000, 1024), (0x18000, 1024)]);
}

#[test]
fn host_lists_never_cross_2_kib() {
    let mut machine = Machine::new();
    // Without the first list, all others would begin at multiples of their size.
    let first = ccw(0x02, Flags::CC, 8, 0x10800);
    let read = ccw(0x02, Flags::CC, 0xf000, 0x10800);
    let last = ccw(0x03, NONE, 1, 0);
    let host = machine.translate1(&[&[first], [read; 40].as_slice(), &[last]].concat());
    let mut end = 0;
    for number in 1..41 {
        let ccw = machine.host_ccw(&host, number);
        assert_eq!(machine.guest_blocks(&host, &ccw).unwrap().len(), 16);
        assert!(ccw.address >= end);
        end = ccw.address + 16 * 8;
        assert_eq!(ccw.address / 2048, (end - 1) / 2048, "{:#x}", ccw.address);
    }
}

#[test]
fn what_moves_no_data_gets_the_scratch_page_and_no_pin() {
    for (format, idle) in [
        (Format::One, ccw(0x02, NONE, 0, 0x12000)),
        (Format::One, ccw(0x01, Flags::IDA, 0, 0x90001)),
        (Format::One, ccw(0x03, NONE, 0xffff, 0x12000)),
        (Format::One, ccw(0x03, Flags::IDA, 1, 0x90001)),
        (Format::One, ccw(0x02, Flags::SKIP, 0xffff, 0x90000)),
        (Format::One, ccw(0xe4, Flags::SKIP, 80, 0x12000)),
        (Format::One, ccw(0x0c, Flags::SKIP, 80, 0x12000)),
        (Format::Zero, ccw(0x03, Flags::SLI, 1, 0)),
        (Format::Zero, ccw(0x06, Flags::SKIP, 80, 0)),
    ] {
        let mut machine = Machine::new();
        machine.program(format, 0x10000, &[idle]);
        let orb = match format {
            Format::Zero => orb0(0x10000),
            Format::One => orb1(0x10000),
        };
        let host = machine.translate(&orb).unwrap();
        let ccw = machine.host_ccw(&host, 0);
        assert_eq!((ccw.command, ccw.count), (idle.command, idle.count));
        assert_eq!(ccw.flags, idle.flags.union(Flags::IDA));
        assert_eq!(machine.guest_blocks(&host, &ccw), None, "{idle}");
        assert_eq!(machine.guest.iommu.counts().pin_calls, 0, "{idle}");
    }
}

#[test]
fn what_a_read_skips_would_go_up_from_the_beginning_of_the_scratch_page() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[ccw(0x02, Flags::SKIP, 0xffff, 0x90000)]);
    let first_byte = u64::from(machine.arena.blocks[0]);
    let idaws = machine.host_idaws(&host, &machine.host_ccw(&host, 0));
    assert!(idaws.iter().all(|idaw| *idaw == first_byte), "{idaws:x?}");
}

#[test]
fn the_longest_list_of_the_scratch_page_ends_before_the_ccws() {
    let mut machine = Machine::new();
    let first = ccw(0x03, Flags::CC, 1, 0);
    let host = machine.translate1(&[first, ccw(0x02, Flags::SKIP, 0xffff, 0x90000)]);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!((ccw.command, ccw.count), (first.command, first.count));
}

#[test]
fn what_a_read_backward_skips_would_go_down_from_the_end_of_the_scratch_page() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x0c, Flags::SKIP.union(Flags::CC), 1, 0x90000),
        ccw(0x0c, Flags::SKIP, 0xffff, 0x90000),
    ]);
    let last_byte = u64::from(machine.arena.blocks[0]) + 4095;
    for number in [0, 1] {
        let ccw = machine.host_ccw(&host, number);
        let idaws = machine.host_idaws(&host, &ccw);
        assert!(idaws.iter().all(|idaw| *idaw == last_byte), "{idaws:x?}");
    }
}

#[test]
fn skip_means_nothing_to_a_command_that_only_fetches() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[ccw(0x01, Flags::SKIP, 80, 0x12000)]);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![0x12000]));
    assert_eq!(ccw.flags, Flags::IDA, "so no channel sees it");
}

#[test]
fn skip_means_nothing_to_a_command_that_moves_nothing() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[ccw(0x02, Flags::SKIP, 0, 0x12000)]);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(ccw.flags, Flags::IDA, "so no channel sees it");
}

#[test]
fn flags_that_are_for_the_channel_reach_it() {
    let flags = Flags::SLI.union(Flags::PCI).union(Flags::SUSPEND);
    let mut machine = Machine::new();
    let host = machine.translate1(&[ccw(0x02, flags, 80, 0x12000)]);
    assert_eq!(machine.host_ccw(&host, 0).flags, flags.union(Flags::IDA));
}
