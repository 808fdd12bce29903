// SPDX-License-Identifier: GPL-2.0

//! Explores the state machine of the driver (crate `state`): every short sequence of events from a
//! user, a device and the host.
//!
//! `channel` is a model of a subchannel, `driver` a model of the rest of the driver, with one
//! step for each time that it holds a lock. `invariants` and `world` check what must hold,
//! `explore` looks for a sequence after which it does not hold, `faults` are the faults for
//! which it must find one.

#![cfg(test)]

mod channel;
mod driver;
mod explore;
mod faults;
mod hardware;
mod invariants;
mod key;
mod recovery;
mod starts;
mod tests;
mod world;
