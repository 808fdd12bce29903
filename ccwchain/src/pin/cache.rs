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
    pin::entries::{
        CachedPage,
        Entries,
        NONE, //
    },
};

/// A cache of pinned pages.
///
/// # Invariants
///
/// Each page that has an entry is pinned, by one call for all pages of its range.
pub(crate) struct PinCache<S: Storage> {
    entries: Entries<S>,
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
        Ok(Self {
            entries: Entries::new(pages, seed)?,
            oldest: NONE,
            newest: NONE,
            program: 0,
            next: 0,
            last_used: NONE,
            lacks_access: false,
            invalidate_seq: None,
        })
    }

    /// Returns whether the cache has room for pages at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.entries.capacity() > 0
    }

    /// Returns the number of cached pages.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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
        if self.len() > 0 && !self.is_valid(memory) {
            self.clear(memory);
        }
    }

    /// Ends the current program: it uses no cached page any more.
    pub(crate) fn end_program(&mut self) {
        self.program += 1;
        self.last_used = NONE;
        self.lacks_access = false;
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
        if self
            .entries
            .get(index)
            .is_none_or(|page| page.number != number)
        {
            index = self.entries.find(number)?;
        }
        let page = self.entries.get(index)?;
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
        match self.entries.get_mut(head) {
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
        if let Some(page) = self.entries.get_mut(head) {
            page.program = program;
            page.older = newest;
            page.newer = NONE;
        }
        match self.entries.get_mut(newest) {
            Some(page) => page.newer = head,
            None => self.oldest = head,
        }
        self.newest = head;
    }

    /// Removes a range from the list of ranges.
    fn unlink(&mut self, head: u32) {
        let Some(&CachedPage { older, newer, .. }) = self.entries.get(head) else {
            return;
        };
        match self.entries.get_mut(older) {
            Some(page) => page.newer = newer,
            None => self.oldest = newer,
        }
        match self.entries.get_mut(newer) {
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
        if host_addresses.len() > self.entries.capacity() {
            return false;
        }
        while self.entries.capacity() - self.len() < host_addresses.len() {
            if !self.evict_oldest(memory) {
                return false;
            }
        }
        let head = self.entries.next_free();
        for (number, host_address) in (first..).zip(host_addresses) {
            let inserted = self.entries.insert(CachedPage {
                number,
                host_address: *host_address,
                access,
                head,
                range: host_addresses.len() as u32,
                ..CachedPage::default()
            });
            if !inserted {
                debug_assert!(false, "there are fewer free entries than counted");
                return false;
            }
        }
        self.link(head);
        true
    }

    /// Unpins the least recently used range, unless the current program uses it. Returns whether it
    /// was unpinned.
    fn evict_oldest<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let oldest = self.oldest;
        let is_unused = |page: &CachedPage| page.program != self.program;
        let evict = self.entries.get(oldest).is_some_and(is_unused);
        if evict {
            self.evict_range(oldest, memory);
        }
        evict
    }

    /// Unpins all ranges that the current program does not use. Returns whether there were any.
    pub(crate) fn evict_unused<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let before = self.len();
        while self.evict_oldest(memory) {}
        self.len() < before
    }

    /// Unpins the range of a page, if it is cached.
    pub(crate) fn evict_page<M: GuestMemory>(&mut self, number: u64, memory: &mut M) {
        if let Some(page) = self.entries.page(number) {
            self.evict_range(page.head, memory);
        }
    }

    /// Unpins a range.
    fn evict_range<M: GuestMemory>(&mut self, head: u32, memory: &mut M) {
        let Some(&CachedPage { number, range, .. }) = self.entries.get(head) else {
            return;
        };
        // INVARIANT: One call has pinned the range, and no page of it has an entry after this.
        let Some(pinned) = PinnedRange::new(number, range) else {
            return;
        };
        self.unlink(head);
        // From the last to the first, so that the next range takes the entries in ascending order.
        for number in (number..number + u64::from(range)).rev() {
            self.entries.remove(number);
        }
        memory.unpin(pinned);
    }

    /// Unpins all pages. No program may be using them.
    pub(crate) fn clear<M: GuestMemory>(&mut self, memory: &mut M) {
        while self.entries.get(self.oldest).is_some() {
            self.evict_range(self.oldest, memory);
        }
    }

    /// Returns the first pages of the ranges that the current program uses. These are the newest.
    fn used_ranges(&self) -> impl Iterator<Item = &CachedPage> {
        let older = |page: &&CachedPage| self.entries.get(page.older);
        core::iter::successors(self.entries.get(self.newest), older)
            .take_while(|page| page.program == self.program)
    }

    /// Returns the pages of the ranges that the current program uses.
    fn used_pages(&self) -> impl Iterator<Item = &CachedPage> {
        self.used_ranges()
            .flat_map(|page| (page.number..).take(page.range as usize))
            .filter_map(|number| self.entries.page(number))
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
        while let Some(&page) = self.entries.get(head) {
            if page.program != self.program && page.overlaps(first, last) {
                self.evict_range(head, memory);
            }
            head = page.newer;
        }
    }
}
