// SPDX-License-Identifier: GPL-2.0

//! The guest pages of the current program.
//!
//! 1. While the program is written, the blocks of its data are looked up in the pin cache or, if
//!    they are not there, requested (`requests.rs`).
//! 2. [`ProgramPages::pin`] pins the requested pages: each once, neighbours in one call, with the
//!    least access that is enough. The cache takes them if it is in use.
//! 3. [`ProgramPages::pinned`] returns the host addresses of the requested blocks.

use crate::{
    error::{
        available,
        Bound,
        Error, //
    },
    memory::{
        Access,
        GuestMemory,
        PinnedRange,
        Storage,
        PAGE_SIZE,
        PIN_MAX, //
    },
    pin::cache::PinCache,
    pin::requests::{
        page_offset,
        BlockRequest,
        GuestPage,
        PageRequests, //
    },
    prefix::prefix,
};

/// The absolute address in the host of data in a page that is pinned for the current program.
///
/// # Invariants
///
/// Only [`ProgramPages::cached_block`] and [`PinnedPages::block`] create one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinnedBlock(u64);

impl PinnedBlock {
    /// Returns the address.
    #[inline]
    pub(crate) const fn address(self) -> u64 {
        self.0
    }
}

/// The guest pages of the current program, and the cache of pinned pages.
pub(crate) struct ProgramPages<S: Storage> {
    requests: PageRequests<S>,
    /// The absolute address in the host of each requested page, if it is pinned.
    host_addresses: S::Of<u64>,
    /// The number of pages that were tried to pin: the first of the sorted requests.
    tried: usize,
    /// The number of these that are pinned, whether the cache has taken them or not.
    pinned: usize,
    /// The number of these that the cache has not taken: they are unpinned after the program.
    uncached: usize,
    /// The number of calls of [`GuestMemory::pin`].
    calls: usize,
    /// Set if the current program uses the cache.
    use_cache: bool,
    cache: PinCache<S>,
}

impl<S: Storage> ProgramPages<S> {
    /// Allocates room for `pages` pages of a program, and for `cached` pages in the cache. `seed`
    /// is a random number.
    pub(crate) fn new(pages: usize, cached: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            requests: PageRequests::new(pages, seed)?,
            host_addresses: S::allocate(pages)?,
            tried: 0,
            pinned: 0,
            uncached: 0,
            calls: 0,
            use_cache: false,
            cache: PinCache::new(cached, seed)?,
        })
    }

    /// Allocates room for `pages` pages. Only cached pages may be pinned; they stay so.
    ///
    /// An error changes nothing.
    pub(crate) fn grow(&mut self, pages: usize, seed: u64) -> Result<(), S::Error> {
        let grown = Self::new(pages, 0, seed)?;
        let cache = core::mem::replace(&mut self.cache, grown.cache);
        *self = Self { cache, ..grown };
        Ok(())
    }

    /// Returns the pages that were tried to pin, and their absolute addresses in the host.
    fn tried(&self) -> impl Iterator<Item = (&GuestPage, &u64)> {
        self.requests
            .first(self.tried)
            .iter()
            .zip(self.host_addresses.iter())
    }

    /// Returns the number of pages that were pinned for the program.
    pub(crate) fn count(&self) -> usize {
        self.pinned
    }

    /// Returns the number of calls that pinned them, or tried to.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Begins a program. It uses the cache if `use_cache` is set and the cached pages are valid.
    pub(crate) fn begin<M: GuestMemory>(&mut self, use_cache: bool, memory: &mut M) {
        self.use_cache = use_cache && self.cache.begin_program(memory);
    }

    /// Returns where the block at the guest address `address` is in the host, if its page is in the
    /// cache and is pinned for this access.
    #[inline(always)]
    pub(crate) fn cached_block(&mut self, address: u64, access: Access) -> Option<PinnedBlock> {
        if !self.use_cache {
            return None;
        }
        let host_address = self.cache.lookup(address / PAGE_SIZE, access)?;
        let offset = u64::from(page_offset(address));
        // INVARIANT: The page stays pinned while the program uses it, and the block lies in it.
        Some(PinnedBlock(host_address + offset))
    }

    /// Requests the page of the block at the guest address `address`, and describes the block in
    /// `block`.
    #[inline(always)]
    pub(crate) fn request(
        &mut self,
        address: u64,
        access: Access,
        block: &mut BlockRequest,
    ) -> Result<(), Bound> {
        self.requests.request(address, access, block)
    }

    /// Pins the requested pages. Leaves out those that the guest does not have.
    ///
    /// Returns whether the host addresses of all blocks of the program are valid. If not, cached
    /// pages were unpinned, and the program must be translated again.
    pub(crate) fn pin<M: GuestMemory>(&mut self, memory: &mut M) -> Result<bool, Error<M::Error>> {
        if self.use_cache && self.cache.lacks_access() {
            for page in self.requests.pages() {
                self.cache.evict_page(page.number, memory);
            }
            return Ok(false);
        }
        if self.requests.len() == 0 {
            return Ok(true);
        }
        self.requests.sort();
        self.pin_requests(memory)?;
        // Pages that were pinned after an invalidation must not be cached with older ones.
        if self.use_cache && !self.cache.is_valid(memory) {
            self.unpin(memory);
            self.cache.clear(memory);
            return Ok(false);
        }
        Ok(true)
    }

    /// Pins the requested pages in ranges of neighbours.
    fn pin_requests<M: GuestMemory>(&mut self, memory: &mut M) -> Result<(), Error<M::Error>> {
        while self.tried < self.requests.len() {
            let count = self.next_range();
            if self.pin_range(count, memory)? {
                self.tried += count;
            } else {
                self.pin_each(count, memory)?;
            }
        }
        Ok(())
    }

    /// Pins, one by one and with less access if needed, `count` pages that could not be pinned by
    /// one call.
    #[cold]
    fn pin_each<M: GuestMemory>(
        &mut self,
        count: usize,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        if count == 1 {
            self.downgrade();
        }
        for _ in 0..count {
            while !self.pin_range(1, memory)? {
                self.downgrade();
            }
            self.tried += 1;
        }
        Ok(())
    }

    /// Returns how many pages, from the first untried one on, one call can pin: neighbours with the
    /// same access.
    fn next_range(&self) -> usize {
        let untried = self.requests.pages().get(self.tried..).unwrap_or_default();
        debug_assert!(!untried.is_empty());
        untried
            .chunk_by(|a, b| a.number + 1 == b.number && a.access == b.access)
            .next()
            .map_or(0, |range| range.len().min(PIN_MAX))
    }

    /// Pins `count` neighbours from the first untried page on. Returns `false` if the guest does
    /// not have all of them, and `true` for one page that is known to be missing.
    #[inline(always)]
    fn pin_range<M: GuestMemory>(
        &mut self,
        count: usize,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        let Some(&GuestPage { number, access, .. }) = self.requests.get(self.tried) else {
            return Ok(true);
        };
        let Some(access) = access else {
            return Ok(true);
        };
        let Some(host_addresses) = self.host_addresses.get_mut(self.tried..self.tried + count)
        else {
            return Err(Bound::Idaws.into());
        };
        self.calls += 1;
        let mut pinned = available(memory.pin(number, access, host_addresses));
        if pinned.is_err() && self.cache.evict_unused(memory) {
            // The host may have refused because too many pages are pinned.
            self.calls += 1;
            pinned = available(memory.pin(number, access, host_addresses));
        }
        if !pinned? {
            return Ok(false);
        }
        self.pinned += count;
        if self.use_cache && self.cache.insert(number, access, host_addresses, memory) {
            return Ok(true);
        }
        if let Some(first) = self.requests.get_mut(self.tried) {
            first.range = count as u32;
            self.uncached += count;
        }
        Ok(true)
    }

    /// Lowers the access that is requested for the first untried page. If there is no lower one,
    /// the guest has no such page.
    fn downgrade(&mut self) {
        if let Some(page) = self.requests.get_mut(self.tried) {
            page.access = match page.access {
                Some(Access::Write) => Some(Access::Read),
                _ => None,
            };
        }
    }

    /// Removes all requests. Only cached pages may be pinned.
    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }

    /// Ends the program: unpins its pages except those in the cache, and removes all requests.
    ///
    /// Empties the cache if a guest page may have been replaced: the old page would still be pinned
    /// when another program uses the new one.
    pub(crate) fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        self.unpin(memory);
        self.cache.evict_stale(memory);
        self.clear();
        self.calls = 0;
    }

    /// Unpins all pages that are not in the cache.
    fn unpin<M: GuestMemory>(&mut self, memory: &mut M) {
        if self.uncached > 0 {
            self.unpin_uncached(memory);
        }
        self.tried = 0;
        self.pinned = 0;
        self.cache.end_program();
    }

    fn unpin_uncached<M: GuestMemory>(&mut self, memory: &mut M) {
        let mut rest = self.requests.first_mut(self.tried);
        while let Some(first) = rest.first_mut() {
            let count = core::mem::take(&mut first.range);
            // INVARIANT: `pin_range` stores here how many pages one call has pinned that are not in
            // the cache. The number is taken out, so that they are unpinned once.
            if let Some(range) = PinnedRange::new(first.number, count) {
                memory.unpin(range);
            }
            rest = rest.get_mut(count.max(1) as usize..).unwrap_or_default();
        }
        self.uncached = 0;
    }

    /// Returns the number of cached pages.
    pub(crate) fn cached(&self) -> usize {
        self.cache.len()
    }

    /// Returns the number of pinned pages, cached ones included.
    pub(crate) fn pinned_pages(&self) -> usize {
        self.uncached + self.cache.len()
    }

    /// Unpins the cached pages from number `first` to number `last`, and those in the same ranges,
    /// except those that the current program uses.
    pub(crate) fn invalidate<M: GuestMemory>(&mut self, first: u64, last: u64, memory: &mut M) {
        self.cache.invalidate(first, last, memory);
    }

    /// Returns the result of [`Self::pin`].
    #[inline]
    pub(crate) fn pinned(&self) -> PinnedPages<'_> {
        PinnedPages {
            pages: self.requests.first(self.tried),
            host_addresses: prefix(&self.host_addresses, self.tried),
            positions: self.requests.positions(),
        }
    }

    /// Returns the guest address of the byte at the absolute address `host`, if its page is pinned
    /// for the program.
    pub(crate) fn guest_address(&self, host: u64) -> Option<u64> {
        let offset = host % PAGE_SIZE;
        let page_address = host - offset;
        self.tried()
            .find(|(page, host_address)| page.access.is_some() && **host_address == page_address)
            .map(|(page, _)| page.number)
            .or_else(|| self.cache.used_page_at(page_address))
            .map(|number| number * PAGE_SIZE + offset)
    }

    /// Returns the absolute addresses in the host of the pages that are pinned for the program,
    /// each once.
    pub(crate) fn host_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        // The number of pages that are still to come of the current uncached range.
        let mut left = 0;
        let is_uncached = move |(page, _): &(&GuestPage, &u64)| {
            left = page.range.max(left);
            let is_uncached = left > 0;
            left = left.saturating_sub(1);
            is_uncached
        };
        self.tried()
            .filter(is_uncached)
            .map(|(_, host_address)| *host_address)
            .chain(self.cache.used_addresses())
    }

    /// Returns whether a page from number `first` to number `last` is pinned for the program, or is
    /// in the same range as a page that is.
    pub(crate) fn any_pinned(&self, first: u64, last: u64) -> bool {
        self.tried()
            .any(|(page, _)| page.access.is_some() && (first..=last).contains(&page.number))
            || self.cache.uses_any(first, last)
    }
}

/// The requested pages of a program, after they were pinned.
pub(crate) struct PinnedPages<'a> {
    /// Sorted by number.
    pages: &'a [GuestPage],
    host_addresses: &'a [u64],
    /// Finds pages by the order of requests, if they are in another order.
    positions: Option<&'a [u32]>,
}

impl PinnedPages<'_> {
    /// Returns where a block is in the host, if its page is pinned for the access that it needs.
    #[inline]
    pub(crate) fn block(&self, block: BlockRequest) -> Option<PinnedBlock> {
        let request = block.page as usize;
        let position = match self.positions {
            None => request,
            Some(positions) => *positions.get(request)? as usize,
        };
        let (page, host_address) = (
            self.pages.get(position)?,
            self.host_addresses.get(position)?,
        );
        if !page.allows(block.access) {
            return None;
        }
        // INVARIANT: The page is pinned, and the block lies in it.
        Some(PinnedBlock(*host_address + u64::from(block.offset)))
    }
}
