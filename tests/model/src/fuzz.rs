// SPDX-License-Identifier: GPL-2.0

//! The checks of the fuzz targets of ccwchain.
//!
//! Each target is a module with a function `run`, which makes a case of any bytes, and panics if a
//! guarantee of the translator is broken. libFuzzer calls it through `tests/fuzz/fuzz_targets`;
//! `cargo test` calls it with every file of `tests/fuzz/corpus`. Those that translate a program also
//! have a function `hostile_guest`, which returns the guest of the case for other channels.

mod case;
mod containment;
mod hostile_guest;
mod input;

pub mod agreement;
pub mod formats;
pub mod translate;
pub mod wait_points;
pub mod write_back;

pub use hostile_guest::{
    GuestPage,
    HostileGuest, //
};

/// Returns the guest of an input.
pub type Decoder = fn(&[u8]) -> HostileGuest;

/// The targets that translate a program, with the decoders of their inputs.
pub const DECODERS: [(&str, Decoder); 4] = [
    ("agreement", agreement::hostile_guest),
    ("translate", translate::hostile_guest),
    ("wait_points", wait_points::hostile_guest),
    ("write_back", write_back::hostile_guest),
];
