// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs: each CCW that the channel would fetch after that has a
//! program check in its place, if the program may be modified.

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
};
use model::machine::{
    ccw,
    orb0,
    orb1,
    tic,
    Machine, //
};

use crate::one_ccw::NONE;

pub(crate) const CC: Flags = Flags::CC;
const CD: Flags = Flags::CD;

/// Returns an ORB for a format-1 program that may use MIDAWs and may be modified.
pub(crate) fn modifiable() -> Orb {
    let orb = orb1(0x10000);
    orb.with_flags(orb.flags().union(orb::Flags::MIDAW))
}

/// Returns the number of overwritten CCWs and words, and the guest address of the first.
pub(crate) fn overwritten(machine: &Machine) -> (usize, Option<u32>) {
    let stats = machine.translator.stats();
    (stats.overwritten, stats.first_overwritten)
}

/// Translates CCWs at 0x10000. Returns the guest addresses of those that give a program check, as
/// the CPA tells them.
pub(crate) fn checks(machine: &mut Machine, orb: &Orb, ccws: &[Ccw]) -> Vec<u32> {
    machine.program(Format::of(orb), 0x10000, ccws);
    let host = machine.translate(orb).unwrap();
    (0..ccws.len() as u32)
        .filter(|slot| machine.is_program_check(&host, *slot))
        .map(|slot| cpa_of(machine, &host, slot) - 8)
        .collect()
}

/// Returns the CPA of a program check in a slot.
fn cpa_of(machine: &Machine, host: &HostOrb, slot: u32) -> u32 {
    machine.guest_cpa(host.orb().cpa() + 8 * (slot + 1))
}

/// A name, CCWs at 0x10000, and the addresses of those that give a program check.
type Row = (&'static str, Vec<Ccw>, Vec<u32>);

fn rows() -> Vec<Row> {
    let nop = ccw(0x03, NONE, 1, 0);
    let read = |flags, count, address| ccw(0x02, flags, count, address);
    vec![
        (
            "the record has CCWs, where there are none",
            vec![ccw(0x02, CC, 24, 0x10000), Ccw::default()],
            vec![0x10008],
        ),
        (
            "the record has a CCW, where there is an old one",
            vec![read(CC, 16, 0x10000), read(NONE, 80, 0x13000)],
            vec![0x10008],
        ),
        ("its own CCW", vec![read(CC, 8, 0x10000), nop], vec![]),
        (
            "a CCW before it",
            vec![read(CC, 8, 0x12000), read(CC, 8, 0x10000), nop],
            vec![],
        ),
        ("past the end", vec![read(CC, 8, 0x10010), nop], vec![]),
        (
            "up to the next CCW",
            vec![read(CC, 16, 0xfff8), nop],
            vec![],
        ),
        (
            "to the first byte of the next CCW",
            vec![read(CC, 17, 0xfff8), nop],
            vec![0x10008],
        ),
        (
            "from the last byte of the next CCW on",
            vec![read(CC, 1, 0x1000f), nop],
            vec![0x10008],
        ),
        (
            "skipped",
            vec![read(CC.union(Flags::SKIP), 16, 0x10000), nop],
            vec![],
        ),
        ("written", vec![ccw(0x01, CC, 16, 0x10000), nop], vec![]),
        (
            "sensed",
            vec![ccw(0x04, CC, 16, 0x10000), nop],
            vec![0x10008],
        ),
        (
            "the CCW after the next",
            vec![read(CC, 8, 0x10010), ccw(0x03, CC, 1, 0), nop],
            vec![0x10010],
        ),
        (
            "two CCWs",
            vec![read(CC, 16, 0x10008), ccw(0x03, CC, 1, 0), nop],
            vec![0x10008, 0x10010],
        ),
        (
            "its own data chain",
            vec![read(CD, 16, 0x10000), read(NONE, 8, 0x13000)],
            vec![0x10008],
        ),
        (
            "by the second CCW of a data chain",
            vec![read(CD, 1, 0x13000), ccw(0xff, CC, 8, 0x10010), nop],
            vec![0x10010],
        ),
        (
            "by the second CCW of a data chain, over the first",
            vec![read(CD, 1, 0x13000), ccw(0xff, CC, 8, 0x10000), nop],
            vec![],
        ),
        (
            "backward",
            vec![ccw(0x0c, CC, 16, 0x10017), ccw(0x03, CC, 1, 0), nop],
            vec![0x10008, 0x10010],
        ),
        (
            "backward, down to the byte after a CCW",
            vec![ccw(0x0c, CC, 8, 0x10017), ccw(0x03, CC, 1, 0), nop],
            vec![0x10010],
        ),
        (
            "the head of a loop, when it is executed again",
            vec![ccw(0x03, CC, 1, 0), read(CC, 8, 0x10000), tic(0x10000)],
            // In place of the TIC.
            vec![0x10000],
        ),
        (
            "within a loop",
            vec![
                ccw(0x03, CC, 1, 0),
                ccw(0x03, CC, 1, 0),
                read(CC, 8, 0x10008),
                tic(0x10000),
            ],
            vec![0x10008],
        ),
        (
            "a CCW before a loop",
            vec![
                ccw(0x03, CC, 1, 0),
                ccw(0x03, CC, 1, 0),
                ccw(0x03, CC, 1, 0),
                read(CC, 8, 0x10008),
                tic(0x10010),
            ],
            vec![],
        ),
        (
            "a loop that is over",
            vec![
                ccw(0x31, CC, 5, 0x12000),
                tic(0x10000),
                read(CC, 16, 0x10000),
                nop,
            ],
            vec![],
        ),
        (
            "the CCW after a search",
            vec![
                read(CC, 8, 0x10018),
                ccw(0x31, CC, 5, 0x12000),
                tic(0x10008),
                nop,
            ],
            vec![0x10018],
        ),
        (
            "a search",
            vec![
                read(CC, 8, 0x10008),
                ccw(0x31, CC, 5, 0x12000),
                tic(0x10008),
                nop,
            ],
            // However it is reached.
            vec![0x10008, 0x10008],
        ),
        (
            "a TIC",
            vec![read(CC, 8, 0x10008), tic(0x10010), nop],
            vec![0x10008],
        ),
    ]
}

#[test]
fn an_overwritten_ccw_gives_a_program_check() {
    for (name, ccws, expected) in rows() {
        let mut machine = Machine::new();
        let found = checks(&mut machine, &modifiable(), &ccws);
        assert_eq!(found, expected, "{name}");
        let stats = (expected.len(), expected.first().copied());
        assert_eq!(overwritten(&machine), stats, "{name}");
        machine.release();
        assert_eq!(overwritten(&machine), (0, None));
    }
}

#[test]
fn programs_that_overwrite_themselves_do_not_change_later_ones() {
    let mut machine = Machine::new();
    for (name, ccws, expected) in rows().into_iter().chain(rows()) {
        checks(&mut machine, &modifiable(), &ccws);
        assert_eq!(overwritten(&machine).0, expected.len(), "{name}");
    }
}

#[test]
fn a_format_0_program_can_be_overwritten_too() {
    let mut machine = Machine::new();
    let ccws = [ccw(0x02, CC, 16, 0x10000), ccw(0x02, NONE, 80, 0x13000)];
    assert_eq!(checks(&mut machine, &orb0(0x10000), &ccws), [0x10008]);
}

#[test]
fn a_program_that_is_not_modified_is_not_checked() {
    use orb::Flags as Orb;
    for (flags, is_checked) in [
        (Orb::empty(), true),
        (Orb::MODIFICATION, true),
        (Orb::PREFETCH, false),
        (Orb::PREFETCH.union(Orb::MODIFICATION), true),
    ] {
        for (name, ccws, expected) in rows() {
            let mut machine = Machine::new();
            let orb = modifiable();
            let orb = orb.with_flags(orb.flags().union(flags));
            machine.program(Format::One, 0x10000, &ccws);
            machine.translate(&orb).unwrap();
            let count = if is_checked { expected.len() } else { 0 };
            assert_eq!(overwritten(&machine).0, count, "{name}, {flags}");
        }
    }
}

#[test]
fn the_target_of_a_tic_gives_the_program_check_of_the_target() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10800, &[ccw(0x03, NONE, 1, 0)]);
    let ccws = [ccw(0x02, CC, 8, 0x10800), tic(0x10800)];
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), [0x10800]);
    assert_eq!(overwritten(&machine), (1, Some(0x10800)));
}

#[test]
fn a_target_that_the_guest_does_not_have_stays_a_program_check_of_the_tic() {
    let mut machine = Machine::new();
    let ccws = [ccw(0x02, CC, 16, 0x1fff8), tic(0x20000)];
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), [0x10008]);
    assert_eq!(overwritten(&machine), (0, None));
}

#[test]
fn a_tic_to_an_overwritten_tic_is_the_second_one_in_succession() {
    // The TIC at 0x10018 leads to the one at 0x10800 and that to 0x10900, which is overwritten.
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10800, &[tic(0x10900)]);
    machine.program(Format::One, 0x10900, &[ccw(0x03, NONE, 1, 0)]);
    let ccws = [
        ccw(0x02, CC, 8, 0x10900),
        ccw(0x31, CC, 5, 0x12000),
        tic(0x10800),
        tic(0x10900),
    ];
    let found = checks(&mut machine, &modifiable(), &ccws);
    assert_eq!(found, [0x10800, 0x10900]);
    assert_eq!(overwritten(&machine).0, 2);
}

#[test]
fn a_program_that_begins_with_a_tic_ends_there() {
    // The target of the TIC stores over itself, and a TIC leads back from there.
    let mut machine = Machine::new();
    machine.program(
        Format::One,
        0x10800,
        &[ccw(0x02, CC, 8, 0x10800), tic(0x10000)],
    );
    machine.program(Format::One, 0x10000, &[tic(0x10800)]);
    let host = machine.translate(&modifiable()).unwrap();
    assert!(machine.host_ccw(&host, 0).is_tic(Format::One));
    assert_eq!(overwritten(&machine), (0, None));
}

#[test]
fn a_tic_that_is_elsewhere_does_not_lead_to_its_overwritten_target() {
    // Data is chained to the TIC at 0x10018, and status modifier leads to it from 0x10008: in the
    // host it is in two slots.
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10800, &[ccw(0x0b, NONE, 1, 0x12000)]);
    let ccws = [
        ccw(0x02, CC, 8, 0x10800),
        ccw(0x31, CC, 5, 0x12000),
        ccw(0x01, CD, 8, 0x13000),
        tic(0x10800),
    ];
    machine.program(Format::One, 0x10000, &ccws);
    let host = machine.translate(&modifiable()).unwrap();
    assert_eq!(overwritten(&machine), (2, Some(0x10800)));
    let mut stops = 0;
    for slot in 0..20 {
        let found = machine.host_ccw(&host, slot);
        if found.is_tic(Format::One) {
            let target = (found.address - host.orb().cpa()) / 8;
            assert_ne!(machine.host_ccw(&host, target).command, 0x0b);
            stops += u32::from(cpa_of(&machine, &host, target) == 0x10808);
        }
    }
    assert_eq!(stops, 1);
}

#[test]
fn a_store_after_the_target_was_fetched_leaves_it() {
    let mut machine = Machine::new();
    machine.program(
        Format::One,
        0x10800,
        &[ccw(0x02, CC, 8, 0x10800), ccw(0x03, NONE, 1, 0)],
    );
    let ccws = [ccw(0x03, CC, 1, 0), tic(0x10800)];
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), []);
}

/// More reads than there are areas to remember, each of which stores over one of its own.
#[test]
fn a_program_that_overwrites_more_places_than_are_remembered_is_stopped_at_each_of_them() {
    let mut machine = Machine::new();
    let places = 100_u32;
    let mut ccws: Vec<_> = (0..places)
        .map(|number| ccw(0x02, CC, 1, 0x10000 + 8 * (places + 2 * number)))
        .collect();
    ccws.extend((0..2 * places).map(|_| ccw(0x03, CC, 1, 0)));
    ccws.push(ccw(0x03, NONE, 1, 0));
    let found = checks(&mut machine, &modifiable(), &ccws);
    for number in 0..places {
        assert!(found.contains(&(0x10000 + 8 * (places + 2 * number))));
    }
    assert!(found.iter().all(|address| *address >= 0x10000 + 8 * places));
}

#[test]
fn a_store_counts_though_a_later_one_is_over_the_same_ccw() {
    // The CCW at 0x10808 is executed between the two.
    let mut machine = Machine::new();
    let read = ccw(0x02, CC, 8, 0x10808);
    let last = ccw(0x03, NONE, 1, 0);
    machine.program(Format::One, 0x10100, &[read, last]);
    let first = [read, ccw(0x03, CC, 1, 0), tic(0x10100)];
    machine.program(Format::One, 0x10800, &first);
    let ccws = [ccw(0x03, CC, 1, 0), tic(0x10800)];
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), []);
    assert_eq!(overwritten(&machine), (1, Some(0x10808)));
}

#[test]
fn of_too_many_areas_neighbours_are_taken_together() {
    // 32 reads at 0x10100 store over CCWs at 0x10808, which were executed before. The read at
    // 0x10800 stores over the CCW after these, which comes later.
    let mut machine = Machine::new();
    let places: Vec<u32> = (0..32).map(|number| 0x10808 + 8 * number).collect();
    let reads = places.iter().map(|place| ccw(0x02, CC, 8, *place));
    let last: Vec<_> = reads.chain([ccw(0x03, NONE, 1, 0)]).collect();
    machine.program(Format::One, 0x10100, &last);
    let nop = ccw(0x03, CC, 1, 0);
    let first: Vec<_> = [ccw(0x02, CC, 8, 0x10908)]
        .into_iter()
        .chain([nop; 33])
        .chain([tic(0x10100)])
        .collect();
    machine.program(Format::One, 0x10800, &first);
    machine.program(Format::One, 0x10000, &[nop, tic(0x10800)]);
    machine.translate(&modifiable()).unwrap();
    // The last of the 32, too, but no other.
    assert_eq!(overwritten(&machine), (2, Some(0x10900)));
}
