// SPDX-License-Identifier: GPL-2.0

//! The parts that cases are made of: open devices, programs, and checks.
//!
//! It is the prelude of all cases.

use std::time::Duration;

mod checks;
mod debugfs;
mod devices;
mod limits;
mod programs;
mod regions;
mod threads;
mod user;

pub(crate) use checks::*;
pub(crate) use debugfs::*;
pub(crate) use devices::*;
pub(crate) use limits::*;
pub(crate) use programs::*;
pub(crate) use regions::*;
pub(crate) use threads::*;
pub(crate) use user::*;

/// The time that an interrupt may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// The time to wait for an interrupt that must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);
