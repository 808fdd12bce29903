// SPDX-License-Identifier: GPL-2.0

//! The commands of `ccw`.

mod open;

pub(crate) mod bind;
pub(crate) mod dasd;
pub(crate) mod decode;
pub(crate) mod function;
pub(crate) mod list;
pub(crate) mod run;
pub(crate) mod watch;
pub(crate) mod why;
