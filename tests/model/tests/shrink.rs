// SPDX-License-Identifier: GPL-2.0

//! Failing programs are made small, and are readable.

use model::agreement::{
    generate,
    shrink,
    Case, //
};

/// Returns whether a program has a read backward that chains data, which is taken as a failure
/// here.
fn fails(case: &Case) -> bool {
    case.ccws
        .iter()
        .any(|(_, ccw)| ccw.code & 0x0f == 0x0c && ccw.flags & 0x80 != 0)
}

#[test]
fn a_failing_program_is_shrunk_to_what_makes_it_fail() {
    let mut shrunk = 0;
    for case in (0..200).map(generate).filter(fails) {
        let small = shrink(&case, fails);
        assert!(fails(&small), "{small}");
        assert_eq!(small.ccws.len(), 1, "{small}");
        assert_eq!(small.ccws[0].1.flags, 0x80, "{small}");
        assert!(small.lists.is_empty() && small.steps.is_empty(), "{small}");
        shrunk += 1;
    }
    assert!(shrunk > 20);
}

#[test]
fn a_program_is_shown_decoded() {
    let case = (0..200).map(generate).find(fails).expect("such a program");
    let shown = shrink(&case, fails).to_string();
    assert!(shown.starts_with("ORB "), "{shown}");
    assert!(shown.contains(" CD count="), "{shown}");
    assert!(shown.contains("(read backward)"), "{shown}");
}

#[test]
fn a_seed_stands_for_a_program() {
    assert_eq!(generate(12), generate(12));
    assert_ne!(generate(12), generate(13));
}
