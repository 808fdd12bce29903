// SPDX-License-Identifier: GPL-2.0

//! What a program can store over.

use std::ops::Range;

use crate::channel::Format;

/// The contents that a program stores over. "Later" is a CCW or list that the channel has not
/// fetched when it stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwritten {
    /// The command code of a later CCW.
    CommandCode,
    /// The flags of a later CCW.
    Flags,
    /// The count of a later CCW.
    Count,
    /// The address in a later CCW.
    Address,
    /// A later CCW.
    Ccw,
    /// Several later CCWs.
    Ccws,
    /// The CCW to which a TIC leads.
    TicTarget,
    /// The CCW behind a search and a TIC, to which status modifier leads.
    BehindSearch,
    /// The CCW to which the command that stores chains data.
    OwnDataChain,
    /// The places after the command that stores, where there are no CCWs before, as in IPL.
    IplRecords,
    /// A CCW that was executed, and to which a TIC leads back.
    Head,
    /// An IDAW of a later CCW.
    LaterIdaw,
    /// A MIDAW of a later CCW.
    LaterMidaw,
    /// The next IDAW of the command that stores.
    OwnIdaw,
    /// The next MIDAW of the command that stores.
    OwnMidaw,
    /// A CCW that was executed, and is not executed again.
    ExecutedCcw,
    /// The list of a CCW that was executed.
    UsedList,
    /// The CCW of the command that stores.
    OwnCcw,
    /// The IDAW or MIDAW that designates where the command stores.
    OwnUsedWord,
    /// The contents behind the end of the program.
    BehindEnd,
    /// The contents behind the end of a later list.
    BehindListEnd,
    /// A later CCW, which gets the contents that it has.
    SameContents,
    /// A later CCW, but the device has no data.
    NotStored,
    /// A later CCW, but the data is skipped.
    Skipped,
    /// The data of a later command.
    Data,
}

impl Overwritten {
    /// Returns the bytes of a CCW that are stored over, or `None` for all of them.
    pub(super) fn field(self, format: Format) -> Option<Range<usize>> {
        match (self, format) {
            (Self::CommandCode, _) => Some(0..1),
            (Self::Flags, Format::Zero) => Some(4..5),
            (Self::Flags, Format::One) => Some(1..2),
            (Self::Count, Format::Zero) => Some(6..8),
            (Self::Count, Format::One) => Some(2..4),
            (Self::Address, Format::Zero) => Some(1..4),
            (Self::Address, Format::One) => Some(4..8),
            _ => None,
        }
    }

    /// Returns whether the list that is stored over is one of MIDAWs. It can be either for `None`.
    pub(super) const fn midaws(self) -> Option<bool> {
        match self {
            Self::LaterIdaw | Self::OwnIdaw => Some(false),
            Self::LaterMidaw | Self::OwnMidaw => Some(true),
            _ => None,
        }
    }
}
