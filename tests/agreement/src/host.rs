// SPDX-License-Identifier: GPL-2.0

//! The host: a translator, an arena, and memory of which the channel may use a part only.

use std::{
    convert::Infallible,
    ops::Range,
    sync::LazyLock, //
};

use ccwchain::{
    error::{
        Bound,
        Error as TranslationError, //
    },
    host_orb::HostOrb,
    irb::Irb,
    memory::{
        self,
        Arena,
        GuestMemory,
        MemoryError,
        PinnedRange,
        Storage,
        BLOCK, //
    },
    orb::Orb,
    scsw::Scsw,
    translator::{
        grown,
        Sizes,
        Translator, //
    },
};
use channel::{
    Fault,
    Memory,
    Use, //
};
use iommu_type1_stub::{
    Access,
    Error,
    Page,
    Type1, //
};

use crate::guest::{
    filling,
    MAPPINGS,
    PAGE, //
};

/// The last page of the address space. No machine has storage there, and a host program may contain
/// such an address for a program check.
const NOWHERE: u64 = 0xffff_ffff_ffff_f000;

/// Working memory on the heap.
pub(crate) struct Heap;

impl Storage for Heap {
    type Of<T> = Vec<T>;
    type Error = Infallible;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
        Ok(vec![T::default(); len])
    }
}

/// Guest memory, as the host accesses it.
pub(crate) struct Backend {
    iommu: Type1<Vec<Page>>,
    /// The pinned pages: guest address and absolute address.
    host_addresses: Vec<(u64, u64)>,
}

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

fn whose<T>(result: Result<T, Error>) -> Result<T, MemoryError<Error>> {
    result.map_err(|error| match error {
        Error::Unmapped | Error::Permission => MemoryError::Guest,
        error => MemoryError::Host(error),
    })
}

impl GuestMemory for Backend {
    type Error = Error;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
        whose(self.iommu.read(address, buffer))
    }

    fn pin(
        &mut self,
        first: u64,
        access: memory::Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let access = match access {
            memory::Access::Read => Access::Read,
            memory::Access::Write => Access::Write,
        };
        whose(self.iommu.pin(first, access, host_addresses))?;
        let pages = (first..).map(|number| number * PAGE);
        self.host_addresses
            .extend(pages.zip(host_addresses.iter().copied()));
        Ok(())
    }

    fn unpin(&mut self, run: PinnedRange) {
        self.iommu.unpin(run.first(), run.count());
    }
}

/// The memory from which the channel fetches programs: blocks that are not adjacent and in no
/// order.
struct Low {
    blocks: Vec<u32>,
    bytes: Vec<u8>,
}

impl Low {
    fn new(blocks: usize) -> Self {
        // 257 is a prime number, and more than there are blocks.
        let position = |number: u32| number * 101 % 257;
        Self {
            blocks: (0..blocks as u32)
                .map(|number| 0x7000_0000 + 0x3000 * position(number))
                .collect(),
            // The arena may have anything of other programs: it must not matter.
            bytes: vec![0xee; blocks * BLOCK],
        }
    }

    /// Returns the bytes at an address, if they are all in one block.
    fn get(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let at = (0..).zip(&self.blocks).find_map(|(block, start)| {
            let offset = usize::try_from(address.checked_sub(u64::from(*start))?).ok()?;
            (offset.checked_add(len)? <= BLOCK).then_some(block * BLOCK + offset)
        })?;
        self.bytes.get_mut(at..at + len)
    }

    /// Returns the absolute addresses of the scratch page.
    fn scratch(&self) -> Range<u64> {
        let start = self.blocks[0].into();
        start..start + PAGE
    }
}

impl Arena for Low {
    fn address(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).copied()
    }

    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        assert!(offset % BLOCK + N <= BLOCK, "{N} bytes at {offset:#x}");
        self.bytes[offset..offset + N].copy_from_slice(&bytes);
    }
}

/// The host.
pub(crate) struct Host {
    pub(crate) translator: Translator<Heap>,
    backend: Backend,
    arena: Low,
    /// The first invalid access of the channel.
    pub(crate) violation: Option<String>,
}

impl Host {
    /// Creates a host with a guest that has all mappings, in which nothing is stored.
    pub(crate) fn new() -> Self {
        let Ok(translator) = Translator::new(Sizes::IDLE, 0x9e37_79b9_7f4a_7c15);
        Self {
            translator,
            backend: Backend {
                iommu: Type1::new(MAPPED.clone()),
                host_addresses: Vec::new(),
            },
            arena: Low::new(Sizes::IDLE_ARENA),
            violation: None,
        }
    }

    /// Stores bytes into guest memory where there is some.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        for (offset, byte) in (0..).zip(bytes) {
            // Bytes that are not mapped are left out.
            let _ = self
                .backend
                .iommu
                .store(address.wrapping_add(offset), &[*byte]);
        }
    }

    /// Translates a program. Grows the translator and the arena if needed.
    pub(crate) fn translate(&mut self, orb: &Orb) -> Result<HostOrb, String> {
        loop {
            let result = self
                .translator
                .translate(orb, &mut self.backend, &mut self.arena)
                .map(|program| program.orb())
                .map_err(|(error, _)| error);
            match result {
                Err(TranslationError::TooLarge(bound)) if self.grow(bound) => {}
                result => return result.map_err(|error| error.to_string()),
            }
        }
    }

    fn grow(&mut self, bound: Bound) -> bool {
        if bound != Bound::Arena {
            let Ok(grows) = self.translator.grow(bound);
            return grows;
        }
        let blocks = grown(self.arena.blocks.len(), Sizes::MAX_ARENA);
        blocks.map(|blocks| self.arena = Low::new(blocks)).is_some()
    }

    /// Returns the status with this CPA as the guest sees it.
    pub(crate) fn write_back(&self, cpa: u32) -> Scsw {
        /// The bit for format-1 CCWs, which host programs always have.
        const FORMAT_1: u32 = 0x0080_0000;
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words([FORMAT_1, cpa, 0]));
        self.translator.write_back(&mut irb);
        irb.scsw()
    }

    /// Returns the contents of a guest page, if it is pinned.
    pub(crate) fn pinned_page(&mut self, address: u64) -> Option<&[u8; PAGE as usize]> {
        let host_addresses = &self.backend.host_addresses;
        let (_, host) = host_addresses
            .iter()
            .rfind(|(guest, _)| *guest == address)?;
        self.backend.iommu.host_page(*host).map(|page| &*page)
    }

    /// Ends the program. Returns the number of pins that are left.
    pub(crate) fn release(&mut self) -> usize {
        self.translator.release(&mut self.backend);
        self.backend.iommu.pins()
    }

    /// Returns the bytes from which data may be moved or, for storing, to which.
    fn data(&mut self, address: u64, len: usize, access: Access) -> Option<&mut [u8]> {
        let scratch = self.arena.scratch();
        if scratch.contains(&address) && address + len as u64 <= scratch.end {
            return self.arena.get(address, len);
        }
        if self.backend.iommu.pinned_for(address) < Some(access) {
            return None;
        }
        let offset = (address % PAGE) as usize;
        self.backend
            .iommu
            .host_page(address)?
            .get_mut(offset..offset + len)
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

impl Memory for Host {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let len = buffer.len();
        let bytes = match purpose {
            Use::Data => self.data(address, len, Access::Read),
            Use::Ccw | Use::Idaw | Use::Midaw if self.arena.scratch().contains(&address) => None,
            Use::Ccw | Use::Idaw | Use::Midaw => self.arena.get(address, len),
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
