// SPDX-License-Identifier: GPL-2.0

//! A software channel: it runs channel programs as the Principles of Operation have it.
//!
//! It is what the translator of `ccwchain` is measured by, so it shares no code with it. It works
//! on any [`Memory`], which sees each absolute address that is used and what it is used for, and
//! with any [`Device`]; [`Script`] is one that does what a test tells it to.
//!
//! Section names in this crate are those of the z/Architecture Principles of Operation (SA22-7832),
//! chapters "Basic I/O Functions" and "I/O Interruptions". Where the architecture leaves a channel
//! a choice, this one
//! - prefetches nothing: CCWs, IDAWs, MIDAWs and data are fetched when they are needed, so that an
//!   error in what is not needed has no effect;
//! - shows device end together with channel end, and channel end and device end with a check that
//!   ends a data transfer;
//! - takes no part of its own in what it calls unpredictable: there is no number for that
//!   ([`Status::count`]).
//!
//! [`Deviations`] are of channels that do not keep to the architecture: no program may be unsafe on
//! them.
//!
//! Resuming, halting and clearing are not modelled, nor are transport mode and several paths.

#![forbid(unsafe_code)]

mod area;
mod ccw;
mod deviations;
mod device;
mod execute;
mod memory;
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
    run_on,
    Ending,
    Event,
    Run, //
};
pub use memory::{
    Fault,
    Memory,
    Use, //
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
