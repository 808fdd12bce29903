// SPDX-License-Identifier: GPL-2.0

//! The result of a program, besides the contents of memory.

use super::status::Status;

/// An event of a program that is visible from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device received a command, and moved these bytes.
    Command {
        /// The command code.
        code: u8,
        /// The bytes in the order of their transfer: those that were stored or fetched, and those
        /// that were skipped.
        data: Vec<u8>,
        /// The CPA at the end of the command, or `None` if a check came before.
        cpa: Option<u32>,
    },
    /// A program-controlled interruption.
    Interruption(Status),
}

/// The end of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Done(Status),
    /// The program is suspended, with this status, which is zero if it is suppressed.
    Suspended(Status),
    /// Not before the maximum number of CCWs had taken control.
    Cut,
}

/// The result of a program, besides the contents of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The events, in their order.
    pub events: Vec<Event>,
    /// The end of the program.
    pub ending: Ending,
}
