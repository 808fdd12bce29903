// SPDX-License-Identifier: GPL-2.0

//! Why a program is not translated at all.
//!
//! A fault within the program is none of these: it becomes a program check in the host's program.

use core::fmt;

use crate::{
    memory::MemoryError,
    orb, //
};

/// A bound of the translator that a program can go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The number of CCWs ([`Sizes::ccws`](crate::translator::Sizes::ccws)).
    Ccws,
    /// The number of IDAWs ([`Sizes::idaws`](crate::translator::Sizes::idaws)).
    Idaws,
    /// The size of the arena.
    Arena,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ccws => "CCWs",
            Self::Idaws => "IDAWs",
            Self::Arena => "bytes of CCWs and IDAWs",
        })
    }
}

/// Why a program is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The ORB is one of transport mode.
    TransportMode,
    /// Bits of the ORB are one that must be zero; START SUBCHANNEL would give an operand exception.
    ReservedOrbBits {
        /// Those of word 1.
        control: orb::Flags,
        /// Those of the channel-program address.
        cpa: u32,
    },
    /// The program has more than this bound allows.
    TooLarge(Bound),
    /// The host is short of something.
    Memory(E),
}

impl<E> From<Bound> for Error<E> {
    fn from(bound: Bound) -> Self {
        Self::TooLarge(bound)
    }
}

/// Whether memory could be had. What the guest is at fault for is left for its program to meet.
#[inline]
pub(crate) fn available<E>(result: Result<(), MemoryError<E>>) -> Result<bool, Error<E>> {
    match result {
        Ok(()) => Ok(true),
        Err(MemoryError::Guest) => Ok(false),
        Err(MemoryError::Host(error)) => Err(Error::Memory(error)),
    }
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransportMode => f.write_str("transport mode is not supported (ORB bit 13)"),
            Self::ReservedOrbBits { control, cpa } => write!(
                f,
                "the ORB has ones that must be zero: control bits {control}, CPA {cpa:#010x}"
            ),
            Self::TooLarge(bound) => write!(f, "the program has too many {bound}"),
            Self::Memory(error) => write!(f, "the guest's memory cannot be had: {error:?}"),
        }
    }
}
