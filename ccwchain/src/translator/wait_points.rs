// SPDX-License-Identifier: GPL-2.0

//! Wait points: where a program waits until its rest is translated.
//!
//! The CCW that a program has stored over is only known when the channel comes to it. So the host
//! program can have a *wait point* in its place: the channel asks for an interruption there, and
//! repeats NO-OPERATION until the driver has translated the rest of the program, from the CCWs that
//! the guest has then. The chain of commands is not interrupted, as it would be if the program were
//! suspended.
//!
//! ```text
//! NOP  CC, PCI
//! NOP  CC            <─┐
//! TIC                ──┘   replaced by a TIC to the rest
//! program check            for status modifier
//! ```

use crate::{
    ccw,
    scsw::{
        Scsw,
        StatusControl,
        SubchannelStatus, //
    },
};

/// The maximum number of wait points of a program. There is a program check in place of further
/// CCWs.
pub(crate) const WAIT_POINTS: usize = 16;

/// The number of CCWs of a wait point.
pub(crate) const WAIT_SLOTS: u32 = 3;

/// The offset in bytes of the TIC in a wait point.
pub const WAIT_TIC: u32 = 2 * ccw::SIZE;

/// The absolute addresses of the wait points of a host program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitPoints {
    addresses: [u32; WAIT_POINTS],
    len: u32,
    /// Set while the interruption that another CCW of the program asks for may still come.
    has_pci: bool,
    /// The first CPA after the last such CCW, and the end of those from which the channel comes to
    /// none any more. Both are zero if there are none.
    last_pci: (u32, u32),
}

impl WaitPoints {
    /// Returns the wait points at these addresses. `has_pci` is set if other CCWs of the program
    /// ask for an interruption, too. From the first CPA in `last_pci` up to the second one, they
    /// ask for no further interruption.
    pub(crate) fn new(
        addresses: impl Iterator<Item = u32>,
        has_pci: bool,
        last_pci: (u32, u32),
    ) -> Self {
        let mut points = Self {
            has_pci,
            last_pci,
            ..Self::default()
        };
        for (place, address) in points.addresses.iter_mut().zip(addresses) {
            *place = address;
            points.len += 1;
        }
        points
    }

    /// Returns the number of wait points.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the address of the wait point at which the program has asked for the interruption
    /// with this status, or `None` if it has another reason.
    pub fn reached_by(&self, scsw: &Scsw) -> Option<u32> {
        self.at(scsw.cpa()).filter(|_| is_pci(scsw))
    }

    /// Notes status with which no wait point is reached: the interruption of another CCW may have
    /// come with it.
    pub fn note_other(&mut self, scsw: &Scsw) {
        let (first, end) = self.last_pci;
        let is_last = (first..end).contains(&scsw.cpa());
        self.has_pci &= !(is_last && is_pci(scsw));
    }

    /// Returns whether status with which a wait point is reached has no other reason. Then it is
    /// not for the guest.
    pub fn is_only_reason(&self, scsw: &Scsw) -> bool {
        !self.has_pci
            && !scsw.zero_condition_code()
            && scsw.subchannel_status() == SubchannelStatus::PCI
            && scsw.device_status().is_empty()
    }

    /// Returns the address of the wait point of which a CCW is current when the address of the next
    /// CCW is `cpa`.
    pub fn at(&self, cpa: u32) -> Option<u32> {
        let mut points = self.addresses.iter().take(self.len()).copied();
        points.find(|point| is_at(*point, cpa))
    }
}

/// Returns whether the status has a program-controlled interruption of a program that continues.
fn is_pci(scsw: &Scsw) -> bool {
    let ends = StatusControl::ALERT
        .union(StatusControl::PRIMARY)
        .union(StatusControl::SECONDARY);
    let stctl = scsw.stctl();
    stctl.contains(StatusControl::INTERMEDIATE)
        && !stctl.intersects(ends)
        && scsw.subchannel_status().contains(SubchannelStatus::PCI)
}

/// Returns whether a CCW of the wait point `point` is current when the next CCW is at `cpa`.
pub(crate) fn is_at(point: u32, cpa: u32) -> bool {
    cpa.checked_sub(point)
        .is_some_and(|offset| (ccw::SIZE..=WAIT_SLOTS * ccw::SIZE).contains(&offset))
}

/// A place from which a program continues as another host program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The absolute address of the wait point in the host program before.
    pub(crate) host: u32,
    /// The guest address of the CCW with which the rest begins.
    pub(crate) ccw: u32,
    /// The CPA of the guest while the program waits.
    pub(crate) cpa: u32,
    /// Set if the program has asked for an interruption before.
    pub(crate) is_after_pci: bool,
}

impl Continuation {
    /// Returns the guest address of the CCW with which the rest begins. If that is a TIC, its
    /// target is executed first.
    pub fn ccw(&self) -> u32 {
        self.ccw
    }
}
