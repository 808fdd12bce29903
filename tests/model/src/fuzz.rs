// SPDX-License-Identifier: GPL-2.0

//! The checks of the fuzz targets of ccwchain.
//!
//! Each target is a module with a function `run`, which makes a case of any bytes, and panics if a
//! guarantee of the translator is broken. libFuzzer calls it through `tests/fuzz/fuzz_targets`;
//! `cargo test` calls it with every file of `tests/fuzz/corpus`.

mod case;
mod containment;
mod input;

pub mod agreement;
pub mod formats;
pub mod translate;
pub mod wait_points;
pub mod write_back;
