// SPDX-License-Identifier: GPL-2.0

//! Channel programs that are read and assembled: all addresses are known.

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
    device_kind::DeviceKind,
    vfio::Access, //
};

/// A position in the text of a program. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// An error in the text of a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// The name of the file.
    pub file: String,
    /// The position in the file.
    pub at: Position,
    /// A message about what is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}", self.file, self.what)
    }
}

impl std::error::Error for Error {}

/// A program, laid out in guest memory.
#[derive(Debug)]
pub struct Program {
    /// The title.
    pub title: String,
    /// The line where its text begins.
    pub line: usize,
    /// The operation-request block.
    pub orb: Orb,
    /// The kind of device that the program is for, if the names of its commands tell.
    pub kind: Option<DeviceKind>,
    /// The CCWs, in the order of the text.
    pub ccws: Vec<PlacedCcw>,
    /// All contents of guest memory: CCWs, lists of IDAWs, areas. They do not overlap.
    pub chunks: Vec<Chunk>,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// The expected outcome.
    pub expected: Expected,
}

/// A CCW in guest memory.
#[derive(Debug)]
pub struct PlacedCcw {
    /// The CCW.
    pub ccw: Ccw,
    /// The address of the CCW.
    pub address: u32,
    /// The line in the text.
    pub line: usize,
    /// The label.
    pub label: Option<String>,
    /// The address field as it is written in the text.
    pub operand: String,
    /// The IDAWs that the assembler made for the CCW.
    pub idaws: Vec<u64>,
}

/// Contents of guest memory.
#[derive(Debug)]
pub struct Chunk {
    /// The name of the area, or a description.
    pub name: String,
    /// The address of the first byte.
    pub address: u64,
    /// The rights of the device. `None` leaves the addresses without memory.
    pub access: Option<Access>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Returns the address behind the last byte.
    pub fn end(&self) -> u64 {
        self.address + self.bytes.len() as u64
    }
}

/// A part of guest memory.
#[derive(Debug)]
pub struct Part {
    /// The name of the area, and an offset if there is one.
    pub name: String,
    /// The address of the first byte.
    pub address: u64,
    /// The number of bytes.
    pub len: usize,
}

/// A step of a program.
#[derive(Debug)]
pub enum Step {
    /// Prints a line for the machine that this one runs in.
    Host(String),
    /// Waits for unsolicited status.
    Wait(DeviceStatus),
    /// Starts the program, and waits for its end.
    Start,
    /// Prints a part of memory.
    Show(Part),
    /// Prints what a part of memory means.
    Decode(DataFormat, Part),
    /// Writes a part of memory to a file.
    Save(Part, String),
}

/// The expected outcome of a program.
#[derive(Debug)]
pub struct Expected {
    /// The expected ending.
    pub ending: Ending,
    /// The contents of memory after the end.
    pub data: Vec<(Part, Vec<u8>)>,
}

/// The expected ending of a program.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The driver refuses to start the program, with this error number.
    Refused(i32),
    /// The program ends with this status.
    Status {
        /// The deferred condition code.
        cc: u8,
        /// The device status.
        device: DeviceStatus,
        /// The subchannel status.
        subchannel: SubchannelStatus,
        /// The residual count.
        residual: Option<u16>,
        /// The channel-program address.
        cpa: Option<u32>,
        /// The first sense bytes.
        sense: Option<Vec<u8>>,
    },
}

/// An error without the name of the file: its position and its message.
pub(super) type Fault = (Position, String);
