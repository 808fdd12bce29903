// SPDX-License-Identifier: GPL-2.0

//! Status modifier past a CCW that ends the program: the CCWs there are run if a command can give
//! status modifier, and are never a reason to refuse the program.

mod shortage;

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb::Orb, //
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

/// The searches of a disk, and POLL.
const GIVERS: [u8; 19] = [
    0x09, 0x29, 0x31, 0x39, 0x49, 0x51, 0x59, 0x69, 0x71, 0x79, 0xa9, 0xb1, 0xb9, 0xc9, 0xd1, 0xd9,
    0xe9, 0xf1, 0xf9,
];

fn orb_for(format: Format, cpa: u32) -> Orb {
    match format {
        Format::Zero => orb0(cpa),
        Format::One => orb1(cpa),
    }
}

/// Returns a search, a no-operation that ends the program if nothing is found, and a read.
fn search() -> [Ccw; 3] {
    [
        ccw(0x31, Flags::CC, 5, 0x12000),
        ccw(0x03, Flags::SLI, 1, 0),
        ccw(0x06, Flags::SLI, 24, 0x13000),
    ]
}

/// Checks that the CCW after the no-operation of [`search`], at `cpa`, gives a program check.
fn check_nothing_is_there(machine: &Machine, host: &HostOrb, cpa: u32, what: &str) {
    assert_eq!(machine.host_ccw(host, 0).command, 0x31, "{what}");
    let end = machine.host_ccw(host, 1);
    assert_eq!((end.command, end.flags.contains(Flags::CC)), (0x03, false));
    assert!(machine.is_program_check(host, 2), "{what}");
    let shown = machine.guest_cpa(host.orb().cpa() + 24);
    assert_eq!(shown, (cpa + 24) & 0x7fff_ffff, "{what}");
}

#[test]
fn what_status_modifier_leads_to_past_the_end_is_run() {
    for format in [Format::Zero, Format::One] {
        // In the middle of a page, and across the end of one at either CCW.
        for cpa in [0x10000, 0x10ff0, 0x10ff8] {
            let mut machine = Machine::new();
            machine.program(format, cpa, &search());
            let host = machine.translate(&orb_for(format, cpa)).unwrap();
            let stats = machine.translator.stats();
            assert_eq!((stats.ccws, stats.runs), (3, 1));
            let found = [0, 1, 2].map(|number| machine.host_ccw(&host, number));
            assert_eq!(found.map(|ccw| ccw.command), [0x31, 0x03, 0x06]);
            assert!(!found[1].chains(), "unless it is led past, it ends here");
            let blocks = machine.guest_blocks(&host, &found[2]);
            assert_eq!(blocks, Some(vec![0x13000]));
            for (number, address) in (0..).zip([cpa, cpa + 8, cpa + 16, cpa + 24]) {
                assert_eq!(machine.guest_cpa(host.orb().cpa() + 8 * number), address);
            }
            for guard in 3..6 {
                assert!(machine.is_program_check(&host, guard));
            }
            machine.release();
            assert_eq!(machine.guest.iommu.pins(), 0);
        }
    }
}

#[test]
fn it_is_looked_at_only_after_commands_that_can_give_status_modifier() {
    // The command and the end are in the same piece of memory that is read at once, or not.
    for (cpa, end_at) in [(0x10ff0, 0x10c00), (0x10ff8, 0x11000)] {
        for code in 0..=0xff {
            let mut machine = Machine::new();
            let [mut first, end, read] = search();
            first.command = code;
            machine.program(Format::One, cpa, &[first, end, read]);
            let host = machine.translate(&orb1(cpa)).unwrap();
            let gives = GIVERS.contains(&code);
            let is_read = machine.host_ccw(&host, 2).command == 0x06;
            assert_eq!(is_read, gives, "{code:#04x}");
            if !gives {
                let counts = machine.guest.iommu.counts();
                // Of the command, which may read backward across the start of a page.
                assert!(counts.pinned <= 2, "{code:#04x}");
                let reads = &machine.guest.reads;
                let further = reads.iter().filter(|(at, _)| *at > end_at).count();
                assert_eq!(further, 0, "{code:#04x}");
                assert!(reads.len() <= 2, "{code:#04x}");
            }
        }
    }
}

#[test]
fn it_is_not_looked_at_if_the_command_does_not_chain() {
    for flags in [NONE, Flags::SLI] {
        let mut machine = Machine::new();
        let [search, end, read] = search();
        let search = Ccw { flags, ..search };
        machine.translate1(&[search, end, read]);
        assert_eq!(machine.translator.stats().ccws, 1);
    }
}

#[test]
fn whatever_ends_the_program_is_led_past() {
    for end in [
        ccw(0x03, NONE, 1, 0),
        ccw(0x02, NONE, 8, 0x14000),
        ccw(0x02, NONE, 8, 0x90000),
        ccw(0x00, NONE, 8, 0x14000),
        ccw(0x02, Flags::MIDA, 8, 0x14000),
        ccw(0x08, NONE, 1, 0x14000),
        ccw(0x18, NONE, 0, 0x14000),
        ccw(0x02, NONE, 8, 0x8001_4000),
    ] {
        let mut machine = Machine::new();
        let [search, _, read] = search();
        let host = machine.translate1(&[search, end, read]);
        assert_eq!(machine.host_ccw(&host, 2).command, 0x06, "{end}");
        assert_eq!(machine.translator.stats().ccws, 3, "{end}");
    }
}

#[test]
fn the_program_goes_on_there_as_anywhere() {
    // It finds another record, reads it, and begins again, unless there is none.
    let mut machine = Machine::new();
    let [search, end, read] = search();
    machine.program(
        Format::One,
        0x11000,
        &[
            ccw(0x06, Flags::CC, 24, 0x14000),
            search,
            end,
            tic(0x10000),
            ccw(0x03, NONE, 1, 0),
        ],
    );
    let host = machine.translate1(&[search, end, tic(0x11000), read]);
    assert_eq!(machine.translator.stats().ccws, 7);
    let first = host.orb().cpa();
    let transfer = machine.host_ccw(&host, 2);
    assert!(transfer.is_tic(Format::One));
    let second = (transfer.address - first) / 8;
    let found = [0, 1, 2].map(|number| machine.host_ccw(&host, second + number).command);
    assert_eq!(found, [0x06, 0x31, 0x03]);
    assert_eq!(machine.host_ccw(&host, second + 3), tic(first));
}

#[test]
fn what_is_there_may_have_its_slot_elsewhere() {
    // A TIC leads to the search, and data of a read is chained to it.
    let mut machine = Machine::new();
    let [search, end, read] = search();
    machine.program(
        Format::One,
        0x10100,
        &[ccw(0x02, Flags::CD, 8, 0x14000), search, end, read],
    );
    let seek = ccw(0x07, Flags::CC, 6, 0x12000);
    let host = machine.translate1(&[seek, tic(0x10108), seek, tic(0x10100)]);
    let slot = |ccw: Ccw| {
        assert!(ccw.is_tic(Format::One), "{ccw}");
        (ccw.address - host.orb().cpa()) / 8
    };
    let found = slot(machine.host_ccw(&host, 1));
    assert_eq!(machine.host_ccw(&host, found).command, 0x31);
    let next = slot(machine.host_ccw(&host, found + 1));
    assert_eq!(machine.host_ccw(&host, next).command, 0x03);
    let past = slot(machine.host_ccw(&host, found + 2));
    assert_eq!(machine.host_ccw(&host, past).command, 0x06);
    assert_eq!(past, next + 1);
}

#[test]
fn the_command_in_effect_at_the_end_of_a_data_chain_counts() {
    for (first, later, follows) in [
        (0x31, 0x02, true),
        (0x31, 0x00, true),
        (0x09, 0x31, true),
        (0x02, 0x31, false),
        (0x01, 0x09, false),
        (0x03, 0x31, false),
    ] {
        for format in [Format::Zero, Format::One] {
            let mut machine = Machine::new();
            let [_, end, read] = search();
            let program = [
                ccw(first, Flags::CD, 2, 0x12000),
                ccw(later, Flags::CD, 2, 0x12010),
                ccw(later, Flags::CC, 1, 0x12020),
                end,
                read,
            ];
            machine.program(format, 0x10000, &program);
            let host = machine.translate(&orb_for(format, 0x10000)).unwrap();
            let is_read = machine.host_ccw(&host, 4).command == 0x06;
            assert_eq!(is_read, follows, "{first:#04x} {later:#04x}");
        }
    }
}

#[test]
fn of_several_commands_in_effect_one_is_enough() {
    for (codes, follows) in [
        ([0x31, 0x05, 0x05], true),
        ([0x05, 0x31, 0x05], true),
        ([0x0d, 0x05, 0x31], true),
        ([0x31, 0xb1, 0x71], true),
        ([0x05, 0x0d, 0x1d], false),
        ([0x05, 0x05, 0x02], false),
    ] {
        // Three commands lead into the same data chain.
        let mut machine = Machine::new();
        let [_, end, read] = search();
        machine.program(
            Format::One,
            0x10100,
            &[ccw(0x00, Flags::CC, 3, 0x12010), end, read],
        );
        let mut program = Vec::new();
        for (number, code) in (1..).zip(codes) {
            // Status modifier leads to the command, and otherwise the TIC to the next.
            let command = ccw(code, Flags::CD, 2, 0x12000);
            let next = tic(0x10000 + 32 * number);
            let seek = ccw(0x07, Flags::CC, 6, 0x12000);
            program.extend([seek, next, command, tic(0x10100)]);
        }
        program.push(ccw(0x03, NONE, 1, 0));
        machine.translate1(&program);
        let ccws = 13 + 2 + usize::from(follows);
        assert_eq!(machine.translator.stats().ccws, ccws, "{codes:02x?}");
    }
}

#[test]
fn where_there_is_no_memory_it_gives_a_program_check() {
    for format in [Format::Zero, Format::One] {
        let highest = match format {
            Format::Zero => 0x00ff_f000,
            Format::One => 0x7fff_f000,
        };
        for page in [0x1f000, highest] {
            let mut machine = Machine::new();
            if page == highest {
                machine.map(page.into(), 0x1000, Access::Write);
            }
            let [search, end, _] = search();
            let cpa = page + 0xff0;
            machine.program(format, cpa, &[search, end]);
            let host = machine.translate(&orb_for(format, cpa)).unwrap();
            check_nothing_is_there(&machine, &host, cpa, &format!("{cpa:#x}"));
        }
    }
}

#[test]
fn beyond_the_addresses_of_the_format_it_gives_a_program_check() {
    // There is memory, but no CCW of this format can be at that address.
    for (format, page) in [(Format::Zero, 0xff_f000_u32), (Format::One, 0x7fff_f000)] {
        let mut machine = Machine::new();
        machine.map(page.into(), 0x2000, Access::Write);
        let cpa = page + 0xff0;
        machine.program(format, cpa, &search());
        let host = machine.translate(&orb_for(format, cpa)).unwrap();
        check_nothing_is_there(&machine, &host, cpa, &format!("{cpa:#x}"));
    }
}

#[test]
fn data_there_that_is_wrong_is_wrong_there() {
    let mut machine = Machine::new();
    let [search, end, read] = search();
    let gone = Ccw {
        address: 0x90000,
        ..read
    };
    let host = machine.translate1(&[search, end, gone]);
    let read = machine.host_ccw(&host, 2);
    assert_eq!(read.command, 0x06);
    assert_eq!(machine.guest_blocks(&host, &read), Some(vec![FAULT]));
}
