// SPDX-License-Identifier: GPL-2.0

//! Wait points: where the host program waits until the rest of it is translated.

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
    }, //
};
use iommu_type1_stub::Access;
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
    }, //
};

const CD: Flags = Flags::CD;
const IDA: Flags = Flags::IDA;

/// The slots that are looked at.
const SLOTS: u32 = 200;

/// Returns a machine whose programs may have wait points.
pub(crate) fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.translator.set_wait_points(true);
    machine
}

/// Returns the absolute addresses of the wait points of the program, and the guest addresses of the
/// CCWs in whose place they are.
pub(crate) fn wait_points(machine: &Machine, host: &HostOrb) -> Vec<(u32, u32)> {
    let addresses = (0..SLOTS).map(|slot| host.orb().cpa() + 8 * slot);
    addresses
        .filter_map(|address| {
            let continuation = machine.translator.continuation(address)?;
            Some((address, continuation.ccw()))
        })
        .collect()
}

/// Translates CCWs at 0x10000. Returns the guest addresses of those with a wait point in their
/// place, and the number of program checks.
pub(crate) fn places(orb: &Orb, ccws: &[Ccw]) -> (Vec<u32>, usize) {
    let mut machine = machine();
    machine.program(Format::of(orb), 0x10000, ccws);
    let host = machine.translate(orb).unwrap();
    let mut points: Vec<u32> = wait_points(&machine, &host)
        .iter()
        .map(|(_, ccw)| *ccw)
        .collect();
    points.sort_unstable();
    let stats = machine.translator.stats();
    assert_eq!(stats.wait_points, points.len());
    (points, stats.overwritten)
}

/// A name, CCWs at 0x10000, the addresses of those with a wait point, and the number of checks.
type Row = (&'static str, Vec<Ccw>, Vec<u32>, usize);

fn rows() -> Vec<Row> {
    let nop = |flags| ccw(0x03, flags, 1, 0);
    let read = |flags, count, address| ccw(0x02, flags, count, address);
    let search = ccw(0x31, CC, 5, 0x12000);
    vec![
        (
            "the record has CCWs, where there are none",
            vec![read(CC, 24, 0x10000), Ccw::default()],
            vec![0x10008],
            0,
        ),
        (
            "only the first of several, and where status modifier leads past it",
            vec![read(CC, 40, 0x10000), nop(CC), nop(CC), nop(CC), nop(NONE)],
            vec![0x10008, 0x10010],
            0,
        ),
        (
            "on both branches",
            vec![read(CC, 64, 0x10010), search, nop(CC), nop(CC), nop(NONE)],
            vec![],
            2,
        ),
        (
            "after a search and a TIC",
            vec![read(CC, 8, 0x10018), search, tic(0x10008), nop(NONE)],
            vec![],
            1,
        ),
        (
            "the command after that",
            vec![
                read(CC, 8, 0x10020),
                search,
                tic(0x10008),
                nop(CC),
                nop(NONE),
            ],
            vec![0x10020],
            0,
        ),
        (
            "after LOCATE RECORD",
            vec![
                read(CC, 8, 0x10018),
                ccw(0x47, CC, 16, 0x12000),
                read(CC, 8, 0x12000),
                nop(NONE),
            ],
            vec![],
            1,
        ),
        (
            "before LOCATE RECORD",
            vec![
                read(CC, 8, 0x10008),
                nop(CC),
                ccw(0x47, CC, 16, 0x12000),
                nop(NONE),
            ],
            vec![0x10008],
            0,
        ),
        (
            "a data chain",
            vec![
                read(CC, 8, 0x10010),
                read(CD, 8, 0x12000),
                read(NONE, 8, 0x12100),
            ],
            vec![],
            1,
        ),
        (
            "the target of a TIC",
            vec![
                read(CC, 8, 0x10018),
                tic(0x10018),
                Ccw::default(),
                nop(NONE),
            ],
            vec![0x10008],
            0,
        ),
        (
            "the head of a loop",
            vec![nop(CC), read(CC, 8, 0x10000), tic(0x10000)],
            vec![0x10010],
            0,
        ),
        (
            "a list",
            vec![read(CC, 8, 0x10100), ccw(0x02, IDA, 8, 0x10100)],
            vec![0x10008],
            0,
        ),
        (
            "a list after a search and a TIC",
            vec![
                read(CC, 8, 0x10100),
                search,
                tic(0x10020),
                nop(NONE),
                ccw(0x02, IDA, 8, 0x10100),
            ],
            vec![],
            1,
        ),
        (
            "its own list",
            vec![nop(CC), ccw(0x02, IDA, 8, 0x10100)],
            vec![],
            0,
        ),
        (
            "not in place of a TIC to a TIC, which the channel refuses",
            vec![read(CC, 8, 0x10000), tic(0x10010), tic(0x10018), nop(NONE)],
            vec![],
            0,
        ),
    ]
}

#[test]
fn a_wait_point_is_where_the_program_can_wait() {
    for (name, ccws, points, checks) in rows() {
        assert_eq!(places(&modifiable(), &ccws), (points, checks), "{name}");
    }
}

#[test]
fn data_that_is_stored_over_is_no_list() {
    let ccws = [
        ccw(0x02, CC, 0x8008, 0),
        ccw(0x01, CC, 8, 0x100),
        ccw(0x03, NONE, 1, 0),
    ];
    let mut machine = machine();
    machine.map(0, 0x10000, Access::Write);
    machine.program(Format::One, 0x8000, &ccws);
    machine.translate(&modifiable().with_cpa(0x8000)).unwrap();
    let stats = machine.translator.stats();
    assert_eq!((stats.wait_points, stats.overwritten), (0, 0));
}

#[test]
fn no_program_waits_unless_the_caller_allows_it() {
    for (name, ccws, ..) in rows() {
        let mut machine = Machine::new();
        machine.program(Format::One, 0x10000, &ccws);
        let host = machine.translate(&modifiable()).unwrap();
        assert_eq!(wait_points(&machine, &host), [], "{name}");
    }
}

#[test]
fn the_channel_is_told_of_midaws_before_which_a_program_waits() {
    let read_over = ccw(0x02, CC, 8, 0x10008);
    for (flags, has_midaws) in [(Flags::MIDA, true), (NONE, false)] {
        let mut machine = machine();
        machine.store_midaws(0x18000);
        let ccws = [read_over, ccw(0x02, flags, 256, 0x18000)];
        machine.program(Format::One, 0x10000, &ccws);
        let host = machine.translate(&modifiable()).unwrap();
        assert_eq!(wait_points(&machine, &host).len(), 1);
        let told = host.orb().flags().contains(orb::Flags::MIDAW);
        assert_eq!(told, has_midaws, "{flags}");
    }
}

#[test]
fn the_channel_is_told_of_midaws_that_the_program_can_use() {
    let midaws = |flags| ccw(0x02, flags, 256, 0x18000);
    let read_over = |address| ccw(0x02, CC, 8, address);
    for (ccws, has_midaws) in [
        // The last CCW has a program check in its place.
        (
            [
                midaws(Flags::MIDA.union(CC)),
                read_over(0x10010),
                ccw(0x03, NONE, 1, 0),
            ],
            true,
        ),
        (
            [ccw(0x03, CC, 1, 0), read_over(0x10010), midaws(Flags::MIDA)],
            false,
        ),
    ] {
        let mut machine = Machine::new();
        machine.store_midaws(0x18000);
        machine.program(Format::One, 0x10000, &ccws);
        let host = machine.translate(&modifiable()).unwrap();
        assert_eq!(machine.translator.stats().overwritten, 1);
        let told = host.orb().flags().contains(orb::Flags::MIDAW);
        assert_eq!(told, has_midaws);
    }
}

#[test]
fn a_tic_to_what_is_no_address_of_a_ccw_is_a_program_check_of_the_tic() {
    for target in [0x8000_0000, 0xffff_fff8, 0x1_0004] {
        let mut machine = machine();
        let ccws = [ccw(0x02, CC, 8, 0x10000), tic(target)];
        machine.program(Format::One, 0x10000, &ccws);
        let host = machine.translate(&modifiable()).unwrap();
        let cpas = (0..SLOTS).map(|slot| machine.guest_cpa(host.orb().cpa() + 8 * slot));
        let cpas: Vec<u32> = cpas.filter(|cpa| *cpa != 0).collect();
        assert!(
            cpas.iter().all(|cpa| (0x10000..0x11000).contains(cpa)),
            "{cpas:x?}"
        );
    }
}

#[test]
fn a_program_has_at_most_so_many_wait_points() {
    // Each search leads to one more place, past a command.
    let branches = 20;
    let mut ccws = vec![ccw(0x02, CC, 8 * 3 * branches, 0x10800)];
    for branch in 0..u32::from(branches) {
        ccws.extend([
            ccw(0x31, CC, 5, 0x12000),
            tic(0x10400 + 16 * branch),
            ccw(0x03, CC, 1, 0),
        ]);
    }
    ccws.push(ccw(0x03, NONE, 1, 0));
    let mut machine = machine();
    machine.program(Format::One, 0x10000, &ccws);
    for branch in 0..u32::from(branches) {
        let way = [ccw(0x03, CC, 1, 0), tic(0x10800 + 24 * branch)];
        machine.program(Format::One, 0x10400 + 16 * branch, &way);
    }
    machine.translate(&modifiable()).unwrap();
    let stats = machine.translator.stats();
    assert_eq!((stats.wait_points, stats.overwritten), (16, 4));
}
