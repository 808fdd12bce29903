// SPDX-License-Identifier: GPL-2.0

//! Channel programs of the z/Architecture: their formats, and their translation for a guest.
//!
//! A guest's channel program is full of addresses that mean something to the guest only.
//! [`translator`] makes of it a program that the host's channel runs in its place; [`memory`] is
//! what it needs of the world for that. The formats are those of the Principles of Operation, all
//! of them big-endian in memory and plain numbers here.
//!
//! The crate allocates nothing, does no I/O and depends on nothing but `core`. Cargo builds it for
//! any host, Kbuild for the kernel.

#![cfg_attr(not(CONFIG_RUST), no_std)]
#![forbid(unsafe_code)]

mod pin;
mod sort;

pub mod error;
pub mod format;
pub mod memory;
pub mod translator;

pub use format::{
    ccw,
    idaw,
    irb,
    midaw,
    orb,
    scsw, //
};
pub use translator::host_orb;

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
pub mod vectors;
