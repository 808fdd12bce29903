// SPDX-License-Identifier: GPL-2.0

//! The environment of the translator: guest memory, an arena for the host program, and working
//! memory.

use core::{
    num::NonZeroU32,
    ops::DerefMut, //
};

/// The size of a page in bytes, which is the unit of pinning.
pub const PAGE_SIZE: u64 = 4096;

/// The size of an arena block in bytes: enough for a list of MIDAWs that fills a page, and for what
/// a channel fetches ahead after it.
pub const BLOCK: usize = 2 * PAGE_SIZE as usize;

/// The maximum number of pages that one call pins (`VFIO_PIN_PAGES_MAX_ENTRIES` in
/// `include/linux/vfio.h`).
pub const PIN_MAX: usize = 512;

/// The access of the channel to memory. The greater access includes the lesser.
///
/// The least is `None` of an `Option<Access>`, which the numbers below make zero in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// The channel only fetches: write and control commands.
    #[default]
    Read = 1,
    /// The channel stores: read and sense commands.
    Write = 2,
}

/// Why an access to guest memory failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError<E> {
    /// The guest has no memory there, or has it without this access: its program gets a program
    /// check.
    Guest,
    /// The host lacks a resource: the request fails with this error.
    Host(E),
}

/// A range of guest pages that one call of [`GuestMemory::pin`] has pinned, to be unpinned.
///
/// Only the translator creates one, when it unpins what it has pinned. It cannot be copied, so that
/// its receiver can unpin the range only once. This relies on the implementation of
/// [`GuestMemory::pin`]: one that returns `Ok` without having pinned the pages breaks it.
///
/// # Invariants
///
/// One call of `pin` has returned `Ok` for the `count` pages from the number `first` on, and none
/// of them has been unpinned since.
#[derive(Debug, PartialEq, Eq)]
pub struct PinnedRange {
    first: u64,
    count: NonZeroU32,
}

impl PinnedRange {
    /// Returns the range of `count` pages from the number `first` on, or `None` if it has no page.
    ///
    /// The caller guarantees the invariants of the type.
    #[inline]
    pub(crate) fn new(first: u64, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;

        // INVARIANT: By the guarantee of the caller.
        Some(Self { first, count })
    }

    /// Returns the number of the first page: its guest address divided by [`PAGE_SIZE`].
    #[inline]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number of pages: 1 to [`PIN_MAX`].
    #[inline]
    pub const fn count(&self) -> usize {
        self.count.get() as usize
    }
}

/// The memory of the guest, by the addresses that its programs use.
pub trait GuestMemory {
    /// Why the host cannot serve a request.
    type Error;

    /// Copies guest memory from `address` on into `buffer`.
    ///
    /// After an error the contents of `buffer` are undefined.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Self::Error>>;

    /// Pins a range of guest pages, and stores the absolute address in the host of the first byte
    /// of each page into `host_addresses`.
    ///
    /// The range begins with the page number `first` and has as many pages as `host_addresses` has
    /// items, at most [`PIN_MAX`].
    ///
    /// After an error no page of the range is pinned. After `Ok` all are, until
    /// [`GuestMemory::unpin`] is called: the host program contains their addresses.
    fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Self::Error>>;

    /// Unpins each page of `range` once.
    fn unpin(&mut self, range: PinnedRange);

    /// Returns the invalidation sequence number, which changes before any guest page can be
    /// replaced (for example discarded by its owner). `None` while an invalidation is in progress,
    /// or if invalidations are not tracked.
    ///
    /// While the number stays the same, pinned pages are still those of the guest and may be
    /// cached.
    fn invalidate_seq(&mut self) -> Option<u64> {
        None
    }
}

/// The memory from which the channel fetches the host program. Only the translator writes to it.
///
/// It has blocks of [`BLOCK`] bytes, which can be anywhere below 2 GiB and in any order. Offsets
/// are in bytes, as if the blocks were contiguous in the order of their numbers.
pub trait Arena {
    /// Returns the absolute address of the first byte of a block, a multiple of 4096, or `None` if
    /// the arena has fewer blocks. The first block has the number zero.
    ///
    /// A block that does not end at or below 2 GiB is not used.
    fn address(&self, block: usize) -> Option<u32>;

    /// Copies `bytes` to `offset`. They never cross the end of a block.
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]);
}

impl<A: Arena> Arena for &mut A {
    #[inline]
    fn address(&self, block: usize) -> Option<u32> {
        A::address(self, block)
    }

    #[inline]
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        A::write(self, offset, bytes);
    }
}

/// The allocator of the working memory of a translator.
///
/// Memory is allocated when a translator is created and when it grows
/// ([`Translator::grow`](crate::translator::Translator::grow)), never by a translation.
pub trait Storage {
    /// An array of `T`.
    type Of<T>: DerefMut<Target = [T]>;

    /// Why an allocation fails.
    type Error;

    /// Allocates an array of `len` items with the default value.
    fn allocate<T: Clone + Default>(len: usize) -> Result<Self::Of<T>, Self::Error>;
}

#[cfg(test)]
pub(crate) mod tests {
    extern crate std;

    use core::convert::Infallible;
    use std::{
        vec,
        vec::Vec, //
    };

    use super::Storage;

    /// Arrays on the heap.
    pub(crate) struct Heap;

    impl Storage for Heap {
        type Of<T> = Vec<T>;
        type Error = Infallible;

        fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
            Ok(vec![T::default(); len])
        }
    }
}
