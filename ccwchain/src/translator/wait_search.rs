// SPDX-License-Identifier: GPL-2.0

//! Finding the places of wait points (`wait_points.rs`) in a program.
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
//!
//! A guest may *append* to a program that asks it for an interruption (PCI): when the interruption
//! comes, it changes the NO-OPERATION with which the program ends into a TIC to further CCWs. So
//! the program also waits in place of each NO-OPERATION that the channel may fetch after such an
//! interruption, of each invalid CCW, and of each TIC to one of these. A change of another CCW is
//! not seen: there, NO-OPERATION might change what a program does that the guest does not change.
//! Such a guest must expect that it was too late. If it was, it starts the CCWs by themselves, so
//! that they cannot depend on the command before them.

use crate::{
    ccw::{
        self,
        Flags, //
    },
    memory::Storage,
    translator::fetch::CcwKind,
    translator::layout::SlotLayout,
    translator::order::Numbers,
    translator::overwrite::Overwrites,
    translator::span::Span,
    translator::wait_points::WAIT_POINTS, //
};

/// Set for a CCW that the program reaches.
const REACHED: u32 = 1;

/// Set for a CCW before which there must be no other command.
const DIRECT: u32 = 2;

/// Set for a CCW that the channel may fetch after the program has asked for an interruption.
const AFTER_PCI: u32 = 4;

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
    /// Decides which CCWs have a wait point. Counts the other overwritten CCWs that the program
    /// reaches. CCWs that it does not reach have a program check. `is_after_pci` is set if the
    /// guest may append to the program from its first CCW on.
    pub(crate) fn run(mut self, first: usize, is_after_pci: bool) {
        self.marks.fill(0);
        self.mark_direct();
        self.mark_after_pci(first, is_after_pci);
        let (mut len, mut points) = (0, 0);
        self.push(&mut len, first, REACHED);
        while let Some(index) = self.pop(&mut len) {
            let overwritten = self.overwritten(index);
            let may_change = overwritten.is_some()
                || self.has_overwritten_list(index)
                || self.may_be_appended_to(index);
            let can_wait = index != first && points < WAIT_POINTS && self.can_wait(index);
            if can_wait && may_change {
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
            self.push_next(&mut len, index, REACHED);
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

    /// Adds a CCW to those that are to be followed, unless it has the mark `flag`.
    fn push(&mut self, len: &mut usize, index: usize, flag: u32) {
        let mark = self.marks.get_mut(index);
        let Some(mark) = mark.filter(|mark| **mark & flag == 0) else {
            return;
        };
        *mark |= flag;
        if let Some(place) = self.stack.get_mut(*len) {
            *place = index as u32;
            *len += 1;
        }
    }

    /// Adds the CCWs to which CCW `index` leads.
    fn push_next(&mut self, len: &mut usize, index: usize, flag: u32) {
        for next in self.layout.next_ccws(index).into_iter().flatten() {
            self.push(len, next, flag);
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

    /// Returns whether a word of the list of CCW `index` is overwritten when it is fetched.
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

    /// Returns whether the guest may append to the program in place of CCW `index`.
    fn may_be_appended_to(&self, index: usize) -> bool {
        let is_after_pci = self
            .marks
            .get(index)
            .is_some_and(|mark| mark & AFTER_PCI != 0);
        is_after_pci && self.layout.moves_nothing(index)
    }

    /// Marks the CCWs that the channel may fetch after the program has asked for an interruption.
    fn mark_after_pci(&mut self, first: usize, is_after_pci: bool) {
        let mut len = 0;
        if is_after_pci {
            self.push(&mut len, first, AFTER_PCI);
        }
        for index in 0..self.marks.len() {
            if self.layout.has_pci_at(index) {
                self.push_next(&mut len, index, AFTER_PCI);
            }
            while let Some(index) = self.pop(&mut len) {
                self.push_next(&mut len, index, AFTER_PCI);
            }
        }
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
