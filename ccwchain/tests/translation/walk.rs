// SPDX-License-Identifier: GPL-2.0

//! The CCWs that belong to a program, and their slots.

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
    Machine, //
};

const NONE: Flags = Flags::empty();

/// Returns the guest addresses of successive CCWs of the host program.
fn guest_addresses(machine: &Machine, first: u32, count: u32) -> Vec<u32> {
    (0..count)
        .map(|number| machine.guest_cpa(first + 8 * number))
        .collect()
}

#[test]
fn a_program_is_what_chaining_leads_to() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x03, Flags::CC, 1, 0),
        ccw(0x03, Flags::CC, 1, 0),
        ccw(0x03, NONE, 1, 0),
        ccw(0x03, NONE, 1, 0),
    ]);
    assert_eq!(machine.translator.stats().ccws, 3);
    assert_eq!(
        machine.host_ccw(&host, 0).flags,
        Flags::CC.union(Flags::IDA)
    );
    assert_eq!(machine.host_ccw(&host, 2).flags, Flags::IDA);
    for guard in 3..6 {
        assert!(machine.is_program_check(&host, guard));
    }
}

/// CCWs in three pages, of which TICs lead to each other and back to the first page.
fn scattered() -> Machine {
    let mut machine = Machine::new();
    let nop = ccw(0x03, Flags::CC, 1, 0);
    for (address, ccws) in [
        (0x10000, [nop, tic(0x11000), tic(0x12000)]),
        (0x11000, [nop, tic(0x12000), tic(0x10020)]),
        (0x12000, [nop, tic(0x10008), ccw(0x03, NONE, 1, 0)]),
        (0x10020, [nop, nop, ccw(0x03, NONE, 1, 0)]),
    ] {
        machine.program(Format::One, address, &ccws);
    }
    machine
}

#[test]
fn every_ccw_counts_as_it_was_when_it_was_fetched() {
    let mut calm = scattered();
    calm.translate(&orb1(0x10000)).unwrap();
    assert_eq!(calm.translator.stats().ccws, 12);
    let mut hasty = scattered();
    // The first read belongs to the attempt to translate it as a sequential program.
    hasty.guest.hasty_after = 1;
    hasty.translate(&orb1(0x10000)).unwrap();
    assert!(hasty.arena.bytes == calm.arena.bytes);
}

#[test]
fn a_program_is_read_a_piece_at_a_time_within_its_page() {
    let mut machine = Machine::new();
    let program = [
        [ccw(0x03, Flags::CC, 1, 0); 299].as_slice(),
        &[ccw(0x03, NONE, 1, 0)],
    ]
    .concat();
    machine.program(Format::One, 0x10800, &program);
    machine.translate(&orb1(0x10800)).unwrap();
    assert_eq!(machine.translator.stats().ccws, 300);
    assert_eq!(
        machine.guest.reads,
        [(0x10800, 1024), (0x10c00, 1024), (0x11000, 1024)]
    );
}

#[test]
fn nothing_of_an_earlier_program_is_at_hand() {
    let mut machine = Machine::new();
    machine.translate1(&[ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate1(&[ccw(0x07, NONE, 1, 0)]);
    assert_eq!(machine.host_ccw(&host, 0).command, 0x07);
}

#[test]
fn a_program_in_the_last_bytes_of_a_mapping_works() {
    for (format, orb) in [(Format::Zero, orb0(0x1fff8)), (Format::One, orb1(0x1fff8))] {
        let mut machine = Machine::new();
        machine.program(format, 0x1fff8, &[ccw(0x04, NONE, 32, 0x10000)]);
        let host = machine.translate(&orb).unwrap();
        assert_eq!(machine.host_ccw(&host, 0).command, 0x04);
    }
}

#[test]
fn a_chain_that_leaves_memory_gives_a_program_check_there() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x1fff8, &[ccw(0x03, Flags::CC, 1, 0)]);
    let host = machine.translate(&orb1(0x1fff8)).unwrap();
    assert_eq!(machine.host_ccw(&host, 0).command, 0x03);
    assert!(machine.is_program_check(&host, 1));
    assert_eq!(machine.guest_cpa(host.orb().cpa() + 16), 0x20008);
}

#[test]
fn a_start_where_there_is_no_program_gives_a_program_check() {
    for cpa in [0x40000, 0, 0x10004, 0x7fff_fff8] {
        let mut machine = Machine::new();
        let host = machine.translate(&orb1(cpa)).unwrap();
        assert!(machine.is_program_check(&host, 0), "{cpa:#x}");
        assert_eq!(machine.guest_cpa(host.orb().cpa()), cpa);
    }
    let mut machine = Machine::new();
    machine.map(0x0100_0000, 0x1000, Access::Write);
    machine.program(Format::Zero, 0x0100_0000, &[ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate(&orb0(0x0100_0000)).unwrap();
    assert!(machine.is_program_check(&host, 0), "more than 24 bits");
}

#[test]
fn transfers_lead_forward_back_and_into_other_segments() {
    let mut machine = Machine::new();
    machine.program(
        Format::One,
        0x12000,
        &[
            ccw(0x03, Flags::CC, 1, 0),
            ccw(0x03, Flags::CC, 1, 0),
            tic(0x12000),
        ],
    );
    let host = machine.translate1(&[
        ccw(0x03, Flags::CC, 1, 0),
        tic(0x10018),
        ccw(0x03, NONE, 1, 0),
        ccw(0x03, Flags::CC, 1, 0),
        tic(0x12008),
    ]);
    let first = host.orb().cpa();
    assert_eq!(machine.translator.stats().runs, 3);
    // The end of a command comes before what only a TIC leads to.
    assert_eq!(
        guest_addresses(&machine, first, 8),
        [0x10000, 0x10008, 0x10010, 0x10018, 0x10020, 0x10028, 0x10018, 0x10020]
    );
    assert_eq!(machine.host_ccw(&host, 1), tic(first + 48));
    let into_the_middle = machine.host_ccw(&host, 7).address;
    assert_eq!(machine.guest_cpa(into_the_middle), 0x12008);
    let back = (into_the_middle + 8 - first) / 8;
    assert_eq!(machine.host_ccw(&host, back), tic(into_the_middle - 8));
}

#[test]
fn format_0_has_sixteen_codes_for_a_transfer_and_ignores_what_else_is_in_it() {
    let mut machine = Machine::new();
    machine.program(
        Format::Zero,
        0x10000,
        &[ccw(0x03, Flags::CC, 1, 0), ccw(0xf8, Flags::CD, 7, 0x10000)],
    );
    let host = machine.translate(&orb0(0x10000)).unwrap();
    assert_eq!(machine.host_ccw(&host, 1), tic(host.orb().cpa()));
}

#[test]
fn the_ccw_after_a_tic_is_for_status_modifier() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[
        ccw(0x31, Flags::CC, 5, 0x11000),
        tic(0x10000),
        ccw(0x06, Flags::CC, 80, 0x11000),
        ccw(0x03, NONE, 1, 0),
    ]);
    assert_eq!(machine.translator.stats().ccws, 4);
    assert_eq!(machine.host_ccw(&host, 2).command, 0x06);
    assert!(machine.is_program_check(&host, 4));
}

#[test]
fn invalid_ccws_after_a_tic_do_no_harm() {
    let mut machine = Machine::new();
    let program = [ccw(0x03, Flags::CC, 1, 0), tic(0x1fff0)];
    machine.program(Format::One, 0x1fff0, &program);
    let host = machine.translate(&orb1(0x1fff0)).unwrap();
    assert!(machine.is_program_check(&host, 2), "not even memory");
}

#[test]
fn loops_of_transfers_end_the_walk() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[tic(0x10008), tic(0x10000)]);
    assert_eq!(machine.translator.stats().ccws, 2);
    assert_eq!(machine.host_ccw(&host, 0), tic(host.orb().cpa() + 32));
    assert_eq!(machine.host_ccw(&host, 4), tic(host.orb().cpa()));
}

#[test]
fn runs_never_touch_each_other() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10020, &[ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate1(&[ccw(0x03, Flags::CC, 1, 0), tic(0x10020)]);
    let first = host.orb().cpa();
    // The zeros at 0x10010 belong to it, because of status modifier. Then come three guards.
    assert_eq!(
        guest_addresses(&machine, first, 8),
        [0x10000, 0x10008, 0x10010, 0x10018, 0x10020, 0x10028, 0x10020, 0x10028]
    );
    for number in 2..6 {
        assert!(machine.is_program_check(&host, number));
    }
    assert_eq!(machine.host_ccw(&host, 1), tic(first + 48));
}

#[test]
fn after_any_command_status_modifier_leads_past_ccws_that_continue_only() {
    for (passed, ccws) in [
        (tic(0x12000), 4),
        (ccw(0x03, Flags::CC, 1, 0), 3),
        (ccw(0x02, Flags::CD, 8, 0x12000), 3),
        (ccw(0x02, Flags::CC.union(Flags::MIDA), 8, 0x12000), 3),
        (ccw(0x03, NONE, 1, 0), 2),
        (ccw(0x00, NONE, 1, 0), 2),
    ] {
        let mut machine = Machine::new();
        machine.program(Format::One, 0x12000, &[ccw(0x03, NONE, 1, 0)]);
        let host = machine.translate1(&[
            ccw(0x07, Flags::CC, 6, 0x11000),
            passed,
            ccw(0x02, NONE, 8, 0x11000),
        ]);
        assert_eq!(machine.translator.stats().ccws, ccws, "{passed}");
        let leads_on = machine.host_ccw(&host, 2).command == 0x02;
        assert_eq!(leads_on, ccws > 2, "{passed}");
    }
}

#[test]
fn what_status_modifier_does_not_lead_to_is_not_next_in_line() {
    // The third CCW belongs to the program, but the second one ends it.
    let mut machine = Machine::new();
    machine.program(
        Format::One,
        0x12000,
        &[ccw(0x03, Flags::CC, 1, 0), tic(0x10018)],
    );
    let host = machine.translate1(&[
        ccw(0x07, Flags::CC, 6, 0x11000),
        tic(0x12000),
        ccw(0x03, NONE, 1, 0),
        ccw(0x02, NONE, 8, 0x11000),
    ]);
    assert_eq!(machine.host_ccw(&host, 2).command, 0x03);
    for guard in 3..6 {
        assert!(machine.is_program_check(&host, guard));
    }
    assert_eq!(machine.host_ccw(&host, 6).command, 0x02);
}
