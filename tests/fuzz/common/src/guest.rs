// SPDX-License-Identifier: GPL-2.0

//! Guest memory on the type1 stub, and host memory on a `Vec`.

use std::{
    collections::BTreeMap,
    convert::Infallible, //
};

use ccwchain::memory::{
    self,
    Arena,
    GuestMemory,
    MemoryError,
    PinnedRange,
    Storage,
    BLOCK, //
};
use iommu_type1_stub::{
    Access,
    Error,
    Page,
    Type1, //
};

/// Working memory on the heap.
pub(crate) struct Heap;

impl Storage for Heap {
    type Of<T> = Vec<T>;
    type Error = Infallible;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
        Ok(vec![T::default(); len])
    }
}

/// Guest memory that records its pins.
pub(crate) struct Guest {
    /// The mappings.
    pub(crate) iommu: Type1<Vec<Page>>,
    /// The number that is added to the host addresses of the stub.
    pub(crate) shift: u64,
    /// The absolute address of each pinned guest page, and the access for which it is pinned.
    pub(crate) pinned: BTreeMap<u64, (u64, memory::Access)>,
}

impl Guest {
    /// Creates a guest without memory.
    pub(crate) fn new() -> Self {
        Self {
            iommu: Type1::new(vec![Page::default(); 16]),
            shift: 0,
            pinned: BTreeMap::new(),
        }
    }

    /// Returns the access that a device has at an absolute address, by the current pins.
    pub(crate) fn pinned_for(&self, host: u64) -> Option<memory::Access> {
        self.iommu
            .pinned_for(host.checked_sub(self.shift)?)
            .map(|access| match access {
                Access::Read => memory::Access::Read,
                Access::Write => memory::Access::Write,
            })
    }
}

/// Converts an error of type1 as the module does.
fn whose<T>(result: Result<T, Error>) -> Result<T, MemoryError<Error>> {
    result.map_err(|error| match error {
        Error::Unmapped | Error::Permission => MemoryError::Guest,
        error => MemoryError::Host(error),
    })
}

impl GuestMemory for Guest {
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
        let right = match access {
            memory::Access::Read => Access::Read,
            memory::Access::Write => Access::Write,
        };
        whose(self.iommu.pin(first, right, host_addresses))?;
        for (number, host_address) in (first..).zip(host_addresses) {
            *host_address += self.shift;
            let before = self.pinned.insert(number, (*host_address, access));
            assert_eq!(before, None, "page {number:#x} is pinned twice");
        }
        Ok(())
    }

    fn unpin(&mut self, run: PinnedRange) {
        self.iommu.unpin(run.first(), run.count());
        for number in (run.first()..).take(run.count()) {
            self.pinned.remove(&number);
        }
    }
}

/// The 31-bit memory of the host: blocks that are not adjacent and in no order.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Low {
    /// The absolute address of each block.
    blocks: Vec<u32>,
    /// The contents of the blocks.
    pub(crate) bytes: Vec<u8>,
}

impl Low {
    /// Creates blocks at multiples of three pages from `address` on, where the first one is.
    pub(crate) fn new(blocks: usize, address: u32) -> Self {
        let mut low = Self {
            blocks: vec![0; blocks],
            bytes: vec![0xee; blocks * BLOCK],
        };
        low.move_to(address);
        low
    }

    /// Moves the blocks.
    pub(crate) fn move_to(&mut self, address: u32) {
        // 17 is a prime number, and more than there are blocks.
        for (number, block) in (0..).zip(&mut self.blocks) {
            *block = address + 0x3000 * (number * 7 % 17);
        }
    }

    /// Returns the absolute address of an offset in the arena, or zero if there is no such block.
    pub(crate) fn address_of(&self, offset: u64) -> u64 {
        let block = usize::try_from(offset).map(|offset| offset / BLOCK);
        let start = block.ok().and_then(|block| self.blocks.get(block));
        start.map_or(0, |start| u64::from(*start) + offset % BLOCK as u64)
    }

    /// Returns the bytes at an absolute address, if all of them are in one block.
    pub(crate) fn get<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let at = (0..).zip(&self.blocks).find_map(|(block, start)| {
            let offset = usize::try_from(address.checked_sub(u64::from(*start))?).ok()?;
            (offset.checked_add(N)? <= BLOCK).then_some(block * BLOCK + offset)
        })?;
        self.bytes.get(at..at + N)?.try_into().ok()
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
