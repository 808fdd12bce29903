// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs and lists, and whose translation waits there until the
//! rest is translated.
//!
//! The reference is a channel that prefetches nothing, on guest memory. Where the translation can
//! wait, it does what the program does; elsewhere it stops with a program check at the CCW or word
//! that is stored over.

use std::collections::BTreeMap;

use ccwchain::orb::{
    Flags,
    Orb, //
};
use model::agreement::{
    check_waiting,
    generate,
    generate_append,
    generate_overwrite,
    generate_overwrite_anywhere,
    shrink,
    Case,
    Failure,
    Kind,
    Outcome,
    Overwritten, //
};
use model::channel::{
    Ccw,
    Step, //
};

/// The number of programs of each kind.
const PROGRAMS: u64 = 200;

/// The number of programs that store anywhere.
const ANYWHERE: u64 = 4_000;

/// Outcomes of some of these programs, if prefetching is not allowed.
const FOUND_ANYWHERE: [&str; 6] = [
    "0 rests, stop Some(Idaw)",
    "1 rests, stop None",
    "1 rests, stop Some(Ccw)",
    "1 rests, stop Some(Idaw)",
    "2 rests, stop None",
    "2 rests, stop Some(Ccw)",
];

/// Returns the outcome of a case.
///
/// # Panics
///
/// If the translation does something else than the program, or is not contained.
fn outcome(case: &Case, seed: u64) -> Outcome {
    check_waiting(case).unwrap_or_else(|_| {
        let small = shrink(case, |case| check_waiting(case).is_err());
        let failure = check_waiting(&small).expect_err("a failing case");
        panic!("seed {seed} fails; smallest program:\n{small}{failure}")
    })
}

/// Least percentages of the programs that are stored over at a place: of those that wait there and
/// then do what they must, and of those that stop.
#[rustfmt::skip]
const SHARES: [(Overwritten, u64, u64); 13] = {
    use Overwritten as Over;
    [
        (Over::CommandCode, 100, 0),
        // Data is chained to some of these.
        (Over::Flags, 70, 10),
        (Over::Count, 70, 10),
        (Over::Address, 70, 10),
        (Over::Ccw, 70, 10),
        (Over::Ccws, 100, 0),
        (Over::TicTarget, 100, 0),
        (Over::IplRecords, 100, 0),
        (Over::Head, 95, 0),
        (Over::LaterIdaw, 100, 0),
        (Over::LaterMidaw, 100, 0),
        (Over::BehindSearch, 0, 70),
        (Over::OwnDataChain, 0, 70),
    ]
};

#[test]
fn programs_wait_where_they_can() {
    for (overwritten, waits, stops) in SHARES {
        let (mut all, mut waited, mut stopped) = (0, 0, 0);
        for seed in 0..PROGRAMS {
            let case = generate_overwrite(overwritten, seed);
            let outcome = outcome(&case, seed);
            if case.may_prefetch() {
                assert_eq!(outcome.rests, 0, "{case}");
                continue;
            }
            all += 1;
            waited += u64::from(outcome.rests > 0 && outcome.stop.is_none());
            stopped += u64::from(outcome.stop.is_some());
        }
        println!("{overwritten:?}: of {all}, {waited} wait and are right, {stopped} stop");
        assert!(
            waited * 100 >= waits * all && stopped * 100 >= stops * all,
            "{overwritten:?}"
        );
    }
}

#[test]
fn anything_can_be_stored_over() {
    let mut counts = BTreeMap::<String, u64>::new();
    for seed in 0..ANYWHERE {
        let case = generate_overwrite_anywhere(seed);
        let outcome = outcome(&case, seed);
        if !case.may_prefetch() {
            let stop = outcome.stop.map(|stop| stop.purpose);
            let name = format!("{} rests, stop {stop:?}", outcome.rests.min(3));
            *counts.entry(name).or_default() += 1;
        }
    }
    println!("{counts:#?}");
    for found in FOUND_ANYWHERE {
        assert!(counts.contains_key(found), "{found}");
    }
}

/// The least percentage of the programs with parts that the guest appends that wait for at least so
/// many rests, of those for which prefetching is not allowed.
const APPENDED: [(u32, u64); 3] = [(1, 80), (2, 45), (4, 15)];

#[test]
fn what_a_guest_appends_is_run() {
    let (mut all, mut rests) = (0, Vec::new());
    for seed in 0..2_000 {
        let case = generate_append(seed);
        let outcome = outcome(&case, seed);
        assert_eq!(outcome.stop, None, "{case}");
        if case.may_prefetch() {
            assert_eq!(outcome.rests, 0, "{case}");
        } else {
            all += 1;
            rests.push(outcome.rests);
        }
    }
    for (least, percent) in APPENDED {
        let count = rests.iter().filter(|rests| **rests >= least).count() as u64;
        println!("of {all}, {count} wait for {least} rests or more");
        assert!(count * 100 >= percent * all);
    }
}

/// The greatest number of rests of a program.
const MAX_RESTS: u32 = 64;

#[test]
fn a_program_that_looks_for_what_is_appended_continues_at_the_bound() {
    let flags = Ccw::CC | Ccw::SLI;
    let nop = |flags| Ccw {
        code: 0x03,
        flags,
        count: 1,
        address: 0,
    };
    let mut case = generate_append(0);
    let start = 0x1_0000;
    case.orb = Orb::default().with_flags(Flags::FORMAT_1).with_cpa(start);
    let back = Ccw {
        code: 0x08,
        address: start,
        ..Ccw::default()
    };
    case.ccws = vec![(start, nop(flags | Ccw::PCI)), (start + 8, back)];
    case.steps = vec![Step::immediate(); 200];
    case.responses.clear();
    let endless = outcome(&case, 0);
    assert_eq!((endless.kind, endless.rests), (Kind::Cut, MAX_RESTS));

    let [end, back] = [nop(Ccw::SLI), back].map(|ccw| ccw.to_bytes(case.format()).to_vec());
    let at = u64::from(start) + 8;
    let ends_at = |interruption: u32| {
        let mut responses = vec![(at, back.clone()); interruption as usize - 1];
        responses.push((at, end.clone()));
        let case = Case {
            responses,
            ..case.clone()
        };
        check_waiting(&case)
    };
    let last = ends_at(MAX_RESTS).expect("the same");
    assert_eq!((last.kind, last.rests), (Kind::Good, MAX_RESTS));
    // The last rest has the TIC that was there when it was translated.
    assert!(matches!(
        ends_at(MAX_RESTS + 1),
        Err(Failure::Difference("endings", _))
    ));
}

#[test]
fn other_programs_are_as_before() {
    for seed in 0..1_000 {
        outcome(&generate(seed), seed);
    }
}
