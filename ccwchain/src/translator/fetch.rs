// SPDX-License-Identifier: GPL-2.0

//! Fetching a CCW of the guest's, and judging it.

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
    translator::effect::Effects, //
    translator::reader::Reader,
};

/// What becomes of a CCW.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// It gives a program check: it is wrong, or could not be fetched.
    #[default]
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer,
    /// It is a command, or a part of one.
    Command,
}

/// A CCW as it was fetched.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fetched {
    pub(crate) ccw: Ccw,
    /// What becomes of it, by what it says itself.
    pub(crate) step: Step,
    /// Whether it could be fetched.
    pub(crate) is_there: bool,
}

impl Fetched {
    /// The command in effect when it is come to as a command, if it is one.
    #[inline]
    pub(crate) fn command(&self) -> Effects {
        match self.step {
            Step::Command => Effects::COMMAND.in_effect(&self.ccw),
            _ => Effects::default(),
        }
    }

    /// Whether a program leads on from here that has come to it as a command, or if it
    /// `is_stepped_over` past it.
    #[inline]
    pub(crate) fn leads_on(&self, is_stepped_over: bool) -> bool {
        match self.step {
            Step::Transfer => true,
            Step::Command if !self.command().is_empty() => self.ccw.chains(),
            _ => is_stepped_over && self.can_be_stepped_over(),
        }
    }

    /// Returns whether status modifier leads past this CCW when it stands behind any CCW that chains
    /// commands.
    #[inline]
    pub(crate) fn can_be_stepped_over(&self) -> bool {
        self.ccw.direction() == Direction::TransferInChannel || self.ccw.chains()
    }
}

/// What a program's ORB says about its CCWs.
pub(crate) struct Rules {
    format: Format,
    midaw: bool,
    looks_past_ends: bool,
}

impl Rules {
    /// Returns the rules for the program of `orb`. `looks_past_ends` tells whether status modifier leads
    /// past its ends.
    #[inline]
    pub(crate) fn of(orb: &Orb, looks_past_ends: bool) -> Self {
        Self {
            format: Format::of(orb),
            midaw: orb.flags().contains(orb::Flags::MIDAW),
            looks_past_ends,
        }
    }

    /// The format of the CCWs.
    #[inline]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The same with that format.
    #[inline]
    pub(crate) fn with(&self, format: Format) -> Self {
        Self { format, ..*self }
    }

    /// Returns whether status modifier leads past the ends of the program.
    #[inline]
    pub(crate) fn looks_past_ends(&self) -> bool {
        self.looks_past_ends
    }

    /// Fetches the CCW at `address` and judges it.
    #[inline(always)]
    pub(crate) fn fetch<M: GuestMemory>(
        &self,
        address: u32,
        ccws: &mut Reader<'_>,
        memory: &mut M,
    ) -> Result<Fetched, Error<M::Error>> {
        if address % ccw::SIZE != 0 || address > self.format.max_address() {
            return Ok(Fetched::default());
        }
        let Some(bytes) = ccws.word(address.into(), memory)? else {
            return Ok(Fetched::default());
        };
        let ccw = Ccw::parse(self.format, bytes);
        Ok(Fetched {
            ccw,
            step: self.judge(&ccw),
            is_there: true,
        })
    }

    /// What becomes of a CCW, by what it says itself: a program check only if the channel would not
    /// take it in any way.
    #[inline(always)]
    fn judge(&self, ccw: &Ccw) -> Step {
        let format1 = self.format == Format::One;
        // These codes are neither transfers nor invalid, in any format.
        let has_code = ccw.command & 0x07 != 0;
        let has_count = ccw.count != 0 || (format1 && !ccw.flags.contains(Flags::CD));
        let in_range = ccw.address <= self.format.max_address();
        if has_code && has_count && in_range && !ccw.flags.contains(Flags::MIDA) {
            return Step::Command;
        }
        if ccw.is_tic(self.format) {
            let wrong = format1 && (!ccw.flags.is_empty() || ccw.count != 0);
            return if wrong || !in_range || ccw.address % ccw::SIZE != 0 {
                Step::ProgramCheck
            } else {
                Step::Transfer
            };
        }
        let no_midaws = !self.midaw || ccw.flags.intersects(Flags::IDA.union(Flags::SKIP));
        if !has_count
            || !in_range
            || ccw.direction() == Direction::TransferInChannel
            || (ccw.flags.contains(Flags::MIDA) && no_midaws)
        {
            Step::ProgramCheck
        } else {
            Step::Command
        }
    }
}
