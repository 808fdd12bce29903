// SPDX-License-Identifier: GPL-2.0

//! The rest of a program that is translated while the program waits for it (`wait_points.rs`).

use crate::{
    error::Error,
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    orb::Orb,
    translator::host_orb::HostProgram,
    translator::wait_points::{
        Continuation,
        WaitPoints, //
    },
    translator::Translator,
};

impl<S: Storage> Translator<S> {
    /// Sets whether the programs that are translated from now on may have wait points.
    ///
    /// The caller must then translate the rest of a program that waits, by another translator. On a
    /// channel that executes programs within START SUBCHANNEL, none can wait.
    pub fn set_wait_points(&mut self, waits: bool) {
        self.overwrites.set_waits(waits);
    }

    /// Returns how the program continues from the wait point at the absolute address `host`, or
    /// `None` if it has none there.
    pub fn continuation(&self, host: u32) -> Option<Continuation> {
        self.addresses().continuation(host)
    }

    /// Translates the rest of a program as [`Self::translate`] does. The program, which another
    /// translator has translated, waits in `continues`; `orb` is that of its start.
    ///
    /// The rest must be reached by a TIC in the wait point. Addresses in the wait point are
    /// translated back, too.
    pub fn translate_rest<M: GuestMemory, A: Arena>(
        &mut self,
        continues: Continuation,
        orb: &Orb,
        memory: &mut M,
        arena: A,
    ) -> Result<HostProgram<A>, (Error<M::Error>, A)> {
        let orb = orb.with_cpa(continues.ccw);
        self.translate_from(Some(continues), &orb, memory, arena)
    }

    /// Returns whether the guest may append to the program while it runs, and the program can wait
    /// for that.
    #[inline]
    pub(super) fn may_append(&self, orb: &Orb) -> bool {
        orb.may_be_modified() && self.overwrites.waits()
    }

    /// Returns whether the program is the rest of one that has asked for an interruption.
    #[inline]
    pub(super) fn is_after_pci(&self) -> bool {
        self.continues
            .is_some_and(|continues| continues.is_after_pci)
    }

    /// Finds the absolute addresses of the wait points that were written.
    pub(super) fn find_wait_points(&mut self) {
        let (slots, layout) = (&self.slots, &self.layout);
        let addresses = layout.wait_points().filter_map(|slot| slots.address(slot));
        let last_pci = layout
            .after_last_pci()
            .and_then(|(first, last)| slots.address(first).zip(slots.address(last)));
        let last_pci = last_pci.unwrap_or_default();
        self.wait_points = WaitPoints::new(addresses, layout.has_pci(), last_pci);
    }
}
