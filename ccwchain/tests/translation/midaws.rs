// SPDX-License-Identifier: GPL-2.0

//! Modified indirect data addressing: lists are translated one to one.

use ccwchain::{
    ccw::Flags,
    host_orb::HostOrb,
    midaw::{
        self,
        Midaw, //
    },
    orb,
    translator::Sizes, //
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb1,
    Machine,
    FAULT, //
};

const NONE: midaw::Flags = midaw::Flags::empty();
const LAST: midaw::Flags = midaw::Flags::LAST;
const SKIP: midaw::Flags = midaw::Flags::SKIP;

fn midaw(flags: midaw::Flags, count: u16, address: u64) -> Midaw {
    Midaw {
        flags,
        count,
        address,
    }
}

/// The translation of an invalid MIDAW.
fn fault() -> Midaw {
    midaw(LAST, u16::MAX, FAULT)
}

/// Translates a command that moves `count` bytes through a list.
fn translate(command: u8, count: u16, list: u32, midaws: &[Midaw]) -> (Machine, HostOrb) {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    for (address, midaw) in (u64::from(list)..).step_by(16).zip(midaws) {
        let bytes = midaw.to_bytes();
        // MIDAWs that do not fit are left out.
        let _ = machine.guest.iommu.store(address, &bytes);
    }
    let program = [ccw(command, Flags::MIDA, count, list)];
    machine.program(ccwchain::ccw::Format::One, 0x10000, &program);
    let orb = orb1(0x10000);
    let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
    let host = machine.translate(&orb).unwrap();
    (machine, host)
}

#[track_caller]
fn check(command: u8, count: u16, list: u32, midaws: &[Midaw], expected: &[Midaw]) {
    let (machine, host) = translate(command, count, list, midaws);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(
        (ccw.command, ccw.flags, ccw.count),
        (command, Flags::MIDA, count)
    );
    assert!(host.orb().flags().contains(orb::Flags::MIDAW));
    assert_eq!(machine.guest_midaws(&ccw), expected);
}

#[test]
fn flags_and_counts_are_unchanged() {
    let list = [
        midaw(NONE, 16, 0x12ff0),
        midaw(midaw::Flags::INTERRUPTION, 4096, 0x15000),
        midaw(LAST, 8, 0x13001),
    ];
    check(0x02, 4120, 0x18000, &list, &list);
    check(0x01, 4120, 0x18ff0 - 0x20, &list, &list);
}

#[test]
fn the_channel_checks_whether_the_counts_add_up() {
    let short = [midaw(NONE, 16, 0x12000), midaw(LAST, 16, 0x13000)];
    check(0x02, 100, 0x18000, &short, &short);
    let long = [midaw(NONE, 16, 0x12000), midaw(LAST, 100, 0x13000)];
    check(0x02, 20, 0x18000, &long, &long);
    // What follows after the count is used up is not looked at.
    let no_last = [0x12000, 0x13000, 0x14000].map(|address| midaw(NONE, 16, address));
    check(0x02, 16, 0x18000, &no_last, &no_last[..1]);
    check(0x02, 32, 0x18000, &no_last, &no_last[..2]);
    let (machine, _) = translate(0x02, 32, 0x18000, &no_last);
    assert_eq!(machine.translator.stats().blocks, 2);
}

#[test]
fn a_list_gives_a_program_check_where_it_is_wrong() {
    let good = midaw(NONE, 16, 0x12000);
    for (wrong, why) in [
        (midaw(LAST, 0, 0x13000), "no count"),
        (midaw(LAST, 17, 0x13ff0), "data that crosses a page"),
        (midaw(LAST, 16, u64::MAX), "the end of all memory"),
        (
            midaw(LAST.union(midaw::Flags::from_bits(1)), 16, 0x13000),
            "a reserved flag",
        ),
        (midaw(LAST.union(SKIP), 0, 0x13000), "nothing to skip"),
        (midaw(SKIP, 17, 0x13000), "more to skip than is left"),
        (
            midaw(LAST.union(SKIP), 15, 0x13000),
            "less to skip than is left",
        ),
    ] {
        println!("{why}");
        check(0x02, 32, 0x18000, &[good, wrong], &[good, fault()]);
    }
    for (missing, why) in [
        (0x90000, "no memory"),
        (0x30000, "memory that cannot be written"),
    ] {
        println!("{why}");
        let list = [good, midaw(NONE, 16, missing), midaw(LAST, 16, 0x13000)];
        let expected = [good, midaw(NONE, 16, FAULT), list[2]];
        check(0x02, 48, 0x18000, &list, &expected);
    }
    let list = [good, good];
    check(0x02, 32, 0x18008, &list, &[fault()]);
    check(0x02, 32, 0x90000, &list, &[fault()]);
    check(0x02, 32, 0x1fff0, &list, &[good, fault()]);
    check(0x02, 32, 0x18ff0, &list, &[good, fault()]);
    check(0x02, 32, 0x7fff_fff0, &list, &[fault()]);
}

#[test]
fn reserved_bytes_give_a_program_check() {
    let mut machine = Machine::new();
    for byte in 0..5 {
        let mut bytes = midaw(LAST, 16, 0x12000).to_bytes();
        bytes[byte] = 1;
        machine.guest.iommu.store(0x18000, &bytes).unwrap();
        let program = [ccw(0x02, Flags::MIDA, 16, 0x18000)];
        machine.program(ccwchain::ccw::Format::One, 0x10000, &program);
        let orb = orb1(0x10000);
        let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
        let host = machine.translate(&orb).unwrap();
        let ccw = machine.host_ccw(&host, 0);
        assert_eq!(machine.guest_midaws(&ccw), [fault()], "{byte}");
    }
}

#[test]
fn a_read_backward_goes_down_from_each_address() {
    let list = [midaw(NONE, 16, 0x1200f), midaw(LAST, 4096, 0x13fff)];
    check(0x0c, 4112, 0x18000, &list, &list);
    let wrong = [midaw(NONE, 16, 0x1200f), midaw(LAST, 17, 0x1300f)];
    check(0x0c, 33, 0x18000, &wrong, &[wrong[0], fault()]);
}

#[test]
fn what_is_skipped_goes_to_the_scratch_page_and_pins_nothing() {
    let list = [
        midaw(SKIP, 9000, 0x90123),
        midaw(LAST.union(SKIP), 1, u64::MAX),
    ];
    // A channel that stores the data nevertheless stays in the page, in either direction.
    let expected = [
        midaw(SKIP, 2048, 0x7ff),
        midaw(SKIP, 2048, 0x7ff),
        midaw(SKIP, 2048, 0x7ff),
        midaw(SKIP, 2048, 0x7ff),
        midaw(SKIP, 808, 0x7ff),
        midaw(LAST.union(SKIP), 1, 0x7ff),
    ];
    for command in [0x02, 0x04, 0x0c] {
        check(command, 9001, 0x18000, &list, &expected);
    }
    let (machine, _) = translate(0x02, 9001, 0x18000, &list);
    assert_eq!(machine.guest.iommu.counts().pin_calls, 0);
}

#[test]
fn a_long_skip_asks_for_an_interruption_once() {
    let interruption = midaw::Flags::INTERRUPTION;
    let list = [midaw(LAST.union(SKIP).union(interruption), 5000, 0x12000)];
    let expected = [
        midaw(SKIP.union(interruption), 2048, 0x7ff),
        midaw(SKIP, 2048, 0x7ff),
        midaw(LAST.union(SKIP), 904, 0x7ff),
    ];
    check(0x02, 5000, 0x18000, &list, &expected);
}

#[test]
fn a_channel_that_ignores_the_last_flag_gets_a_program_check_after_it() {
    let list = [midaw(NONE, 16, 0x12000), midaw(LAST, 16, 0x13000)];
    let (machine, host) = translate(0x02, 100, 0x18000, &list);
    let after = u64::from(machine.host_ccw(&host, 0).address) + 2 * 16;
    let after = Midaw::parse(machine.arena.get(after).unwrap());
    assert_eq!(after, Some(fault()));
}

#[test]
fn skip_means_nothing_to_a_command_that_only_fetches() {
    let list = [midaw(LAST.union(SKIP), 16, 0x30000)];
    check(0x01, 16, 0x18000, &list, &[midaw(LAST, 16, 0x30000)]);
    let wrong = [midaw(LAST.union(SKIP), 17, 0x30ff0)];
    check(0x01, 17, 0x18000, &wrong, &[fault()]);
}

#[test]
fn a_list_can_fill_a_page() {
    let list: Vec<_> = (0..256)
        .map(|number| midaw(if number == 255 { LAST } else { NONE }, 1, 0x12000 + number))
        .collect();
    check(0x02, 256, 0x18000, &list, &list);
    let (machine, _) = translate(0x02, 256, 0x18000, &list);
    assert_eq!(machine.guest.reads.len(), 1 + 4, "a piece at a time");
    let (machine, _) = translate(0x02, 257, 0x18000, &[list[0]; 256]);
    assert_eq!(machine.guest.reads.len(), 1 + 4, "and nothing after it");
}

#[test]
fn what_moves_no_data_has_no_midaws() {
    for (command, count) in [(0x03, 8), (0x02, 0)] {
        let (machine, host) = translate(command, count, 0x90000, &[]);
        let ccw = machine.host_ccw(&host, 0);
        assert_eq!((ccw.flags, ccw.count), (Flags::IDA, count));
        assert_eq!(machine.guest_blocks(&host, &ccw), None);
        assert!(!host.orb().flags().contains(orb::Flags::MIDAW));
    }
}

#[test]
fn midaws_and_idaws_live_together_and_share_a_bound() {
    let sizes = Sizes {
        ccws: 4,
        idaws: 3,
        cached_pages: 0,
    };
    for (bytes, fits) in [(0x2000, true), (0x3000, false)] {
        let mut machine = Machine::with_sizes(sizes, 2);
        machine.map(0x10000, 0x10000, Access::Write);
        let list = midaw(LAST, 16, 0x13000);
        machine
            .guest
            .iommu
            .store(0x18000, &list.to_bytes())
            .unwrap();
        let program = [
            ccw(0x02, Flags::CC, bytes, 0x12000),
            ccw(0x02, Flags::MIDA, 16, 0x18000),
        ];
        machine.program(ccwchain::ccw::Format::One, 0x10000, &program);
        let orb = orb1(0x10000);
        let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
        let result = machine.translate(&orb);
        assert_eq!(result.is_ok(), fits);
        if let Ok(host) = result {
            let ccw = machine.host_ccw(&host, 1);
            assert_eq!(machine.guest_midaws(&ccw), [list]);
            assert_eq!(machine.translator.stats().blocks, 3);
        }
    }
}
