// SPDX-License-Identifier: GPL-2.0

//! Explores all sequences of moves to a depth, or a random one.

use crate::{
    driver::Driver,
    key::{
        key,
        Words, //
    },
    recovery,
    world::{
        apply,
        is_quiet,
        moves,
        Move, //
    },
};
use std::{
    collections::{
        HashMap,
        HashSet, //
    },
    fmt::Write,
    hash::BuildHasherDefault, //
};

/// The extent of an exploration.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// The number of different states.
    pub(crate) states: usize,
    /// The number of moves from one to another.
    pub(crate) steps: usize,
}

/// A broken invariant, and the moves that led to it.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) moves: Vec<Move>,
}

#[derive(Default)]
struct Search {
    /// The number of further events that were explored from a state.
    seen: HashMap<u64, u8, BuildHasherDefault<Words>>,
    /// States from which recovery was found to be possible.
    usable: HashSet<u64, BuildHasherDefault<Words>>,
    path: Vec<Move>,
    steps: usize,
}

impl Search {
    fn go(&mut self, driver: &mut Driver, left: u8) -> Result<(), &'static str> {
        let seen = self.seen.entry(key(driver)).or_default();
        if *seen > left {
            return Ok(());
        }
        let first = *seen == 0;
        *seen = left + 1;
        if first && is_quiet(driver) {
            recovery::check(driver, &mut self.usable, &mut self.path)?;
        }

        let mut all = Vec::with_capacity(16);
        moves(driver, |what| all.push(what));
        for what in all {
            let cost = u8::from(what.is_event(driver));
            if cost > left {
                continue;
            }
            self.steps += 1;
            self.path.push(what);
            let mut next = driver.clone();
            apply(&mut next, what)?;
            self.go(&mut next, left - cost)?;
            self.path.pop();
        }
        Ok(())
    }
}

/// Explores all sequences from `start` with at most `depth` events.
///
/// Returns one of the sequences with the fewest events to a broken invariant, if there is one.
pub(crate) fn explore(start: &Driver, depth: u8) -> Result<Extent, Broken> {
    let mut search = Search::default();
    let Err(invariant) = search.go(&mut start.clone(), depth) else {
        return Ok(Extent {
            states: search.seen.len(),
            steps: search.steps,
        });
    };

    if let Some(less) = depth.checked_sub(1) {
        explore(start, less)?;
    }
    Err(Broken {
        invariant,
        moves: search.path,
    })
}

/// A generator of random numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from((self.0 >> 11) % bound).unwrap_or(0)
    }
}

/// Explores one random sequence of `steps` moves from `start`.
pub(crate) fn walk(start: &Driver, steps: usize, random: &mut Random) -> Result<(), Broken> {
    let mut driver = start.clone();
    let mut path = Vec::new();

    for _ in 0..steps {
        let mut all = Vec::with_capacity(16);
        moves(&driver, |what| all.push(what));
        // Moves without recovery are rare, or most walks would be short.
        if all.len() > 1 && random.below(256) != 0 {
            all.retain(|what| !what.is_final(&driver));
        }
        let Some(what) = all.get(random.below(all.len())).copied() else {
            break;
        };
        path.push(what);
        if let Err(invariant) = apply(&mut driver, what) {
            return Err(Broken {
                invariant,
                moves: path,
            });
        }
    }
    recovery::check(&driver, &mut HashSet::default(), &mut path).map_err(|invariant| Broken {
        invariant,
        moves: path,
    })
}

/// Describes a broken invariant: each move in a line, with the state after it.
pub(crate) fn describe(start: &Driver, broken: &Broken) -> String {
    let mut driver = start.clone();
    let mut text = format!(
        "broken: {}\n{:44} {}\n",
        broken.invariant,
        "",
        describe_driver(&driver)
    );

    for what in &broken.moves {
        let words = what.describe(&driver);
        let _ = apply(&mut driver, *what);
        let _ = writeln!(text, "  {words:<42} {}", describe_driver(&driver));
    }
    text
}

/// Describes the state of a driver in a line.
fn describe_driver(driver: &Driver) -> String {
    let status = driver.sch.clone().irbs().len();
    let reports = driver.reports().len();
    let eventfds = &driver.sch.notifier;
    let pins = match driver.session.and_then(|session| session.translator.pinned) {
        Some(program) => format!("program {program} pinned"),
        None => "no pins".into(),
    };
    let signal = |signalled| if signalled { " signalled" } else { "" };

    format!(
        "{:?}, {status} status{}, {reports} reports{}, {pins}; channel: {}",
        driver.state(),
        signal(eventfds.io),
        signal(eventfds.crw),
        driver.hardware.channel.describe(),
    )
}
