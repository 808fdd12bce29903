// SPDX-License-Identifier: GPL-2.0

//! Library of `ccw`: runs channel programs through vfio-ccw, without a virtual machine.
//!
//! A program is read from its text form ([`program`]), laid out in memory that the device may use
//! ([`guest`]), started and waited for ([`run`]), and shown with its outcome ([`decode`]).
//!
//! Programs of the library itself read from disks ([`dasd`]). What the driver tells of devices is in
//! [`statistics`] and [`logs`]; [`diagnosis`] explains it.

#![deny(unsafe_code)]

pub mod channel;
pub mod dasd;
pub mod decode;
pub mod device_data;
pub mod device_kind;
pub mod diagnosis;
pub mod error;
pub mod guest;
pub mod logs;
pub mod outcome;
pub mod program;
pub mod reader;
pub mod regions;
pub mod run;
pub mod statistics;
#[expect(unsafe_code)]
pub mod sys;
pub mod sysfs;
pub mod text;
pub mod vfio;
