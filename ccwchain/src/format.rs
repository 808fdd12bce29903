// SPDX-License-Identifier: GPL-2.0

//! The formats of the Principles of Operation: big-endian in memory, and numbers in Rust.

mod flags;
mod words;

pub mod ccw;
pub mod idaw;
pub mod irb;
pub mod midaw;
pub mod orb;
pub mod scsw;
