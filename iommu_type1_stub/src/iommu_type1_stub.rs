// SPDX-License-Identifier: GPL-2.0

//! A software stand-in for the type1 backend of VFIO (`drivers/vfio/vfio_iommu_type1.c`).
//!
//! It keeps the contract that a driver of an emulated device meets: mappings of IO virtual addresses
//! that come and go on demand, reads through them, pins that are counted page by page and checked
//! against the rights of the mapping, and a notice to the holder of pins when their mapping goes.
//! Where each page is in the host is unlike where it is for the device, and faults can be had on
//! demand. Tests of translation and pinning stand on it, on a host and in KUnit.

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

/// How many calls that begin with the same page can be told apart.
const MAX_CALLS: usize = 4;

/// What may be done with memory. The greater right holds the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading (`VFIO_DMA_MAP_FLAG_READ`, `IOMMU_READ`).
    Read,
    /// Writing, too.
    Write,
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not whole pages, none at all, or a part of a mapping (`EINVAL`).
    Invalid,
    /// There is a mapping already (`EEXIST`).
    Exists,
    /// There is no mapping (`EINVAL`).
    Unmapped,
    /// The mapping does not give this right (`EPERM`).
    Permission,
    /// More pages than one call may pin (`E2BIG`).
    TooMany,
    /// There is no memory for it, or too much is pinned (`ENOMEM`).
    NoMemory,
    /// Pages are pinned still, after their holder was told to give them up.
    Pinned,
}

/// A page of memory, which a mapping may be using.
#[derive(Clone, Debug)]
pub struct Page {
    mapping: Option<Mapping>,
    pins: usize,
    pinned_for: Option<Access>,
    /// The lengths of the calls that pinned this page as their first, and that are not undone.
    calls: [usize; MAX_CALLS],
    bytes: [u8; PAGE_SIZE as usize],
}

/// What a page is mapped as.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    /// The number of the page for the device.
    number: u64,
    /// The pages that were mapped together.
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

/// How often memory was read and pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that read.
    pub reads: usize,
    /// Calls that pinned, or failed to.
    pub pin_calls: usize,
    /// Pages pinned, over all time.
    pub pinned: usize,
    /// Pages unpinned, over all time.
    pub unpinned: usize,
}

/// A type1 backend with the memory of the pages in `P`: a `Vec`, a `KVVec`, a slice.
#[derive(Debug)]
pub struct Type1<P> {
    pages: P,
    counts: Counts,
    limit: usize,
    fault: Option<Fault>,
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// A backend without any mapping.
    pub fn new(pages: P) -> Self {
        Self {
            pages,
            counts: Counts::default(),
            limit: usize::MAX,
            fault: None,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Lets no more than `pins` be held at a time (`RLIMIT_MEMLOCK`).
    pub fn set_limit(&mut self, pins: usize) {
        self.limit = pins;
    }

    /// Makes an operation to come fail, or none.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Maps zeroed memory of `len` bytes to `iova`. Both must be whole pages.
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

    /// Unmaps all mappings in `len` bytes from `iova` on. None may reach beyond (as in type1v2).
    ///
    /// If pages of it are pinned, `notice` is called with the range and must unpin them.
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

    /// Copies to mapped memory, as the owner of it does, whatever the rights of the mapping.
    pub fn store(&mut self, iova: u64, bytes: &[u8]) -> Result<(), Error> {
        for (address, byte) in (iova..).zip(bytes) {
            let index = self.find(address / PAGE_SIZE).ok_or(Error::Unmapped)?;
            self.pages[index].bytes[(address % PAGE_SIZE) as usize] = *byte;
        }
        Ok(())
    }

    /// Copies from mapped memory as a device's driver does (`vfio_dma_rw`). It may go over several
    /// mappings, but not over a hole.
    pub fn read(&mut self, iova: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.counts.reads += 1;
        self.injected(Operation::Read)?;
        for (address, byte) in (iova..).zip(buffer) {
            let index = self.find(address / PAGE_SIZE).ok_or(Error::Unmapped)?;
            *byte = self.pages[index].bytes[(address % PAGE_SIZE) as usize];
        }
        Ok(())
    }

    /// The index of the page that is mapped to a page number.
    fn find(&self, number: u64) -> Option<usize> {
        self.pages
            .iter()
            .position(|page| page.mapping.is_some_and(|mapping| mapping.number == number))
    }

    /// The pages that are mapped to these page numbers.
    fn within<'a>(&'a self, range: &'a Range<u64>) -> impl Iterator<Item = (Mapping, &'a Page)> {
        self.pages
            .iter()
            .filter_map(|page| Some((page.mapping?, page)))
            .filter(|(mapping, _)| range.contains(&mapping.number))
    }
}

/// The page numbers of a range that must be whole pages, one at least.
fn whole_pages(iova: u64, len: u64) -> Result<Range<u64>, Error> {
    let end = iova.checked_add(len).ok_or(Error::Invalid)?;
    if len == 0 || iova % PAGE_SIZE != 0 || len % PAGE_SIZE != 0 {
        return Err(Error::Invalid);
    }
    Ok(iova / PAGE_SIZE..end / PAGE_SIZE)
}
