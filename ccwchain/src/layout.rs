// SPDX-License-Identifier: GPL-2.0

//! Where each CCW stands in the host's program.
//!
//! The host's program is an array of slots. CCWs that the guest's program leads to one behind the
//! other, a run of them, stand one behind the other in the host. Behind each run stand [`GUARDS`]
//! slots that give a program check: no chaining and no status modifier leads past them.

use crate::{
    ccw::{
        self,
        Format, //
    },
    memory::Storage,
    sort::sort_by_key,
    walk::Program, //
};

/// The slots behind a run: one that chaining can lead to, one that status modifier can, and one that
/// is there for its address, which the channel gives as the CPA of a program check at the second:
/// it is not also the address of the first CCW of the next run.
pub(crate) const GUARDS: u32 = 3;

impl<S: Storage> Program<S> {
    /// Sorts the CCWs by address and gives each its slot. Returns the number of runs.
    pub(crate) fn lay_out(&mut self) -> usize {
        let entries = self.entries_mut();
        sort_by_key(entries, |entry| entry.address);
        let mut runs = 0;
        let mut slot = 0;
        let mut following = None;
        for entry in entries {
            if following != Some(entry.address) {
                slot += if runs == 0 { 0 } else { GUARDS };
                runs += 1;
            }
            entry.slot = slot;
            slot += 1;
            following = entry.following().map(|(address, _)| address);
        }
        runs
    }

    /// The number of slots.
    pub(crate) fn slots(&self) -> u32 {
        self.entries()
            .last()
            .map_or(0, |entry| entry.slot + 1 + GUARDS)
    }

    /// The slot of the CCW at a guest address; for one that is not in the program, that of the last
    /// guard.
    pub(crate) fn slot(&self, address: u32) -> u32 {
        let entries = self.entries();
        let found = entries.binary_search_by_key(&address, |entry| entry.address);
        match found.ok().and_then(|index| entries.get(index)) {
            Some(entry) => entry.slot,
            None => self.slots().saturating_sub(1),
        }
    }

    /// The guest address that a slot stands for: of its CCW, or of what would be there if the run
    /// went on.
    pub(crate) fn guest_address(&self, slot: u32) -> Option<u32> {
        if slot >= self.slots() {
            return None;
        }
        let entries = self.entries();
        let behind = entries.partition_point(|entry| entry.slot <= slot);
        let entry = entries.get(behind.checked_sub(1)?)?;
        let address = entry.address + ccw::SIZE * (slot - entry.slot);
        Some(address & Format::One.max_address())
    }
}
