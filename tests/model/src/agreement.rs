// SPDX-License-Identifier: GPL-2.0

//! Random programs that check two properties of the translator in `ccwchain`.
//!
//! *Agreement*: the software channel runs a guest program on guest memory, and its translation on
//! host memory. Both leave the same memory, the same status and the same residual count; the device
//! sees the same commands and data; and every channel-program address is the same after write-back.
//! The device here does not do two things that no device is known to do, and for which the
//! translator does not guarantee agreement: it gives status modifier only after a search or a poll,
//! and moves no data with a no-operation.
//!
//! A program that stores over its own CCWs or lists, and fetches them later, may do something else
//! on a channel that prefetches. [`check()`] tells which [`Prefetch`] the translation agrees with,
//! and [`Case::may_prefetch`] whether a channel may do that.
//!
//! *Containment*: whatever the device does, the channel accesses no host memory outside of the
//! arena image, the scratch page and the pages that are pinned for the program, and stores into no
//! page that is pinned for fetching only.
//!
//! A [`Case`] is a program with all that it needs. [`generate()`] makes one, [`generate_overwrite`]
//! one that stores over itself, [`generate_append`] one to which the guest appends while it runs.
//! [`check()`] tests it, and [`shrink()`] makes a failing one small.

mod case;
mod check;
mod generate;
mod guest_memory;
mod host_memory;
mod overwrite;
mod player;
mod random;
mod shrink;

pub use case::{
    Case,
    Lines, //
};
pub use check::{
    check,
    check_contained,
    check_waiting,
    Failure,
    Kind,
    Outcome,
    Stop, //
};
pub use generate::generate;
pub use guest_memory::{
    mappings,
    Prefetch, //
};
pub use overwrite::{
    generate_append,
    generate_overwrite,
    generate_overwrite_anywhere,
    Overwritten, //
};
pub use shrink::shrink;
