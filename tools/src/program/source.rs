// SPDX-License-Identifier: GPL-2.0

//! A program as it is written: names are still names.

use ccwchain::{
    ccw::Flags,
    orb::Orb,
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use super::model::Position;
use crate::{
    device_data::DataFormat,
    vfio::Access, //
};

/// Everything between two `program` lines.
pub(super) struct Source {
    pub(super) title: String,
    pub(super) line: usize,
    /// The ORB without its channel-program address.
    pub(super) orb: Orb,
    /// Where the program begins, if not at its first CCW.
    pub(super) cpa: Option<Address>,
    pub(super) areas: Vec<Area>,
    pub(super) items: Vec<Item>,
    /// Where lists of IDAWs go.
    pub(super) idals: Option<u32>,
    pub(super) steps: Vec<Step>,
    pub(super) expected: Expected,
}

/// An address: a number, the place of this CCW or that of a name, and an offset to it.
pub(super) struct Address {
    pub(super) at: Position,
    pub(super) base: Base,
    pub(super) offset: i64,
    /// How it is written.
    pub(super) text: String,
}

pub(super) enum Base {
    Number(u64),
    Here,
    Name(String),
}

pub(super) struct Area {
    pub(super) at: Position,
    pub(super) name: String,
    pub(super) address: u64,
    pub(super) access: Option<Access>,
    pub(super) bytes: Vec<u8>,
}

/// What moves the location counter.
pub(super) struct Item {
    pub(super) at: Position,
    pub(super) label: Option<String>,
    pub(super) kind: ItemKind,
}

pub(super) enum ItemKind {
    Org(u32),
    Constant(Vec<u8>),
    Ccw {
        command: u8,
        operand: Operand,
        flags: Flags,
        count: Option<u16>,
    },
}

pub(super) enum Operand {
    None,
    Direct(Address),
    /// An IDAL over these areas.
    Idal(Vec<Address>),
}

pub(super) enum Step {
    Host(String),
    Wait(DeviceStatus),
    Start,
    Show(Address, Option<usize>),
    Decode(DataFormat, Address),
    Save(Address, String),
}

/// The parts of what should come of a program, as far as they are given.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) errno: Option<i32>,
    pub(super) cc: Option<u8>,
    pub(super) device: Option<DeviceStatus>,
    pub(super) subchannel: Option<SubchannelStatus>,
    pub(super) residual: Option<u16>,
    pub(super) cpa: Option<Address>,
    /// The CCW that was in effect last.
    pub(super) ended_at: Option<Address>,
    pub(super) sense: Option<Vec<u8>>,
    pub(super) data: Vec<(Address, Vec<u8>)>,
}
