// SPDX-License-Identifier: GPL-2.0

//! Channel programs that have been read: what a text describes, with all addresses known.

use std::fmt;

use ccwchain::{
    ccw::Ccw,
    orb::Orb,
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use crate::{
    device_data::DataFormat,
    vfio::Access, //
};

/// A place in a program's text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// Text that is not a program: where, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// The name of the file.
    pub file: String,
    /// The place in it.
    pub at: Position,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}", self.file, self.what)
    }
}

impl std::error::Error for Error {}

/// A program, laid out in the guest's memory.
#[derive(Debug)]
pub struct Program {
    /// What it is for.
    pub title: String,
    /// Where its text begins.
    pub line: usize,
    /// The operation-request block.
    pub orb: Orb,
    /// The CCWs, in the order of the text.
    pub ccws: Vec<PlacedCcw>,
    /// All contents of the guest's memory: CCWs, lists of IDAWs, areas. They do not overlap.
    pub chunks: Vec<Chunk>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// What should come of it.
    pub expected: Expected,
}

/// A CCW in the guest's memory.
#[derive(Debug)]
pub struct PlacedCcw {
    /// The CCW.
    pub ccw: Ccw,
    /// Its address.
    pub address: u32,
    /// Its line in the text.
    pub line: usize,
    /// Its label.
    pub label: Option<String>,
    /// What its address stands for, as a person wrote it.
    pub operand: String,
    /// The IDAWs that were made for it.
    pub idaws: Vec<u64>,
}

/// Contents of the guest's memory.
#[derive(Debug)]
pub struct Chunk {
    /// The name, or what it is.
    pub name: String,
    /// The address of the first byte.
    pub address: u64,
    /// What the device may do with it; `None` leaves the place without memory.
    pub access: Option<Access>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// The address behind the last byte.
    pub fn end(&self) -> u64 {
        self.address + self.bytes.len() as u64
    }
}

/// A part of the guest's memory, with the name of its area.
#[derive(Debug)]
pub struct Part {
    /// The area, with an offset perhaps.
    pub name: String,
    /// The address of the first byte.
    pub address: u64,
    /// The number of bytes.
    pub len: usize,
}

/// A thing to do.
#[derive(Debug)]
pub enum Step {
    /// Print a line for the machine around this one.
    Host(String),
    /// Wait for status of the device's own initiative.
    Wait(DeviceStatus),
    /// Start the program, and wait for its end.
    Start,
    /// Print a part of memory.
    Show(Part),
    /// Print what a part of memory means.
    Decode(DataFormat, Part),
    /// Write a part of memory to a file.
    Save(Part, String),
}

/// What should come of a program.
#[derive(Debug)]
pub struct Expected {
    /// How it ends.
    pub ending: Ending,
    /// What is then in memory.
    pub data: Vec<(Part, Vec<u8>)>,
}

/// How a program should end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The driver does not start it, with this error number.
    Refused(i32),
    /// It gives this status.
    Status {
        /// The deferred condition code.
        cc: u8,
        /// The device's status.
        device: DeviceStatus,
        /// The subchannel's status.
        subchannel: SubchannelStatus,
        /// The residual count.
        residual: Option<u16>,
        /// The channel-program address.
        cpa: Option<u32>,
        /// The first sense bytes.
        sense: Option<Vec<u8>>,
    },
}

/// Where in the text an error is, and what it is.
pub(super) type Fault = (Position, String);
