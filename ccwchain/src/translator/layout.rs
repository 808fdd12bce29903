// SPDX-License-Identifier: GPL-2.0

//! Which slot of the host program each guest CCW gets.
//!
//! A guest CCW that can be reached with different commands in effect has a slot for each of them:
//! what is right for one command may be wrong for another.
//!
//! Guest CCWs of which each is the successor of the one before form a segment. They have successive
//! slots. After each segment there are [`GUARDS`] slots that give a program check, so that neither
//! chaining nor status modifier leads out of the segment. If a segment ends because its next CCW
//! already has a slot in another one, its guards are TICs to there. So a segment that does not fit
//! into an arena block continues, as another segment, in the next block.
//!
//! A sequential program (`sequential.rs`) has one segment in each block. Its CCWs are in the same
//! order as in the guest.

mod overwritten;

use crate::{
    ccw::{
        self,
        Flags,
        Format, //
    },
    error::Bound,
    memory::Storage,
    prefix::prefix,
    translator::effect::Effects,
    translator::fetch::CcwKind,
    translator::instance::{
        CcwInstance,
        Overwritten, //
    },
    translator::slots::{
        has_room,
        next_block,
        sequential_number,
        sequential_slot,
        GUARDS, //
    },
    translator::span::Span,
    translator::wait_points::WAIT_SLOTS,
    translator::walk::GuestProgram,
};

/// The slot of a CCW that has none yet.
const NO_SLOT: u32 = u32::MAX;

/// The slots of the CCWs of a host program.
pub(crate) struct SlotLayout<S: Storage> {
    /// By ascending guest address.
    instances: S::Of<CcwInstance>,
    len: usize,
    slots: u32,
    /// The guest address of a sequential program, which has no instances.
    sequential_at: Option<u32>,
    /// Set if the program is the rest of another, to which a TIC leads in place of its first CCW.
    is_rest: bool,
}

impl<S: Storage> SlotLayout<S> {
    /// Allocates room for `ccws` CCWs.
    pub(crate) fn new(ccws: usize) -> Result<Self, S::Error> {
        Ok(Self {
            instances: S::allocate(ccws)?,
            len: 0,
            slots: 0,
            sequential_at: None,
            is_rest: false,
        })
    }

    /// Removes all CCWs.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.slots = 0;
        self.sequential_at = None;
    }

    /// Returns the CCWs by ascending guest address.
    pub(crate) fn instances(&self) -> &[CcwInstance] {
        prefix(&self.instances, self.len)
    }

    /// Returns the bounds of the guest CCWs, of which there is at least one.
    pub(crate) fn bounds(&self) -> Span {
        let span =
            |ccw: Option<&CcwInstance>| ccw.map_or(Span::EMPTY, |ccw| Span::of_ccw(ccw.address));
        let ccws = self.instances();
        span(ccws.first()).union(span(ccws.last()))
    }

    /// Returns the maximum number of CCWs.
    pub(crate) fn capacity(&self) -> u32 {
        self.instances.len() as u32
    }

    /// Returns the number of slots.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// Records a sequential program of `ccws` CCWs at the guest address `address`.
    pub(crate) fn set_sequential(&mut self, address: u32, ccws: u32) {
        self.len = 0;
        self.slots = sequential_slot(ccws.saturating_sub(1)) + 1 + GUARDS;
        self.sequential_at = Some(address);
    }

    /// Assigns slots to the CCWs of a program. Returns the number of segments.
    ///
    /// `is_rest` is set if the program is the rest of another, to which a TIC leads in place of its
    /// first CCW.
    pub(crate) fn lay_out(
        &mut self,
        program: &mut GuestProgram<S>,
        is_rest: bool,
    ) -> Result<usize, Bound> {
        self.clear();
        self.is_rest = is_rest;
        for found in program.sorted() {
            for effect in found.effects() {
                let instance = self.instances.get_mut(self.len).ok_or(Bound::Ccws)?;
                *instance = CcwInstance {
                    address: found.address,
                    slot: NO_SLOT,
                    fetched: found.fetched,
                    effect,
                    code: found.host_code(effect),
                    is_skipped: found.is_skipped(),
                    is_command: found.is_command(),
                    overwritten: Overwritten::None,
                    is_wait_point: false,
                };
                self.len += 1;
            }
        }
        Ok(self.assign_slots())
    }

    /// Assigns a slot to each CCW. Returns the number of segments.
    fn assign_slots(&mut self) -> usize {
        let mut segments = 0;
        for first in 0..self.len {
            let mut next = Some(first).filter(|first| self.has_no_slot(*first));
            segments += usize::from(next.is_some());
            while let Some(index) = next {
                if !has_room(self.slots) {
                    self.slots = next_block(self.slots);
                }
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.slot = self.slots;
                }
                self.slots += 1;
                next = self
                    .successor(index)
                    .filter(|next| self.has_no_slot(*next) && self.joins(index, *next));
                let is_cut = next.is_some() && !has_room(self.slots);
                segments += usize::from(is_cut);
                if self.is_wait_point(index) {
                    self.slots += WAIT_SLOTS - 1;
                }
                if next.is_none() || is_cut {
                    self.slots += GUARDS;
                }
            }
        }
        segments
    }

    fn has_no_slot(&self, index: usize) -> bool {
        self.instances()
            .get(index)
            .is_some_and(|instance| instance.slot == NO_SLOT)
    }

    /// Returns whether the status-modifier target of CCW `index` is also the successor of CCW
    /// `next`, so that both can be in one segment.
    fn joins(&self, index: usize, next: usize) -> bool {
        let past = self.past(index);
        // Status modifier must not lead into a wait point.
        !self.is_wait_point(next) && (past.is_none() || past == self.successor(next))
    }

    /// Returns the index of the CCW that must have the next slot after CCW `index`.
    fn successor(&self, index: usize) -> Option<usize> {
        let instance = self.instances().get(index)?;
        let effect = match instance.kind() {
            _ if instance.is_wait_point => return None,
            CcwKind::Command if instance.ccw().flags.contains(Flags::CD) => instance.effect,
            CcwKind::Command if instance.ccw().flags.contains(Flags::CC) => Effects::COMMAND,
            _ if instance.is_skipped => Effects::COMMAND,
            _ => return None,
        };
        self.find_from(index, instance.address.checked_add(ccw::SIZE)?, effect)
    }

    /// Returns the index of the status-modifier target of CCW `index`.
    fn past(&self, index: usize) -> Option<usize> {
        let instance = self.instances().get(index)?;
        let next = self.successor(index)?;
        // Only a CCW that chains commands can have such a successor.
        if self.instances().get(next)?.is_skipped {
            let address = instance.address.checked_add(2 * ccw::SIZE)?;
            self.find_from(next, address, Effects::COMMAND)
        } else {
            None
        }
    }

    /// Returns the index of the CCW at a guest address that is shortly after CCW `index`.
    fn find_from(&self, index: usize, address: u32, effect: Effects) -> Option<usize> {
        let rest = self.instances().get(index..)?;
        let skipped = rest
            .iter()
            .take_while(|instance| instance.address < address)
            .count();
        self.find_at(index + skipped, address, effect)
    }

    /// Returns the index of the CCW at a guest address.
    fn find(&self, address: u32, effect: Effects) -> Option<usize> {
        let first = self
            .instances()
            .partition_point(|instance| instance.address < address);
        self.find_at(first, address, effect)
    }

    /// Returns the index of the CCW at a guest address that is reached in the way `effect`. `first`
    /// is the index of the first instance that is not at a lower address.
    fn find_at(&self, first: usize, address: u32, effect: Effects) -> Option<usize> {
        let rest = self.instances().get(first..)?.iter();
        let mut ccws = rest.take_while(|instance| instance.address == address);
        let effect = match ccws.clone().next()? {
            instance if instance.kind() == CcwKind::Tic => effect,
            instance => effect.in_effect(instance.ccw()),
        };
        // A CCW that the channel refuses, for its command code or its count, it refuses in any
        // slot.
        let found = ccws.position(|instance| instance.effect == effect);
        Some(first + found.unwrap_or(0))
    }

    /// Returns the indexes of the CCWs that the channel can execute after CCW `index`.
    pub(crate) fn next_ccws(&self, index: usize) -> [Option<usize>; 3] {
        let instance = self.instances().get(index);
        let chains = instance.filter(|instance| instance.chains());
        let tic = instance.filter(|instance| instance.kind() == CcwKind::Tic);
        [
            chains.and_then(|_| self.successor(index)),
            self.past(index),
            tic.and_then(|tic| self.find(tic.ccw().address, tic.effect)),
        ]
    }

    /// Returns the slot of the first CCW of the program at the guest address `address`.
    pub(crate) fn start(&self, address: u32) -> u32 {
        let first = self
            .first(address)
            .and_then(|index| self.instances().get(index));
        debug_assert!(first.is_some());
        first.map_or(0, |instance| instance.slot)
    }

    /// Returns the slot of the target of a TIC, or `None` if the target could not be fetched.
    pub(crate) fn target(&self, tic: &CcwInstance) -> Option<u32> {
        let index = self.find(tic.ccw().address, tic.effect)?;
        let target = self.instances().get(index)?;
        target.fetched.is_available.then_some(target.slot)
    }

    /// Returns the CCWs to which the first two slots after CCW `index` must lead, because these
    /// CCWs have their slots in other segments.
    pub(crate) fn elsewhere(&self, index: usize) -> [Option<&CcwInstance>; 2] {
        let slot = |index: usize| self.instances().get(index).map(|instance| instance.slot);
        let next = self.successor(index);
        if next.and_then(slot) == slot(index).map(|slot| slot + 1) {
            return [None, None];
        }
        [next, self.past(index)].map(|index| self.instances().get(index?))
    }

    /// Returns the guest address of the CCW in a slot. For a guard, returns the guest address that
    /// the next CCWs of the segment would have.
    pub(crate) fn guest_address(&self, slot: u32) -> Option<u32> {
        if slot >= self.slots {
            return None;
        }
        let address = match self.sequential_at {
            Some(first) => first + ccw::SIZE * sequential_number(slot),
            None => {
                let before = |instance: &&CcwInstance| instance.slot <= slot;
                let instances = self.instances().iter().filter(before);
                let instance = instances.max_by_key(|instance| instance.slot)?;
                match self.tic_to_overwritten(slot) {
                    Some(tic) => tic.ccw().address + ccw::SIZE,
                    None => instance.address + ccw::SIZE * instance.ccws_up_to(slot),
                }
            }
        };
        Some(address & Format::One.max_address())
    }
}
