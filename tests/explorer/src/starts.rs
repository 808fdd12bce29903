// SPDX-License-Identifier: GPL-2.0

//! The states in which an exploration begins.

use crate::{
    channel::Act,
    driver::{
        Call,
        Driver,
        Scope,
        Way, //
    },
    faults::Fault,
    world::{
        apply,
        is_quiet,
        Move, //
    }, //
};
use state::State;

/// A state in which an exploration begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Closed,
    Idle,
    Running,
    Suspended,
    /// There is room for the IRBs of one more function, and for one report.
    Full,
}

impl Start {
    pub(crate) const ALL: [Self; 5] = [
        Self::Closed,
        Self::Idle,
        Self::Running,
        Self::Suspended,
        Self::Full,
    ];

    /// Returns a driver in this state, with `fault` from then on.
    pub(crate) fn with(self, scope: Scope, fault: Option<Fault>) -> Driver {
        let mut driver = Driver::new(scope);
        if self != Self::Closed {
            finish(&mut driver, Move::Call(Call::Open));
        }
        match self {
            Self::Closed | Self::Idle => {}
            Self::Running => finish(&mut driver, Move::Call(Call::Start)),
            Self::Suspended => {
                finish(&mut driver, Move::Call(Call::Start));
                finish(&mut driver, Move::Channel(Act::Suspend));
                finish(&mut driver, Move::Call(Call::Read));
            }
            Self::Full => {
                finish(&mut driver, Move::Call(Call::Start));
                while driver.state() == State::Running {
                    finish(&mut driver, Move::Channel(Act::End));
                    finish(&mut driver, Move::Call(Call::Start));
                }
                finish(&mut driver, Move::Call(Call::Read));
                for _ in 0..15 {
                    driver.online();
                }
            }
        }
        driver.with_fault(fault)
    }
}

/// Applies `what`, and lets all tasks end.
fn finish(driver: &mut Driver, what: Move) {
    assert_eq!(apply(driver, what), Ok(()), "{what:?}");
    while !is_quiet(driver) {
        let next = match driver.hardware.channel.is_pending() {
            true => Move::Interrupt,
            false => Move::Step(0, Way::Well),
        };
        assert_eq!(apply(driver, next), Ok(()), "{what:?}");
    }
}
