// SPDX-License-Identifier: GPL-2.0

//! The ways in which the channel can reach a CCW, and the commands that can be in effect there.
//!
//! A CCW that is reached by command chaining, or that is the first of the program, is a command:
//! its command code counts. A CCW that is reached by data chaining is a further part of a command:
//! its code is ignored, and the command of the first CCW of the data chain stays in effect up to
//! the end of the chain, through TICs as well (Principles of Operation, "Chaining").
//!
//! Some channels look at the ignored code nevertheless (that of QEMU does). So the host CCW has the
//! code of the command in effect instead ([`Reached::host_code`]).

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags, //
    },
    memory::Access,
    midaw, //
};

/// A set of the ways in which a CCW is reached.
///
/// Reached by data chaining, a CCW has a command of one of four kinds in effect: one that moves no
/// data, fetches, stores, or stores backward. So a set of these four is also a set of the kinds of
/// command that are in effect at a CCW.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effects(u8);

impl Effects {
    /// By command chaining, or as the first CCW of the program.
    pub(crate) const COMMAND: Self = Self(0x01);
    /// By data chaining, with a command in effect that moves no data.
    const NO_DATA: Self = Self(0x02);
    /// By data chaining, with a command in effect that fetches.
    const FETCH: Self = Self(0x04);
    /// By data chaining, with a command in effect that stores.
    const STORE: Self = Self(0x08);
    /// By data chaining, with a command in effect that stores backward.
    const STORE_BACKWARD: Self = Self(0x10);
    /// As the next CCW after one that chains commands: status modifier skips it. Set only together
    /// with `COMMAND`.
    pub(crate) const STATUS_MODIFIER_SKIP: Self = Self(0x20);
    /// As the next CCW after one that chains commands and whose command can give status modifier:
    /// it is skipped whatever it is. Set only together with `STATUS_MODIFIER_SKIP`.
    pub(crate) const SEARCHED: Self = Self(0x40);
    /// By data chaining, with a command in effect that can give status modifier. Set only together
    /// with `FETCH`.
    pub(crate) const SEARCHING: Self = Self(0x80);
    /// The ways that lead past the CCW.
    pub(crate) const PAST: Self = Self::STATUS_MODIFIER_SKIP.union(Self::SEARCHED);
    /// The ways that are set only together with others, and do not change what the CCW does.
    pub(crate) const DETAILS: Self = Self::PAST.union(Self::SEARCHING);

    /// Returns whether the set is empty.
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the set contains all of `other`.
    #[inline]
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of two sets.
    #[inline]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set without `other`.
    #[inline]
    pub(crate) const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the set if `condition` is true, and the empty set otherwise.
    #[inline]
    pub(crate) fn only_if(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::default()
        }
    }

    /// Returns the elements of the set, as sets of one element.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        (0..u8::BITS)
            .map(|bit| Self(1 << bit))
            .filter(move |effect| self.contains(*effect))
    }

    /// Returns the kinds of command that are in effect at a CCW other than a TIC that is reached in
    /// these ways. If it chains data, the next CCW is reached with them.
    ///
    /// The set is empty if the channel refuses the CCW: for its command code, or for a count of
    /// zero after data chaining.
    #[inline]
    pub(crate) const fn in_effect(self, ccw: &Ccw) -> Self {
        let chained = if ccw.count == 0 {
            Self(0)
        } else {
            self.difference(Self::COMMAND.union(Self::DETAILS))
        };
        if self.contains(Self::COMMAND) {
            chained.union(Self::of_command(ccw))
        } else {
            chained
        }
    }

    /// Returns whether a command in effect at a CCW that is reached in these ways can give status
    /// modifier.
    #[inline]
    pub(crate) const fn can_give_status_modifier(self, ccw: &Ccw) -> bool {
        self.contains(Self::SEARCHING)
            || (self.contains(Self::COMMAND) && ccw::can_give_status_modifier(ccw.command))
    }

    /// Returns the kind of command that the command code of a CCW asks for.
    #[inline]
    const fn of_command(ccw: &Ccw) -> Self {
        if ccw.command == ccw::NO_OPERATION {
            return Self::NO_DATA;
        }
        Self::BY_CODE[(ccw.command & 0x0f) as usize]
    }

    /// The kinds of commands that move data, by the low four bits of the command code.
    const BY_CODE: [Self; 16] = {
        let mut effects = [Self(0); 16];
        let mut code = 0;
        while code < 16 {
            effects[code] = match Direction::of(code as u8) {
                Direction::Invalid | Direction::TransferInChannel => Self(0),
                Direction::Write | Direction::Control => Self::FETCH,
                Direction::Read | Direction::Sense => Self::STORE,
                Direction::ReadBackward => Self::STORE_BACKWARD,
            };
            code += 1;
        }
        effects
    };

    /// Returns whether this command stores toward lower addresses.
    #[inline]
    pub(crate) const fn backward(self) -> bool {
        matches!(self, Self::STORE_BACKWARD)
    }

    /// Returns the command code of some command of this kind.
    const fn any_code(self) -> u8 {
        match self {
            Self::FETCH => ccw::WRITE,
            Self::STORE => ccw::READ,
            Self::STORE_BACKWARD => ccw::READ_BACKWARD,
            _ => ccw::NO_OPERATION,
        }
    }

    /// Returns whether this command stores.
    #[inline]
    pub(crate) const fn stores(self) -> bool {
        matches!(self, Self::STORE | Self::STORE_BACKWARD)
    }

    /// Returns how a CCW moves data with this command in effect, or `None` if it moves none.
    #[inline]
    pub(crate) const fn data_transfer(self, ccw: &Ccw) -> Option<DataTransfer> {
        let transfer = match self {
            _ if ccw.count == 0 => return None,
            // The skip flag has no meaning for commands that fetch.
            Self::FETCH => return Some(DataTransfer::Fetch),
            Self::STORE => DataTransfer::Store,
            Self::STORE_BACKWARD => DataTransfer::StoreBackward,
            _ => return None,
        };
        if ccw.flags.contains(Flags::SKIP) {
            None
        } else {
            Some(transfer)
        }
    }
}

/// The command codes that can be in effect at a CCW because data is chained to it: none, one or
/// several.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct CommandCodes(u16);

impl CommandCodes {
    /// None: the CCW is not reached by data chaining.
    const NONE: Self = Self(0);
    /// More than one, whichever they are.
    const SEVERAL: Self = Self(0x200);

    /// Returns the value for one command code.
    const fn one(code: u8) -> Self {
        Self(0x100 | code as u16)
    }

    /// Returns the command code if there is one.
    fn code(self) -> Option<u8> {
        let [kind, code] = self.0.to_be_bytes();
        (kind == 1).then_some(code)
    }

    fn contains(self, other: Self) -> bool {
        other == Self::NONE || self == other || self == Self::SEVERAL
    }

    fn union(self, other: Self) -> Self {
        if self.contains(other) {
            self
        } else if self == Self::NONE {
            other
        } else {
            Self::SEVERAL
        }
    }
}

/// The ways in which a CCW is reached, and the command codes that can be in effect there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The ways in which it is reached.
    pub(crate) effects: Effects,
    /// The command codes that stay in effect if it is reached by data chaining.
    codes: CommandCodes,
}

impl Reached {
    /// Returns the value for a CCW that is reached in these ways, and not by data chaining.
    pub(crate) fn by_command(effects: Effects) -> Self {
        Self {
            effects,
            codes: CommandCodes::NONE,
        }
    }

    /// Returns the value for the next CCW in these ways, to which `ccw`, which is reached as `self`
    /// says, chains data.
    pub(crate) fn by_data(self, ccw: &Ccw, effects: Effects) -> Self {
        let is_command =
            self.effects.contains(Effects::COMMAND) && !Effects::of_command(ccw).is_empty();
        let codes = if is_command {
            self.codes.union(CommandCodes::one(ccw.command))
        } else {
            self.codes
        };
        Self { effects, codes }
    }

    /// Returns the value for the target of a TIC that is reached as `self` says: what is in effect
    /// stays so, but status modifier skips the TIC and not its target.
    pub(crate) fn by_tic(self) -> Self {
        Self {
            effects: self.effects.difference(Effects::PAST),
            ..self
        }
    }

    /// Returns whether `other` adds nothing.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.effects.contains(other.effects) && self.codes.contains(other.codes)
    }

    /// Returns the union of both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            effects: self.effects.union(other.effects),
            codes: self.codes.union(other.codes),
        }
    }

    /// Returns the command code of the host CCW for `ccw`, which is reached as `self` says, with a
    /// command of the kind `effect` in effect.
    ///
    /// It is the code of the CCW itself if that can count: as this command, or as one that the
    /// channel refuses.
    pub(crate) fn host_code(self, ccw: &Ccw, effect: Effects) -> u8 {
        let own = Effects::of_command(ccw);
        if self.effects.contains(Effects::COMMAND) && (own == effect || own.is_empty()) {
            ccw.command
        } else {
            self.codes.code().unwrap_or(effect.any_code())
        }
    }
}

/// The way in which a CCW moves data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataTransfer {
    /// From memory to the device.
    Fetch,
    /// From the device to memory.
    Store,
    /// From the device to memory, toward lower addresses.
    StoreBackward,
}

impl DataTransfer {
    /// Returns the access to memory that is needed.
    #[inline]
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::Fetch => Access::Read,
            Self::Store | Self::StoreBackward => Access::Write,
        }
    }

    /// Returns whether data is stored.
    #[inline]
    pub(crate) const fn stores(self) -> bool {
        matches!(self.access(), Access::Write)
    }

    /// Returns whether data is moved toward lower addresses.
    #[inline]
    pub(crate) const fn backward(self) -> bool {
        matches!(self, Self::StoreBackward)
    }

    /// Returns whether the data of a MIDAW with these flags is skipped. As with CCWs, the skip flag
    /// has no meaning for commands that fetch.
    #[inline]
    pub(crate) const fn skips(self, flags: midaw::Flags) -> bool {
        flags.contains(midaw::Flags::SKIP) && !matches!(self, Self::Fetch)
    }
}
