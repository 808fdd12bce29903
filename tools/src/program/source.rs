// SPDX-License-Identifier: GPL-2.0

//! Programs that are parsed but not assembled: names have no addresses yet.

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
    device_kind::DeviceKind,
    vfio::Access, //
};

/// A program: all between two lines `program`.
pub(super) struct Source {
    pub(super) title: String,
    pub(super) line: usize,
    /// The ORB without its channel-program address.
    pub(super) orb: Orb,
    /// The address of the first CCW, if it is not the first one of the text.
    pub(super) cpa: Option<Address>,
    pub(super) areas: Vec<Area>,
    pub(super) items: Vec<Item>,
    /// The address of the lists of IDAWs.
    pub(super) idals: Option<u32>,
    pub(super) steps: Vec<Step>,
    pub(super) expected: Expected,
}

impl Source {
    /// Returns the kind of device that the program is for: that of the first command that tells.
    pub(super) fn kind(&self) -> Option<DeviceKind> {
        let mut items = self.items.iter();
        items.find_map(|item| match item.kind {
            ItemKind::Ccw { kind, .. } => kind,
            _ => None,
        })
    }
}

/// An address: a base and an offset.
pub(super) struct Address {
    pub(super) at: Position,
    pub(super) base: Base,
    pub(super) offset: i64,
    /// The address as it is written.
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

/// A part of the program that moves the location counter.
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
        /// The kind of device that the command is for, if its name tells.
        kind: Option<DeviceKind>,
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

/// The expected outcome of a program, as far as the text gives it.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) errno: Option<i32>,
    pub(super) cc: Option<u8>,
    pub(super) device: Option<DeviceStatus>,
    pub(super) subchannel: Option<SubchannelStatus>,
    pub(super) residual: Option<u16>,
    pub(super) cpa: Option<Address>,
    /// The last CCW in effect.
    pub(super) ended_at: Option<Address>,
    pub(super) sense: Option<Vec<u8>>,
    pub(super) data: Vec<(Address, Vec<u8>)>,
}
