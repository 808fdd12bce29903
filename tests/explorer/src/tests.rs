// SPDX-License-Identifier: GPL-2.0

//! The explorations, and their depths.

use crate::{
    driver::Scope,
    explore::{
        describe,
        explore,
        walk,
        Extent,
        Random, //
    },
    faults::Fault,
    starts::Start, //
};
use std::time::Instant;

/// Returns a number from the environment.
fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
        Err(_) => usual,
    }
}

/// Two calls at a time, without reports.
const USUAL: Scope = Scope {
    threads: 2,
    reports: false,
    shutdown: false,
    rests: false,
};

const WITH_REPORTS: Scope = Scope {
    reports: true,
    ..USUAL
};

const WITH_RESTS: Scope = Scope {
    rests: true,
    ..USUAL
};

const WITH_EVERYTHING: Scope = Scope {
    rests: true,
    ..WITH_REPORTS
};

const WITH_SHUTDOWN: Scope = Scope {
    shutdown: true,
    ..USUAL
};

/// The depth at which each fault must be found.
const SHALLOW: u8 = 5;

/// Explores from `start`; describes the first broken invariant.
fn explore_from(
    start: Start,
    scope: Scope,
    fault: Option<Fault>,
    depth: u8,
) -> Result<Extent, String> {
    let from = start.with(scope, fault);
    explore(&from, depth).map_err(|broken| format!("from {start:?}, {}", describe(&from, &broken)))
}

fn invariants_hold_from(start: Start, scope: Scope, depth: u64) {
    let depth = u8::try_from(depth).expect("EXPLORER_DEPTH is too large");
    let began = Instant::now();
    match explore_from(start, scope, None, depth) {
        Ok(Extent { states, steps }) => println!(
            "{start:?}, {depth} events: {states} states, {steps} steps in {:.1?}",
            began.elapsed()
        ),
        Err(text) => panic!("{text}"),
    }
}

#[test]
fn all_invariants_hold_after_every_short_sequence_when_closed() {
    invariants_hold_from(Start::Closed, USUAL, setting("EXPLORER_DEPTH", 8));
}

#[test]
fn all_invariants_hold_after_every_short_sequence_when_idle() {
    invariants_hold_from(Start::Idle, USUAL, setting("EXPLORER_DEPTH", 8));
}

#[test]
fn all_invariants_hold_after_every_short_sequence_when_running() {
    invariants_hold_from(Start::Running, USUAL, setting("EXPLORER_DEPTH", 8));
}

#[test]
fn all_invariants_hold_after_every_short_sequence_when_suspended() {
    invariants_hold_from(Start::Suspended, USUAL, setting("EXPLORER_DEPTH", 8));
}

#[test]
fn all_invariants_hold_after_every_short_sequence_when_full() {
    // It has more states than the others.
    invariants_hold_from(Start::Full, USUAL, setting("EXPLORER_DEPTH", 7));
}

#[test]
fn all_invariants_hold_with_reports() {
    for start in Start::ALL {
        invariants_hold_from(start, WITH_REPORTS, setting("EXPLORER_DEPTH", 5));
    }
}

#[test]
fn all_invariants_hold_when_programs_wait_for_their_rest() {
    for start in Start::ALL {
        invariants_hold_from(start, WITH_RESTS, setting("EXPLORER_DEPTH", 6));
    }
}

#[test]
fn all_invariants_hold_when_the_host_shuts_down() {
    for start in Start::ALL {
        invariants_hold_from(start, WITH_SHUTDOWN, setting("EXPLORER_DEPTH", 6));
    }
}

#[test]
fn all_invariants_hold_on_long_walks() {
    let seed = setting("EXPLORER_SEED", 1);
    let walks = setting("EXPLORER_WALKS", 20_000);
    let starts = Start::ALL.map(|start| (start, start.with(WITH_EVERYTHING, None)));

    for n in 0..walks {
        let mut random = Random::new(seed.wrapping_mul(walks).wrapping_add(n));
        let at = usize::try_from(n).unwrap_or(0) % starts.len();
        let (start, from) = &starts[at];
        if let Err(broken) = walk(from, 200, &mut random) {
            panic!("walk {n} from {start:?}, {}", describe(from, &broken));
        }
    }
}

/// Describes the invariant that a fault breaks first.
fn find(fault: Fault) -> Option<String> {
    let scope = match fault {
        Fault::LosesReports => WITH_REPORTS,
        Fault::ShutsDownBeside | Fault::StaysEnabled => WITH_SHUTDOWN,
        Fault::CancelledRestKeepsPins | Fault::ContinuesWhatIsOver => WITH_RESTS,
        _ => USUAL,
    };
    (1..=SHALLOW).find_map(|depth| {
        Start::ALL
            .into_iter()
            .find_map(|start| explore_from(start, scope, Some(fault), depth).err())
    })
}

#[test]
fn every_fault_is_found() {
    for fault in Fault::ALL {
        match find(fault) {
            Some(text) => println!("{fault:?}, {text}"),
            None => panic!("{fault:?} is not found"),
        }
    }
}
