// SPDX-License-Identifier: GPL-2.0

//! Why a command of `ccw` ends early, which decides about its exit status.

use ccw::error::Error;

/// The reason why a command ends early.
pub(crate) enum Failure {
    /// The command line is wrong in a way that its description does not tell.
    Usage(String),
    /// The text of a program is wrong.
    Text(String),
    /// The device answered with an error, or not at all.
    Device(String),
    /// The system or the driver refused something.
    System(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}
