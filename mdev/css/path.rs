// SPDX-License-Identifier: GPL-2.0

//! Channel paths.
//!
//! C header: [`drivers/s390/cio/chp.h`](srctree/drivers/s390/cio/chp.h)

use crate::bindings;
use kernel::prelude::*;

/// An event of a channel path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEvent {
    /// The path has become available.
    Online,
    /// The path is not available any more.
    Offline,
    /// The administrator allows the path to be used again.
    VaryOn,
    /// The administrator forbids to use the path.
    VaryOff,
}

impl PathEvent {
    /// Returns the number that the channel subsystem has for the event: `CHP_*`.
    pub const fn number(self) -> c_int {
        let number = match self {
            Self::Online => bindings::CHP_ONLINE,
            Self::Offline => bindings::CHP_OFFLINE,
            Self::VaryOn => bindings::CHP_VARY_ON,
            Self::VaryOff => bindings::CHP_VARY_OFF,
        };

        // CAST: The numbers are less than 4. There is no conversion in a `const fn`.
        number as c_int
    }

    /// Returns the event with a number of the channel subsystem, and `None` if it is none of a
    /// path.
    pub(super) fn from_raw(event: c_int) -> Option<Self> {
        match u32::try_from(event).ok()? {
            bindings::CHP_ONLINE => Some(Self::Online),
            bindings::CHP_OFFLINE => Some(Self::Offline),
            bindings::CHP_VARY_ON => Some(Self::VaryOn),
            bindings::CHP_VARY_OFF => Some(Self::VaryOff),
            _ => None,
        }
    }
}

/// A channel path to the device of a subchannel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The channel-path identifier.
    pub chpid: u8,
    /// The bit of the path in the path masks of the subchannel.
    pub mask: u8,
}
