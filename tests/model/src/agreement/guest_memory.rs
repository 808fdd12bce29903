// SPDX-License-Identifier: GPL-2.0

//! Guest memory, as a channel of the guest itself would see it.

use std::sync::LazyLock;

use iommu_type1_stub::Access;

use crate::channel::{
    Fault,
    Memory,
    Use, //
};

/// The size of a page in bytes.
pub(crate) const PAGE: u64 = 4096;

/// The addresses where programs begin that are longer than an arena block.
pub(crate) const FILLER: u32 = 0x2_0000;

/// The guest mappings: address, length and access. There are boundaries between memory and holes,
/// and between different access, and there is memory on both sides of the ends of 24 and 31 bits.
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

/// Returns the guest mappings: the address and the length of each, and whether a channel may store
/// there.
pub fn mappings() -> impl Iterator<Item = (u64, u64, bool)> {
    MAPPINGS
        .iter()
        .map(|(start, len, access)| (*start, *len, *access == Access::Write))
}

/// Returns the byte at an address before anything is stored there. As a CCW it has no valid command
/// code.
pub(crate) fn filling(address: u64) -> u8 {
    let mixed = (address.wrapping_mul(0x9e37_79b9) >> 24) as u8;
    if address % 8 == 0 {
        mixed & 0xf0
    } else {
        mixed
    }
}

/// A guest page.
#[derive(Clone)]
pub(crate) struct Page {
    /// The address of its first byte.
    pub(crate) address: u64,
    pub(crate) access: Access,
    /// Its contents.
    pub(crate) bytes: [u8; PAGE as usize],
}

/// The CCWs and lists that a channel fetches before it needs them.
///
/// The contents that a program stores over a CCW or a list count only if the channel fetches these
/// later. Each of these channels conforms to the architecture, if the ORB says what is given here;
/// so do channels that prefetch less than one of them and more than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prefetch {
    /// Nothing.
    Nothing,
    /// All IDAWs or MIDAWs of a CCW, when it fetches the CCW. A channel may do so with any ORB
    /// ("CCW Indirect Data Addressing": those of the current CCW may be prefetched).
    Lists,
    /// All CCWs and lists, before the program begins, as the translator does. A channel may do so
    /// if [`Case::may_prefetch`](super::Case::may_prefetch) says so.
    Everything,
}

/// Guest memory, of which the channel fetches some in advance.
pub(crate) struct GuestMemory {
    /// The memory now.
    pub(crate) now: Vec<Page>,
    /// The memory at the start.
    pub(crate) before: Vec<Page>,
    /// The memory when the last CCW was fetched, if lists are prefetched.
    at_ccw: Vec<Page>,
    prefetch: Prefetch,
    /// The number of fetches of CCWs and of words of lists.
    pub(crate) fetches: usize,
    /// The purpose of the last of them.
    pub(crate) last: Use,
    /// The number of the fetch that gives a program check.
    stop: Option<usize>,
    /// The first fetch of what the program had changed.
    pub(crate) changed: Option<Fetch>,
    /// What the guest stores at each program-controlled interruption.
    responses: Vec<(u64, Vec<u8>)>,
    /// The number of these interruptions.
    interruptions: usize,
}

/// A fetch of a CCW or of a word of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) number: usize,
    pub(crate) purpose: Use,
}

/// Returns the pages of a guest with all mappings, in which nothing is stored.
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

impl GuestMemory {
    /// Creates a guest with all mappings, in which nothing is stored. It stores `responses` at the
    /// program-controlled interruptions.
    pub(crate) fn new(responses: &[(u64, Vec<u8>)]) -> Self {
        Self {
            now: MAPPED.clone(),
            before: MAPPED.clone(),
            at_ccw: Vec::new(),
            prefetch: Prefetch::Nothing,
            fetches: 0,
            last: Use::Ccw,
            stop: None,
            changed: None,
            responses: responses.to_vec(),
            interruptions: 0,
        }
    }

    /// Restores the memory at the start, for a channel that prefetches this. The fetch with the
    /// number `stop` gives a program check.
    pub(crate) fn restart(&mut self, prefetch: Prefetch, stop: Option<usize>) {
        self.now.clone_from(&self.before);
        self.prefetch = prefetch;
        self.fetches = 0;
        self.stop = stop;
        self.changed = None;
        self.interruptions = 0;
    }

    /// Stores bytes where there is memory, before the program begins.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        put(&mut self.now, address, bytes);
        put(&mut self.before, address, bytes);
    }
}

/// Stores bytes where there is memory.
fn put(pages: &mut [Page], address: u64, bytes: &[u8]) {
    for (offset, byte) in (0..).zip(bytes) {
        let address = address.wrapping_add(offset);
        if let Some(index) = find(pages, address) {
            pages[index].bytes[(address % PAGE) as usize] = *byte;
        }
    }
}

impl Memory for GuestMemory {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let index = find(&self.now, address).ok_or(Fault::Addressing)?;
        let bytes = (address % PAGE) as usize..(address % PAGE) as usize + buffer.len();
        if purpose == Use::Ccw && self.prefetch == Prefetch::Lists {
            self.at_ccw.clone_from(&self.now);
        }
        let before = &self.before[index].bytes;
        let page = match (purpose, self.prefetch) {
            (Use::Data, _) | (_, Prefetch::Nothing) | (Use::Ccw, Prefetch::Lists) => {
                &self.now[index].bytes
            }
            (Use::Idaw | Use::Midaw, Prefetch::Lists) => &self.at_ccw[index].bytes,
            (Use::Ccw | Use::Idaw | Use::Midaw, Prefetch::Everything) => before,
        };
        if purpose != Use::Data {
            let number = self.fetches;
            self.fetches += 1;
            self.last = purpose;
            if page[bytes.clone()] != before[bytes.clone()] {
                self.changed.get_or_insert(Fetch { number, purpose });
            }
            if self.stop == Some(number) {
                // A CCW of zeros is invalid, whether commands or data are chained to it.
                buffer.fill(0);
                return match purpose {
                    Use::Ccw => Ok(()),
                    _ => Err(Fault::Addressing),
                };
            }
        }
        buffer.copy_from_slice(&page[bytes]);
        Ok(())
    }

    /// A page into which the guest must not store does not exist for its channel, as in the host.
    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let page = find(&self.now, address).map(|index| &mut self.now[index]);
        let page = page
            .filter(|page| page.access == Access::Write)
            .ok_or(Fault::Addressing)?;
        page.bytes[(address % PAGE) as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn interrupted(&mut self) {
        if let Some((address, bytes)) = self.responses.get(self.interruptions) {
            put(&mut self.now, *address, bytes);
        }
        self.interruptions += 1;
    }
}
