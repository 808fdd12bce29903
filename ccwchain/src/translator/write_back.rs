// SPDX-License-Identifier: GPL-2.0

//! Write-back: replacing host addresses in status by the guest addresses that they stand for.

use crate::{
    ccw::{
        self,
        Format, //
    },
    irb::Irb,
    memory::Storage,
    pin::pages::ProgramPages,
    translator::layout::SlotLayout,
    translator::slots::SlotBlocks,
    translator::wait_points::{
        is_at,
        Continuation, //
    },
    translator::Translator,
};

impl<S: Storage> Translator<S> {
    /// Replaces the host addresses in `irb` by the guest addresses that they stand for, and the
    /// format of the CCWs by that of the guest.
    ///
    /// Call this for each status of the program, before [`Self::release`]. A host address that
    /// stands for no guest address becomes zero and, in the extended-status word, invalid. In the
    /// extended-control word only sense bytes are left.
    pub fn write_back(&self, irb: &mut Irb) {
        self.addresses().write_back(irb, self.format);
    }

    /// Returns the guest address of the CCW at the absolute address `host`, where the program is
    /// suspended. Returns `None` if the program has none there.
    pub fn suspended_ccw(&self, host: u32) -> Option<u32> {
        self.addresses().suspended_ccw(host)
    }

    pub(super) fn addresses(&self) -> HostAddresses<'_, S> {
        HostAddresses {
            slots: &self.slots,
            layout: &self.layout,
            pages: &self.pages,
            continues: self.continues,
        }
    }
}

/// The tables that tell which guest address a host address stands for.
pub(crate) struct HostAddresses<'a, S: Storage> {
    pub(crate) slots: &'a SlotBlocks<S>,
    pub(crate) layout: &'a SlotLayout<S>,
    pub(crate) pages: &'a ProgramPages<S>,
    /// The wait point of the host program before, from which this one is the rest.
    pub(crate) continues: Option<Continuation>,
}

impl<S: Storage> HostAddresses<'_, S> {
    /// Replaces the host addresses in `irb` by the guest addresses that they stand for, and the
    /// format of the CCWs by `format`.
    pub(crate) fn write_back(&self, irb: &mut Irb, format: Format) {
        let scsw = irb.scsw();
        let format = match scsw.format() {
            Format::One => format,
            // Host programs have format 1: this status does not belong to one.
            Format::Zero => Format::Zero,
        };
        let cpa = self.guest_ccw(scsw.cpa()).unwrap_or(0);
        irb.set_scsw(scsw.with_format(format).with_cpa(cpa));
        let failing = irb.failing_storage_address();
        let secondary = irb.secondary_ccw_address();
        irb.clear_all_but_sense();
        irb.set_addresses(
            failing.and_then(|host| self.guest_storage(host)),
            secondary.and_then(|host| self.guest_ccw(host)),
        );
    }

    /// Returns the guest address of the CCW at an absolute address, where the program is suspended.
    pub(crate) fn suspended_ccw(&self, host: u32) -> Option<u32> {
        // The slot itself may also stand for the CPA of a TIC before it.
        let cpa = self.guest_ccw(host.checked_add(ccw::SIZE)?)?;
        Some(cpa.wrapping_sub(ccw::SIZE) & Format::One.max_address())
    }

    /// Returns the guest address of the CCW at an absolute address.
    fn guest_ccw(&self, host: u32) -> Option<u32> {
        let Some(slot) = self.slots.at(host) else {
            let continues = self.continues.as_ref()?;
            return is_at(continues.host, host).then_some(continues.cpa);
        };
        self.layout.guest_address(slot)
    }

    /// Returns how the program continues from the wait point at an absolute address.
    pub(crate) fn continuation(&self, host: u32) -> Option<Continuation> {
        let slot = self.slots.at(host)?;
        Some(Continuation {
            host,
            ccw: self.layout.wait_point(slot)?,
            cpa: self.layout.guest_address(slot + 1)?,
            is_after_pci: self.layout.has_pci()
                || self.continues.is_some_and(|before| before.is_after_pci),
        })
    }

    /// Returns the guest address of the data or the CCW at an absolute address.
    fn guest_storage(&self, host: u64) -> Option<u64> {
        self.pages.guest_address(host).or_else(|| {
            let ccw = self.guest_ccw(u32::try_from(host).ok()?)?;
            Some(u64::from(ccw))
        })
    }
}
