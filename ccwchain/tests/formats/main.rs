// SPDX-License-Identifier: GPL-2.0

//! The formats of the architecture, bit by bit.

mod ccw;
mod condition_code;
mod irb;
mod lists;
mod orb;
mod scsw;
