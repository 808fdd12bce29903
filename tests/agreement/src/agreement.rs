// SPDX-License-Identifier: GPL-2.0

//! Programs at random, to show two things of the translator in `ccwchain`.
//!
//! *Agreement*: a guest's program run by the software channel on the guest's memory, and its
//! translation run on the host's, leave the same memory, the same status and the same residual
//! count; the device sees the same commands and data; and every channel-program address is the same
//! once it is written back. There are two things that devices are not known to do, that the
//! translator does not promise for, and that the device does not do here: it gives status modifier
//! with a search or a poll only, and moves no data with a no-operation.
//!
//! *Containment*: whatever the device does, the channel touches no byte of the host's outside of
//! the arena's image, the scratch page and the pages that are pinned for the program, and stores
//! into none that is pinned for fetching only.
//!
//! A [`Case`] is a program with all that it needs. [`generate`] makes one, [`check()`] says whether
//! it fails, and [`shrink()`] makes a failing one small.

#![forbid(unsafe_code)]

mod case;
mod check;
mod generate;
mod guest;
mod host;
mod player;
mod random;
mod shrink;

pub use case::{
    Case,
    Lines, //
};
pub use check::{
    check,
    Failure,
    Kind, //
};
pub use generate::generate;
pub use shrink::shrink;
