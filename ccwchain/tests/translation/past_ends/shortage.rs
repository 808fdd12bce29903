// SPDX-License-Identifier: GPL-2.0

//! A shortage for what status modifier leads to past an end, which refuses no program.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    host_orb::HostOrb,
    midaw::{
        self,
        Midaw, //
    },
    orb,
    translator::{
        Sizes,
        Stats, //
    },
};
use iommu_type1_stub::{
    Access,
    Error as Type1Error,
    Fault,
    Operation, //
};
use model::machine::{
    ccw,
    orb1,
    Machine,
    TranslateError, //
};

use super::{
    check_nothing_is_there,
    orb_for,
    search,
    NONE, //
};

#[test]
fn garbage_there_refuses_nothing() {
    for (what, ccws, garbage) in [
        ("no CCW", 1, ccw(0xff, Flags::from_bits(0xff), 0, !0)),
        ("too many CCWs", 7000, ccw(0x03, Flags::CC, 1, 0)),
        ("too much data", 1000, ccw(0x02, Flags::CC, !0, 0x20000)),
        ("too many pins", 1, ccw(0x02, NONE, 16, 0x20000)),
    ] {
        let garbage = vec![garbage; ccws];
        for format in [Format::Zero, Format::One] {
            let mut machine = Machine::new();
            machine.map(0x20000, 0x20000, Access::Write);
            // As many as the search needs.
            machine.guest.iommu.set_limit(1);
            let [search, end, _] = search();
            let program = [&[search, end], garbage.as_slice()].concat();
            machine.program(format, 0x10000, &program);
            let translate = |machine: &mut Machine| machine.translate(&orb_for(format, 0x10000));
            let host = machine.translate_growing(translate).unwrap();
            check_nothing_is_there(&machine, &host, 0x10000, what);
            machine.release();
            assert_eq!(machine.guest.iommu.pins(), 0, "{what}");
        }
    }
}

/// Translates a search and the CCW past its end, which have `before` and `there` blocks of data,
/// with this much room.
fn translate_with(
    sizes: Sizes,
    arena: usize,
    before: u16,
    there: u16,
) -> (Machine, Result<HostOrb, TranslateError>) {
    let mut machine = Machine::with_sizes(sizes, arena);
    machine.map(0x10000, 0x10000, Access::Write);
    let [search, end, read] = search();
    let search = Ccw {
        count: before * 0x1000,
        ..search
    };
    let read = Ccw {
        count: there * 0x1000,
        ..read
    };
    machine.program(Format::One, 0x10000, &[search, end, read]);
    let result = machine.translate(&orb1(0x10000));
    if result.is_err() {
        assert_eq!(machine.guest.iommu.pins(), 0);
        assert_eq!(machine.translator.stats(), Stats::default());
    }
    (machine, result)
}

/// Returns whether the CCW past the end was translated, and not left out, or the error.
fn outcome((machine, result): (Machine, Result<HostOrb, TranslateError>)) -> Result<bool, Bound> {
    match result {
        Ok(host) if machine.host_ccw(&host, 2).command == 0x06 => Ok(true),
        Ok(host) => {
            check_nothing_is_there(&machine, &host, 0x10000, "too large");
            assert_eq!(machine.translator.stats().ccws, 2);
            Ok(false)
        }
        Err(Error::TooLarge(bound)) => Err(bound),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn room_is_asked_for_before_what_is_there_is_given_up() {
    let enough = Sizes {
        ccws: 3,
        idaws: 4,
        cached_pages: 0,
    };
    // The search has two blocks of data, and so has the read.
    let blocks = Sizes::IDLE_ARENA;
    let with = |sizes| outcome(translate_with(sizes, blocks, 2, 2));

    let ccws = |ccws| with(Sizes { ccws, ..enough });
    assert_eq!([3, 2].map(ccws), [Ok(true), Err(Bound::Ccws)]);
    let idaws = |idaws| with(Sizes { idaws, ..enough });
    assert_eq!([4, 3].map(idaws), [Ok(true), Err(Bound::Idaws)]);
    assert_eq!(outcome(translate_with(enough, 1, 2, 2)), Err(Bound::Arena));
}

#[test]
fn the_most_that_there_can_be_is_for_the_program_without_what_is_there() {
    for (before, expected) in [
        (Sizes::MAX.ccws - 3, Ok(true)),
        (Sizes::MAX.ccws - 2, Ok(false)),
        (Sizes::MAX.ccws - 1, Err(Bound::Ccws)),
    ] {
        let mut machine = Machine::new();
        machine.map(0x40000, 0x10000, Access::Write);
        let [search, end, read] = search();
        let nothing = ccw(0x03, Flags::CC.union(Flags::SLI), 1, 0);
        let mut program = vec![nothing; before];
        program.extend([search, end, read]);
        machine.program(Format::One, 0x40000, &program);
        let translate = |machine: &mut Machine| machine.translate(&orb1(0x40000));
        let is_there = match machine.translate_growing(translate) {
            Ok(_) => Ok(machine.translator.stats().ccws == before + 3),
            Err(Error::TooLarge(bound)) => Err(bound),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(is_there, expected, "{before} CCWs before the search");
    }
}

#[test]
fn a_list_that_is_too_long_at_any_size_refuses_nothing_there() {
    let mut machine = Machine::new();
    let [search, end, read] = search();
    let read = Ccw {
        flags: Flags::MIDA,
        count: u16::MAX,
        address: 0x18000,
        ..read
    };
    machine.program(Format::One, 0x10000, &[search, end, read]);
    // The list has as many MIDAWs as there can be, and the first becomes several.
    machine.store_midaws(0x18000);
    let first = Midaw {
        flags: midaw::Flags::SKIP,
        count: u16::MAX - 255,
        address: 0x12000,
    };
    machine
        .guest
        .iommu
        .store(0x18000, &first.to_bytes())
        .unwrap();
    let orb = orb1(0x10000);
    let orb = orb.with_flags(orb.flags().union(orb::Flags::MIDAW));
    let host = machine.translate_growing(|machine| machine.translate(&orb));
    check_nothing_is_there(&machine, &host.unwrap(), 0x10000, "too many MIDAWs");
}

#[test]
fn a_shortage_of_pins_for_what_is_there_refuses_nothing() {
    for (limit, expected) in [
        (4, Some(true)),
        (3, Some(false)),
        (2, Some(false)),
        (1, None),
    ] {
        let mut machine = Machine::new();
        machine.guest.iommu.set_limit(limit);
        let [search, end, read] = search();
        let search = Ccw {
            count: 0x2000,
            ..search
        };
        let read = Ccw {
            count: 0x2000,
            address: 0x14000,
            ..read
        };
        machine.program(Format::One, 0x10000, &[search, end, read]);
        let result = machine.translate(&orb1(0x10000));
        let found = match result {
            Ok(host) => Some(machine.host_ccw(&host, 2).command == 0x06),
            Err(error) => {
                assert_eq!(error, Error::Memory(Type1Error::NoMemory));
                None
            }
        };
        assert_eq!(found, expected, "{limit}");
        let pinned = [0, 2, 4][found.map_or(0, |found| 1 + usize::from(found))];
        assert_eq!(machine.guest.iommu.pins(), pinned, "{limit}");
        machine.release();
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
}

#[test]
fn a_shortage_at_any_step_of_what_is_there_refuses_nothing() {
    let program = |machine: &mut Machine| {
        let [search, end, read] = search();
        let read = Ccw {
            flags: Flags::IDA,
            count: 0x1800,
            address: 0x16000,
            ..read
        };
        for (address, idaw) in [(0x16000, 0x14800_u64), (0x16008, 0x15000)] {
            let bytes = idaw.to_be_bytes();
            machine.guest.iommu.store(address, &bytes).unwrap();
        }
        machine.program(Format::One, 0x10ff0, &[search, end, read]);
    };
    let mut machine = Machine::new();
    program(&mut machine);
    let host = machine.translate(&orb1(0x10ff0)).unwrap();
    let counts = machine.guest.iommu.counts();
    // One read to try it as a sequential program, two to fetch its two pieces, and one for the
    // list.
    assert_eq!((counts.reads, counts.pin_calls), (4, 2));
    let read = machine.host_ccw(&host, 2);
    let blocks = machine.guest_blocks(&host, &read);
    assert_eq!(blocks, Some(vec![0x14800, 0x15000]));

    for (operation, after) in [
        (Operation::Read, 2),
        (Operation::Read, 3),
        (Operation::Pin, 1),
    ] {
        let mut machine = Machine::new();
        program(&mut machine);
        machine.guest.iommu.set_fault(Some(Fault {
            operation,
            after,
            error: Type1Error::NoMemory,
        }));
        let host = machine.translate(&orb1(0x10ff0)).unwrap();
        let what = format!("{operation:?} {after}");
        check_nothing_is_there(&machine, &host, 0x10ff0, &what);
        assert_eq!(machine.guest.iommu.pins(), 1, "{what}");
        // The next program is translated as if nothing had happened.
        let host = machine.translate(&orb1(0x10ff0)).unwrap();
        assert_eq!(machine.host_ccw(&host, 2).command, 0x06, "{what}");
    }
}

#[test]
fn a_shortage_of_a_program_without_such_a_place_is_one() {
    let mut machine = Machine::new();
    machine.translate1(&search());
    machine.guest.iommu.set_limit(0);
    machine.program(Format::One, 0x10000, &[ccw(0x02, NONE, 8, 0x12000)]);
    let before = machine.guest.iommu.counts().pin_calls;
    let result = machine.translate(&orb1(0x10000));
    assert_eq!(result, Err(Error::Memory(Type1Error::NoMemory)));
    let calls = machine.guest.iommu.counts().pin_calls - before;
    assert_eq!(calls, 1, "it is not begun anew");
}
