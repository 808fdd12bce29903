// SPDX-License-Identifier: GPL-2.0

//! The host: a translator, an arena, and memory that the channel may use only in part.

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

/// The last page that addresses can name. No machine has storage there, and the channel may be sent
/// there for a program check.
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

/// The guest's memory, as the host has it.
pub(crate) struct Backend {
    iommu: Type1<Vec<Page>>,
    /// The pages that are pinned: address in the guest, address in the host.
    host_addresses: Vec<(u64, u64)>,
}

/// The pages of a guest with all that is mapped, and nothing put there.
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

/// Memory that the channel fetches programs from: blocks that are apart from each other and in no
/// order.
struct Low {
    blocks: Vec<u32>,
    bytes: Vec<u8>,
}

impl Low {
    fn new(blocks: usize) -> Self {
        // 257 is a prime number, and more than there are blocks.
        let place = |number: u32| number * 101 % 257;
        Self {
            blocks: (0..blocks as u32)
                .map(|number| 0x7000_0000 + 0x3000 * place(number))
                .collect(),
            // What is left in the arena of other programs is of no use to this one.
            bytes: vec![0xee; blocks * BLOCK],
        }
    }

    /// The bytes at an address, if they are all in one block.
    fn get(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let at = (0..).zip(&self.blocks).find_map(|(block, start)| {
            let offset = usize::try_from(address.checked_sub(u64::from(*start))?).ok()?;
            (offset.checked_add(len)? <= BLOCK).then_some(block * BLOCK + offset)
        })?;
        self.bytes.get_mut(at..at + len)
    }

    /// The addresses of the scratch page.
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
    /// The first access that the channel should not have made.
    pub(crate) violation: Option<String>,
}

impl Host {
    /// A host with a guest that has all mapped, and nothing put there.
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

    /// Puts bytes into the guest's memory where there is some.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        for (offset, byte) in (0..).zip(bytes) {
            // What is not mapped is left out.
            let _ = self
                .backend
                .iommu
                .store(address.wrapping_add(offset), &[*byte]);
        }
    }

    /// Translates a program, with more and more room if it needs it.
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

    /// What the guest gets to see of a status with this CPA.
    pub(crate) fn write_back(&self, cpa: u32) -> Scsw {
        /// The bit that says that the CCWs are of format 1, as the host's always are.
        const FORMAT_1: u32 = 0x0080_0000;
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words([FORMAT_1, cpa, 0]));
        self.translator.write_back(&mut irb);
        irb.scsw()
    }

    /// What is in a page of the guest's, if it is pinned.
    pub(crate) fn pinned_page(&mut self, address: u64) -> Option<&[u8; PAGE as usize]> {
        let host_addresses = &self.backend.host_addresses;
        let (_, host) = host_addresses
            .iter()
            .rfind(|(guest, _)| *guest == address)?;
        self.backend.iommu.host_page(*host).map(|page| &*page)
    }

    /// Ends the program, and says how many pins are left.
    pub(crate) fn release(&mut self) -> usize {
        self.translator.release(&mut self.backend);
        self.backend.iommu.pins()
    }

    /// The bytes that data may be moved from or, to store, to.
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

    /// The channel may not use these bytes.
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
