// SPDX-License-Identifier: GPL-2.0

//! What the translator needs of the world: guest memory, an arena for the host's program, and room
//! to work in.

use core::{
    num::NonZeroU32,
    ops::DerefMut, //
};

/// The size of a page, which is the unit of pinning.
pub const PAGE_SIZE: u64 = 4096;

/// The size of a block of the arena. It has room for a list of MIDAWs that fills a page, and for what a
/// channel fetches ahead behind that.
pub const BLOCK: usize = 2 * PAGE_SIZE as usize;

/// The most pages that one call pins (`VFIO_PIN_PAGES_MAX_ENTRIES`).
pub const PIN_MAX: usize = 512;

/// What the channel does with memory. The greater right holds the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It only fetches: write and control commands.
    Read,
    /// It stores: read and sense commands.
    Write,
}

/// Why memory could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError<E> {
    /// The guest's fault: there is no such memory, or not with this right.
    Guest,
    /// The host's shortage.
    Host(E),
}

/// A run of guest pages that one call of [`GuestMemory::pin`] has pinned, and that are to be unpinned.
///
/// Only the translator makes one, when it unpins what it has pinned; it cannot be copied, so that
/// whoever is given one can unpin the run once. This is as true as the implementation of
/// [`GuestMemory::pin`]: one that returns `Ok` without having pinned the pages breaks it.
///
/// # Invariants
///
/// One call of `pin` has returned `Ok` for the pages from the number `first` on, `count` of them,
/// and none has been unpinned since.
#[derive(Debug, PartialEq, Eq)]
pub struct PinnedRange {
    first: u64,
    count: NonZeroU32,
}

impl PinnedRange {
    /// Returns the run of `count` pages from the number `first` on, and `None` if it has no page.
    ///
    /// The caller guarantees the invariants of the type.
    #[inline]
    pub(crate) fn new(first: u64, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;

        // INVARIANT: By the guarantee of the caller.
        Some(Self { first, count })
    }

    /// Returns the number of the first page.
    #[inline]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Returns how many pages there are: 1 to [`PIN_MAX`].
    #[inline]
    pub const fn count(&self) -> usize {
        self.count.get() as usize
    }
}

/// The memory of the guest, by the addresses that its programs use.
pub trait GuestMemory {
    /// A shortage of the host's.
    type Error;

    /// Copies from guest memory at `address`: all of `buffer`, or nothing that counts.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Self::Error>>;

    /// Pins as many guest pages as there are `host_addresses`, [`PIN_MAX`] at most, from the page with the
    /// number `first` on, and stores the absolute address of each page's first byte into `host_addresses`.
    ///
    /// An error leaves none of them pinned. After `Ok` they all are, until [`GuestMemory::unpin`]
    /// returns: the host's program is made of their addresses.
    fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Self::Error>>;

    /// Unpins each page of `run` once.
    fn unpin(&mut self, run: PinnedRange);

    /// Returns a number that changes before any page of the guest's may come to be another one, as
    /// when its owner discards it; none while that is going on, or if it cannot be told.
    ///
    /// Pages that were pinned while the number was the same are still the guest's, and may be kept.
    fn invalidate_seq(&mut self) -> Option<u64> {
        None
    }
}

/// The memory that the channel fetches the host's program from, and that nothing else writes to.
///
/// It has blocks of [`BLOCK`] bytes, which can be anywhere below 2 GiB and in any order. An offset is
/// that of a byte when they are put one behind the other.
pub trait Arena {
    /// Returns the absolute address of the first byte of a block, a multiple of 4096, or `None` if the
    /// arena has fewer blocks. The first block has the number zero.
    ///
    /// A block that does not end at or below 2 GiB is not used.
    fn address(&self, block: usize) -> Option<u32>;

    /// Copies `bytes` to `offset`; they always fit, and within a block.
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

/// Where the translator's working memory comes from.
///
/// It is allocated when a translator is made, and when it grows
/// ([`Translator::grow`](crate::translator::Translator::grow)): translating allocates nothing.
pub trait Storage {
    /// A growable or fixed array of `T` on the heap.
    type Of<T>: DerefMut<Target = [T]>;

    /// Why there is none.
    type Error;

    /// Makes an array of `len` times the default value.
    fn allocate<T: Clone + Default>(len: usize) -> Result<Self::Of<T>, Self::Error>;
}
