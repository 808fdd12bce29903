// SPDX-License-Identifier: GPL-2.0

//! Tests of the guarantees of the translator, on the type1 stub.

mod appending;
mod backward;
mod blocks;
mod bounds;
mod chaining;
mod data;
mod faults;
mod midaws;
mod one_ccw;
mod overwrites;
mod overwritten_lists;
mod pages;
mod past_ends;
mod pin_cache;
mod requests;
mod room;
mod suspension;
mod table;
mod undo;
mod wait_points;
mod waiting;
mod walk;
mod write_back;
