// SPDX-License-Identifier: GPL-2.0

//! The CCWs in whose place there is a program check or a wait point, because the program may have
//! stored over them when the channel fetches them.

use super::{
    SlotLayout,
    NO_SLOT, //
};
use crate::{
    ccw,
    memory::Storage,
    prefix::prefix_mut,
    translator::effect::Effects,
    translator::fetch::CcwKind,
    translator::instance::{
        CcwInstance,
        Overwritten, //
    },
    translator::slots::next_block,
    translator::wait_points::WAIT_SLOTS, //
};

impl<S: Storage> SlotLayout<S> {
    /// Returns the guest address of CCW `index`, if it could be fetched.
    pub(crate) fn available_address(&self, index: usize) -> Option<u32> {
        let instance = self.instances().get(index)?;
        instance.fetched.is_available.then_some(instance.address)
    }

    /// Returns whether CCWs `index` and `next` are TICs.
    pub(crate) fn are_tics(&self, index: usize, next: usize) -> bool {
        [index, next]
            .map(|index| self.instances().get(index))
            .iter()
            .flatten()
            .all(|instance| instance.kind() == CcwKind::Tic)
    }

    /// Returns whether the program at the guest address `address` begins with a TIC, with which it
    /// also ends.
    pub(crate) fn begins_with_tic(&self, address: u32) -> bool {
        let first = self.first(address);
        first.is_some_and(|index| self.are_tics(index, index))
    }

    /// Returns the index of the first CCW of the program at the guest address `address`.
    ///
    /// A rest can begin with a TIC. As the channel comes to it by another TIC, the target is the
    /// first CCW.
    pub(crate) fn first(&self, address: u32) -> Option<usize> {
        let first = self.find(address, Effects::COMMAND)?;
        let tic = self.instances().get(first).filter(|_| self.is_rest);
        let target = tic
            .filter(|tic| tic.kind() == CcwKind::Tic)
            .and_then(|tic| self.find(tic.ccw().address, tic.effect))
            .filter(|target| self.available_address(*target).is_some());
        Some(target.unwrap_or(first))
    }

    /// Returns whether there is a program check or a wait point in place of CCW `index`.
    pub(crate) fn is_overwritten(&self, index: usize) -> bool {
        let instance = self.instances().get(index);
        instance.is_some_and(CcwInstance::is_overwritten)
    }

    /// Returns whether CCW `index` is reached by command chaining only.
    pub(crate) fn is_reached_by_commands(&self, index: usize) -> bool {
        let instance = self.instances().get(index);
        instance.is_some_and(|instance| instance.is_command)
    }

    /// Returns the index of the overwritten CCW in whose place CCW `index` has a program check, and
    /// whether it is the target of CCW `index`, which is a TIC.
    pub(crate) fn overwritten_ccw(&self, index: usize) -> Option<(usize, bool)> {
        let instance = self.instances().get(index)?;
        match instance.overwritten {
            Overwritten::None => None,
            Overwritten::Target => {
                let target = self.find(instance.ccw().address, instance.effect)?;
                Some((target, true))
            }
            Overwritten::Itself => Some((index, false)),
        }
    }

    /// Puts a wait point in place of CCW `index`.
    pub(crate) fn set_wait_point(&mut self, index: usize) {
        if let Some(ccw) = prefix_mut(&mut self.instances, self.len).get_mut(index) {
            ccw.is_wait_point = true;
            if ccw.overwritten == Overwritten::None {
                ccw.overwritten = Overwritten::Itself;
            }
        }
    }

    /// Puts a program check in place of CCW `index`, which the program does not reach.
    pub(crate) fn set_unreached(&mut self, index: usize) {
        if let Some(ccw) = prefix_mut(&mut self.instances, self.len).get_mut(index) {
            ccw.overwritten = Overwritten::Itself;
        }
    }

    /// Returns the slots of the wait points.
    pub(crate) fn wait_points(&self) -> impl Iterator<Item = u32> + '_ {
        let points = self.instances().iter();
        points
            .filter(|instance| instance.is_wait_point)
            .map(|instance| instance.slot)
    }

    /// Returns the guest address of the CCW in whose place there is a wait point in a slot.
    pub(crate) fn wait_point(&self, slot: u32) -> Option<u32> {
        let mut points = self.instances().iter();
        let point = points.find(|instance| instance.is_wait_point && instance.slot == slot)?;
        Some(point.address)
    }

    /// Returns whether CCW `index` asks for an interruption.
    pub(crate) fn has_pci_at(&self, index: usize) -> bool {
        let instance = self.instances().get(index);
        instance.is_some_and(CcwInstance::has_pci)
    }

    /// Returns whether a CCW of the program asks for an interruption.
    pub(crate) fn has_pci(&self) -> bool {
        self.instances().iter().any(CcwInstance::has_pci)
    }

    /// Returns the slots from the one after the last CCW that asks for an interruption to the last
    /// one in the block. Returns `None` if the program may come from these back to such a CCW.
    pub(crate) fn after_last_pci(&self) -> Option<(u32, u32)> {
        let instances = || self.instances().iter().enumerate();
        let slot = |index: usize| self.instances().get(index).map(|instance| instance.slot);
        let pcis = instances().filter(|(_, instance)| instance.has_pci());
        let pci = pcis.map(|(_, instance)| instance.slot).max()?;
        let leads_on = instances()
            .filter(|(_, instance)| instance.slot >= pci)
            .flat_map(|(index, _)| self.next_ccws(index))
            .all(|next| next.is_none_or(|next| slot(next) > Some(pci)));
        let last = self.slots.min(next_block(pci)).saturating_sub(1);
        leads_on.then_some((pci + 1, last))
    }

    /// Returns whether CCW `index` is NO-OPERATION, or invalid, or a TIC to such a CCW.
    pub(crate) fn moves_nothing(&self, index: usize) -> bool {
        let instance = self.instances().get(index);
        let is_nothing = |instance: &CcwInstance| match instance.kind() {
            CcwKind::Command => instance.code == ccw::NO_OPERATION,
            CcwKind::ProgramCheck => true,
            CcwKind::Tic => false,
        };
        instance.is_some_and(|instance| {
            match instance.kind() {
                CcwKind::Tic => self.find(instance.ccw().address, instance.effect),
                _ => Some(index),
            }
            .and_then(|index| self.instances().get(index))
            .is_some_and(is_nothing)
        })
    }

    /// Puts a program check in place of CCW `next` when the channel fetches it after CCW `index`:
    /// only then if `index` is a TIC, and always otherwise. Returns whether there was none before.
    pub(crate) fn set_overwritten(&mut self, index: usize, next: usize) -> bool {
        let ccws = prefix_mut(&mut self.instances, self.len);
        let (index, overwritten) = match ccws.get(index) {
            Some(tic) if tic.kind() == CcwKind::Tic => (index, Overwritten::Target),
            _ => (next, Overwritten::Itself),
        };
        match ccws.get_mut(index) {
            // A TIC that is overwritten itself does not lead to its target.
            Some(ccw) if ccw.overwritten < overwritten => {
                ccw.overwritten = overwritten;
                true
            }
            _ => false,
        }
    }

    /// Assigns slots anew, after some CCWs were replaced by wait points.
    pub(crate) fn lay_out_wait_points(&mut self) {
        for instance in prefix_mut(&mut self.instances, self.len) {
            instance.slot = NO_SLOT;
        }
        self.slots = 0;
        self.assign_slots();
    }

    /// Returns whether there is a wait point in place of CCW `index`.
    pub(super) fn is_wait_point(&self, index: usize) -> bool {
        let instance = self.instances().get(index);
        instance.is_some_and(|instance| instance.is_wait_point)
    }

    /// Returns the TIC in the slot before this one, if its target is overwritten. The slot has the
    /// program check of the target, and the CPA is the address after it. It is also that while the
    /// program waits in place of the TIC.
    pub(super) fn tic_to_overwritten(&self, slot: u32) -> Option<&CcwInstance> {
        let mut instances = self.instances().iter();
        instances.find(|tic| {
            let slots = match tic.is_wait_point {
                true => WAIT_SLOTS + 1,
                false => 1,
            };
            tic.overwritten == Overwritten::Target
                && (1..=slots).any(|number| tic.slot + number == slot)
        })
    }
}
