// SPDX-License-Identifier: GPL-2.0

//! Memory below 2 GiB, from which the channel subsystem fetches channel programs.
//!
//! C header: [`include/linux/vmalloc.h`](srctree/include/linux/vmalloc.h)

use crate::{
    bindings,
    charged::ChargedVec, //
};
use ccwchain::memory::{
    Arena,
    BLOCK,
    PAGE_SIZE, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    num::casts::{
        u32_as_usize,
        usize_as_u64, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Release, //
    }, //
};

/// The number of pages of a block.
const PAGES: usize = 1 << ORDER;

/// The order of a block: two pages, which the allocator has even when memory is fragmented.
const ORDER: u32 = 1;

const _: () = assert!(usize_as_u64(PAGES) * PAGE_SIZE == usize_as_u64(BLOCK));

/// Neighbouring pages below 2 GiB.
///
/// # Invariants
///
/// - The value owns the pages, which one call has allocated.
/// - `address` is the absolute address of the first byte of the first page. The last page ends at
///   or below 2 GiB.
struct Block {
    pages: [*mut bindings::page; PAGES],
    address: u32,
}

impl Block {
    /// The address after the last byte that the channel can fetch from.
    const END: u64 = 1 << 31;

    /// Allocates a zeroed block, which is charged to the caller.
    fn new() -> Result<Self> {
        let mut pages = [core::ptr::null_mut(); PAGES];

        // SAFETY: `pages` is valid for writing `PAGES` pointers, which are the pages of a block.
        to_result(unsafe { bindings::mdev_alloc_low_pages(pages.as_mut_ptr(), ORDER) })?;
        let [first, ..] = pages;
        // SAFETY: The call above has allocated `first`.
        let address = unsafe { bindings::mdev_page_address(first) };
        let Some(address) = Self::address_of(address) else {
            // SAFETY: The call above has allocated these pages at once, and nothing else uses them.
            unsafe { bindings::__free_pages(first, ORDER) };
            return Err(ENOMEM);
        };

        // INVARIANT: The call above has allocated the pages, and `address_of` has made sure that
        // they end at or below 2 GiB.
        Ok(Self { pages, address })
    }

    /// Returns the address of a block, or `None` if the block ends above 2 GiB.
    fn address_of(address: u64) -> Option<u32> {
        let end = address.checked_add(usize_as_u64(BLOCK))?;
        if end > Self::END {
            return None;
        }
        u32::try_from(address).ok()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let [first, ..] = self.pages;
        // SAFETY: By the type invariants, the value owns the pages, which one call has allocated.
        unsafe { bindings::__free_pages(first, ORDER) };
    }
}

/// Zeroed memory below 2 GiB: blocks of [`BLOCK`] bytes, which are mapped one behind the other.
///
/// The channel may read and write the memory at any time, so that there is never a Rust reference
/// to it.
///
/// # Invariants
///
/// `memory` is a mapping of `blocks` in their order, of `len` bytes, which the value owns.
pub struct Area {
    memory: NonNull<u8>,
    len: usize,
    blocks: ChargedVec<Block>,
}

// SAFETY: Neither pages nor a mapping of the kernel belong to a thread.
unsafe impl Send for Area {}

// SAFETY: A shared reference gives access to the addresses only, which never change.
unsafe impl Sync for Area {}

impl Area {
    /// Allocates `count` blocks, which are charged to the caller.
    ///
    /// Returns `EINVAL` if `count` is zero, and `ENOMEM` when there is not enough memory.
    pub fn new(count: usize) -> Result<Self> {
        if count == 0 {
            return Err(EINVAL);
        }
        let mut blocks = ChargedVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let mut pages = ChargedVec::new();
        for _ in 0..count {
            let block = Block::new()?;
            pages.extend_from_slice(&block.pages, GFP_KERNEL_ACCOUNT)?;
            blocks.push(block, GFP_KERNEL_ACCOUNT)?;
        }

        // SAFETY: `pages` is valid for reading pointers to as many pages. `blocks` owns these, and
        // is dropped after the mapping.
        let memory = unsafe { bindings::mdev_vmap(pages.as_mut_ptr(), pages.len().try_into()?) };
        let memory = NonNull::new(memory.cast()).ok_or(ENOMEM)?;
        // INVARIANT: The call above has mapped the pages of `blocks` in their order.
        Ok(Self {
            memory,
            len: count * BLOCK,
            blocks,
        })
    }

    /// Returns the offset of the byte at an absolute address, or `None` if that is in no block.
    pub fn offset_of(&self, address: u32) -> Option<usize> {
        self.blocks.iter().enumerate().find_map(|(number, block)| {
            let offset = u32_as_usize(address.checked_sub(block.address)?);
            (offset < BLOCK).then_some(number * BLOCK + offset)
        })
    }

    /// Stores a doubleword at an offset that is a multiple of 8, at once for the channel, which may
    /// be fetching it, and after all that was written before.
    pub(crate) fn store(&mut self, offset: usize, bytes: [u8; 8]) {
        let fits = offset % 8 == 0 && offset.checked_add(8).is_some_and(|end| end <= self.len);
        debug_assert!(fits);
        if !fits {
            return;
        }

        // SAFETY: By the type invariant, `memory` is a mapping of `len` bytes, which begins at a
        // page; the check above has found that the doubleword is within, and aligned. There is no
        // Rust reference to it, and only atomic accesses of the channel are concurrent.
        let place = unsafe { Atomic::from_ptr(self.memory.as_ptr().add(offset).cast::<u64>()) };
        place.store(u64::from_ne_bytes(bytes), Release);
    }

    /// Returns the number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }
}

impl Arena for Area {
    #[inline]
    fn address(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).map(|block| block.address)
    }

    #[inline]
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        let fits = offset.checked_add(N).is_some_and(|end| end <= self.len);
        debug_assert!(fits);
        if !fits {
            return;
        }

        // SAFETY: By the type invariant, `memory` is a mapping of `len` bytes, and the check above
        // has found that the range is within. There is no Rust reference to it.
        unsafe {
            self.memory
                .as_ptr()
                .add(offset)
                .cast::<[u8; N]>()
                .write_unaligned(bytes)
        };
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the value owns the mapping. The blocks are freed after
        // this.
        unsafe { bindings::mdev_vunmap(self.memory.as_ptr().cast()) };
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_dma)]
mod tests {
    use super::*;

    #[test]
    fn no_area_is_empty() {
        assert!(Area::new(0).err() == Some(EINVAL));
    }

    #[test]
    fn a_block_ends_at_or_below_2_gib() {
        assert!(Block::address_of(0x7fff_e000) == Some(0x7fff_e000));
        assert!(Block::address_of(0x7fff_f000).is_none());
        assert!(Block::address_of(0x1_0000_0000).is_none());
        assert!(Block::address_of(u64::MAX).is_none());
    }

    #[test]
    fn blocks_are_apart_and_what_is_written_is_where_they_are() -> Result {
        let mut area = Area::new(3)?;
        let blocks = [0, 1, 2].map(|block| area.address(block).unwrap_or(0));

        assert!(area.address(3).is_none());
        for (number, block) in blocks.iter().enumerate() {
            let size = u32::try_from(BLOCK)?;
            assert!(block % 4096 == 0 && *block != 0);
            assert!(blocks
                .iter()
                .enumerate()
                .all(|(other, start)| other == number || start.abs_diff(*block) >= size));
        }
        for (number, block) in area.blocks.iter().enumerate() {
            let [first, second] = block.pages;
            // SAFETY: By the type invariants, `area` owns these pages.
            let [first, second] =
                [first, second].map(|page| unsafe { bindings::mdev_page_address(page) });
            assert!(first == u64::from(block.address) && second == first + PAGE_SIZE);
            assert!(area.address(number) == Some(block.address));
        }
        for (number, block) in blocks.iter().enumerate() {
            assert!(area.offset_of(block + 8) == Some(number * BLOCK + 8));
        }
        assert!(area.offset_of(0).is_none());
        area.write(2 * BLOCK - 8, [0x5a; 8]);
        area.write(2 * BLOCK, [0xa5; 8]);
        area.store(2 * BLOCK - 16, [0x5a; 8]);
        Ok(())
    }
}
