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
//!
//! No wait point may be where NO-OPERATION between two commands changes what the second one does:
//!
//! - in a chain of data: NO-OPERATION is a command;
//! - after a command that can give status modifier, such as SEARCH of a disk: the next command
//!   works on the record that was found, and NO-OPERATION ends the orientation of the disk;
//! - after LOCATE RECORD of a disk: it says how many commands follow, and which.
//!
//! The program check stays in these places. It also stays in place of the first CCW of a program,
//! so that each rest of a program executes a command at least.

use crate::{
    ccw::{
        self,
        Flags, //
    },
    memory::Storage,
    scsw::{
        Scsw,
        StatusControl,
        SubchannelStatus, //
    },
    translator::fetch::CcwKind,
    translator::layout::SlotLayout,
    translator::order::Numbers,
    translator::overwrite::Overwrites,
    translator::span::Span, //
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
    len: usize,
    /// Set if other CCWs of the program ask for an interruption, too.
    has_pci: bool,
}

impl WaitPoints {
    /// Returns the wait points at these addresses. `has_pci` is set if other CCWs of the program
    /// ask for an interruption, too.
    pub(crate) fn new(addresses: impl Iterator<Item = u32>, has_pci: bool) -> Self {
        let mut points = Self {
            has_pci,
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
        self.len
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether other CCWs of the program ask for an interruption, too.
    pub fn has_pci(&self) -> bool {
        self.has_pci
    }

    /// Returns the address of the wait point at which the program has asked for the interruption
    /// with this status, or `None` if it has another reason.
    pub fn reached_by(&self, scsw: &Scsw) -> Option<u32> {
        let ends = StatusControl::ALERT
            .union(StatusControl::PRIMARY)
            .union(StatusControl::SECONDARY);
        let stctl = scsw.stctl();
        let is_pci = stctl.contains(StatusControl::INTERMEDIATE)
            && !stctl.intersects(ends)
            && scsw.subchannel_status().contains(SubchannelStatus::PCI);
        self.at(scsw.cpa()).filter(|_| is_pci)
    }

    /// Returns whether status with which a wait point is reached has no other reason, so that it is
    /// no status of the guest's program.
    pub fn is_only_reason(&self, scsw: &Scsw) -> bool {
        !self.has_pci
            && !scsw.zero_condition_code()
            && scsw.subchannel_status() == SubchannelStatus::PCI
            && scsw.device_status().is_empty()
    }

    /// Returns the address of the wait point of which a CCW is current when the address of the next
    /// CCW is `cpa`.
    pub fn at(&self, cpa: u32) -> Option<u32> {
        let mut points = self.addresses.iter().take(self.len).copied();
        points.find(|point| is_at(*point, cpa))
    }
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
}

impl Continuation {
    /// Returns the guest address of the CCW with which the rest begins. If that is a TIC, its
    /// target is executed first.
    pub fn ccw(&self) -> u32 {
        self.ccw
    }
}

/// Set for a CCW that the program reaches.
const REACHED: u32 = 1;

/// Set for a CCW before which there must be no other command.
const DIRECT: u32 = 2;

/// The tables to find the places of wait points in.
pub(crate) struct Search<'a, S: Storage> {
    pub(crate) layout: &'a mut SlotLayout<S>,
    pub(crate) overwrites: &'a mut Overwrites<S>,
    pub(crate) numbers: Numbers<'a>,
    /// The last address of the list of each CCW, or zero if it has none.
    pub(crate) lists: &'a [u32],
    /// Working memory, of one item for each CCW.
    pub(crate) stack: &'a mut [u32],
    /// Working memory, of one item for each CCW.
    pub(crate) marks: &'a mut [u32],
}

impl<S: Storage> Search<'_, S> {
    /// Decides which of the overwritten CCWs have a wait point. Counts the others that the program
    /// reaches. CCWs that it does not reach have a program check.
    pub(crate) fn run(mut self, first: usize) {
        self.marks.fill(0);
        self.mark_direct();
        let (mut len, mut points) = (0, 0);
        self.push(&mut len, first);
        while let Some(index) = self.pop(&mut len) {
            let overwritten = self.overwritten(index);
            let can_wait = index != first && points < WAIT_POINTS && self.can_wait(index);
            if can_wait && (overwritten.is_some() || self.has_overwritten_list(index)) {
                self.layout.set_wait_point(index);
                points += 1;
                continue;
            }
            if let Some(address) = overwritten {
                self.overwrites.count(address);
            }
            if self.layout.is_overwritten(index) {
                continue;
            }
            for next in self.layout.next_ccws(index).into_iter().flatten() {
                self.push(&mut len, next);
            }
        }
        for index in 0..self.marks.len() {
            if self
                .marks
                .get(index)
                .is_some_and(|mark| mark & REACHED == 0)
            {
                self.layout.set_unreached(index);
            }
        }
    }

    fn push(&mut self, len: &mut usize, index: usize) {
        let mark = self.marks.get_mut(index);
        let Some(mark) = mark.filter(|mark| **mark & REACHED == 0) else {
            return;
        };
        *mark |= REACHED;
        if let Some(place) = self.stack.get_mut(*len) {
            *place = index as u32;
            *len += 1;
        }
    }

    fn pop(&self, len: &mut usize) -> Option<usize> {
        *len = len.checked_sub(1)?;
        self.stack.get(*len).map(|index| *index as usize)
    }

    /// Returns whether a wait point can be in place of CCW `index`.
    fn can_wait(&self, index: usize) -> bool {
        let is_direct = self.marks.get(index).is_none_or(|mark| mark & DIRECT != 0);
        !is_direct && self.layout.is_reached_by_commands(index)
    }

    /// Returns the guest address of the CCW that is overwritten when the channel fetches it at CCW
    /// `index`: this one or, if this one is a TIC, its target.
    fn overwritten(&self, index: usize) -> Option<u32> {
        let (ccw, is_target) = self.layout.overwritten_ccw(index)?;
        let address = self.layout.available_address(ccw)?;
        let span = Span::of_ccw(address);
        let time = self.numbers.time(index);
        // A TIC to another TIC counts as overwritten, too.
        (!is_target || self.overwrites.is_overwritten(span, time)).then_some(address)
    }

    /// Returns whether a word of the list of CCW `index` is overwritten when the channel fetches it.
    fn has_overwritten_list(&self, index: usize) -> bool {
        let last = self.lists.get(index).copied().filter(|last| *last > 0);
        let list = self.layout.instances().get(index).zip(last);
        list.is_some_and(|(instance, last)| {
            let first = instance.ccw().address.into();
            let span = Span {
                first,
                last: last.into(),
            };
            let time = self.numbers.time_of_list(index);
            self.overwrites.is_overwritten(span, time)
        })
    }

    /// Marks the CCWs before which there must be no other command.
    fn mark_direct(&mut self) {
        let mut located = u32::MAX;
        for index in 0..self.marks.len() {
            let Some(instance) = self.layout.instances().get(index) else {
                break;
            };
            if instance.kind() != CcwKind::Command {
                continue;
            }
            if is_locate_record(instance.code) {
                located = located.min(self.numbers.time_of_list(index));
            }
            let chains = instance.ccw().flags.contains(Flags::CC);
            if chains && ccw::can_give_status_modifier(instance.code) {
                self.mark_next(index);
            }
        }
        for (index, mark) in self.marks.iter_mut().enumerate() {
            if self.numbers.time_of_list(index) >= located {
                *mark |= DIRECT;
            }
        }
    }

    /// Marks the CCWs to which CCW `index` leads, and those to which it leads by a TIC.
    fn mark_next(&mut self, index: usize) {
        for next in self.layout.next_ccws(index).into_iter().flatten() {
            let [_, _, target] = self.layout.next_ccws(next);
            for direct in [Some(next), target].into_iter().flatten() {
                if let Some(mark) = self.marks.get_mut(direct) {
                    *mark |= DIRECT;
                }
            }
        }
    }
}

/// Returns whether a command of a disk is LOCATE RECORD or LOCATE RECORD EXTENDED.
const fn is_locate_record(command: u8) -> bool {
    matches!(command, 0x47 | 0x4b)
}
