// SPDX-License-Identifier: GPL-2.0

//! The guest's memory, as the channel of the guest's own would see it.

use std::sync::LazyLock;

use channel::{
    Fault,
    Memory,
    Use, //
};
use iommu_type1_stub::Access;

/// The size of a page.
pub(crate) const PAGE: u64 = 4096;

/// Where programs begin that are longer than a block of the arena.
pub(crate) const FILLER: u32 = 0x2_0000;

/// What guests have mapped: address, length and right. There are borders between memory and holes,
/// and between rights, and there is memory at both sides of the ends of 24 and 31 bits.
pub(crate) const MAPPINGS: &[(u64, u64, Access)] = &[
    (0, PAGE, Access::Write),
    (0x1_0000, 4 * PAGE, Access::Write),
    (0x1_5000, PAGE, Access::Read),
    (0x1_6000, PAGE, Access::Write),
    (FILLER as u64, 4 * PAGE, Access::Write),
    (0xff_f000, PAGE, Access::Write),
    (0x100_0000, PAGE, Access::Write),
    (0x7fff_f000, PAGE, Access::Write),
    (0x8000_0000, PAGE, Access::Write),
    (0x12_3456_7000, PAGE, Access::Write),
    (0xffff_ffff_ffff_e000, PAGE, Access::Read),
];

/// What is at an address before anything is put there. As a CCW it has no valid command code.
pub(crate) fn filling(address: u64) -> u8 {
    let mixed = (address.wrapping_mul(0x9e37_79b9) >> 24) as u8;
    if address % 8 == 0 {
        mixed & 0xf0
    } else {
        mixed
    }
}

/// A page of the guest's.
#[derive(Clone)]
pub(crate) struct Page {
    /// The address of its first byte.
    pub(crate) address: u64,
    access: Access,
    /// What is in it.
    pub(crate) bytes: [u8; PAGE as usize],
}

/// The guest's memory.
///
/// Programs are fetched as they were at the start, as the translator does: a program that stores
/// into itself gets what it reads, and goes on as it was.
#[derive(Clone)]
pub(crate) struct Guest {
    /// The memory now.
    pub(crate) now: Vec<Page>,
    /// The memory at the start.
    pub(crate) before: Vec<Page>,
}

/// The pages of a guest with all that is mapped, and nothing put there.
static MAPPED: LazyLock<Vec<Page>> = LazyLock::new(|| {
    MAPPINGS
        .iter()
        .flat_map(|(start, len, access)| {
            (0..len / PAGE).map(move |number| {
                let address = start + number * PAGE;
                let mut bytes = [0; PAGE as usize];
                for (address, byte) in (address..).zip(&mut bytes) {
                    *byte = filling(address);
                }
                Page {
                    address,
                    access: *access,
                    bytes,
                }
            })
        })
        .collect()
});

fn find(pages: &[Page], address: u64) -> Option<usize> {
    pages
        .iter()
        .position(|page| address & !(PAGE - 1) == page.address)
}

impl Guest {
    /// A guest with all that is mapped, and nothing put there.
    pub(crate) fn new() -> Self {
        Self {
            now: MAPPED.clone(),
            before: MAPPED.clone(),
        }
    }

    /// Puts bytes into memory where there is some.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        for (offset, byte) in (0..).zip(bytes) {
            let address = address.wrapping_add(offset);
            if let Some(index) = find(&self.now, address) {
                let offset = (address % PAGE) as usize;
                self.now[index].bytes[offset] = *byte;
                self.before[index].bytes[offset] = *byte;
            }
        }
    }
}

impl Memory for Guest {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let pages = match purpose {
            Use::Data => &self.now,
            Use::Ccw | Use::Idaw | Use::Midaw => &self.before,
        };
        let page = &pages[find(pages, address).ok_or(Fault::Addressing)?];
        buffer.copy_from_slice(&page.bytes[(address % PAGE) as usize..][..buffer.len()]);
        Ok(())
    }

    /// A page that the guest may not store into is none to its channel, as the host has it.
    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let page = find(&self.now, address).map(|index| &mut self.now[index]);
        let page = page
            .filter(|page| page.access == Access::Write)
            .ok_or(Fault::Addressing)?;
        page.bytes[(address % PAGE) as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}
