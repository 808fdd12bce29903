// SPDX-License-Identifier: GPL-2.0

//! Reduction of a failing case.

use std::ops::Range;

use ccwchain::orb;

use super::case::Case;
use crate::channel::Step;

/// Returns the smallest case that is found by leaving out parts of `case`, one after the other,
/// such that `fails` still returns true.
pub fn shrink(case: &Case, fails: impl Fn(&Case) -> bool) -> Case {
    let mut small = case.clone();
    shorten(&mut small, |case| &mut case.ccws, &fails);
    shorten(&mut small, |case| &mut case.steps, &fails);
    shorten(&mut small, |case| &mut case.responses, &fails);
    while let Some(smaller) = simpler(&small).into_iter().find(&fails) {
        small = smaller;
    }
    small
}

/// Leaves out as many adjacent items of a list of the case as possible at a time, such that `fails`
/// still returns true.
fn shorten<T>(
    case: &mut Case,
    list: impl Fn(&mut Case) -> &mut Vec<T>,
    fails: impl Fn(&Case) -> bool,
) {
    let mut size = list(case).len();
    while size > 0 {
        let mut end = list(case).len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let mut shorter = case.clone();
            list(&mut shorter).drain(start..end);
            if fails(&shorter) {
                *case = shorter;
            }
            end = start;
        }
        size /= 2;
    }
}

/// Returns the last of `count` items, which is where a long program has items that differ.
fn last(len: usize) -> Range<usize> {
    len.saturating_sub(64)..len
}

/// Returns the cases that are simpler than `case` in one respect, with the simplest first.
fn simpler(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        if changed != *case {
            cases.push(changed);
        }
    };
    for index in last(case.ccws.len()) {
        add(&|case| {
            case.ccws.remove(index);
        });
    }
    for index in 0..case.lists.len() {
        add(&|case| {
            case.lists.remove(index);
        });
        let words = case.lists[index].1.len() / 4;
        for keep in [words / 2, words - words.min(1)] {
            add(&|case| case.lists[index].1.truncate(keep * 4));
        }
    }
    for index in last(case.steps.len()) {
        add(&|case| {
            case.steps.remove(index);
        });
        add(&|case| case.steps[index] = Step::immediate());
        let length = case.steps[index].length;
        add(&|case| case.steps[index].status = Step::immediate().status);
        for length in [0, 1, length / 2, length - length.min(1)] {
            add(&|case| case.steps[index].length = case.steps[index].length.min(length));
        }
    }
    for keep in [0, case.input.len() / 2, case.input.len().saturating_sub(1)] {
        add(&|case| case.input.truncate(keep));
    }
    for bit in 0..32 {
        let flags = case.orb.flags().difference(orb::Flags::from_bits(1 << bit));
        add(&|case| case.orb = case.orb.with_flags(flags));
    }
    for index in last(case.ccws.len()) {
        for bit in 0..8 {
            add(&|case| case.ccws[index].1.flags &= !(1 << bit));
        }
        let count = case.ccws[index].1.count;
        for count in [1, 8, count / 2, count.saturating_sub(1)] {
            add(&|case| case.ccws[index].1.count = case.ccws[index].1.count.min(count));
        }
    }
    cases
}
