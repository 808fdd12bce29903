// SPDX-License-Identifier: GPL-2.0

//! Checks that the user can recover the subchannel from each state.

use crate::{
    channel::Act,
    driver::{
        Call,
        Driver,
        Way,
        TASKS, //
    },
    key::{
        key,
        Words, //
    },
    world::{
        apply,
        Move, //
    }, //
};
use state::State;
use std::{
    collections::HashSet,
    hash::BuildHasherDefault, //
};

/// More moves than any recovery needs.
const PATIENCE: usize = 200;

/// Checks that the user can recover `driver` in three ways, unless the device is gone: by a clear
/// function, by a reset, and by closing and opening the device. `known` are states that were
/// checked.
///
/// On failure, the moves of the attempt are added to `path`.
pub(crate) fn check(
    driver: &Driver,
    known: &mut HashSet<u64, BuildHasherDefault<Words>>,
    path: &mut Vec<Move>,
) -> Result<(), &'static str> {
    let mut attempt = Attempt {
        driver: driver.clone(),
        moves: Vec::new(),
    };
    let found = attempt.settle();
    let driver = &mut attempt.driver;

    if found.is_ok() {
        let ledger = &driver.hardware.ledger;
        if !driver.hardware.channel.is_present() || ledger.stuck || ledger.shuts_down {
            return Ok(());
        }
        if !known.insert(key(driver)) {
            return Ok(());
        }
    }
    let ways: &[Attempting] = match driver.session {
        None => &[Attempt::open],
        Some(_) => &[Attempt::clear, Attempt::reset, Attempt::reopen],
    };

    for way in ways {
        let mut attempt = attempt.clone();
        let found = found
            .and_then(|()| way(&mut attempt))
            .and_then(|()| attempt.use_it());
        if found.is_err() {
            path.extend(attempt.moves);
            return found;
        }
    }
    Ok(())
}

/// A part of an attempt, which returns the invariant that it finds broken.
type Attempting = fn(&mut Attempt) -> Result<(), &'static str>;

#[derive(Clone)]
struct Attempt {
    driver: Driver,
    moves: Vec<Move>,
}

impl Attempt {
    fn open(&mut self) -> Result<(), &'static str> {
        self.call(Call::Open)
    }

    fn clear(&mut self) -> Result<(), &'static str> {
        if self.driver.state() == State::Running {
            self.call(Call::Clear)?;
            if self.driver.state() == State::Running {
                return Err("a program can be ended however many IRBs wait");
            }
        }
        self.read_all()?;
        self.call(Call::Clear)?;
        self.read_all()
    }

    fn reset(&mut self) -> Result<(), &'static str> {
        self.call(Call::Reset)?;
        self.read_all()
    }

    fn reopen(&mut self) -> Result<(), &'static str> {
        self.call(Call::Close)?;
        if self.driver.state() != State::Closed {
            return Err("a device that is closed can be opened again");
        }
        self.call(Call::Open)
    }

    fn apply(&mut self, what: Move) -> Result<(), &'static str> {
        self.moves.push(what);
        apply(&mut self.driver, what)
    }

    /// Lets all tasks end, on a device that performs the functions.
    fn settle(&mut self) -> Result<(), &'static str> {
        for _ in 0..PATIENCE {
            let channel = &self.driver.hardware.channel;
            let ready = |slot: &usize| self.driver.ready(*slot);
            let what = if channel.may(Act::Cleared) {
                Move::Channel(Act::Cleared)
            } else if channel.may(Act::Halted) {
                Move::Channel(Act::Halted)
            } else if channel.is_pending() {
                Move::Interrupt
            } else if let Some(slot) = (0..TASKS).find(ready) {
                Move::Step(slot, Way::Well)
            } else {
                return Ok(());
            };
            self.apply(what)?;
        }
        Err("each system call ends")
    }

    fn call(&mut self, call: Call) -> Result<(), &'static str> {
        if !self.driver.can(call) {
            return Err("a user can always try");
        }
        self.apply(Move::Call(call))?;
        self.settle()
    }

    fn read_all(&mut self) -> Result<(), &'static str> {
        for _ in 0..PATIENCE {
            self.call(Call::Read)?;
            if self.driver.sch.irbs().is_empty() {
                return Ok(());
            }
        }
        Err("a user who reads has read all in the end")
    }

    /// Starts a program that ends.
    fn use_it(&mut self) -> Result<(), &'static str> {
        const INVARIANT: &str = "the user can recover the subchannel";

        self.call(Call::Start)?;
        if self.driver.state() != State::Running || !self.driver.hardware.channel.may(Act::End) {
            return Err(INVARIANT);
        }
        self.apply(Move::Channel(Act::End))?;
        self.settle()?;
        self.read_all()?;
        if self.driver.state() != State::Idle {
            return Err(INVARIANT);
        }
        Ok(())
    }
}
