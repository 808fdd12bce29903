// SPDX-License-Identifier: GPL-2.0

//! Fetching a guest CCW, and classifying it.

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    error::Error,
    memory::GuestMemory,
    orb::{
        self,
        Orb, //
    },
    translator::effect::Effects,
    translator::reader::GuestReader, //
};

/// The kind of a CCW, by its own fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CcwKind {
    /// A program check: the CCW is invalid however it is reached, or could not be fetched.
    #[default]
    ProgramCheck,
    /// A transfer in channel.
    Tic,
    /// A command, or a part of one.
    Command,
}

/// A guest CCW, as it was fetched.
#[derive(Clone, Copy, Default)]
pub(crate) struct FetchedCcw {
    pub(crate) ccw: Ccw,
    pub(crate) kind: CcwKind,
    /// Set if the CCW could be fetched.
    pub(crate) is_available: bool,
}

impl FetchedCcw {
    /// Returns the kind of command in effect if the CCW is reached by command chaining, or the
    /// empty set if it is no valid command.
    #[inline]
    pub(crate) fn command(&self) -> Effects {
        match self.kind {
            CcwKind::Command => Effects::COMMAND.in_effect(&self.ccw),
            _ => Effects::default(),
        }
    }

    /// Returns whether the program continues after this CCW, if it is reached by command chaining
    /// and, where `is_skipped` is set, status modifier can skip it.
    #[inline]
    pub(crate) fn continues(&self, is_skipped: bool) -> bool {
        match self.kind {
            CcwKind::Tic => true,
            CcwKind::Command if !self.command().is_empty() => self.ccw.chains(),
            _ => is_skipped && self.can_be_skipped(),
        }
    }

    /// Returns whether a program can continue after this CCW when status modifier skips it,
    /// whichever command gives the status modifier.
    #[inline]
    pub(crate) fn can_be_skipped(&self) -> bool {
        self.ccw.direction() == Direction::TransferInChannel || self.ccw.chains()
    }
}

/// The rules for the CCWs of a program, which its ORB determines.
pub(crate) struct CcwRules {
    format: Format,
    midaw: bool,
    looks_past_ends: bool,
}

impl CcwRules {
    /// Returns the rules for the program of `orb`. `looks_past_ends` tells whether CCWs past an end
    /// of the program are translated if status modifier can lead there.
    #[inline]
    pub(crate) fn of(orb: &Orb, looks_past_ends: bool) -> Self {
        Self {
            format: Format::of(orb),
            midaw: orb.flags().contains(orb::Flags::MIDAW),
            looks_past_ends,
        }
    }

    /// Returns the format of the CCWs.
    #[inline]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Returns these rules with another format.
    #[inline]
    pub(crate) fn with(&self, format: Format) -> Self {
        Self { format, ..*self }
    }

    /// Returns whether CCWs past an end of the program are translated if status modifier can lead
    /// there.
    #[inline]
    pub(crate) fn looks_past_ends(&self) -> bool {
        self.looks_past_ends
    }

    /// Fetches and classifies the CCW at the guest address `address`.
    #[inline(always)]
    pub(crate) fn fetch<M: GuestMemory>(
        &self,
        address: u32,
        ccws: &mut GuestReader<'_>,
        memory: &mut M,
    ) -> Result<FetchedCcw, Error<M::Error>> {
        if address % ccw::SIZE != 0 || address > self.format.max_address() {
            return Ok(FetchedCcw::default());
        }
        let Some(bytes) = ccws.word(address.into(), memory)? else {
            return Ok(FetchedCcw::default());
        };
        let ccw = Ccw::parse(self.format, bytes);
        Ok(FetchedCcw {
            ccw,
            kind: self.classify(&ccw),
            is_available: true,
        })
    }

    /// Classifies a CCW by its own fields.
    ///
    /// It is a program check only if the channel refuses it both as a command and as a part of one
    /// (Principles of Operation, "Channel-Command Word").
    #[inline(always)]
    fn classify(&self, ccw: &Ccw) -> CcwKind {
        let format1 = self.format == Format::One;
        // These codes are neither TIC nor invalid, in either format.
        let has_code = ccw.command & 0x07 != 0;
        let has_count = ccw.count != 0 || (format1 && !ccw.flags.contains(Flags::CD));
        let in_range = ccw.address <= self.format.max_address();
        if has_code && has_count && in_range && !ccw.flags.contains(Flags::MIDA) {
            return CcwKind::Command;
        }
        if ccw.is_tic(self.format) {
            let wrong = format1 && (!ccw.flags.is_empty() || ccw.count != 0);
            return if wrong || !in_range || ccw.address % ccw::SIZE != 0 {
                CcwKind::ProgramCheck
            } else {
                CcwKind::Tic
            };
        }
        let no_midaws = !self.midaw || ccw.flags.intersects(Flags::IDA.union(Flags::SKIP));
        if !has_count
            || !in_range
            || ccw.direction() == Direction::TransferInChannel
            || (ccw.flags.contains(Flags::MIDA) && no_midaws)
        {
            CcwKind::ProgramCheck
        } else {
            CcwKind::Command
        }
    }
}
