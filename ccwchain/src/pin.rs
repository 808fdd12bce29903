// SPDX-License-Identifier: GPL-2.0

//! The guest pages that are pinned: for one program, and between programs.

pub(crate) mod cache;
pub(crate) mod index;
pub(crate) mod pages;
