// SPDX-License-Identifier: GPL-2.0

//! The rules of the Principles of Operation for the software channel, with one test for each.

mod addressing;
mod chaining;
mod checks;
mod data_chaining;
mod deviations;
mod length;
mod midaw;
mod prefetch;
mod program;
mod suspend;
mod transfer;
