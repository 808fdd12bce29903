// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs and lists, and whose translation waits there until the
//! rest is translated.
//!
//! The reference is a channel that prefetches nothing, on guest memory. Where the translation can
//! wait, it does what the program does; elsewhere it stops with a program check at the CCW or word
//! that is stored over.

use std::collections::BTreeMap;

use model::agreement::{
    check_waiting,
    generate,
    generate_overwrite,
    generate_overwrite_anywhere,
    shrink,
    Case,
    Outcome,
    Overwritten, //
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

#[test]
fn other_programs_are_as_before() {
    for seed in 0..1_000 {
        outcome(&generate(seed), seed);
    }
}
