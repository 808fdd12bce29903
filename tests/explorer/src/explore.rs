// SPDX-License-Identifier: GPL-2.0

//! Going every way to a depth, or some way at random.

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

/// How much was explored.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// Moments that differ.
    pub(crate) moments: usize,
    /// Steps from one to another.
    pub(crate) steps: usize,
}

/// A broken promise, and what led to it.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) moves: Vec<Move>,
}

#[derive(Default)]
struct Search {
    /// How many more events were explored from a moment.
    seen: HashMap<u64, u8, BuildHasherDefault<Words>>,
    /// Moments from which a way back was found.
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

/// Goes every way from `start` on which not more than `depth` events happen.
///
/// Returns one of the ways with the fewest events to a broken promise, if there is one.
pub(crate) fn explore(start: &Driver, depth: u8) -> Result<Extent, Broken> {
    let mut search = Search::default();
    let Err(promise) = search.go(&mut start.clone(), depth) else {
        return Ok(Extent {
            moments: search.seen.len(),
            steps: search.steps,
        });
    };

    if let Some(less) = depth.checked_sub(1) {
        explore(start, less)?;
    }
    Err(Broken {
        promise,
        moves: search.path,
    })
}

/// Random numbers (xorshift).
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

/// Goes one way of `steps` steps from `start`.
pub(crate) fn walk(start: &Driver, steps: usize, random: &mut Random) -> Result<(), Broken> {
    let mut driver = start.clone();
    let mut path = Vec::new();

    for _ in 0..steps {
        let mut all = Vec::with_capacity(16);
        moves(&driver, |what| all.push(what));
        // What there is no way back from comes seldom, or most walks would be short.
        if all.len() > 1 && random.below(256) != 0 {
            all.retain(|what| !what.is_final(&driver));
        }
        let Some(what) = all.get(random.below(all.len())).copied() else {
            break;
        };
        path.push(what);
        if let Err(promise) = apply(&mut driver, what) {
            return Err(Broken {
                promise,
                moves: path,
            });
        }
    }
    recovery::check(&driver, &mut HashSet::default(), &mut path).map_err(|promise| Broken {
        promise,
        moves: path,
    })
}

/// Tells a broken promise in words: what happened, one step a line, and where that led.
pub(crate) fn tell(start: &Driver, broken: &Broken) -> String {
    let mut driver = start.clone();
    let mut text = format!(
        "broken: {}\n{:44} {}\n",
        broken.promise,
        "",
        driver.describe()
    );

    for what in &broken.moves {
        let words = what.describe(&driver);
        let _ = apply(&mut driver, *what);
        let _ = writeln!(text, "  {words:<42} {}", driver.describe());
    }
    text
}
