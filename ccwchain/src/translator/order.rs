// SPDX-License-Identifier: GPL-2.0

//! The order in which the channel can execute the CCWs of a program.
//!
//! CCWs that lead to each other are in one *loop*. Each loop, and each CCW outside of loops, has a
//! place in an order in which no CCW leads to an earlier place. So what a CCW stores can change
//! later places only, and its own loop. Where a program has branches, one is before the other,
//! though no CCW leads from there to here: it counts as if one did.
//!
//! *Times* are twice these places: the channel fetches the list of a CCW at the time of its place,
//! and the next CCW one later or, in a loop, at the same time. What a CCW stores counts from then
//! on. So a store in a loop counts for all lists and CCWs of the loop, and another one counts for
//! the next CCW, but not for the list of its own. The time of the next CCW is the number of a CCW.
//!
//! The loops are the strongly connected components of the program, which are found by the algorithm
//! of D. J. Pearce, "A Space-Efficient Algorithm for Finding Strongly Connected Components" (2016),
//! without recursion.

use crate::{
    memory::Storage,
    translator::layout::SlotLayout, //
};

/// The numbers of the CCWs of a program.
#[derive(Clone, Copy)]
pub(crate) struct Numbers<'a>(&'a [u32]);

impl<'a> Numbers<'a> {
    /// Numbers the CCWs. All arguments have as many items as there are CCWs; `stack` and `states`
    /// are working memory.
    pub(crate) fn new<S: Storage>(
        layout: &SlotLayout<S>,
        numbers: &'a mut [u32],
        stack: &mut [u32],
        states: &mut [u32],
    ) -> Self {
        let len = layout.instances().len();
        numbers.fill(0);
        states.fill(0);
        let mut search = Search {
            numbers,
            stack,
            states,
            path: 0,
            open: len,
            found: 0,
            // Greater than all numbers in the search, also when each CCW has its place.
            place: 2 * len as u32,
        };
        for index in 0..len as u32 {
            if search.number(index) == 0 {
                search.visit(layout, index);
            }
        }
        Self(numbers)
    }

    /// Returns the time from which on what CCW `index` stores counts, which is also the time at
    /// which the channel fetches the next CCW.
    pub(crate) fn time(self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Returns the time at which the channel fetches the list of CCW `index`.
    pub(crate) fn time_of_list(self, index: usize) -> u32 {
        self.time(index) & !1
    }
}

/// Set in the state of a CCW if it leads to one that the search has found before it.
const LEADS_BACK: u32 = 0x80;

/// A depth-first search.
struct Search<'a> {
    /// The final number of a CCW. Before it has one: zero, or the lowest position in the search of
    /// a CCW to which it leads.
    numbers: &'a mut [u32],
    /// The CCWs from the first to the current one, at the beginning; those before it that are in a
    /// loop with one of these, at the end.
    stack: &'a mut [u32],
    /// The number of followed ways of a CCW, and [`LEADS_BACK`].
    states: &'a mut [u32],
    /// The length of the beginning of `stack`.
    path: usize,
    /// The start of the end of `stack`.
    open: usize,
    /// The number of CCWs that were found.
    found: u32,
    /// The greatest place that is free.
    place: u32,
}

impl Search<'_> {
    fn number(&self, index: u32) -> u32 {
        self.numbers.get(index as usize).copied().unwrap_or(0)
    }

    fn set_number(&mut self, index: u32, number: u32) {
        if let Some(place) = self.numbers.get_mut(index as usize) {
            *place = number;
        }
    }

    fn state(&self, index: u32) -> u32 {
        self.states.get(index as usize).copied().unwrap_or(0)
    }

    fn set_state(&mut self, index: u32, state: u32) {
        if let Some(place) = self.states.get_mut(index as usize) {
            *place = state;
        }
    }

    fn put(&mut self, position: usize, index: u32) {
        if let Some(place) = self.stack.get_mut(position) {
            *place = index;
        }
    }

    /// Finds all CCWs to which CCW `start` leads.
    fn visit<S: Storage>(&mut self, layout: &SlotLayout<S>, start: u32) {
        self.enter(start);
        while let Some(last) = self.path.checked_sub(1) {
            let current = self.stack.get(last).copied().unwrap_or(0);
            let state = self.state(current);
            let ways = layout.next_ccws(current as usize);
            let Some(way) = ways.get((state & !LEADS_BACK) as usize) else {
                self.leave(current);
                continue;
            };
            let mut state = state + 1;
            if let Some(next) = way.map(|next| next as u32) {
                let number = self.number(next);
                if number == 0 {
                    // The way is looked at again when `next` has its number.
                    self.enter(next);
                    continue;
                }
                if number < self.number(current) {
                    self.set_number(current, number);
                    state |= LEADS_BACK;
                }
            }
            self.set_state(current, state);
        }
    }

    fn enter(&mut self, index: u32) {
        self.put(self.path, index);
        self.path += 1;
        self.found += 1;
        self.set_number(index, self.found);
    }

    /// Goes back from CCW `index`. If it leads to none before it, then it and the CCWs found after
    /// it have their place.
    fn leave(&mut self, index: u32) {
        self.path -= 1;
        if self.state(index) & LEADS_BACK != 0 {
            self.open -= 1;
            self.put(self.open, index);
            return;
        }
        let first = self.number(index);
        let mut is_loop = false;
        while let Some(other) = self.stack.get(self.open).copied() {
            if self.number(other) < first {
                break;
            }
            self.set_number(other, 2 * self.place);
            self.open += 1;
            is_loop = true;
        }
        self.set_number(index, 2 * self.place + u32::from(!is_loop));
        self.place -= 1;
    }
}
