// SPDX-License-Identifier: GPL-2.0

//! The guest pages that a program requests, while it is written and before they are pinned.
//!
//! Each page is requested once, with the greatest access that a block in it needs.

use crate::{
    error::Bound,
    memory::{
        Access,
        Storage,
        PAGE_SIZE, //
    },
    pin::index::{
        HashIndex,
        Keyed, //
    },
    prefix::{
        prefix,
        prefix_mut, //
    },
    sort::sort_by_key,
};

/// A request for a block of data, which lies within one page.
#[derive(Clone, Copy, Default)]
pub(crate) struct BlockRequest {
    /// The position of its page in the order in which pages were requested.
    pub(super) page: u32,
    /// The offset of its first byte in the page.
    pub(super) offset: u16,
    /// The access that the channel needs to the page of the block.
    pub(super) access: Access,
}

/// Returns the offset of an address in its page.
#[inline]
pub(super) const fn page_offset(address: u64) -> u16 {
    (address % PAGE_SIZE) as u16
}

/// A guest page that a program uses.
#[derive(Clone, Copy, Default)]
pub(super) struct GuestPage {
    /// The page number.
    pub(super) number: u64,
    /// The bucket of the page in the index, if the pages are not requested in ascending order.
    bucket: u32,
    /// The position of the page in the order of requests.
    request: u32,
    /// The number of pages that one call has pinned from this page on, and that must be unpinned
    /// together. Zero for the other pages of that range, and for pages that the program has not
    /// pinned or has handed to the cache.
    pub(super) range: u32,
    /// The access that is requested and, once pinning was tried, the access that the page is pinned
    /// for. `None` if the guest has no such page.
    pub(super) access: Option<Access>,
}

impl GuestPage {
    /// Returns whether the page has this access.
    #[inline(always)]
    pub(super) fn allows(&self, access: Access) -> bool {
        // As numbers, of which `None` is the least, this is one comparison.
        self.access.map_or(0, |granted| granted as u8) >= access as u8
    }

    /// Raises the access that is requested to `access`, if it is lower.
    #[inline(always)]
    fn raise(&mut self, access: Access) {
        if !self.allows(access) {
            self.access = Some(access);
        }
    }
}

impl Keyed for GuestPage {
    fn key(&self) -> u64 {
        self.number
    }

    fn bucket(&self) -> u32 {
        self.bucket
    }
}

/// The guest pages that a program requests.
///
/// They are in the order of requests until [`Self::sort`] is called.
pub(super) struct PageRequests<S: Storage> {
    pages: S::Of<GuestPage>,
    len: usize,
    /// Finds pages by number, if they are not requested in ascending order.
    index: HashIndex<S>,
    /// Set if all pages so far were requested in ascending order, as most programs do.
    ascending: bool,
    /// The position after sorting of each page, by its position in the order of requests. Used only
    /// if the pages are not requested in ascending order.
    positions: S::Of<u32>,
    /// Working memory of the sort: the pages by ascending number.
    sorted: S::Of<u32>,
}

impl<S: Storage> PageRequests<S> {
    /// Allocates room for `pages` pages. `seed` is a random number.
    pub(super) fn new(pages: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            pages: S::allocate(pages)?,
            len: 0,
            index: HashIndex::new(pages, seed)?,
            ascending: true,
            positions: S::allocate(pages)?,
            sorted: S::allocate(pages)?,
        })
    }

    /// Returns the number of pages.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the pages.
    #[inline(always)]
    pub(super) fn pages(&self) -> &[GuestPage] {
        prefix(&self.pages, self.len)
    }

    /// Returns the first `len` pages.
    #[inline(always)]
    pub(super) fn first(&self, len: usize) -> &[GuestPage] {
        prefix(&self.pages, len)
    }

    /// Returns the first `len` pages, to be changed.
    #[inline(always)]
    pub(super) fn first_mut(&mut self, len: usize) -> &mut [GuestPage] {
        prefix_mut(&mut self.pages, len)
    }

    /// Returns the page at a position.
    #[inline(always)]
    pub(super) fn get(&self, position: usize) -> Option<&GuestPage> {
        debug_assert!(position < self.len);
        self.pages.get(position)
    }

    /// Returns the page at a position, to be changed.
    #[inline(always)]
    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut GuestPage> {
        debug_assert!(position < self.len);
        self.pages.get_mut(position)
    }

    /// Returns the position of each page, by the order of requests, or `None` if that order is the
    /// one of the pages.
    #[inline]
    pub(super) fn positions(&self) -> Option<&[u32]> {
        (!self.ascending).then(|| &*self.positions)
    }

    /// Requests the page of the block at the guest address `address`, and describes the block in
    /// `block`.
    #[inline(always)]
    pub(super) fn request(
        &mut self,
        address: u64,
        access: Access,
        block: &mut BlockRequest,
    ) -> Result<(), Bound> {
        let number = address / PAGE_SIZE;
        block.offset = page_offset(address);
        block.access = access;
        // As a rule, the next block is in the same page or in a later one.
        block.page = match prefix_mut(&mut self.pages, self.len).last_mut() {
            Some(last) if last.number == number => {
                last.raise(access);
                last.request
            }
            Some(last) if last.number > number || !self.ascending => {
                self.request_any(number, access)?
            }
            _ => self.append(number, access)?,
        };
        Ok(())
    }

    /// Requests a page that may be anywhere among the others, or new. Returns its position in the
    /// order of requests.
    #[cold]
    fn request_any(&mut self, number: u64, access: Access) -> Result<u32, Bound> {
        let found = if self.ascending {
            let found = self
                .pages()
                .binary_search_by_key(&number, |page| page.number);
            found.map(|known| known as u32).or_else(|_| {
                self.index_all();
                self.find(number)
            })
        } else {
            self.find(number)
        };
        match found {
            Ok(known) => {
                if let Some(page) = self.pages.get_mut(known as usize) {
                    page.raise(access);
                }
                Ok(known)
            }
            Err(bucket) => {
                let request = self.append(number, access)?;
                self.add_to_index(bucket, request);
                Ok(request)
            }
        }
    }

    /// Returns the position of the page with this number, or `Err` with the bucket in which it
    /// belongs.
    fn find(&self, number: u64) -> Result<u32, u32> {
        self.index.find(number, self.pages())
    }

    /// Adds a page. Returns its position.
    #[inline(always)]
    fn append(&mut self, number: u64, access: Access) -> Result<u32, Bound> {
        let request = self.len as u32;
        let page = self.pages.get_mut(self.len).ok_or(Bound::Idaws)?;
        page.number = number;
        page.request = request;
        page.access = Some(access);
        self.len += 1;
        Ok(request)
    }

    /// Adds the page at `position` to the index.
    fn add_to_index(&mut self, bucket: u32, position: u32) {
        if let Some(page) = self.pages.get_mut(position as usize) {
            page.bucket = bucket;
        }
        self.index.set(bucket, position);
    }

    /// Adds all pages to the index, as the next one is not in ascending order.
    fn index_all(&mut self) {
        self.ascending = false;
        for position in 0..self.len {
            let (before, rest) = self.pages.split_at(position);
            let Some(page) = rest.first() else {
                return;
            };
            if let Err(bucket) = self.index.find(page.number, before) {
                self.add_to_index(bucket, position as u32);
            }
        }
    }

    /// Sorts the pages by ascending number.
    pub(super) fn sort(&mut self) {
        if self.ascending {
            return;
        }
        let pages = prefix_mut(&mut self.pages, self.len);
        let sorted = prefix_mut(&mut self.sorted, self.len);
        let positions = prefix_mut(&mut self.positions, self.len);
        for (page, number) in sorted.iter_mut().zip(0..) {
            *page = number;
        }
        sort_by_key(sorted, positions, |page| pages[*page as usize].number);
        for (page, position) in sorted.iter().zip(0..) {
            positions[*page as usize] = position;
        }
        // Each exchange brings a page to its final position.
        for at in 0..pages.len() {
            loop {
                let position = positions[pages[at].request as usize] as usize;
                if position == at {
                    break;
                }
                pages.swap(at, position);
            }
        }
    }

    /// Removes all pages. None of them may be pinned for the program.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.ascending = true;
    }
}
