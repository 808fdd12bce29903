// SPDX-License-Identifier: GPL-2.0

//! Programs to which the guest may append when they ask it for an interruption: they wait where it
//! may have done so.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb::{
        self,
        Orb, //
    },
    scsw::Scsw,
};
use model::machine::{
    ccw,
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
        places,
        wait_points, //
    },
    waiting::{
        points_of,
        translate_rest,
        CONTROL,
        PCI, //
    },
};

/// The flags of a CCW that asks for an interruption.
const ASKS: Flags = CC.union(Flags::PCI);

fn nop(flags: Flags) -> Ccw {
    ccw(0x03, flags, 1, 0)
}

fn read(flags: Flags) -> Ccw {
    ccw(0x02, flags, 8, 0x12000)
}

/// A name, CCWs at 0x10000, and the addresses of those with a wait point.
type Row = (&'static str, Vec<Ccw>, Vec<u32>);

fn rows() -> Vec<Row> {
    let (end, search) = (nop(NONE), ccw(0x31, CC, 5, 0x12000));
    let locate = ccw(0x47, CC, 16, 0x12000);
    let (first, third) = (tic(0x10000), tic(0x10010));
    vec![
        ("the end", vec![read(ASKS), end], vec![0x10008]),
        ("no interruption", vec![read(CC), end], vec![]),
        (
            "the end asks itself",
            vec![read(CC), nop(Flags::PCI)],
            vec![],
        ),
        ("an end before", vec![end, read(ASKS), end], vec![]),
        (
            "one that moves data",
            vec![nop(ASKS), read(CC), read(NONE)],
            vec![],
        ),
        (
            "no CCW",
            vec![read(ASKS), read(CC), Ccw::default()],
            vec![0x10010],
        ),
        (
            "a TIC to the end, and where status modifier leads past it",
            vec![read(ASKS), third, end],
            vec![0x10008, 0x10010],
        ),
        (
            "a TIC to no CCW, and what is past it",
            vec![read(ASKS), tic(0x50000)],
            vec![0x10008, 0x10010],
        ),
        (
            "a TIC to data",
            vec![nop(ASKS), third, read(CC), end],
            vec![0x10018],
        ),
        (
            "between others, and where status modifier leads past it",
            vec![read(ASKS), nop(CC), read(CC), end],
            vec![0x10008, 0x10018],
        ),
        (
            "a loop that looks, and where status modifier leads past it",
            vec![nop(ASKS), first],
            vec![0x10008, 0x10010],
        ),
        (
            "a loop",
            vec![nop(CC), read(ASKS), first, read(NONE)],
            vec![0x10010],
        ),
        (
            "a loop that reads",
            vec![read(ASKS), first, read(NONE)],
            vec![],
        ),
        (
            "after a search",
            vec![nop(ASKS), search, tic(0x10008), end],
            vec![],
        ),
        (
            "the one after that",
            vec![nop(ASKS), search, tic(0x10008), nop(CC), end],
            vec![0x10020],
        ),
        (
            "after LOCATE RECORD",
            vec![nop(ASKS), locate, read(CC), end],
            vec![],
        ),
        (
            "in a chain of data",
            vec![read(Flags::CD.union(Flags::PCI)), end],
            vec![],
        ),
        (
            "after a chain of data that asks",
            vec![read(Flags::CD), read(ASKS), end],
            vec![0x10010],
        ),
    ]
}

#[test]
fn a_program_waits_where_the_guest_may_have_appended_to_it() {
    for (name, ccws, points) in rows() {
        assert_eq!(places(&modifiable(), &ccws), (points, 0), "{name}");
    }
}

#[test]
fn a_program_that_may_be_prefetched_does_not_wait() {
    let orb = modifiable();
    let orb = orb.with_flags(orb.flags().union(orb::Flags::PREFETCH));
    for (name, ccws, _) in rows() {
        assert_eq!(places(&orb, &ccws), (vec![], 0), "{name}");
    }
}

#[test]
fn a_program_does_not_wait_unless_the_caller_allows_it() {
    for (name, ccws, _) in rows() {
        let mut machine = Machine::new();
        let host = machine.translate_modifiable(&ccws);
        assert_eq!(wait_points(&machine, &host), [], "{name}");
    }
}

/// Translates CCWs at 0x10000 that the guest may change.
trait Translate {
    fn translate_modifiable(&mut self, ccws: &[Ccw]) -> HostOrb;
}

impl Translate for Machine {
    fn translate_modifiable(&mut self, ccws: &[Ccw]) -> HostOrb {
        self.program(Format::One, 0x10000, ccws);
        self.translate(&modifiable()).unwrap()
    }
}

#[test]
fn what_is_stored_over_counts_beside_that() {
    let over = |address| ccw(0x02, ASKS, 8, address);
    // Status modifier leads past a CCW that chains.
    let ccws = [over(0x10008), read(CC), nop(NONE)];
    let points = vec![0x10008, 0x10010];
    assert_eq!(places(&modifiable(), &ccws), (points.clone(), 0));
    let ccws = [over(0x10010), nop(CC), read(CC), nop(NONE)];
    assert_eq!(places(&modifiable(), &ccws), (points, 0));
    let ccws = [over(0x10010), read(CC), read(NONE)];
    assert_eq!(places(&modifiable(), &ccws), (vec![0x10010], 0));
}

#[test]
fn the_orb_forbids_prefetching() {
    let orb = modifiable();
    let modified = orb::Flags::PREFETCH.union(orb::Flags::MODIFICATION);
    let orb = orb.with_flags(orb.flags().union(modified));
    let mut machine = machine();
    machine.program(Format::One, 0x10000, &[read(ASKS), nop(NONE)]);
    let host = machine.translate(&orb).unwrap();
    assert_eq!(wait_points(&machine, &host).len(), 1);
    assert!(!host.orb().prefetch());
}

/// Returns a machine with a program that waits at its end, and the address of the wait point.
fn waiting() -> (Machine, u32) {
    let mut machine = machine();
    let host = machine.translate_modifiable(&[read(ASKS), nop(NONE)]);
    let [(point, 0x10008)] = wait_points(&machine, &host)[..] else {
        panic!("it has one");
    };
    (machine, point)
}

/// Returns the addresses at which the rest waits, of a program to which these CCWs at 0x10800 were
/// appended.
fn rest_of(appended: &[Ccw], orb: &Orb) -> Vec<u32> {
    let (mut machine, point) = waiting();
    machine.program(Format::One, 0x10008, &[tic(0x10800)]);
    machine.program(Format::One, 0x10800, appended);
    let rest = translate_rest(&mut machine, orb, point);
    assert_eq!(machine.host_ccw(&rest, 0).command, 0x02);
    let points = wait_points(&machine, &rest);
    points.iter().map(|(_, ccw)| *ccw).collect()
}

#[test]
fn the_guest_can_append_again_and_again() {
    let orb = &modifiable();
    assert_eq!(rest_of(&[read(ASKS), nop(NONE)], orb), [0x10808]);
    // An interruption that was asked for before may be late.
    assert_eq!(rest_of(&[read(CC), nop(NONE)], orb), [0x10808]);
    assert_eq!(rest_of(&[read(CC), read(NONE)], orb), []);
}

#[test]
fn the_end_that_is_still_there_ends_the_program() {
    let (mut machine, point) = waiting();
    let rest = translate_rest(&mut machine, &modifiable(), point);
    assert_eq!(wait_points(&machine, &rest), []);
    assert_eq!(machine.host_ccw(&rest, 0).command, 0x03);
    assert!(!machine.host_ccw(&rest, 0).flags.intersects(CC));
}

#[test]
fn the_last_rest_is_what_the_guest_has_then() {
    let (mut machine, point) = waiting();
    machine.program(Format::One, 0x10008, &[tic(0x10800)]);
    machine.program(Format::One, 0x10800, &[read(ASKS), nop(NONE)]);
    let continuation = machine.translator.continuation(point).unwrap();
    let mut rest = machine.translator.another(1).unwrap();
    rest.set_wait_points(false);
    machine.release();
    machine.translator = rest;
    let (guest, arena) = (&mut machine.guest, &mut machine.arena);
    let rest = machine
        .translator
        .translate_rest(continuation, &modifiable(), guest, arena);
    let rest = rest.map(|rest| rest.orb()).map_err(|(error, _)| error);
    let rest = rest.unwrap();
    assert_eq!(wait_points(&machine, &rest), []);
    let codes = [0, 1].map(|slot| machine.host_ccw(&rest, slot).command);
    assert_eq!(codes, [0x02, 0x03]);
    assert_eq!(machine.translator.stats().overwritten, 0);
}

#[test]
fn there_are_only_so_many_places_to_wait_at() {
    // Each search leads to one more end, past a command.
    let branches = 20;
    let mut machine = machine();
    let mut ccws = vec![nop(ASKS)];
    for branch in 0..branches {
        let way = 0x10400 + 16 * branch;
        ccws.extend([ccw(0x31, CC, 5, 0x12000), tic(way), read(CC)]);
        machine.program(Format::One, way, &[read(CC), nop(NONE)]);
    }
    ccws.push(read(NONE));
    machine.translate_modifiable(&ccws);
    let stats = machine.translator.stats();
    assert_eq!((stats.wait_points, stats.overwritten), (16, 0));
}

/// Returns whether the interruption of the only wait point is not shown to the guest, after status
/// of the CCWs with these numbers with other interruptions.
fn is_hidden(ccws: &[Ccw], statuses: &[u32]) -> bool {
    let mut machine = machine();
    machine.program(Format::One, 0x10000, ccws);
    let (mut points, host, point) = points_of(&mut machine);
    for number in statuses {
        let cpa = host.orb().cpa() + 8 * (number + 1);
        points.note_other(&Scsw::from_words([CONTROL, cpa, PCI]));
    }
    points.is_only_reason(&Scsw::from_words([CONTROL, point + 8, PCI]))
}

#[test]
fn an_interruption_is_hidden_when_all_others_have_come() {
    let end = nop(NONE);
    let one = [nop(CC), nop(ASKS), read(CC), end];
    assert!(!is_hidden(&one, &[]), "both may have come at once");
    assert!(!is_hidden(&one, &[0]), "initial status, or a late one");
    assert!(is_hidden(&one, &[1]));
    assert!(is_hidden(&one, &[2]), "the channel is past it already");

    let two = [nop(ASKS), read(ASKS), read(CC), end];
    assert!(!is_hidden(&two, &[0]));
    assert!(is_hidden(&two, &[1]));
    assert!(is_hidden(&two, &[0, 1]));

    let search = ccw(0x31, CC, 5, 0x12000);
    let searches = [nop(ASKS), search, tic(0x10008), read(CC), end];
    assert!(is_hidden(&searches, &[1]), "a loop that asks for none");
    let again = [read(ASKS), search, tic(0x10000), read(CC), end];
    assert!(!is_hidden(&again, &[0]), "a loop that asks for more");
    assert!(!is_hidden(&again, &[1]));
}

#[test]
fn status_without_an_interruption_hides_none() {
    let mut machine = machine();
    machine.program(Format::One, 0x10000, &[nop(ASKS), read(CC), nop(NONE)]);
    let (points, host, point) = points_of(&mut machine);
    let cpa = host.orb().cpa() + 8;
    for (control, cpa, status) in [
        (CONTROL, cpa, 0),
        // The status that ends the program.
        (CONTROL | 0x06, cpa, PCI),
        (CONTROL, point + 0x1000, PCI),
        (CONTROL, 0, PCI),
    ] {
        let mut points = points;
        points.note_other(&Scsw::from_words([control, cpa, status]));
        let waits = Scsw::from_words([CONTROL, point + 8, PCI]);
        assert!(!points.is_only_reason(&waits), "{control:#x} {cpa:#x}");
    }
}
