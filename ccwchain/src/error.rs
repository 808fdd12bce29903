// SPDX-License-Identifier: GPL-2.0

//! Errors that prevent a translation.
//!
//! A fault within the guest program is not an error: the host program gets a program check there.

use core::fmt;

use crate::{
    memory::MemoryError,
    orb, //
};

/// A bound of the translator that a program can exceed.
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

/// Why a program cannot be translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The ORB asks for transport mode (bit 13 of word 1).
    TransportMode,
    /// The ORB has ones where zeros are required, for which START SUBCHANNEL recognizes an operand
    /// exception (Principles of Operation, "Operation-Request Block").
    ReservedOrbBits {
        /// The wrong bits of word 1.
        control: orb::Flags,
        /// The wrong bit of the channel-program address.
        cpa: u32,
    },
    /// The program exceeds this bound.
    TooLarge(Bound),
    /// The host cannot give access to guest memory.
    Memory(E),
}

impl<E> From<Bound> for Error<E> {
    fn from(bound: Bound) -> Self {
        Self::TooLarge(bound)
    }
}

/// Returns whether guest memory is available. A fault of the guest is no error here: the host
/// program gets a program check for it.
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
            Self::Memory(error) => write!(f, "guest memory is not available: {error:?}"),
        }
    }
}
