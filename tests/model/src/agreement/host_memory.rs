// SPDX-License-Identifier: GPL-2.0

//! Host memory, of which the channel may use a part only.

use std::sync::LazyLock;

use ccwchain::{
    host_orb::HostOrb,
    memory::Access,
    orb::Orb,
    scsw::Scsw,
    translator::Sizes, //
};
use iommu_type1_stub::{
    Page,
    Type1, //
};

use super::guest_memory::{
    filling,
    MAPPINGS,
    PAGE, //
};
use crate::{
    channel::{
        Fault,
        Memory,
        Use, //
    },
    machine::Machine,
    memory::Guest, //
};

/// The last page of the address space. No machine has storage there, and a host program may contain
/// such an address for a program check.
const NOWHERE: u64 = 0xffff_ffff_ffff_f000;

/// Creates a guest with all mappings, in which nothing is stored.
static MAPPED: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let count = MAPPINGS.iter().map(|(_, len, _)| len / PAGE).sum::<u64>();
    let mut pages = vec![Page::default(); count as usize];
    let mut iommu = Type1::new(&mut pages[..]);
    for (start, len, access) in MAPPINGS {
        iommu.map(*start, *len, *access).expect("room for a page");
        let bytes: Vec<u8> = (*start..).take(*len as usize).map(filling).collect();
        iommu.store(*start, &bytes).expect("mapped memory");
    }
    pages
});

/// Host memory, of which the channel may use a part only, and what translates the program.
pub(crate) struct HostMemory {
    machine: Machine,
    /// The first invalid access of the channel.
    pub(crate) violation: Option<String>,
}

impl HostMemory {
    /// Creates a host with a guest that has all mappings, in which nothing is stored.
    pub(crate) fn new() -> Self {
        let guest = Guest::new(MAPPED.clone());
        Self {
            machine: Machine::with_guest(guest, Sizes::IDLE, Sizes::IDLE_ARENA),
            violation: None,
        }
    }

    /// Stores bytes into guest memory where there is some.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        let iommu = &mut self.machine.guest.iommu;
        for (offset, byte) in (0..).zip(bytes) {
            // Bytes that are not mapped are left out.
            let _ = iommu.store(address.wrapping_add(offset), &[*byte]);
        }
    }

    /// Translates a program. Grows the translator and the arena if needed.
    pub(crate) fn translate(&mut self, orb: &Orb) -> Result<HostOrb, String> {
        let translated = self
            .machine
            .translate_growing(|machine| machine.translate(orb));
        translated.map_err(|error| error.to_string())
    }

    /// Returns the SCSW with this CPA as the guest sees it.
    pub(crate) fn write_back(&self, cpa: u32) -> Scsw {
        self.machine.guest_scsw(cpa)
    }

    /// Returns the contents of a guest page, if it is pinned.
    pub(crate) fn pinned_page(&mut self, address: u64) -> Option<&[u8; PAGE as usize]> {
        self.machine.guest.pinned_page(address).map(|page| &*page)
    }

    /// Ends the program. Returns the number of pins that are left.
    pub(crate) fn release(&mut self) -> usize {
        self.machine.release();
        self.machine.guest.iommu.pins()
    }

    /// Returns the bytes from which data may be moved or, for storing, to which.
    fn data(&mut self, address: u64, len: usize, access: Access) -> Option<&mut [u8]> {
        let Machine { guest, arena, .. } = &mut self.machine;
        let scratch = arena.scratch();
        if scratch.contains(&address) && address + len as u64 <= scratch.end {
            return arena.get_mut(address, len);
        }
        if guest.pinned_for(address) < Some(access) {
            return None;
        }
        let offset = (address % PAGE) as usize;
        guest.host_page(address)?.get_mut(offset..offset + len)
    }

    /// Records that the channel must not access these bytes.
    fn refuse(&mut self, what: &str, address: u64, len: usize) -> Fault {
        if address < NOWHERE {
            self.violation
                .get_or_insert(format!("{what} {len} bytes at {address:#x}"));
        }
        Fault::Addressing
    }
}

impl Memory for HostMemory {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let len = buffer.len();
        let bytes = match purpose {
            Use::Data => self.data(address, len, Access::Read),
            Use::Ccw | Use::Idaw | Use::Midaw => {
                let arena = &mut self.machine.arena;
                let is_scratch = arena.scratch().contains(&address);
                arena.get_mut(address, len).filter(|_| !is_scratch)
            }
        };
        if let Some(bytes) = bytes {
            buffer.copy_from_slice(bytes);
            Ok(())
        } else {
            Err(self.refuse(&format!("fetches {purpose:?} of"), address, len))
        }
    }

    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(place) = self.data(address, bytes.len(), Access::Write) {
            place.copy_from_slice(bytes);
            Ok(())
        } else {
            Err(self.refuse("stores", address, bytes.len()))
        }
    }
}
