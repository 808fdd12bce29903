// SPDX-License-Identifier: GPL-2.0

//! The promises of the translator, on the type1 stand-in.

mod bounds;
mod data;
mod faults;
mod machine;
mod pages;
mod requests;
mod undo;
mod walk;
mod write_back;
