// SPDX-License-Identifier: GPL-2.0

//! A software stand-in for the type1 backend of VFIO (`drivers/vfio/vfio_iommu_type1.c`).
//!
//! It implements the contract that the driver of an emulated device relies on: mappings of I/O
//! virtual addresses that are made and removed on request, reads through them, pins that are
//! counted page by page and checked against the access that the mapping allows, and a notification
//! of the holder of pins when their mapping is removed. The host address of a page differs from its
//! I/O virtual address, and faults can be injected. The tests of translation and pinning use it, on
//! a host and in KUnit.

#![cfg_attr(not(CONFIG_RUST), no_std)]
#![forbid(unsafe_code)]

mod fault;
mod pin;

pub use fault::{
    Fault,
    Operation, //
};

use core::ops::{
    DerefMut,
    Range, //
};

/// The size of a page, the unit of mapping and pinning.
pub const PAGE_SIZE: u64 = 4096;

/// The most pages that one call pins (`VFIO_PIN_PAGES_MAX_ENTRIES`).
pub const PIN_MAX: usize = 512;

/// The most calls that can have pinned ranges with the same first page.
const MAX_CALLS: usize = 4;

/// The access to memory. The greater includes the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read access (`VFIO_DMA_MAP_FLAG_READ`, `IOMMU_READ`).
    Read,
    /// Read and write access (also `VFIO_DMA_MAP_FLAG_WRITE`, `IOMMU_WRITE`).
    Write,
}

/// The reason for which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The range has no page, does not consist of whole pages, or cuts a mapping (`EINVAL`).
    Invalid,
    /// The range has a mapping already (`EEXIST`).
    Exists,
    /// The range is not mapped (`EINVAL`).
    Unmapped,
    /// The mapping does not allow this access (`EPERM`).
    Permission,
    /// More pages than one call may pin (`E2BIG`).
    TooMany,
    /// There is not enough memory, or too much is pinned (`ENOMEM`).
    NoMemory,
    /// Pages are still pinned after their holder was notified.
    Pinned,
}

/// A page of memory, which may be mapped.
#[derive(Clone, Debug)]
pub struct Page {
    mapping: Option<Mapping>,
    pins: usize,
    pinned_for: Option<Access>,
    /// The lengths of the ranges with this page as their first that calls have pinned and that are
    /// not unpinned. Zero is none.
    calls: [usize; MAX_CALLS],
    bytes: [u8; PAGE_SIZE as usize],
}

/// The mapping of a page.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    /// The number of the page by its I/O virtual address.
    number: u64,
    /// The numbers of the first page that was mapped by the same call, and of the one behind the
    /// last.
    whole: (u64, u64),
    access: Access,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            mapping: None,
            pins: 0,
            pinned_for: None,
            calls: [0; MAX_CALLS],
            bytes: [0; PAGE_SIZE as usize],
        }
    }
}

/// The numbers of operations since the backend was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of calls that read.
    pub reads: usize,
    /// The number of calls that pinned, or failed to.
    pub pin_calls: usize,
    /// The number of pages that were pinned.
    pub pinned: usize,
    /// The number of pages that were unpinned.
    pub unpinned: usize,
}

/// A type1 backend whose memory is the pages in `P`: a `Vec`, a `KVVec` or a slice.
#[derive(Debug)]
pub struct Type1<P> {
    pages: P,
    counts: Counts,
    limit: usize,
    fault: Option<Fault>,
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// Returns a backend without any mapping.
    pub fn new(pages: P) -> Self {
        Self {
            pages,
            counts: Counts::default(),
            limit: usize::MAX,
            fault: None,
        }
    }

    /// Returns the numbers of operations so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Limits the number of pages that are pinned at a time to `pins` (`RLIMIT_MEMLOCK`).
    pub fn set_limit(&mut self, pins: usize) {
        self.limit = pins;
    }

    /// Injects a fault, or removes it.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Maps zeroed memory of `len` bytes at `iova`. Both must be multiples of the size of a page.
    pub fn map(&mut self, iova: u64, len: u64, access: Access) -> Result<(), Error> {
        let range = whole_pages(iova, len)?;
        if range.clone().any(|number| self.find(number).is_some()) {
            return Err(Error::Exists);
        }
        let free = self.pages.iter().filter(|page| page.mapping.is_none());
        if (free.count() as u64) < range.end - range.start {
            return Err(Error::NoMemory);
        }
        let whole = (range.start, range.end);
        let free = self.pages.iter_mut().filter(|page| page.mapping.is_none());
        for (page, number) in free.zip(range) {
            page.mapping = Some(Mapping {
                number,
                whole,
                access,
            });
            page.bytes.fill(0);
        }
        Ok(())
    }

    /// Removes all mappings in the `len` bytes from `iova` on. None may extend beyond (as in
    /// type1v2).
    ///
    /// If pages of the range are pinned, `notice` is called with it, and must unpin them.
    pub fn unmap(
        &mut self,
        iova: u64,
        len: u64,
        notice: impl FnOnce(&mut Self, u64, u64),
    ) -> Result<(), Error> {
        let range = whole_pages(iova, len)?;
        let cut = |mapping: &Mapping| {
            let (start, end) = mapping.whole;
            start < range.start || end > range.end
        };
        if self.within(&range).any(|(mapping, _)| cut(&mapping)) {
            return Err(Error::Invalid);
        }
        if self.within(&range).any(|(_, page)| page.pins > 0) {
            notice(self, iova, len);
            if self.within(&range).any(|(_, page)| page.pins > 0) {
                return Err(Error::Pinned);
            }
        }
        for page in self.pages.iter_mut() {
            page.mapping = page
                .mapping
                .filter(|mapping| !range.contains(&mapping.number));
        }
        Ok(())
    }

    /// Copies to mapped memory, as its owner does: whatever access the mapping allows.
    pub fn store(&mut self, iova: u64, bytes: &[u8]) -> Result<(), Error> {
        for (address, byte) in (iova..).zip(bytes) {
            let index = self.find(address / PAGE_SIZE).ok_or(Error::Unmapped)?;
            self.pages[index].bytes[(address % PAGE_SIZE) as usize] = *byte;
        }
        Ok(())
    }

    /// Copies from mapped memory, as the driver of a device does (`vfio_dma_rw`). The range may
    /// span several mappings, but no hole.
    pub fn read(&mut self, iova: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.counts.reads += 1;
        self.injected(Operation::Read)?;
        for (address, byte) in (iova..).zip(buffer) {
            let index = self.find(address / PAGE_SIZE).ok_or(Error::Unmapped)?;
            *byte = self.pages[index].bytes[(address % PAGE_SIZE) as usize];
        }
        Ok(())
    }

    /// Returns the pages that are mapped: the I/O virtual address of each, the access that its mapping
    /// allows, and its contents.
    pub fn mapped(&self) -> impl Iterator<Item = (u64, Access, &[u8])> {
        self.pages.iter().filter_map(|page| {
            let Mapping { number, access, .. } = page.mapping?;
            Some((number * PAGE_SIZE, access, &page.bytes[..]))
        })
    }

    /// Returns the index of the page that is mapped at a page number.
    fn find(&self, number: u64) -> Option<usize> {
        self.pages
            .iter()
            .position(|page| page.mapping.is_some_and(|mapping| mapping.number == number))
    }

    /// Returns the pages that are mapped at these page numbers.
    fn within<'a>(&'a self, range: &'a Range<u64>) -> impl Iterator<Item = (Mapping, &'a Page)> {
        self.pages
            .iter()
            .filter_map(|page| Some((page.mapping?, page)))
            .filter(|(mapping, _)| range.contains(&mapping.number))
    }
}

/// Returns the page numbers of a range, which must consist of whole pages, at least one.
fn whole_pages(iova: u64, len: u64) -> Result<Range<u64>, Error> {
    let end = iova.checked_add(len).ok_or(Error::Invalid)?;
    if len == 0 || iova % PAGE_SIZE != 0 || len % PAGE_SIZE != 0 {
        return Err(Error::Invalid);
    }
    Ok(iova / PAGE_SIZE..end / PAGE_SIZE)
}
