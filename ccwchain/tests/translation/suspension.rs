// SPDX-License-Identifier: GPL-2.0

//! Programs that are suspended: where they are, and what their rest needs.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb,
    translator::Sizes, //
};
use model::machine::{
    ccw,
    tic,
    Machine, //
};

use crate::{
    one_ccw::NONE,
    overwrites::{
        checks,
        modifiable,
        CC, //
    },
};

const SUSPEND: Flags = Flags::SUSPEND;
const MIDA: Flags = Flags::MIDA;

/// Returns the guest address of the CCW in a slot, if the program is suspended there.
fn suspended_in(machine: &Machine, host: &HostOrb, slot: u32) -> Option<u32> {
    machine
        .translator
        .suspended_ccw(host.orb().cpa() + 8 * slot)
}

#[test]
fn a_program_is_suspended_at_the_ccw_of_the_guest() {
    let mut machine = Machine::new();
    let host = machine.translate1(&[ccw(0x03, CC, 1, 0), ccw(0x03, SUSPEND, 1, 0)]);
    assert_eq!(suspended_in(&machine, &host, 0), Some(0x10000));
    assert_eq!(suspended_in(&machine, &host, 1), Some(0x10008));
    assert_eq!(machine.translator.suspended_ccw(0), None);
    assert_eq!(suspended_in(&machine, &host, 1000), None);
    machine.release();
    assert_eq!(suspended_in(&machine, &host, 1), None);
}

#[test]
fn the_ccw_after_a_tic_to_an_overwritten_ccw_is_not_taken_for_that() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10800, &[ccw(0x03, NONE, 1, 0)]);
    let ccws = [
        ccw(0x02, CC, 8, 0x10800),
        tic(0x10800),
        ccw(0x03, SUSPEND, 1, 0),
    ];
    checks(&mut machine, &modifiable(), &ccws);
    let host = machine.translate(&modifiable()).unwrap();
    assert_eq!(machine.translator.stats().overwritten, 1);
    let slot = (0..20).find(|slot| machine.host_ccw(&host, *slot).flags.contains(SUSPEND));
    assert_eq!(suspended_in(&machine, &host, slot.unwrap()), Some(0x10010));
}

#[test]
fn a_program_continues_with_what_the_orb_of_its_start_admits() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10000, &[ccw(0x03, NONE, 1, 0)]);
    machine.program(Format::One, 0x10800, &[ccw(0x02, MIDA, 8, 0x18000)]);
    let flags = modifiable().flags();
    let mut host = |flags, cpa| {
        let orb = modifiable().with_flags(flags).with_cpa(cpa);
        machine.translate(&orb).unwrap()
    };
    let (none, midaws) = (host(flags, 0x10000), host(flags, 0x10800));
    assert!(none.admits(&none) && midaws.admits(&midaws));
    assert!(midaws.admits(&none) && !none.admits(&midaws));
    for other in [orb::Flags::IDAW_2K, orb::Flags::SUSPEND] {
        let other = host(flags.union(other), 0x10000);
        assert!(!none.admits(&other) && !other.admits(&none));
    }
    // The rest may have no wait points any more.
    let prefetch = host(flags.union(orb::Flags::PREFETCH), 0x10000);
    assert!(none.admits(&prefetch) && !prefetch.admits(&none));
}

#[test]
fn the_rest_is_translated_by_a_translator_of_the_same_sizes() {
    let mut machine = Machine::new();
    let ccws = Sizes::MAX.ccws;
    let long: Vec<_> = (1..=ccws)
        .map(|number| ccw(0x03, if number < ccws { CC } else { NONE }, 1, 0))
        .collect();
    machine.program(Format::One, 0x10000, &long);
    let host = machine.translate_growing(|machine| machine.translate(&modifiable()));
    assert!(host.is_ok());
    machine.release();

    // Without growing.
    machine.translator = machine.translator.another(1).unwrap();
    assert!(machine.translate(&modifiable()).is_ok());
    assert_eq!(machine.translator.stats().ccws, ccws);
}
