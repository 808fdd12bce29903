// SPDX-License-Identifier: GPL-2.0

//! One CCW of a guest program with one command in effect.

use crate::{
    ccw::{
        Ccw,
        Flags, //
    },
    translator::effect::Effects,
    translator::fetch::{
        CcwKind,
        FetchedCcw, //
    },
};

/// A CCW in whose place there is a program check, because the program may have stored over it when
/// the channel fetches it (`overwrite.rs`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Overwritten {
    /// None.
    #[default]
    None,
    /// The target of this TIC, when the channel fetches it for this TIC.
    Target,
    /// This CCW.
    Itself,
}

/// A guest CCW with one command in effect.
#[derive(Clone, Copy, Default)]
pub(crate) struct CcwInstance {
    /// The guest address.
    pub(crate) address: u32,
    /// The slot in the host program.
    pub(crate) slot: u32,
    pub(crate) fetched: FetchedCcw,
    /// The kind of command in effect or, for a TIC, the way in which it is reached.
    pub(crate) effect: Effects,
    /// The command code of the host CCW.
    pub(crate) code: u8,
    /// Set if status modifier can skip this CCW.
    pub(crate) is_skipped: bool,
    /// Set if the CCW is reached by command chaining only, or is the first of the program.
    pub(crate) is_command: bool,
    /// The program check in place of an overwritten CCW.
    pub(crate) overwritten: Overwritten,
    /// Set if there is a wait point instead of that program check (`wait_points.rs`).
    pub(crate) is_wait_point: bool,
}

impl CcwInstance {
    /// Returns whether the slot has a program check or a wait point in place of an overwritten CCW.
    #[inline]
    pub(crate) fn is_overwritten(&self) -> bool {
        self.overwritten != Overwritten::None
    }

    /// Returns how many guest CCWs the slots from that of this CCW up to `slot` stand for. The
    /// slots of a wait point stand for one.
    pub(crate) fn ccws_up_to(&self, slot: u32) -> u32 {
        match slot - self.slot {
            slots if self.is_wait_point => slots.min(1),
            slots => slots,
        }
    }

    /// Returns the guest CCW.
    #[inline]
    pub(crate) fn ccw(&self) -> &Ccw {
        &self.fetched.ccw
    }

    /// Returns the guest CCW with the command code in effect, and without flags that other flags
    /// make meaningless. So the host CCW moves data as its list allows on every channel.
    #[inline]
    pub(crate) fn command(&self) -> Ccw {
        let ccw = self.fetched.ccw;
        let void = if ccw.flags.contains(Flags::CD) {
            Flags::CC.union(Flags::SLI)
        } else {
            Flags::empty()
        };
        Ccw {
            command: self.code,
            flags: ccw.flags.difference(void),
            ..ccw
        }
    }

    /// Returns what the CCW is, reached in this way.
    #[inline]
    pub(crate) fn kind(&self) -> CcwKind {
        match self.fetched.kind {
            CcwKind::Command if self.effect.is_empty() => CcwKind::ProgramCheck,
            kind => kind,
        }
    }

    /// Returns whether the program asks for an interruption at this CCW.
    pub(crate) fn has_pci(&self) -> bool {
        self.kind() == CcwKind::Command
            && !self.is_overwritten()
            && self.ccw().flags.contains(Flags::PCI)
    }

    /// Returns whether the channel can continue after the CCW by chaining.
    #[inline]
    pub(crate) fn chains(&self) -> bool {
        self.kind() == CcwKind::Command && self.ccw().chains()
    }
}
