// SPDX-License-Identifier: GPL-2.0

//! The state machine of the driver, built on a host from the same files as the module, and every
//! short sequence of what a user, a device and the host can do to it.
//!
//! [`channel`] is a subchannel after the Principles of Operation, [`driver`] the rest of the driver,
//! one step for each time that it holds a lock. [`promises`] and [`world`] say what must hold,
//! [`explore`] looks for a sequence after which it does not, [`faults`] are the drivers in which it
//! must find one.

#![cfg(test)]

mod channel;
mod driver;
mod explore;
mod faults;
mod hardware;
mod key;
mod promises;
mod recovery;
mod starts;
mod tests;
mod world;
