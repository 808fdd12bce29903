// SPDX-License-Identifier: GPL-2.0

//! The effects in which the channel can come to a CCW, and what is in effect then.
//!
//! When commands are chained, the command code of a CCW says what to do. When data is chained, it is
//! ignored: the command of the first CCW of the data chain stays in effect, through transfers, up to
//! the end of the chain (Principles of Operation, "Chaining").
//!
//! A channel may deviate from that and look at the code (QEMU's does). So the host's CCW has the code
//! of the command in effect in place of one that is ignored ([`Codes`]).

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

/// A set of effects.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effects(u8);

impl Effects {
    /// As a command.
    pub(crate) const COMMAND: Self = Self(0x01);
    /// By data chaining, with a command in effect that moves no data.
    const NO_DATA: Self = Self(0x02);
    /// By data chaining, with a command in effect that fetches.
    const FETCH: Self = Self(0x04);
    /// By data chaining, with a command in effect that stores.
    const STORE: Self = Self(0x08);
    /// By data chaining, with a command in effect that stores backward.
    const STORE_BACKWARD: Self = Self(0x10);
    /// Right behind a CCW that chains commands, so that status modifier leads past this one. This
    /// goes with `COMMAND`.
    pub(crate) const STATUS_MODIFIER_SKIP: Self = Self(0x20);
    /// Right behind a CCW that chains commands and whose command can give status modifier, so that this
    /// one is stepped over whatever it is. This goes with `STATUS_MODIFIER_SKIP`.
    pub(crate) const SEARCHED: Self = Self(0x40);
    /// By data chaining, with a command in effect that can give status modifier. This goes with
    /// `FETCH`.
    pub(crate) const SEARCHING: Self = Self(0x80);
    /// The effects that lead past this CCW, not to it.
    pub(crate) const PAST: Self = Self::STATUS_MODIFIER_SKIP.union(Self::SEARCHED);
    /// The effects that go with another, and make no difference to what this CCW does.
    pub(crate) const BESIDE: Self = Self::PAST.union(Self::SEARCHING);

    /// In none of these effects.
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are among these.
    #[inline]
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[inline]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without `other`.
    #[inline]
    pub(crate) const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns these effects if `condition` is true, and none otherwise.
    #[inline]
    pub(crate) fn only_if(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::default()
        }
    }

    /// Each of these for itself.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        (0..u8::BITS)
            .map(|bit| Self(1 << bit))
            .filter(move |way| self.contains(*way))
    }

    /// What is in effect when the channel comes in these effects to a CCW that is no transfer: the effects
    /// in which it comes to the next one if data is chained.
    ///
    /// There is nothing if the channel refuses the CCW: for its command code, or for a count of zero
    /// when data is chained.
    #[inline]
    pub(crate) const fn in_effect(self, ccw: &Ccw) -> Self {
        let chained = if ccw.count == 0 {
            Self(0)
        } else {
            self.difference(Self::COMMAND.union(Self::BESIDE))
        };
        if self.contains(Self::COMMAND) {
            chained.union(Self::of_command(ccw))
        } else {
            chained
        }
    }

    /// Returns whether the command in effect can give status modifier when the channel comes in one of these
    /// effects to a CCW.
    #[inline]
    pub(crate) const fn search(self, ccw: &Ccw) -> bool {
        self.contains(Self::SEARCHING)
            || (self.contains(Self::COMMAND) && ccw::can_give_status_modifier(ccw.command))
    }

    #[inline]
    const fn of_command(ccw: &Ccw) -> Self {
        if ccw.command == ccw::NO_OPERATION {
            return Self::NO_DATA;
        }
        Self::BY_CODE[(ccw.command & 0x0f) as usize]
    }

    /// What commands that move data have in effect, by the low four bits of their code.
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

    /// Whether this stores towards lower addresses.
    #[inline]
    pub(crate) const fn backward(self) -> bool {
        matches!(self, Self::STORE_BACKWARD)
    }

    /// A command code that moves data as these do.
    const fn any_code(self) -> u8 {
        match self {
            Self::FETCH => ccw::WRITE,
            Self::STORE => ccw::READ,
            Self::STORE_BACKWARD => ccw::READ_BACKWARD,
            _ => ccw::NO_OPERATION,
        }
    }

    /// Whether this stores.
    #[inline]
    pub(crate) const fn stores(self) -> bool {
        matches!(self, Self::STORE | Self::STORE_BACKWARD)
    }

    /// How a CCW moves data when this one is in effect, if it does.
    #[inline]
    pub(crate) const fn transfer(self, ccw: &Ccw) -> Option<Transfer> {
        let transfer = match self {
            _ if ccw.count == 0 => return None,
            Self::FETCH => return Some(Transfer::Fetch),
            Self::STORE => Transfer::Store,
            Self::STORE_BACKWARD => Transfer::StoreBackward,
            _ => return None,
        };
        // To a command that fetches, the flag means nothing.
        if ccw.flags.contains(Flags::SKIP) {
            None
        } else {
            Some(transfer)
        }
    }
}

/// The command codes that can stay in effect where data is chained to a CCW.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Codes {
    /// None: data is not chained to it.
    #[default]
    None,
    /// This one.
    One(u8),
    /// More than one.
    Several,
}

impl Codes {
    /// These and `other`.
    pub(crate) fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, codes) | (codes, Self::None) => codes,
            (one, other) if one == other => one,
            _ => Self::Several,
        }
    }

    /// The codes in effect at a CCW that the channel comes to in `effects`, where these stay in effect if
    /// data is chained to it.
    pub(crate) fn in_effect(self, effects: Effects, ccw: &Ccw) -> Self {
        if effects.contains(Effects::COMMAND) && !Effects::of_command(ccw).is_empty() {
            self.union(Self::One(ccw.command))
        } else {
            self
        }
    }

    /// The code for a CCW that the channel comes to in `effects`, with `effect` in effect: its own if that
    /// can count, as this command or as one that the channel refuses.
    pub(crate) fn host_code(self, effects: Effects, ccw: &Ccw, effect: Effects) -> u8 {
        let own = Effects::of_command(ccw);
        match self {
            _ if effects.contains(Effects::COMMAND) && (own == effect || own.is_empty()) => {
                ccw.command
            }
            Self::One(code) => code,
            Self::None | Self::Several => effect.any_code(),
        }
    }
}

/// How a CCW moves data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// From memory.
    Fetch,
    /// To memory.
    Store,
    /// To memory, towards lower addresses.
    StoreBackward,
}

impl Transfer {
    /// The access to memory that this takes.
    #[inline]
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::Fetch => Access::Read,
            Self::Store | Self::StoreBackward => Access::Write,
        }
    }

    /// Whether addresses go down.
    #[inline]
    pub(crate) const fn backward(self) -> bool {
        matches!(self, Self::StoreBackward)
    }

    /// Whether the data of a MIDAW is skipped: as with CCWs, only if it were to be stored.
    #[inline]
    pub(crate) const fn skips(self, flags: midaw::Flags) -> bool {
        flags.contains(midaw::Flags::SKIP) && !matches!(self, Self::Fetch)
    }
}
