// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions that the kernel crate does not have yet: the channel subsystem, mediated
//! devices, VFIO devices, and the services that a driver of these needs.
//!
//! All unsafe code of the module is in this crate. Its helpers in C are in `mdev/c/`.

/// The prefix of this crate's messages, see `pr_info!` and the like.
const __LOG_PREFIX: &[u8] = b"vfio_ccw\0";

mod bindings;
pub mod charged;
pub mod clock;
pub mod css;
pub mod debug;
pub mod dma;
pub mod eventfd;
#[cfg(CONFIG_MMU_NOTIFIER)]
mod invalidate_seq;
pub mod mediated;
pub mod memcg;
pub mod mm_invalidations;
pub mod nospec;
pub mod quarantine;
pub mod random;
pub mod ratelimit;
mod task_work;
pub mod timer;
pub mod trace;
pub mod vfio;
pub mod while_bound;
