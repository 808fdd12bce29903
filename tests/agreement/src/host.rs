// SPDX-License-Identifier: GPL-2.0

//! The host: a translator, an arena, and memory that the channel may use only in part.

use std::{
    convert::Infallible,
    sync::LazyLock, //
};

use ccwchain::{
    irb::Irb,
    memory::{
        self,
        Arena,
        GuestMemory,
        MemoryError,
        PinnedRun,
        Storage, //
    },
    scsw::Scsw,
    translator::{
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

/// Where the arena is in the host.
const ARENA: u32 = 0x7000_0000;

/// The last page that addresses can name. No machine has storage there, and the channel may be sent
/// there for a program check.
const NOWHERE: u64 = 0xffff_ffff_ffff_f000;

/// Room for any program of a [`Case`](crate::Case).
const SIZES: Sizes = Sizes {
    ccws: 256,
    idaws: 2048,
    kept: 0,
};

const ARENA_SIZE: usize = 0x1_0000;

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
    frames: Vec<(u64, u64)>,
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
        frames: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let access = match access {
            memory::Access::Read => Access::Read,
            memory::Access::Write => Access::Write,
        };
        whose(self.iommu.pin(first, access, frames))?;
        let pages = (first..).map(|number| number * PAGE);
        self.frames.extend(pages.zip(frames.iter().copied()));
        Ok(())
    }

    fn unpin(&mut self, run: PinnedRun) {
        self.iommu.unpin(run.first(), run.count());
    }
}

/// Memory that the channel fetches programs from.
struct Low(Vec<u8>);

impl Arena for Low {
    fn address(&self) -> u32 {
        ARENA
    }

    fn size(&self) -> usize {
        self.0.len()
    }

    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        self.0[offset..offset + N].copy_from_slice(&bytes);
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
        let Ok(translator) = Translator::new(SIZES, 0x9e37_79b9_7f4a_7c15);
        Self {
            translator,
            backend: Backend {
                iommu: Type1::new(MAPPED.clone()),
                frames: Vec::new(),
            },
            // What is left in the arena of other programs is of no use to this one.
            arena: Low(vec![0xee; ARENA_SIZE]),
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

    /// Translates a program.
    pub(crate) fn translate(
        &mut self,
        orb: &ccwchain::orb::Orb,
    ) -> Result<ccwchain::host_orb::HostOrb, String> {
        self.translator
            .translate(orb, &mut self.backend, &mut self.arena)
            .map(|program| program.orb())
            .map_err(|(error, _)| error.to_string())
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
        let frames = &self.backend.frames;
        let (_, host) = frames.iter().rfind(|(guest, _)| *guest == address)?;
        self.backend.iommu.host_page(*host).map(|page| &*page)
    }

    /// Ends the program, and says how many pins are left.
    pub(crate) fn release(&mut self) -> usize {
        self.translator.release(&mut self.backend);
        self.backend.iommu.pins()
    }

    /// The bytes of the arena at an address, if they are all in it.
    fn in_arena(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let offset = usize::try_from(address.checked_sub(ARENA.into())?).ok()?;
        self.arena.0.get_mut(offset..offset.checked_add(len)?)
    }

    /// The bytes that data may be moved from or, to store, to.
    fn data(&mut self, address: u64, len: usize, access: Access) -> Option<&mut [u8]> {
        let sink = u64::from(ARENA)..u64::from(ARENA) + PAGE;
        if sink.contains(&address) && address + len as u64 <= sink.end {
            return self.in_arena(address, len);
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
            Use::Ccw | Use::Idaw | Use::Midaw => self
                .in_arena(address, len)
                .filter(|_| address >= u64::from(ARENA) + PAGE),
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
