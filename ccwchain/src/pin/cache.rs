// SPDX-License-Identifier: GPL-2.0

//! The pin cache: guest pages that stay pinned between programs, so that the next program that uses
//! them need not pin them again.
//!
//! Pages are cached, and unpinned, in the ranges in which one call has pinned them: iommufd unpins
//! them in no other way. When there is no room, the least recently used range is evicted.

use crate::{
    memory::{
        Access,
        GuestMemory,
        PinnedRange,
        Storage, //
    },
    pin::index::hash,
};

/// The index of no entry: the end of a list.
const NONE: u32 = u32::MAX;

/// The page number of an entry that is free.
const FREE: u64 = u64::MAX;

/// An entry of the cache: one page.
#[derive(Clone, Copy, Default)]
struct CachedPage {
    /// The page number, or [`FREE`].
    number: u64,
    /// The absolute address of its first byte in the host.
    host_address: u64,
    /// The access that it is pinned for.
    access: Access,
    /// The next entry in the same bucket, or in the list of free entries.
    next: u32,
    /// The entry of the first page of the range. It alone has the fields below.
    head: u32,
    /// The number of pages of the range.
    range: u32,
    /// The range that was used before this one.
    older: u32,
    /// The range that was used after this one.
    newer: u32,
    /// The program that has used the range last.
    program: u64,
}

impl CachedPage {
    /// Returns whether the range that begins with this page has one from number `first` to number
    /// `last`.
    fn overlaps(&self, first: u64, last: u64) -> bool {
        self.number <= last && first < self.number + u64::from(self.range)
    }
}

/// A cache of pinned pages.
///
/// # Invariants
///
/// Each page in a bucket is pinned, by one call for all pages of its range.
pub(crate) struct PinCache<S: Storage> {
    entries: S::Of<CachedPage>,
    /// The first entry of each bucket of the hash table. The number of buckets is a power of two.
    buckets: S::Of<u32>,
    /// A random odd number.
    seed: u64,
    /// The first free entry.
    free: u32,
    /// The number of cached pages.
    len: usize,
    /// The range that was used the longest time ago.
    oldest: u32,
    /// The range that was used last.
    newest: u32,
    /// The number of the current program.
    program: u64,
    /// The entry after the one that was found last: neighbours are in successive entries.
    next: u32,
    /// The range of the page that was found last.
    last_used: u32,
    /// Set if the current program needs more access to a cached page than the page is pinned for.
    lacks_access: bool,
    /// [`GuestMemory::invalidate_seq`] when the cached pages were pinned.
    invalidate_seq: Option<u64>,
}

impl<S: Storage> PinCache<S> {
    /// Allocates room for `pages` pages. `seed` is a random number.
    pub(crate) fn new(pages: usize, seed: u64) -> Result<Self, S::Error> {
        let mut cache = Self {
            entries: S::allocate(pages)?,
            buckets: S::allocate(pages.next_power_of_two())?,
            seed: seed | 1,
            free: NONE,
            len: 0,
            oldest: NONE,
            newest: NONE,
            program: 0,
            next: 0,
            last_used: NONE,
            lacks_access: false,
            invalidate_seq: None,
        };
        cache.buckets.fill(NONE);
        for (page, index) in cache.entries.iter_mut().rev().zip((0..pages as u32).rev()) {
            page.number = FREE;
            page.next = cache.free;
            cache.free = index;
        }
        Ok(cache)
    }

    /// Returns whether the cache has room for pages at all.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Returns the number of cached pages.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Begins a program, and empties the cache if a guest page may have been replaced. Returns
    /// whether the program can use the cache.
    pub(crate) fn begin_program<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        if !self.is_enabled() {
            return false;
        }
        self.end_program();
        let invalidate_seq = memory.invalidate_seq();
        if invalidate_seq.is_none() || invalidate_seq != self.invalidate_seq {
            self.clear(memory);
            self.invalidate_seq = invalidate_seq;
        }
        invalidate_seq.is_some()
    }

    /// Returns whether no guest page can have been replaced since the cached pages were pinned.
    pub(crate) fn is_valid<M: GuestMemory>(&self, memory: &mut M) -> bool {
        memory.invalidate_seq() == self.invalidate_seq
    }

    /// Empties the cache if a guest page may have been replaced. No program may be using it.
    pub(crate) fn evict_stale<M: GuestMemory>(&mut self, memory: &mut M) {
        if self.len > 0 && !self.is_valid(memory) {
            self.clear(memory);
        }
    }

    /// Ends the current program: it uses no cached page any more.
    pub(crate) fn end_program(&mut self) {
        self.program += 1;
        self.last_used = NONE;
        self.lacks_access = false;
    }

    fn entry(&self, index: u32) -> Option<&CachedPage> {
        self.entries.get(index as usize)
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut CachedPage> {
        self.entries.get_mut(index as usize)
    }

    /// Returns the bucket of a page number.
    fn bucket(&self, number: u64) -> usize {
        hash(number, self.seed) & (self.buckets.len() - 1)
    }

    /// Returns the index of the entry of a page.
    fn find(&self, number: u64) -> Option<u32> {
        let mut index = *self.buckets.get(self.bucket(number))?;
        loop {
            let page = self.entry(index)?;
            if page.number == number {
                return Some(index);
            }
            index = page.next;
        }
    }

    /// Returns the entry of a page.
    fn page(&self, number: u64) -> Option<&CachedPage> {
        self.entry(self.find(number)?)
    }

    /// Returns whether the current program needs more access to a cached page than it is pinned
    /// for.
    pub(crate) fn lacks_access(&self) -> bool {
        self.lacks_access
    }

    /// Looks up a page for the current program. Returns its absolute address in the host, if it is
    /// pinned for this access.
    #[inline(always)]
    pub(crate) fn lookup(&mut self, number: u64, access: Access) -> Option<u64> {
        let mut index = self.next;
        if self.entry(index).is_none_or(|page| page.number != number) {
            index = self.find(number)?;
        }
        let page = self.entry(index)?;
        if page.access < access {
            self.lacks_access = true;
            return None;
        }
        let (host_address, head) = (page.host_address, page.head);
        self.next = index + 1;
        if head != self.last_used {
            self.use_range(head);
        }
        Some(host_address)
    }

    /// Records that the current program uses a range, which is then the newest.
    #[inline(never)]
    fn use_range(&mut self, head: u32) {
        self.last_used = head;
        let (program, newest) = (self.program, self.newest);
        match self.entry_mut(head) {
            Some(page) if page.program == program => {}
            Some(page) if head == newest => page.program = program,
            _ => {
                self.unlink(head);
                self.link(head);
            }
        }
    }

    /// Adds a range, as the newest one, to the list of ranges.
    fn link(&mut self, head: u32) {
        let (newest, program) = (self.newest, self.program);
        if let Some(page) = self.entry_mut(head) {
            page.program = program;
            page.older = newest;
            page.newer = NONE;
        }
        match self.entry_mut(newest) {
            Some(page) => page.newer = head,
            None => self.oldest = head,
        }
        self.newest = head;
    }

    /// Removes a range from the list of ranges.
    fn unlink(&mut self, head: u32) {
        let Some(&CachedPage { older, newer, .. }) = self.entry(head) else {
            return;
        };
        match self.entry_mut(older) {
            Some(page) => page.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(page) => page.older = older,
            None => self.newest = older,
        }
    }

    /// Inserts a range that one call has pinned for the current program, and evicts unused ranges
    /// if needed. None of its pages may be in the cache. Returns `false` if there is no room.
    pub(crate) fn insert<M: GuestMemory>(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &[u64],
        memory: &mut M,
    ) -> bool {
        if host_addresses.len() > self.entries.len() {
            return false;
        }
        while self.entries.len() - self.len < host_addresses.len() {
            if !self.evict_oldest(memory) {
                return false;
            }
        }
        let head = self.free;
        for (number, host_address) in (first..).zip(host_addresses) {
            let index = self.free;
            let bucket = self.bucket(number);
            let (Some(bucket), Some(page)) = (
                self.buckets.get_mut(bucket),
                self.entries.get_mut(index as usize),
            ) else {
                debug_assert!(false, "there are fewer free entries than counted");
                return false;
            };
            self.free = page.next;
            *page = CachedPage {
                number,
                host_address: *host_address,
                access,
                next: *bucket,
                head,
                range: host_addresses.len() as u32,
                ..CachedPage::default()
            };
            *bucket = index;
            self.len += 1;
        }
        self.link(head);
        true
    }

    /// Unpins the least recently used range, unless the current program uses it. Returns whether it
    /// was unpinned.
    fn evict_oldest<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let oldest = self.oldest;
        let is_unused = |page: &CachedPage| page.program != self.program;
        let evict = self.entry(oldest).is_some_and(is_unused);
        if evict {
            self.evict_range(oldest, memory);
        }
        evict
    }

    /// Unpins all ranges that the current program does not use. Returns whether there were any.
    pub(crate) fn evict_unused<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let before = self.len;
        while self.evict_oldest(memory) {}
        self.len < before
    }

    /// Unpins the range of a page, if it is cached.
    pub(crate) fn evict_page<M: GuestMemory>(&mut self, number: u64, memory: &mut M) {
        if let Some(page) = self.page(number) {
            self.evict_range(page.head, memory);
        }
    }

    /// Unpins a range.
    fn evict_range<M: GuestMemory>(&mut self, head: u32, memory: &mut M) {
        let Some(&CachedPage { number, range, .. }) = self.entry(head) else {
            return;
        };
        // INVARIANT: One call has pinned the range, and no page of it is in a bucket after this.
        let Some(pinned) = PinnedRange::new(number, range) else {
            return;
        };
        self.unlink(head);
        // From the last to the first, so that the next range takes the entries in ascending order.
        for number in (number..number + u64::from(range)).rev() {
            self.remove(number);
        }
        memory.unpin(pinned);
    }

    /// Removes a page from its bucket, and frees its entry.
    fn remove(&mut self, number: u64) {
        let bucket = self.bucket(number);
        let mut before = NONE;
        let mut index = self.buckets.get(bucket).copied().unwrap_or(NONE);
        while let Some(&page) = self.entry(index) {
            if page.number != number {
                before = index;
                index = page.next;
                continue;
            }
            if let Some(before) = self.entry_mut(before) {
                before.next = page.next;
            } else if let Some(bucket) = self.buckets.get_mut(bucket) {
                *bucket = page.next;
            }
            let free = core::mem::replace(&mut self.free, index);
            if let Some(page) = self.entry_mut(index) {
                page.number = FREE;
                page.next = free;
            }
            self.len -= 1;
            return;
        }
        debug_assert!(false, "page {number} of a range is not cached");
    }

    /// Unpins all pages. No program may be using them.
    pub(crate) fn clear<M: GuestMemory>(&mut self, memory: &mut M) {
        while self.entry(self.oldest).is_some() {
            self.evict_range(self.oldest, memory);
        }
    }

    /// Returns the first pages of the ranges that the current program uses. These are the newest.
    fn used_ranges(&self) -> impl Iterator<Item = &CachedPage> {
        let older = |page: &&CachedPage| self.entry(page.older);
        core::iter::successors(self.entry(self.newest), older)
            .take_while(|page| page.program == self.program)
    }

    /// Returns the pages of the ranges that the current program uses.
    fn used_pages(&self) -> impl Iterator<Item = &CachedPage> {
        self.used_ranges()
            .flat_map(|page| (page.number..).take(page.range as usize))
            .filter_map(|number| self.page(number))
    }

    /// Returns whether a range that the current program uses has a page from number `first` to
    /// number `last`.
    pub(crate) fn uses_any(&self, first: u64, last: u64) -> bool {
        self.used_ranges().any(|page| page.overlaps(first, last))
    }

    /// Returns the number of the guest page whose first byte is at the absolute address
    /// `host_address`, if it is in a range that the current program uses.
    pub(crate) fn used_page_at(&self, host_address: u64) -> Option<u64> {
        self.used_pages()
            .find(|page| page.host_address == host_address)
            .map(|page| page.number)
    }

    /// Returns the absolute addresses of the pages in the ranges that the current program uses.
    pub(crate) fn used_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.used_pages().map(|page| page.host_address)
    }

    /// Unpins the ranges that have a page from number `first` to number `last`, except those that
    /// the current program uses.
    pub(crate) fn invalidate<M: GuestMemory>(&mut self, first: u64, last: u64, memory: &mut M) {
        let mut head = self.oldest;
        while let Some(&page) = self.entry(head) {
            if page.program != self.program && page.overlaps(first, last) {
                self.evict_range(head, memory);
            }
            head = page.newer;
        }
    }
}
