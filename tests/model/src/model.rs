// SPDX-License-Identifier: GPL-2.0

//! A model of a channel, and the checks of the translator in `ccwchain` that stand on it.
//!
//! - [`channel`]: the software channel, the reference for the translator. It shares no code with
//!   it, and uses nothing of the other modules.
//! - [`memory`]: the test double of guest memory and of the arena, on the type1 stub.
//! - [`machine`]: a guest, an arena and a translator between them.
//! - [`host_program`]: what its host program designates.
//! - [`agreement`]: random programs, which must do the same before and after translation.
//! - [`fuzz`]: the checks of the fuzz targets.

#![forbid(unsafe_code)]

pub mod agreement;
pub mod channel;
pub mod fuzz;
pub mod host_program;
pub mod machine;
pub mod memory;
