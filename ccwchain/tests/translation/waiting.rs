// SPDX-License-Identifier: GPL-2.0

//! A program that waits, and the rest of it.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    host_orb::{
        HostOrb,
        PROGRAM_CHECK, //
    },
    orb::{
        self,
        Orb, //
    },
    scsw::Scsw,
    translator::{
        WaitPoints,
        WAIT_TIC, //
    },
};
use model::machine::{
    ccw,
    orb0,
    tic,
    Machine, //
};

use crate::{
    one_ccw::NONE,
    overwrites::{
        modifiable,
        CC, //
    },
    wait_points::{
        machine,
        wait_points, //
    },
};

/// Returns an ORB that allows prefetching and modification.
fn modified() -> Orb {
    let flags = orb::Flags::PREFETCH.union(orb::Flags::MODIFICATION);
    let orb = modifiable();
    orb.with_flags(orb.flags().union(flags))
}

/// A program that waits at its second CCW.
fn waiting() -> (Machine, HostOrb, u32) {
    let mut machine = machine();
    let ccws = [
        ccw(0x02, CC, 24, 0x10000),
        ccw(0x03, NONE, 1, 0),
        ccw(0x03, NONE, 1, 0),
    ];
    machine.program(Format::One, 0x10000, &ccws);
    let orb = modified();
    let host = machine.translate(&orb).unwrap();
    let [(point, 0x10008)] = wait_points(&machine, &host)[..] else {
        panic!("it has one");
    };
    (machine, host, point)
}

/// Returns the CCW at an absolute address.
fn at(machine: &Machine, address: u32) -> Ccw {
    Ccw::parse(Format::One, machine.arena.get(address.into()).unwrap())
}

#[test]
fn a_wait_point_asks_for_one_interruption_and_repeats_no_operation() {
    let (machine, host, point) = waiting();
    assert_eq!(
        machine.host_ccw(&host, 1),
        tic(point),
        "status modifier does not lead into it"
    );
    assert!(machine.is_program_check(&host, 2));

    let scratch = machine.arena.scratch().start as u32;
    let flags = CC.union(Flags::SLI);
    let ccws = [0, 8, 16].map(|offset| at(&machine, point + offset));
    assert_eq!(
        ccws,
        [
            ccw(0x03, flags.union(Flags::PCI), 0, scratch),
            ccw(0x03, flags, 0, scratch),
            tic(point + 8),
        ]
    );
    assert_eq!(WAIT_TIC, 16);
    let check = Ccw::parse(Format::One, PROGRAM_CHECK);
    assert_eq!(
        [24, 32].map(|offset| at(&machine, point + offset)),
        [check; 2]
    );
}

#[test]
fn the_channel_must_not_prefetch_a_program_that_waits() {
    let (_, host, _) = waiting();
    assert!(!host.orb().prefetch());
}

#[test]
fn the_address_in_the_status_is_the_one_after_the_ccw_for_which_it_waits() {
    let (machine, _, point) = waiting();
    for offset in [8, 16, 24, 32] {
        assert_eq!(machine.guest_cpa(point + offset), 0x10010, "{offset}");
    }
    // In place of a TIC, the program waits for the target.
    let mut machine = self::machine();
    let ccws = [ccw(0x02, CC, 8, 0x10800), tic(0x10800)];
    machine.program(Format::One, 0x10000, &ccws);
    machine.program(Format::One, 0x10800, &[ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate(&modifiable()).unwrap();
    let [(point, 0x10008)] = wait_points(&machine, &host)[..] else {
        panic!("it has one");
    };
    for offset in [8, 16, 24, 32] {
        assert_eq!(machine.guest_cpa(point + offset), 0x10808, "{offset}");
    }
}

/// Translates the rest by another translator into another arena. Returns its ORB.
pub(crate) fn translate_rest(machine: &mut Machine, orb: &Orb, point: u32) -> HostOrb {
    let continuation = machine.translator.continuation(point).unwrap();
    let mut rest = machine.translator.another(1).unwrap();
    rest.set_wait_points(true);
    machine.release();
    machine.translator = rest;
    machine.arena = model::memory::ArenaBlocks::new(2);
    machine.arena.move_to(0x6000_0000);
    let program = machine.translator.translate_rest(
        continuation,
        orb,
        &mut machine.guest,
        &mut machine.arena,
    );
    program
        .map(|program| program.orb())
        .map_err(|(error, _)| error)
        .unwrap()
}

#[test]
fn the_rest_has_what_was_stored() {
    let (mut machine, host, point) = waiting();
    let stored = [ccw(0x04, CC, 8, 0x12000), ccw(0x03, NONE, 1, 0)];
    machine.program(Format::One, 0x10008, &stored);
    let rest = translate_rest(&mut machine, &modified(), point);
    assert!(host.admits(&rest));
    assert_eq!(machine.host_ccw(&rest, 0).command, 0x04);
    assert_eq!(machine.guest_cpa(rest.orb().cpa() + 16), 0x10018);
    // The wait point of the part before is still known.
    assert_eq!(machine.guest_cpa(point + 16), 0x10010);
    assert_eq!(machine.guest_cpa(point + 0x1000), 0);
    assert_eq!(machine.guest_cpa(host.orb().cpa() + 8), 0);
}

#[test]
fn a_rest_that_begins_with_a_tic_begins_with_its_target() {
    let (mut machine, _, point) = waiting();
    let orb = modifiable();
    machine.program(Format::One, 0x10008, &[tic(0x10800), ccw(0x03, NONE, 1, 0)]);
    machine.program(Format::One, 0x10800, &[ccw(0x04, NONE, 8, 0x12000)]);
    let rest = translate_rest(&mut machine, &orb, point);
    assert_eq!(at(&machine, rest.orb().cpa()).command, 0x04);
    assert_eq!(machine.guest_cpa(rest.orb().cpa() + 8), 0x10808);
}

#[test]
fn a_rest_that_begins_with_two_tics_is_a_program_check_of_the_second() {
    let (mut machine, _, point) = waiting();
    machine.program(Format::One, 0x10008, &[tic(0x10800)]);
    machine.program(Format::One, 0x10800, &[tic(0x10900)]);
    machine.program(Format::One, 0x10900, &[ccw(0x03, NONE, 1, 0)]);
    let rest = translate_rest(&mut machine, &modifiable(), point);
    assert_eq!(at(&machine, rest.orb().cpa()).command, 0x08);
    assert_eq!(machine.guest_cpa(rest.orb().cpa() + 8), 0x10808);
}

#[test]
fn a_rest_whose_tic_has_no_target_is_a_program_check_of_the_tic() {
    let (mut machine, _, point) = waiting();
    machine.program(Format::One, 0x10008, &[tic(0x50000)]);
    let rest = translate_rest(&mut machine, &modifiable(), point);
    let check = Ccw::parse(Format::One, PROGRAM_CHECK);
    assert_eq!(at(&machine, rest.orb().cpa()), check);
    assert_eq!(machine.guest_cpa(rest.orb().cpa() + 8), 0x10010);
}

#[test]
fn a_rest_can_wait_again_but_not_for_its_first_ccw() {
    let (mut machine, _, point) = waiting();
    // A loop of three, of which the first is stored over; a TIC leads back to it.
    let stored = [ccw(0x03, CC, 1, 0), ccw(0x02, CC, 8, 0x10008), tic(0x10008)];
    machine.program(Format::One, 0x10008, &stored);
    let rest = translate_rest(&mut machine, &modifiable(), point);
    let points = wait_points(&machine, &rest);
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].1, 0x10018);
}

#[test]
fn the_boot_records_of_a_disk_wait_twice() {
    let mut machine = machine();
    machine.map(0, 0x2000, iommu_type1_stub::Access::Write);
    machine.program(Format::Zero, 0, &[ccw(0x02, CC.union(Flags::SLI), 24, 0)]);
    let orb = orb0(0);
    let host = machine.translate(&orb).unwrap();
    let [(point, 8)] = wait_points(&machine, &host)[..] else {
        panic!("it has one");
    };
    let read = [ccw(0x06, CC.union(Flags::SLI), 16, 0x1000), tic(0x1000)];
    machine.program(Format::Zero, 8, &read);
    let rest = translate_rest(&mut machine, &orb, point);
    let [(_, 0x10)] = wait_points(&machine, &rest)[..] else {
        panic!("it has one");
    };
}

/// Translates the program at 0x10000. Returns its wait points, its ORB, and the address of the
/// first wait point.
pub(crate) fn points_of(machine: &mut Machine) -> (WaitPoints, HostOrb, u32) {
    let (guest, arena) = (&mut machine.guest, &mut machine.arena);
    let program = machine.translator.translate(&modifiable(), guest, arena);
    let program = program.map_err(|(error, _)| error).unwrap();
    let (points, host) = (*program.wait_points(), program.orb());
    let (point, _) = wait_points(machine, &host)[0];
    (points, host, point)
}

/// Returns the wait points of a program that waits at its second CCW, whose first has these flags,
/// and their address.
fn points_with(flags: Flags) -> (WaitPoints, u32) {
    let mut machine = machine();
    let ccws = [
        ccw(0x02, CC.union(flags), 24, 0x10000),
        ccw(0x03, NONE, 1, 0),
    ];
    machine.program(Format::One, 0x10000, &ccws);
    let (points, _, point) = points_of(&mut machine);
    (points, point)
}

/// Intermediate status with a program-controlled interruption.
pub(crate) const CONTROL: u32 = 0x0080_40c9;
pub(crate) const PCI: u32 = 0x0080_0000;

#[test]
fn the_interruption_of_a_wait_point_is_known_by_its_address() {
    let (points, point) = points_with(NONE);
    let reached = |control, cpa, status| {
        let scsw = Scsw::from_words([control, cpa, status]);
        points
            .reached_by(&scsw)
            .map(|at| (at == point, points.is_only_reason(&scsw)))
    };
    for offset in [8, 16, 24] {
        let is = reached(CONTROL, point + offset, PCI);
        assert_eq!(is, Some((true, true)), "{offset}");
    }
    for offset in [0, 32] {
        assert_eq!(reached(CONTROL, point + offset, PCI), None, "{offset}");
    }
    assert_eq!(reached(CONTROL, point + 8, 0), None, "no such interruption");
    let halted = CONTROL | 0x2006;
    assert_eq!(reached(halted, point + 8, PCI), None, "the program ended");
    let initial = CONTROL | 0x0004_0000;
    let is = reached(initial, point + 8, PCI);
    assert_eq!(
        is,
        Some((true, false)),
        "the guest asked for initial status"
    );
}

#[test]
fn the_interruption_is_shown_if_the_program_asks_for_some_itself() {
    let (points, point) = points_with(Flags::PCI);
    let scsw = Scsw::from_words([CONTROL, point + 8, PCI]);
    assert_eq!(points.reached_by(&scsw), Some(point));
    assert!(!points.is_only_reason(&scsw));
}

#[test]
fn nothing_is_pinned_for_what_is_only_reached_past_a_wait_point() {
    let mut machine = machine();
    let ccws = [ccw(0x02, CC, 8, 0x10800), tic(0x10800)];
    machine.program(Format::One, 0x10000, &ccws);
    let rest = [ccw(0x02, CC, 8, 0x13000), ccw(0x02, NONE, 8, 0x14000)];
    machine.program(Format::One, 0x10800, &rest);
    machine.translate(&modifiable()).unwrap();
    let stats = machine.translator.stats();
    assert_eq!((stats.wait_points, stats.pages), (1, 1));
}
