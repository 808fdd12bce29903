// SPDX-License-Identifier: GPL-2.0

//! The addressing of the area of the command that stores over the program.

use crate::agreement::random::Random;

/// The addressing of the area of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressing {
    Direct,
    Backward,
    Idaws,
    Midaws,
    /// Directly, by the second CCW of a data chain.
    DataChain,
}

impl Addressing {
    /// Returns any of them; MIDAWs only if `has_midaws` is set.
    pub(super) fn new(random: &mut Random, has_midaws: bool) -> Self {
        match random.below(5) {
            0 => Self::Backward,
            1 => Self::Idaws,
            2 if has_midaws => Self::Midaws,
            3 => Self::DataChain,
            _ => Self::Direct,
        }
    }
}
