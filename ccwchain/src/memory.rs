// SPDX-License-Identifier: GPL-2.0

//! What the translator needs of the world: guest memory, an arena for the host's program, and room
//! to work in.

use core::ops::DerefMut;

/// The size of a page, which is the unit of pinning.
pub const PAGE_SIZE: u64 = 4096;

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

/// The memory of the guest, by the addresses that its programs use.
pub trait GuestMemory {
    /// A shortage of the host's.
    type Error;

    /// Copies from guest memory at `address`: all of `buffer`, or nothing that counts.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Self::Error>>;

    /// Pins as many guest pages as there are `frames`, [`PIN_MAX`] at most, from the page with the
    /// number `first` on, and stores the absolute address of each page's first byte into `frames`.
    ///
    /// An error leaves none of them pinned.
    fn pin(
        &mut self,
        first: u64,
        access: Access,
        frames: &mut [u64],
    ) -> Result<(), MemoryError<Self::Error>>;

    /// Takes back one pin of each of `count` pages, from the page with the number `first` on.
    fn unpin(&mut self, first: u64, count: usize);

    /// Returns a number that changes before any page of the guest's may come to be another one, as
    /// when its owner discards it; none while that is going on, or if it cannot be told.
    ///
    /// Pages that were pinned while the number was the same are still the guest's, and may be kept.
    fn epoch(&mut self) -> Option<u64> {
        None
    }
}

/// The memory that the channel fetches the host's program from, and that nothing else writes to.
pub trait Arena {
    /// The absolute address of the first byte: a multiple of 4096.
    fn address(&self) -> u32;

    /// The number of bytes. What lies at or above 2 GiB is not used.
    fn size(&self) -> usize;

    /// Copies `bytes` to `offset`; they always fit.
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]);
}

impl<A: Arena> Arena for &mut A {
    #[inline]
    fn address(&self) -> u32 {
        A::address(self)
    }

    #[inline]
    fn size(&self) -> usize {
        A::size(self)
    }

    #[inline]
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        A::write(self, offset, bytes);
    }
}

/// Where the translator's working memory comes from.
///
/// All of it is had when a translator is made, so that translating allocates nothing.
pub trait Storage {
    /// A growable or fixed array of `T` on the heap.
    type Of<T>: DerefMut<Target = [T]>;

    /// Why there is none.
    type Error;

    /// Makes an array of `len` times the default value.
    fn allocate<T: Clone + Default>(len: usize) -> Result<Self::Of<T>, Self::Error>;
}
