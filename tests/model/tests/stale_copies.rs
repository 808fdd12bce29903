// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs and lists: what their translation does.
//!
//! The reference is a channel that prefetches nothing, on guest memory. An ORB that allows
//! prefetching also allows what the translator does, which is to take all CCWs and lists before the
//! program begins. Without it, the copies could be *stale*. So the translation does what the
//! program does, or does so up to a CCW or word that is stored over, and stops there with a program
//! check. Everything else is a failure, and so is any access that is not contained.

use std::collections::BTreeMap;

use model::{
    agreement::{
        check,
        generate_overwrite,
        generate_overwrite_anywhere,
        shrink,
        Case,
        Outcome,
        Overwritten,
        Prefetch, //
    },
    channel::Use, //
};

/// The behaviour of a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    /// The same as the program. Nothing that was stored over is fetched.
    Untouched,
    /// The same as the program. What was stored is fetched, but has no effect.
    NoEffect,
    /// The same as the program, which runs what was stored. If that is invalid, it ends there with
    /// a program check, too.
    Right,
    /// The same as the program on a channel that prefetches the list of the current CCW. It may do
    /// so with any ORB.
    ListPrefetched,
    /// The same as the program before anything was stored over it, which is allowed if the ORB
    /// allows prefetching. The first such fetch is of this kind.
    Prefetched(Use),
    /// The same as the program up to the first fetch of what was stored over. This fetch, which is
    /// of this kind, gives a program check.
    Stops(Use),
    /// The same as the program up to a fetch of this kind, which gives a program check. What is
    /// fetched is unchanged, but the translator cannot know that.
    StopsInVain(Use),
}

/// The behaviour if a program stores over this and prefetching is not allowed, and why.
#[rustfmt::skip]
const BEHAVIOUR: [(Overwritten, Behaviour, &str); 25] = {
    use Overwritten as Over;
    use Behaviour::{ListPrefetched, Stops, StopsInVain, Untouched};
    [
        (Over::CommandCode, Stops(Use::Ccw), "the device would receive the old command"),
        (Over::Flags, Stops(Use::Ccw), "the program would continue or end as the old flags say"),
        (Over::Count, Stops(Use::Ccw), "as many bytes would be moved as the old count says"),
        (Over::Address, Stops(Use::Ccw), "the data at the old address would be moved"),
        (Over::Ccw, Stops(Use::Ccw), "the old CCW would be executed"),
        (Over::Ccws, Stops(Use::Ccw), "the first of the old CCWs would be executed"),
        (Over::TicTarget, Stops(Use::Ccw), "the old target would be executed"),
        (Over::BehindSearch, Stops(Use::Ccw), "status modifier would lead to the old CCW"),
        (Over::OwnDataChain, Stops(Use::Ccw), "the rest of the data would go to the old address"),
        (Over::IplRecords, Stops(Use::Ccw), "there were no CCWs before"),
        (Over::Head, Stops(Use::Ccw), "the old CCW would be executed again"),
        (Over::LaterIdaw, Stops(Use::Idaw), "the data at the old IDAW would be moved"),
        (Over::LaterMidaw, Stops(Use::Midaw), "the data at the old MIDAW would be moved"),
        (Over::OwnIdaw, ListPrefetched, "a channel may have fetched the old IDAW with the CCW"),
        (Over::OwnMidaw, ListPrefetched, "a channel may have fetched the old MIDAW with the CCW"),
        (Over::ExecutedCcw, Untouched, "the CCW is not fetched again"),
        (Over::UsedList, Untouched, "the list is not fetched again"),
        (Over::OwnCcw, Untouched, "the CCW is current when its data is stored"),
        (Over::OwnUsedWord, Untouched, "the word is in use when the data is stored"),
        (Over::BehindEnd, Untouched, "the program ends before"),
        (Over::BehindListEnd, Untouched, "the count ends before"),
        (Over::SameContents, StopsInVain(Use::Ccw), "what the device sends is not known before"),
        (Over::NotStored, StopsInVain(Use::Ccw), "how much it sends is not known before"),
        (Over::Skipped, Untouched, "the data is not stored"),
        (Over::Data, Untouched, "data is not copied"),
    ]
};

/// The number of programs of each kind.
const PROGRAMS: u64 = 200;

/// The number of programs that store anywhere.
const ANYWHERE: u64 = 4_000;

/// The behaviour of those of them for which prefetching is not allowed.
const FOUND_ANYWHERE: [&str; 10] = [
    "ListPrefetched",
    "NoEffect",
    "Right",
    "Stops(Ccw)",
    "Stops(Idaw)",
    "Stops(Midaw)",
    "StopsInVain(Ccw)",
    "StopsInVain(Idaw)",
    "StopsInVain(Midaw)",
    "Untouched",
];

/// Returns the outcome of a case.
///
/// # Panics
///
/// If the translation does something else than the program, or is not contained.
fn outcome(case: &Case, seed: u64) -> Outcome {
    check(case).unwrap_or_else(|_| {
        let small = shrink(case, |case| check(case).is_err());
        let failure = check(&small).expect_err("a failing case");
        panic!("seed {seed} fails; smallest program:\n{small}{failure}")
    })
}

/// Returns what the translation does, by its outcome.
fn behaviour(outcome: &Outcome) -> Behaviour {
    match (outcome.stop, outcome.prefetch, outcome.changed) {
        (Some(stop), ..) if stop.changed => Behaviour::Stops(stop.purpose),
        (Some(stop), ..) => Behaviour::StopsInVain(stop.purpose),
        (None, Prefetch::Nothing, None) => Behaviour::Untouched,
        (None, Prefetch::Nothing, Some(_)) if !outcome.matters => Behaviour::NoEffect,
        (None, Prefetch::Nothing, Some(_)) => Behaviour::Right,
        (None, Prefetch::Lists, _) => Behaviour::ListPrefetched,
        (None, Prefetch::Everything, changed) => Behaviour::Prefetched(changed.expect("a copy")),
    }
}

/// Returns the number of the CCWs and lists.
fn size(case: &Case) -> usize {
    case.ccws.len() + case.lists.len()
}

/// Checks the programs that store over this. Returns the smallest one for which this matters, if
/// it does.
fn check_kind(overwritten: Overwritten, expected: Behaviour, why: &str) -> Option<Case> {
    // All programs, those with this result and those with the right one, if prefetching is not
    // allowed and if it is.
    let mut counts = [(0, 0, 0); 2];
    let mut differs: Option<Case> = None;
    for seed in 0..PROGRAMS {
        let case = generate_overwrite(overwritten, seed);
        let found = behaviour(&outcome(&case, seed));
        let stops = matches!(expected, Behaviour::Stops(_));
        let is_allowed = match found {
            _ if found == expected => true,
            _ if expected == Behaviour::Untouched => false,
            Behaviour::Untouched => case.may_prefetch() && !stops,
            // The stored contents may be invalid, or happen to do the same as the old ones.
            Behaviour::Right => stops || case.may_prefetch(),
            Behaviour::NoEffect => true,
            _ => case.may_prefetch(),
        };
        assert!(
            is_allowed,
            "{overwritten:?}, seed {seed}: {found:?}, but {expected:?} because {why}\n{case}"
        );
        let (all, same, right) = &mut counts[usize::from(case.may_prefetch())];
        *all += 1;
        *same += u64::from(found == expected);
        *right += u64::from(found == Behaviour::Right);
        if found != expected || expected == Behaviour::Untouched || case.may_prefetch() {
            continue;
        }
        let is_smaller = differs
            .as_ref()
            .is_none_or(|other| size(&case) < size(other));
        if is_smaller {
            differs = Some(case);
        }
    }
    let [(all, same, right), (of_allowed, same_of_allowed, _)] = counts;
    println!(
        "{overwritten:?}: {expected:?} in {same} of {all}, right in {right}; where prefetching is \
         allowed, in {same_of_allowed} of {of_allowed}: {why}"
    );
    let enough = (same + right) * 20 > all * 19 && same > all / 2;
    assert!(enough, "{overwritten:?} is rarely {expected:?}");
    let is_same = |case: &Case| {
        !case.may_prefetch() && check(case).is_ok_and(|outcome| behaviour(&outcome) == expected)
    };
    differs.map(|case| shrink(&case, is_same))
}

#[test]
fn stale_copies() {
    for (overwritten, expected, why) in BEHAVIOUR {
        if let Some(small) = check_kind(overwritten, expected, why) {
            println!("smallest program:\n{small}");
        }
    }
}

/// Whatever is stored over a program, its translation does what the program does, or stops, and is
/// contained.
#[test]
fn anything_can_be_stored_over() {
    let mut counts = BTreeMap::<String, u64>::new();
    for seed in 0..ANYWHERE {
        let case = generate_overwrite_anywhere(seed);
        let found = behaviour(&outcome(&case, seed));
        if !case.may_prefetch() {
            *counts.entry(format!("{found:?}")).or_default() += 1;
        }
    }
    println!("{counts:#?}");
    let found: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(found, FOUND_ANYWHERE);
}
