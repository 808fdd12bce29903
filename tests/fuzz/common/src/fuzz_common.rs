// SPDX-License-Identifier: GPL-2.0

//! What the fuzz targets of ccwchain check.
//!
//! Each target is a module with a function `run`, which takes any bytes, makes a case of them and
//! panics if a promise of the translator is broken. libFuzzer calls it through `fuzz_targets/`;
//! `cargo test` calls it with every file of `corpus/`.

#![forbid(unsafe_code)]

mod case;
mod containment;
mod guest;
mod input;

pub mod agreement;
pub mod formats;
pub mod translate;
pub mod write_back;
