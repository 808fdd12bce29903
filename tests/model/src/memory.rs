// SPDX-License-Identifier: GPL-2.0

//! The test double of the memory that a translator works on: guest memory on the type1 stub, and an
//! arena and working memory on the heap.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    ops::Range, //
};

use ccwchain::memory::{
    Access,
    Arena,
    GuestMemory,
    MemoryError,
    PinnedRange,
    Storage,
    BLOCK,
    PAGE_SIZE, //
};
use iommu_type1_stub::{
    self as stub,
    Error,
    Page,
    Type1, //
};

/// The absolute address of the first arena block, unless it is moved.
pub const ARENA: u32 = 0x7000_0000;

/// Working memory on the heap.
pub struct Heap;

impl Storage for Heap {
    type Of<T> = Vec<T>;
    type Error = Infallible;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
        Ok(vec![T::default(); len])
    }
}

/// Guest memory that records where it is read and what is pinned, and changes when a test wants it
/// to.
pub struct Guest {
    /// The mappings.
    pub iommu: Type1<Vec<Page>>,
    /// The address and the length of each read, in their order.
    pub reads: Vec<(u64, usize)>,
    /// The number of reads after which the guest begins to change the first word of whatever was
    /// read.
    pub hasty_after: usize,
    /// The number that is added to the host addresses of the stub.
    pub shift: u64,
    /// The host address of each pinned page by its number, and the access for which it is pinned.
    pub pinned: BTreeMap<u64, (u64, Access)>,
    /// The invalidation sequence number.
    pub invalidate_seq: Option<u64>,
    /// The numbers of pins after which guest pages are replaced, one after the other; the last item
    /// is the next to come.
    pub changes_after: Vec<usize>,
}

impl Guest {
    /// Creates guest memory of these pages, some of which may be mapped.
    pub fn new(pages: Vec<Page>) -> Self {
        Self {
            iommu: Type1::new(pages),
            reads: Vec::new(),
            hasty_after: usize::MAX,
            shift: 0,
            pinned: BTreeMap::new(),
            invalidate_seq: None,
            changes_after: Vec::new(),
        }
    }

    /// Creates guest memory with room for this many pages, none of which is mapped.
    pub fn with_room(pages: usize) -> Self {
        Self::new(vec![Page::default(); pages])
    }

    /// Returns the access that a device has at a host address, by the current pins.
    pub fn pinned_for(&self, host: u64) -> Option<Access> {
        let access = self.iommu.pinned_for(host.checked_sub(self.shift)?)?;
        Some(match access {
            stub::Access::Read => Access::Read,
            stub::Access::Write => Access::Write,
        })
    }

    /// Returns the guest address of a host address in a pinned page.
    pub fn iova(&self, host: u64) -> Option<u64> {
        self.iommu.iova(host.checked_sub(self.shift)?)
    }

    /// Returns the bytes of the page that a host address is in, if the page is pinned.
    pub fn host_page(&mut self, host: u64) -> Option<&mut [u8; PAGE_SIZE as usize]> {
        self.iommu.host_page(host.checked_sub(self.shift)?)
    }

    /// Returns the bytes of the page that a guest address is in, if the page is pinned.
    pub fn pinned_page(&mut self, address: u64) -> Option<&mut [u8; PAGE_SIZE as usize]> {
        let (host, _) = *self.pinned.get(&(address / PAGE_SIZE))?;
        self.host_page(host)
    }
}

/// Converts an error of type1 as the module does.
fn memory_error(error: Error) -> MemoryError<Error> {
    match error {
        Error::Unmapped | Error::Permission => MemoryError::Guest,
        error => MemoryError::Host(error),
    }
}

impl GuestMemory for Guest {
    type Error = Error;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
        self.reads.push((address, buffer.len()));
        self.iommu.read(address, buffer).map_err(memory_error)?;
        if self.reads.len() > self.hasty_after {
            let changed = self.iommu.store(address, &[0x5a; 8]);
            changed.map_err(memory_error)?;
        }
        Ok(())
    }

    fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let of_stub = match access {
            Access::Read => stub::Access::Read,
            Access::Write => stub::Access::Write,
        };
        let pinned = self.iommu.pin(first, of_stub, host_addresses);
        pinned.map_err(memory_error)?;
        for (number, host_address) in (first..).zip(host_addresses) {
            *host_address += self.shift;
            let before = self.pinned.insert(number, (*host_address, access));
            assert_eq!(before, None, "page {number:#x} is pinned twice");
        }
        match self.changes_after.last_mut() {
            None => {}
            Some(0) => {
                self.invalidate_seq = self.invalidate_seq.map(|invalidate_seq| invalidate_seq + 1);
                self.changes_after.pop();
            }
            Some(more) => *more -= 1,
        }
        Ok(())
    }

    fn unpin(&mut self, range: PinnedRange) {
        self.iommu.unpin(range.first(), range.count());
        for number in (range.first()..).take(range.count()) {
            self.pinned.remove(&number);
        }
    }

    fn invalidate_seq(&mut self) -> Option<u64> {
        self.invalidate_seq
    }
}

/// An arena: blocks that are not adjacent and in no order.
#[derive(Clone, PartialEq, Eq)]
pub struct ArenaBlocks {
    /// The absolute address of each block.
    pub blocks: Vec<u32>,
    /// The contents of the blocks.
    pub bytes: Vec<u8>,
}

impl ArenaBlocks {
    /// Creates this many blocks, the first of which is at [`ARENA`]. They are filled, because an
    /// arena may have anything of other programs, which must not matter.
    pub fn new(blocks: usize) -> Self {
        let mut arena = Self {
            blocks: vec![0; blocks],
            bytes: vec![0xee; blocks * BLOCK],
        };
        arena.move_to(ARENA);
        arena
    }

    /// Moves the blocks to multiples of three pages from `address` on. The first one is there.
    pub fn move_to(&mut self, address: u32) {
        // 257 is a prime number, and more than there are blocks.
        for (number, block) in (0..).zip(&mut self.blocks) {
            *block = address + 0x3000 * (number * 101 % 257);
        }
    }

    /// Returns the absolute addresses of the scratch page, the first one of the arena.
    ///
    /// # Panics
    ///
    /// Panics if the arena has no block.
    pub fn scratch(&self) -> Range<u64> {
        let start = self.blocks[0].into();
        start..start + PAGE_SIZE
    }

    /// Returns the absolute address of an offset in the arena, or zero if there is no such block.
    pub fn address_of(&self, offset: u64) -> u64 {
        let block = usize::try_from(offset).map(|offset| offset / BLOCK);
        let start = block.ok().and_then(|block| self.blocks.get(block));
        start.map_or(0, |start| u64::from(*start) + offset % BLOCK as u64)
    }

    /// Returns the offsets of the bytes at an absolute address, if all of them are in one block.
    fn offsets(&self, address: u64, len: usize) -> Option<Range<usize>> {
        (0..).zip(&self.blocks).find_map(|(block, start)| {
            let offset = usize::try_from(address.checked_sub(u64::from(*start))?).ok()?;
            let start = block * BLOCK + offset;
            (offset.checked_add(len)? <= BLOCK).then_some(start..start + len)
        })
    }

    /// Returns the bytes at an absolute address, if all of them are in one block.
    pub fn get<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        self.bytes.get(self.offsets(address, N)?)?.try_into().ok()
    }

    /// Returns the place of the bytes at an absolute address, if all of them are in one block.
    pub fn get_mut(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let offsets = self.offsets(address, len)?;
        self.bytes.get_mut(offsets)
    }
}

impl Arena for ArenaBlocks {
    fn address(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).copied()
    }

    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        assert!(offset % BLOCK + N <= BLOCK, "{N} bytes at {offset:#x}");
        self.bytes[offset..offset + N].copy_from_slice(&bytes);
    }
}
