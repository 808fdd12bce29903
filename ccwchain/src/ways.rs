// SPDX-License-Identifier: GPL-2.0

//! The ways in which the channel can come to a CCW.
//!
//! When commands are chained, the command code of a CCW says what to do. When data is chained, it is
//! ignored: the command of the first CCW of the data chain stays in effect, through transfers, up to
//! the end of the chain (Principles of Operation, "Chaining"). A program can lead to one CCW in more
//! than one way. The CCW of the host's is then one that is safe in all of them.

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags, //
    },
    memory::Access,
    midaw::{
        self,
        Midaw, //
    },
};

/// A set of ways.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ways(u8);

impl Ways {
    /// As a command.
    pub(crate) const COMMAND: Self = Self(0x01);
    /// Right behind a CCW that chains commands: status modifier leads past this one.
    pub(crate) const STEPPED_OVER: Self = Self(0x02);
    /// By data chaining, with a command in effect that fetches.
    const FETCH: Self = Self(0x04);
    /// By data chaining, with a command in effect that stores.
    const STORE: Self = Self(0x08);
    /// By data chaining, with a command in effect that stores backward.
    const STORE_BACKWARD: Self = Self(0x10);
    /// By data chaining, with a command in effect that moves no data.
    const NO_DATA: Self = Self(0x20);

    /// In none of these ways.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are among these.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without `other`.
    pub(crate) const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those among these that are by data chaining.
    const fn chained(self) -> Self {
        self.difference(Self::COMMAND.union(Self::STEPPED_OVER))
    }

    /// What is in effect when the channel comes in these ways to a CCW that is no transfer: in each
    /// of them the next CCW is come to if it chains data.
    pub(crate) const fn in_effect(self, ccw: &Ccw) -> Self {
        // A count of zero is wrong when data is chained.
        let chained = if ccw.count == 0 {
            Self(0)
        } else {
            self.chained()
        };
        if self.contains(Self::COMMAND) {
            chained.union(Self::of_command(ccw))
        } else {
            chained
        }
    }

    const fn of_command(ccw: &Ccw) -> Self {
        match ccw.direction() {
            _ if ccw.command == ccw::NO_OPERATION => Self::NO_DATA,
            Direction::Invalid | Direction::TransferInChannel => Self(0),
            Direction::Write | Direction::Control => Self::FETCH,
            Direction::Read | Direction::Sense => Self::STORE,
            Direction::ReadBackward => Self::STORE_BACKWARD,
        }
    }

    /// How a CCW moves data when it is come to in these ways.
    pub(crate) const fn transfers(self, ccw: &Ccw) -> Transfers {
        let moving = self.in_effect(ccw).difference(Self::NO_DATA);
        Transfers(if ccw.count == 0 {
            Self(0)
        } else if ccw.flags.contains(Flags::SKIP) {
            moving.difference(Self::STORE.union(Self::STORE_BACKWARD))
        } else {
            moving
        })
    }
}

/// How a CCW moves data: a set of directions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Transfers(Ways);

impl Transfers {
    /// The access to memory that this takes; none if no data is moved.
    pub(crate) const fn access(self) -> Option<Access> {
        if self.0.is_empty() {
            None
        } else if self.0.difference(Ways::FETCH).is_empty() {
            Some(Access::Read)
        } else {
            Some(Access::Write)
        }
    }

    /// Whether a MIDAW has the data skipped. To a command that fetches, that flag means nothing.
    pub(crate) const fn skip(self, midaw: &Midaw) -> bool {
        midaw.flags.contains(midaw::Flags::SKIP) && !self.0.contains(Ways::FETCH)
    }

    /// Whether data is moved from an address upward.
    pub(crate) const fn forward(self) -> bool {
        !self.0.difference(Ways::STORE_BACKWARD).is_empty()
    }

    /// Whether data is moved from an address downward.
    pub(crate) const fn backward(self) -> bool {
        self.0.contains(Ways::STORE_BACKWARD)
    }
}
