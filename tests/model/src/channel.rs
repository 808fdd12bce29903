// SPDX-License-Identifier: GPL-2.0

//! A software channel, which runs channel programs as the Principles of Operation specify.
//!
//! It is the reference for the translator of `ccwchain`, so it shares no code with it. It works on
//! any [`Memory`], which sees each absolute address that is used and the purpose of each use, and
//! with any [`Device`]. [`Script`] is a device that does what a test specifies.
//!
//! Section names in this module are those of the z/Architecture Principles of Operation
//! (SA22-7832), chapters "Basic I/O Functions" and "I/O Interruptions". Where the architecture leaves a choice
//! to the channel, this one:
//! - prefetches nothing: CCWs, IDAWs, MIDAWs and data are fetched when they are needed, so that an
//!   error in what is not needed has no effect, and what the program stores over them has one;
//! - presents device end together with channel end, and both together with a check that ends a data
//!   transfer;
//! - returns no number for a residual count that is unpredictable ([`Status::count`]).
//!
//! [`Deviations`] describe channels that do not conform to the architecture: every program must be
//! safe on them.
//!
//! Resuming, halting, clearing, transport mode and several paths are not modelled.

mod area;
mod ccw;
mod deviations;
mod device;
mod execute;
mod memory;
mod outcome;
mod request;
mod status;

pub use ccw::{
    Ccw,
    Format, //
};
pub use deviations::Deviations;
pub use device::{
    Device,
    Script,
    Step, //
};
pub use execute::{
    run,
    run_on, //
};
pub use memory::{
    Fault,
    Memory,
    Use, //
};
pub use outcome::{
    Ending,
    Event,
    Run, //
};
pub use request::{
    IdawFormat,
    Request, //
};
pub use status::{
    device_status,
    status_control,
    subchannel_status,
    Status, //
};
