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
