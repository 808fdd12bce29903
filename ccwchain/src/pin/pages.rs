// SPDX-License-Identifier: GPL-2.0

//! The guest's pages that a program uses: each pinned once, with the least access that will do.
//!
//! Some may stay pinned when the program is over.

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
    pin::index::{
        Index,
        Keyed, //
    },
    sort::sort_by_key,
};

/// The host's absolute address of data in a page that is pinned for this program.
///
/// # Invariants
///
/// Only [`Pages::kept_block`] and [`Pinned::block`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinnedBlock(u64);

impl PinnedBlock {
    /// The address.
    #[inline]
    pub(crate) const fn address(self) -> u64 {
        self.0
    }
}

/// What can be done with a page. The greater right holds the lesser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    #[default]
    None,
    Fetch,
    Store,
}

impl From<Access> for Right {
    #[inline]
    fn from(access: Access) -> Self {
        match access {
            Access::Read => Self::Fetch,
            Access::Write => Self::Store,
        }
    }
}

/// A block of data whose page is wanted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// The how manyeth page it was.
    page: u32,
    /// Where it is in its page.
    offset: u16,
    /// What the channel does with it.
    right: Right,
}

/// Where in its page an address is.
#[inline]
const fn offset(address: u64) -> u16 {
    (address % PAGE_SIZE) as u16
}

/// A guest page.
#[derive(Clone, Copy, Default)]
struct Page {
    number: u64,
    /// The place of its number in the index, if the pages are not in order.
    bucket: u32,
    /// The how manyeth it was.
    wanted: u32,
    /// How many pages one call has pinned from this one on; zero for the others of them, and for those
    /// that are not pinned. They must be unpinned so, too.
    run: u32,
    /// What is wanted, and from [`Pages::pin`] on what is had.
    right: Right,
}

impl Keyed for Page {
    fn key(&self) -> u64 {
        self.number
    }

    fn bucket(&self) -> u32 {
        self.bucket
    }
}

/// The guest's pages that a program uses.
pub(crate) struct Pages<S: Storage> {
    pages: S::Of<Page>,
    index: Index<S>,
    /// The absolute address of each page in the host, if it is pinned.
    host_addresses: S::Of<u64>,
    len: usize,
    /// Whether the pages are wanted in ascending order.
    in_order: bool,
    /// Where each page that was wanted is, if they were not in order and are now.
    places: S::Of<u32>,
    /// The numbers of the pages by ascending address, while they are sorted.
    sorted: S::Of<u32>,
    /// How many of the pages have been tried to pin; they are in ascending order.
    tried: usize,
    /// How many of them are pinned.
    pinned: usize,
    /// How many of these are pinned for this program only.
    own: usize,
    calls: usize,
    /// Whether the others are kept, and those that are kept are used.
    keeps: bool,
    kept: PinCache<S>,
}

impl<S: Storage> Pages<S> {
    /// Makes room for `pages` pages, and for `kept` that stay pinned. `seed` is a random number.
    pub(crate) fn new(pages: usize, kept: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            pages: S::allocate(pages)?,
            index: Index::new(pages, seed)?,
            host_addresses: S::allocate(pages)?,
            len: 0,
            in_order: true,
            places: S::allocate(pages)?,
            sorted: S::allocate(pages)?,
            tried: 0,
            pinned: 0,
            own: 0,
            calls: 0,
            keeps: false,
            kept: PinCache::new(kept, seed)?,
        })
    }

    /// Makes room for `pages` pages. None may be pinned but those that are kept, which stay.
    ///
    /// An error leaves all as it was.
    pub(crate) fn grow(&mut self, pages: usize, seed: u64) -> Result<(), S::Error> {
        let grown = Self::new(pages, 0, seed)?;
        let kept = core::mem::replace(&mut self.kept, grown.kept);
        *self = Self { kept, ..grown };
        Ok(())
    }

    /// The pages that pinning was tried for, and where they are in the host.
    fn tried(&self) -> impl Iterator<Item = (&Page, &u64)> {
        self.pages
            .iter()
            .zip(self.host_addresses.iter())
            .take(self.tried)
    }

    /// How many pages were pinned for the program.
    pub(crate) fn count(&self) -> usize {
        self.pinned
    }

    /// How many calls it took to pin them.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Begins a program, which uses pages that are kept if it `may`.
    pub(crate) fn begin<M: GuestMemory>(&mut self, may: bool, memory: &mut M) {
        self.keeps = may && self.kept.begin(memory);
    }

    /// Where the block at `address` is in the host, if its page is kept and can be used so.
    #[inline(always)]
    pub(crate) fn kept_block(&mut self, address: u64, access: Access) -> Option<PinnedBlock> {
        if !self.keeps {
            return None;
        }
        let host_address = self.kept.find(address / PAGE_SIZE, access.into())?;
        // INVARIANT: The page stays pinned while the program uses it, and the block lies in it.
        Some(PinnedBlock(host_address + u64::from(offset(address))))
    }

    /// Notes that the page of the block at `address` is to be pinned, and what is wanted in `wanted`.
    #[inline(always)]
    pub(crate) fn want(
        &mut self,
        address: u64,
        access: Access,
        wanted: &mut Wanted,
    ) -> Result<(), Bound> {
        let number = address / PAGE_SIZE;
        let right = Right::from(access);
        wanted.offset = offset(address);
        wanted.right = right;
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        // The next block is in the same page, as a rule, or further on.
        wanted.page = match pages.last_mut() {
            Some(last) if last.number == number => {
                last.right = last.right.max(right);
                last.wanted
            }
            Some(last) if last.number > number || !self.in_order => self.want_any(number, right)?,
            _ => self.append(number, right)?,
        };
        Ok(())
    }

    /// Does so with a page that may be anywhere among the others, or new.
    #[cold]
    fn want_any(&mut self, number: u64, right: Right) -> Result<u32, Bound> {
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        let found = if self.in_order {
            let found = pages.binary_search_by_key(&number, |page| page.number);
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
                    page.right = page.right.max(right);
                }
                Ok(known)
            }
            Err(bucket) => {
                let wanted = self.append(number, right)?;
                self.note(bucket, wanted);
                Ok(wanted)
            }
        }
    }

    fn find(&self, number: u64) -> Result<u32, u32> {
        let pages = self.pages.get(..self.len).unwrap_or_default();
        self.index.find(number, pages)
    }

    #[inline(always)]
    fn append(&mut self, number: u64, right: Right) -> Result<u32, Bound> {
        let wanted = self.len as u32;
        let page = self.pages.get_mut(self.len).ok_or(Bound::Idaws)?;
        page.number = number;
        page.wanted = wanted;
        page.right = right;
        self.len += 1;
        Ok(wanted)
    }

    /// Notes in the index where a page is.
    fn note(&mut self, bucket: u32, place: u32) {
        if let Some(page) = self.pages.get_mut(place as usize) {
            page.bucket = bucket;
        }
        self.index.set(bucket, place);
    }

    /// Notes all pages in the index: they are in order no more.
    fn index_all(&mut self) {
        self.in_order = false;
        for place in 0..self.len {
            let (before, rest) = self.pages.split_at(place);
            let Some(page) = rest.first() else {
                return;
            };
            if let Err(bucket) = self.index.find(page.number, before) {
                self.note(bucket, place as u32);
            }
        }
    }

    /// Pins all pages that are wanted. Those that the guest cannot give are left out.
    ///
    /// Returns whether the program has all its pages. If not, those that were kept for it are not, or
    /// not all of them, and it is to be begun again.
    pub(crate) fn pin<M: GuestMemory>(&mut self, memory: &mut M) -> Result<bool, Error<M::Error>> {
        if self.keeps && self.kept.has_weaker() {
            for page in self.pages.iter().take(self.len) {
                self.kept.evict_page(page.number, memory);
            }
            return Ok(false);
        }
        if self.len == 0 {
            return Ok(true);
        }
        self.sort();
        self.pin_wanted(memory)?;
        // What is pinned after a change must not be kept with what was before.
        if self.keeps && !self.kept.is_right(memory) {
            self.unpin(memory);
            self.kept.clear(memory);
            return Ok(false);
        }
        Ok(true)
    }

    fn pin_wanted<M: GuestMemory>(&mut self, memory: &mut M) -> Result<(), Error<M::Error>> {
        while self.tried < self.len {
            let run = self.run();
            if self.pin_run(run, memory)? {
                self.tried += run;
                continue;
            }
            if run == 1 {
                self.want_less();
            }
            for _ in 0..run {
                while !self.pin_run(1, memory)? {
                    self.want_less();
                }
                self.tried += 1;
            }
        }
        Ok(())
    }

    /// Sorts the pages.
    fn sort(&mut self) {
        if self.in_order {
            return;
        }
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        let sorted = self.sorted.get_mut(..self.len).unwrap_or_default();
        let places = self.places.get_mut(..self.len).unwrap_or_default();
        for (page, number) in sorted.iter_mut().zip(0..) {
            *page = number;
        }
        sort_by_key(sorted, places, |page| pages[*page as usize].number);
        for (page, place) in sorted.iter().zip(0..) {
            places[*page as usize] = place;
        }
        // Each exchange brings a page to its place, where it stays.
        for at in 0..pages.len() {
            loop {
                let place = places[pages[at].wanted as usize] as usize;
                if place == at {
                    break;
                }
                pages.swap(at, place);
            }
        }
    }

    /// How many pages, from the first that was not tried on, can be pinned in one call.
    fn run(&self) -> usize {
        let untried = self.pages.get(self.tried..self.len).unwrap_or_default();
        untried
            .chunk_by(|a, b| a.number + 1 == b.number && a.right == b.right)
            .next()
            .map_or(0, |run| run.len().min(PIN_MAX))
    }

    /// Pins that many neighbours, from the first that was not tried on, and says whether the guest
    /// can give them. A page that no right is left to try for is done with.
    fn pin_run<M: GuestMemory>(
        &mut self,
        count: usize,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        let Some(&Page { number, right, .. }) = self.pages.get(self.tried) else {
            return Ok(true);
        };
        let access = match right {
            Right::None => return Ok(true),
            Right::Fetch => Access::Read,
            Right::Store => Access::Write,
        };
        let Some(host_addresses) = self.host_addresses.get_mut(self.tried..self.tried + count)
        else {
            return Err(Bound::Idaws.into());
        };
        self.calls += 1;
        let mut pinned = available(memory.pin(number, access, host_addresses));
        if pinned.is_err() && self.kept.evict_unused(memory) {
            // What the host is short of may be the right to pin more.
            self.calls += 1;
            pinned = available(memory.pin(number, access, host_addresses));
        }
        if !pinned? {
            return Ok(false);
        }
        self.pinned += count;
        if self.keeps && self.kept.keep(number, right, host_addresses, memory) {
            return Ok(true);
        }
        if let Some(first) = self.pages.get_mut(self.tried) {
            first.run = count as u32;
            self.own += count;
        }
        Ok(true)
    }

    /// Makes do with less of the first page that was not tried.
    fn want_less(&mut self) {
        if let Some(page) = self.pages.get_mut(self.tried) {
            page.right = match page.right {
                Right::Store => Right::Fetch,
                _ => Right::None,
            };
        }
    }

    /// Forgets all pages, of which none may be pinned but those that are kept.
    pub(crate) fn forget(&mut self) {
        self.len = 0;
        self.in_order = true;
    }

    /// Unpins the pages that are not kept, and forgets all. None is kept if a page of the guest's may be
    /// another one by now: it would be pinned still when another program is to use the new one.
    pub(crate) fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        self.unpin(memory);
        self.kept.evict_stale(memory);
        self.forget();
        self.calls = 0;
    }

    /// Unpins all pages that are not kept.
    fn unpin<M: GuestMemory>(&mut self, memory: &mut M) {
        if self.own > 0 {
            self.unpin_own(memory);
        }
        self.tried = 0;
        self.pinned = 0;
        self.kept.end_program();
    }

    fn unpin_own<M: GuestMemory>(&mut self, memory: &mut M) {
        let mut rest = self.pages.get_mut(..self.tried).unwrap_or_default();
        while let Some(first) = rest.first_mut() {
            let count = core::mem::take(&mut first.run);
            // INVARIANT: `pin_run` has noted how many pages one call has pinned, and they are not kept.
            // The number is taken, so that they are not unpinned again.
            if let Some(run) = PinnedRange::new(first.number, count) {
                memory.unpin(run);
            }
            rest = rest.get_mut(count.max(1) as usize..).unwrap_or_default();
        }
        self.own = 0;
    }

    /// How many pages stay pinned when the program is over.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// How many pages are pinned in all.
    pub(crate) fn pinned(&self) -> usize {
        self.own + self.kept.len()
    }

    /// Unpins the cached pages from number `first` to number `last`, and those that were pinned
    /// together with them, but for those that the program uses.
    pub(crate) fn invalidate<M: GuestMemory>(&mut self, first: u64, last: u64, memory: &mut M) {
        self.kept.invalidate(first, last, memory);
    }

    /// The pages that could be pinned.
    #[inline]
    pub(crate) fn granted(&self) -> Pinned<'_> {
        Pinned {
            pages: self.pages.get(..self.tried).unwrap_or_default(),
            host_addresses: self.host_addresses.get(..self.tried).unwrap_or_default(),
            places: if self.in_order {
                None
            } else {
                Some(&self.places)
            },
        }
    }

    /// The guest address of what is at an absolute address of the host.
    pub(crate) fn guest_address(&self, host: u64) -> Option<u64> {
        self.tried()
            .find(|(page, host_address)| {
                page.right > Right::None && host / PAGE_SIZE == *host_address / PAGE_SIZE
            })
            .map(|(page, _)| page.number)
            .or_else(|| self.kept.used_at(host / PAGE_SIZE))
            .map(|number| number * PAGE_SIZE + host % PAGE_SIZE)
    }

    /// The absolute addresses of the pages in the host that are pinned for the program.
    pub(crate) fn host_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.tried()
            .filter(|(page, _)| page.right > Right::None)
            .map(|(_, host_address)| *host_address)
            .chain(self.kept.used_addresses())
    }

    /// Whether a page of those from number `first` to number `last` is pinned for the program, or one
    /// that can only be unpinned together with one of them.
    pub(crate) fn any_pinned(&self, first: u64, last: u64) -> bool {
        self.tried()
            .any(|(page, _)| page.right > Right::None && (first..=last).contains(&page.number))
            || self.kept.uses_any(first, last)
    }
}

/// Pages that are pinned.
pub(crate) struct Pinned<'a> {
    pages: &'a [Page],
    host_addresses: &'a [u64],
    places: Option<&'a [u32]>,
}

impl Pinned<'_> {
    /// Where a block is in the host, if its page is one of these and can be used so.
    #[inline]
    pub(crate) fn block(&self, wanted: Wanted) -> Option<PinnedBlock> {
        let number = wanted.page as usize;
        let place = match self.places {
            None => number,
            Some(places) => *places.get(number)? as usize,
        };
        let (page, host_address) = (self.pages.get(place)?, self.host_addresses.get(place)?);
        // INVARIANT: The page is pinned, and the block lies in it.
        (page.right >= wanted.right)
            .then_some(PinnedBlock(*host_address + u64::from(wanted.offset)))
    }
}
