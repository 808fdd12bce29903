// SPDX-License-Identifier: GPL-2.0

//! Condition codes of I/O instructions.

/// The condition code that an I/O instruction sets: HALT SUBCHANNEL, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionCode {
    /// 0: the function is initiated.
    Initiated,
    /// 1: the subchannel is status-pending.
    StatusPending,
    /// 2: a function is in progress.
    Busy,
    /// 3: the subchannel is not operational.
    NotOperational,
}

impl ConditionCode {
    /// All condition codes, each at its number.
    const ALL: [Self; 4] = [
        Self::Initiated,
        Self::StatusPending,
        Self::Busy,
        Self::NotOperational,
    ];

    /// Returns the number of the condition code.
    pub const fn number(self) -> u8 {
        match self {
            Self::Initiated => 0,
            Self::StatusPending => 1,
            Self::Busy => 2,
            Self::NotOperational => 3,
        }
    }

    /// Returns the condition code with this number, and `None` if there is none.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}
