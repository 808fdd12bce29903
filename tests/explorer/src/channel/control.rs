// SPDX-License-Identifier: GPL-2.0

//! Bits of the first word of the subchannel-status word.

pub(crate) const START: u32 = 0x4000;
pub(crate) const HALT: u32 = 0x2000;
pub(crate) const CLEAR: u32 = 0x1000;
pub(crate) const FUNCTIONS: u32 = 0x7000;
pub(crate) const RESUME_PENDING: u32 = 0x0800;
pub(crate) const START_PENDING: u32 = 0x0400;
pub(crate) const HALT_PENDING: u32 = 0x0200;
pub(crate) const CLEAR_PENDING: u32 = 0x0100;
pub(crate) const SUBCHANNEL_ACTIVE: u32 = 0x0080;
pub(crate) const DEVICE_ACTIVE: u32 = 0x0040;
pub(crate) const SUSPENDED: u32 = 0x0020;
pub(crate) const ALERT: u32 = 0x10;
pub(crate) const INTERMEDIATE: u32 = 0x08;
pub(crate) const PRIMARY: u32 = 0x04;
pub(crate) const SECONDARY: u32 = 0x02;
pub(crate) const PENDING: u32 = 0x01;
pub(crate) const STATUS: u32 = 0x1f;
pub(crate) const DEFERRED: u32 = 24;
