// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs and lists: what their translation does today.
//!
//! The reference is a channel that prefetches nothing, on guest memory. An ORB that allows
//! prefetching also allows what the translator does, which is to take all CCWs and lists before the
//! program begins. Without it, the translation runs *stale copies*: known wrong results, which
//! [`TODAY`] names. Everything else is a failure, and so is any access that is not contained.

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

/// The result of a translation today if prefetching is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Today {
    /// The same as the program. Nothing that was stored over is fetched.
    Untouched,
    /// The same as the program. What was stored is fetched, but has no effect.
    NoEffect,
    /// The same as the program, which runs what was stored.
    Right,
    /// The same as the program on a channel that prefetches the list of the current CCW. It may do
    /// so with any ORB.
    ListPrefetched,
    /// The same as the program before anything was stored over it, which is wrong. The first such
    /// fetch is of this kind.
    Stale(Use),
}

/// The result today if a program stores over this, and why.
///
/// Whoever mends the translator replaces `Stale` by `Right`, here and in [`FOUND_ANYWHERE`].
#[rustfmt::skip]
const TODAY: [(Overwritten, Today, &str); 24] = {
    use Overwritten as Over;
    use Today::{ListPrefetched, Stale, Untouched};
    [
        (Over::CommandCode, Stale(Use::Ccw), "the device receives the old command"),
        (Over::Flags, Stale(Use::Ccw), "the program continues or ends as the old flags say"),
        (Over::Count, Stale(Use::Ccw), "as many bytes are moved as the old count says"),
        (Over::Address, Stale(Use::Ccw), "the data at the old address is moved"),
        (Over::Ccw, Stale(Use::Ccw), "the old CCW is executed"),
        (Over::Ccws, Stale(Use::Ccw), "the old CCWs are executed"),
        (Over::TicTarget, Stale(Use::Ccw), "the old target is executed"),
        (Over::BehindSearch, Stale(Use::Ccw), "status modifier leads to the old CCW"),
        (Over::OwnDataChain, Stale(Use::Ccw), "the rest of the data goes where the old CCW says"),
        (Over::IplRecords, Stale(Use::Ccw), "a program check, where there were no CCWs before"),
        (Over::Head, Stale(Use::Ccw), "the old CCW is executed each time"),
        (Over::LaterIdaw, Stale(Use::Idaw), "the data at the old IDAW is moved"),
        (Over::LaterMidaw, Stale(Use::Midaw), "the data at the old MIDAW is moved"),
        (Over::OwnIdaw, ListPrefetched, "a channel may have fetched the old IDAW with the CCW"),
        (Over::OwnMidaw, ListPrefetched, "a channel may have fetched the old MIDAW with the CCW"),
        (Over::ExecutedCcw, Untouched, "the CCW is not fetched again"),
        (Over::UsedList, Untouched, "the list is not fetched again"),
        (Over::OwnCcw, Untouched, "the CCW is current when its data is stored"),
        (Over::OwnUsedWord, Untouched, "the word is in use when the data is stored"),
        (Over::BehindEnd, Untouched, "the program ends before"),
        (Over::BehindListEnd, Untouched, "the count ends before"),
        (Over::SameContents, Untouched, "the copy has the same contents"),
        (Over::NotStored, Untouched, "nothing is stored"),
        (Over::Data, Untouched, "data is not copied"),
    ]
};

/// The number of programs of each kind.
const PROGRAMS: u64 = 200;

/// The number of programs that store anywhere.
const ANYWHERE: u64 = 4_000;

/// The results today of those of them for which prefetching is not allowed.
const FOUND_ANYWHERE: [&str; 6] = [
    "ListPrefetched",
    "NoEffect",
    "Stale(Ccw)",
    "Stale(Idaw)",
    "Stale(Midaw)",
    "Untouched",
];

/// Returns the outcome of a case.
///
/// # Panics
///
/// If the translation does neither what the program does, nor what it did before anything was
/// stored over it, or if it is not contained.
fn outcome(case: &Case, seed: u64) -> Outcome {
    check(case).unwrap_or_else(|_| {
        let small = shrink(case, |case| check(case).is_err());
        let failure = check(&small).expect_err("a failing case");
        panic!("seed {seed} fails; smallest program:\n{small}{failure}")
    })
}

/// Returns what the translation does, by its outcome.
fn today(outcome: &Outcome) -> Today {
    match (outcome.prefetch, outcome.changed) {
        (Prefetch::Nothing, None) => Today::Untouched,
        (Prefetch::Nothing, Some(_)) if !outcome.matters => Today::NoEffect,
        (Prefetch::Nothing, Some(_)) => Today::Right,
        (Prefetch::Lists, _) => Today::ListPrefetched,
        (Prefetch::Everything, changed) => Today::Stale(changed.expect("a stale copy")),
    }
}

/// Returns the number of the CCWs and lists.
fn size(case: &Case) -> usize {
    case.ccws.len() + case.lists.len()
}

/// Checks the programs that store over this. Returns the smallest one for which this matters, if
/// it does.
fn check_kind(overwritten: Overwritten, expected: Today, why: &str) -> Option<Case> {
    // All programs and those with this result, if prefetching is not allowed and if it is.
    let mut counts = [(0, 0); 2];
    let mut differs: Option<Case> = None;
    for seed in 0..PROGRAMS {
        let case = generate_overwrite(overwritten, seed);
        let found = today(&outcome(&case, seed));
        let is_allowed = match found {
            _ if expected == Today::Untouched => found == expected,
            Today::Untouched => false,
            // The old and the new contents may happen to do the same.
            Today::NoEffect => true,
            _ => found == expected || case.may_prefetch(),
        };
        assert!(
            is_allowed,
            "{overwritten:?}, seed {seed}: {found:?}, but {expected:?} because {why}\n{case}"
        );
        let (all, same) = &mut counts[usize::from(case.may_prefetch())];
        *all += 1;
        *same += u64::from(found == expected);
        if found != expected || expected == Today::Untouched || case.may_prefetch() {
            continue;
        }
        let is_smaller = differs
            .as_ref()
            .is_none_or(|other| size(&case) < size(other));
        if is_smaller {
            differs = Some(case);
        }
    }
    let [(all, same), (of_allowed, same_of_allowed)] = counts;
    println!(
        "{overwritten:?}: {expected:?} in {same} of {all}; where prefetching is allowed, in \
         {same_of_allowed} of {of_allowed}: {why}"
    );
    let enough = same * 20 > all * 19;
    assert!(enough, "{overwritten:?} is rarely {expected:?}");
    let is_same = |case: &Case| {
        !case.may_prefetch() && check(case).is_ok_and(|outcome| today(&outcome) == expected)
    };
    differs.map(|case| shrink(&case, is_same))
}

#[test]
fn stale_copies() {
    for (overwritten, expected, why) in TODAY {
        if let Some(small) = check_kind(overwritten, expected, why) {
            println!("smallest program:\n{small}");
        }
    }
}

/// Whatever is stored over a program, its translation does what the program does now or did before,
/// and is contained. If the program fetches nothing that was stored over, these are the same.
#[test]
fn anything_can_be_stored_over() {
    let mut counts = BTreeMap::<String, u64>::new();
    for seed in 0..ANYWHERE {
        let case = generate_overwrite_anywhere(seed);
        let found = today(&outcome(&case, seed));
        if !case.may_prefetch() {
            *counts.entry(format!("{found:?}")).or_default() += 1;
        }
    }
    println!("{counts:#?}");
    let found: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(found, FOUND_ANYWHERE);
}
