// SPDX-License-Identifier: GPL-2.0

//! Pinned guest pages: those of the current program, and those that are cached between programs.
//!
//! Numbers of pages are guest addresses divided by [`PAGE_SIZE`](crate::memory::PAGE_SIZE).

mod cache;
mod entries;

pub(crate) mod index;
pub(crate) mod pages;
pub(crate) mod requests;
