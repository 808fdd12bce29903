// SPDX-License-Identifier: GPL-2.0

//! Fetching from guest memory: reading it word by word, with few calls; fetching and classifying a
//! CCW.

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    error::{
        available,
        Error, //
    },
    memory::GuestMemory,
    orb::{
        self,
        Orb, //
    },
    translator::effect::Effects, //
};

/// The size of a piece in bytes: guest memory is read in pieces, from multiples of this on.
///
/// A piece may have bytes that are no part of the program. They are never looked at. It lies within
/// one page, which is there as a whole or not at all, so that reading a piece fails exactly if
/// reading any word of it fails.
pub(crate) const PIECE: usize = 1024;

/// The address of no piece.
const NO_PIECE: u64 = u64::MAX;

/// A reader of guest memory, with the piece that was read last.
pub(crate) struct GuestReader<'a> {
    piece: &'a mut [u8],
    /// The guest address of the piece.
    start: u64,
    /// The last CCW of the piece that was read before this one.
    before: [u8; ccw::SIZE as usize],
}

impl<'a> GuestReader<'a> {
    /// Creates a reader that has read nothing. `buffer` has room for one piece.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        debug_assert!(buffer.len() == PIECE);
        Self {
            piece: buffer,
            start: NO_PIECE,
            before: [0; ccw::SIZE as usize],
        }
    }

    /// Returns the word of `N` bytes at the guest address `address`, a multiple of `N`, or `None`
    /// if the guest has no memory there.
    #[inline(always)]
    pub(crate) fn word<const N: usize, M: GuestMemory>(
        &mut self,
        address: u64,
        memory: &mut M,
    ) -> Result<Option<[u8; N]>, Error<M::Error>> {
        let offset = address % PIECE as u64;
        if self.start != address - offset && !self.read(address - offset, memory)? {
            return Ok(None);
        }
        let offset = offset as usize;
        let word = self.piece.get(offset..offset + N);
        Ok(word.and_then(|word| word.try_into().ok()))
    }

    /// Returns the CCW before the one at `address`, if these two were read last, in this order. The
    /// one at `address` may be at an address that no CCW can have.
    pub(crate) fn before(&self, address: u64) -> Option<[u8; ccw::SIZE as usize]> {
        match address as usize % PIECE {
            // Nothing was read at `address`.
            0 if address.checked_sub(PIECE as u64) == Some(self.start) => {
                self.piece.last_chunk().copied()
            }
            0 => Some(self.before),
            offset => self.piece.get(..offset)?.last_chunk().copied(),
        }
    }

    /// Reads the piece at the guest address `start`. Returns whether the guest has memory there.
    #[cold]
    fn read<M: GuestMemory>(
        &mut self,
        start: u64,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        self.start = NO_PIECE;
        self.before = self.piece.last_chunk().copied().unwrap_or_default();
        let is_there = available(memory.read(start, self.piece))?;
        if is_there {
            self.start = start;
        }
        Ok(is_there)
    }
}

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

    /// Returns whether the program continues after this CCW, which is no valid command: it is a
    /// TIC, or, where `is_skipped` is set, status modifier can skip it.
    #[inline]
    pub(crate) fn continues(&self, is_skipped: bool) -> bool {
        self.kind == CcwKind::Tic || is_skipped && self.can_be_skipped()
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
    /// The flags that count for whether a program is sequential.
    sequential: Flags,
}

impl CcwRules {
    /// Returns the rules for the program of `orb`. `looks_past_ends` tells whether CCWs past an end
    /// of the program are translated if status modifier can lead there. If the guest `may_append`
    /// to the program, one that asks for an interruption before its end is not sequential.
    #[inline]
    pub(crate) fn of(orb: &Orb, looks_past_ends: bool, may_append: bool) -> Self {
        let chaining = Flags::CD.union(Flags::CC);
        Self {
            format: Format::of(orb),
            midaw: orb.flags().contains(orb::Flags::MIDAW),
            looks_past_ends,
            sequential: match may_append {
                true => chaining.union(Flags::PCI),
                false => chaining,
            },
        }
    }

    /// Returns whether a sequential program continues after this CCW.
    #[inline(always)]
    pub(crate) fn is_sequential(&self, ccw: &Ccw) -> bool {
        ccw.flags.intersection(self.sequential) == Flags::CC
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
