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
    index::{
        Index,
        Keyed, //
    },
    kept::{
        Found,
        KeptPages, //
    },
    memory::{
        Access,
        GuestMemory,
        Storage,
        PAGE_SIZE,
        PIN_MAX, //
    },
    sort::sort_by_key,
};

/// The host's absolute address of data in a page that is pinned for this program.
///
/// # Invariants
///
/// Only [`Pinned::block`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinnedBlock(u64);

impl PinnedBlock {
    /// The address.
    pub(crate) const fn address(self) -> u64 {
        self.0
    }
}

/// A page that is wanted: the how manyeth it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted(u32);

impl Wanted {
    /// No page is wanted.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// A guest page.
#[derive(Clone, Copy, Default)]
struct Page {
    number: u64,
    /// The place of its number in the index, if the pages are not in order.
    bucket: u32,
    wanted: Wanted,
    /// How many pages one call has pinned from this one on; zero for the others of them. They must be
    /// unpinned so, too.
    run: u32,
    /// The access that is wanted, and from [`Pages::pin`] on the one that is had, if any.
    access: Option<Access>,
    /// Whether it is one of those that stay pinned.
    is_kept: bool,
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
    scratch: S::Of<Page>,
    index: Index<S>,
    /// The absolute address of each page in the host, if it is pinned.
    frames: S::Of<u64>,
    len: usize,
    /// Whether the pages are wanted in ascending order.
    in_order: bool,
    /// Where each page that was wanted is, if they were not in order and are now.
    places: S::Of<u32>,
    /// How many of the pages have been tried to pin; they are in ascending order.
    tried: usize,
    pinned: usize,
    /// How many of them are pinned for this program only.
    own: usize,
    newly_pinned: usize,
    calls: usize,
    kept: KeptPages<S>,
}

impl<S: Storage> Pages<S> {
    /// Makes room for `pages` pages, and for `kept` that stay pinned. `seed` is a random number.
    pub(crate) fn new(pages: usize, kept: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            pages: S::allocate(pages)?,
            scratch: S::allocate(pages)?,
            index: Index::new(pages, seed)?,
            frames: S::allocate(pages)?,
            len: 0,
            in_order: true,
            places: S::allocate(pages)?,
            tried: 0,
            pinned: 0,
            own: 0,
            newly_pinned: 0,
            calls: 0,
            kept: KeptPages::new(kept, seed)?,
        })
    }

    /// The pages that pinning was tried for, and where they are in the host.
    fn tried(&self) -> impl Iterator<Item = (&Page, &u64)> {
        self.pages.iter().zip(self.frames.iter()).take(self.tried)
    }

    /// How many pages are pinned.
    pub(crate) fn pinned(&self) -> usize {
        self.pinned
    }

    /// How many pages were pinned that were not before.
    pub(crate) fn newly_pinned(&self) -> usize {
        self.newly_pinned
    }

    /// How many calls it took to pin them.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Notes that the page of a block is to be pinned.
    #[inline]
    pub(crate) fn want(&mut self, block: u64, access: Access) -> Result<Wanted, Bound> {
        let number = block / PAGE_SIZE;
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        // The next block is in the same page, as a rule, or further on.
        match pages.last_mut() {
            Some(last) if last.number == number => {
                last.access = last.access.max(Some(access));
                Ok(last.wanted)
            }
            Some(last) if last.number > number || !self.in_order => self.want_any(number, access),
            _ => self.append(number, access, 0),
        }
    }

    /// Does so with a page that may be anywhere among the others, or new.
    fn want_any(&mut self, number: u64, access: Access) -> Result<Wanted, Bound> {
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
                    page.access = page.access.max(Some(access));
                }
                Ok(Wanted(known))
            }
            Err(bucket) => {
                self.index.set(bucket, self.len as u32);
                self.append(number, access, bucket)
            }
        }
    }

    fn find(&self, number: u64) -> Result<u32, u32> {
        let pages = self.pages.get(..self.len).unwrap_or_default();
        self.index.find(number, pages)
    }

    #[inline]
    fn append(&mut self, number: u64, access: Access, bucket: u32) -> Result<Wanted, Bound> {
        let wanted = Wanted(self.len as u32);
        *self.pages.get_mut(self.len).ok_or(Bound::Idaws)? = Page {
            number,
            bucket,
            wanted,
            run: 0,
            access: Some(access),
            is_kept: false,
        };
        self.len += 1;
        Ok(wanted)
    }

    /// Notes all pages in the index: they are in order no more.
    fn index_all(&mut self) {
        self.in_order = false;
        for place in 0..self.len {
            let (before, rest) = self.pages.split_at_mut(place);
            let Some(page) = rest.first_mut() else {
                return;
            };
            if let Err(bucket) = self.index.find(page.number, before) {
                page.bucket = bucket;
                self.index.set(bucket, place as u32);
            }
        }
    }

    /// Pins all pages that are wanted. Those that the guest cannot give are left out.
    pub(crate) fn pin<M: GuestMemory>(&mut self, memory: &mut M) -> Result<(), Error<M::Error>> {
        self.sort();
        if self.kept.begin(memory) {
            self.find_kept(memory);
            self.pin_rest(true, memory)?;
            if self.kept.is_right(memory) {
                return Ok(());
            }
            // A page may be another one now.
            self.unpin(memory);
            self.kept.end_program();
            self.kept.clear(memory);
        }
        self.pin_rest(false, memory)
    }

    /// Takes the pages that are pinned already.
    fn find_kept<M: GuestMemory>(&mut self, memory: &mut M) {
        if self.try_find_kept() {
            return;
        }
        for page in self.pages.iter_mut().take(self.len) {
            let access = page.access.unwrap_or(Access::Read);
            if matches!(self.kept.find(page.number, access), Found::Weaker) {
                self.kept.drop_page(page.number, memory);
            }
        }
        // With these, others of their runs have gone.
        self.try_find_kept();
    }

    /// Does so, and returns whether none is pinned with less access than is wanted.
    fn try_find_kept(&mut self) -> bool {
        let mut none_is_weaker = true;
        let pages = self.pages.iter_mut().zip(self.frames.iter_mut());
        for (page, frame) in pages.take(self.len) {
            let access = page.access.unwrap_or(Access::Read);
            page.is_kept = match self.kept.find(page.number, access) {
                Found::Pinned(kept) => {
                    *frame = kept;
                    true
                }
                Found::Weaker => {
                    none_is_weaker = false;
                    false
                }
                Found::Missing => false,
            };
        }
        none_is_weaker
    }

    /// Pins the pages that are not kept, to `keep` them if there is room.
    fn pin_rest<M: GuestMemory>(
        &mut self,
        keep: bool,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        while let Some(page) = self
            .pages
            .get(..self.len)
            .and_then(|all| all.get(self.tried))
        {
            if page.is_kept {
                self.pinned += 1;
                self.tried += 1;
                continue;
            }
            let run = self.run();
            if self.pin_run(run, keep, memory)? {
                self.tried += run;
                continue;
            }
            if run == 1 {
                self.want_less();
            }
            for _ in 0..run {
                while !self.pin_run(1, keep, memory)? {
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
        let scratch = self.scratch.get_mut(..self.len).unwrap_or_default();
        sort_by_key(pages, scratch, |page| page.number);
        for (place, page) in (0..).zip(pages) {
            if let Some(to) = self.places.get_mut(page.wanted.0 as usize) {
                *to = place;
            }
        }
    }

    /// How many pages, from the first that was not tried on, can be pinned in one call.
    fn run(&self) -> usize {
        let untried = self.pages.get(self.tried..self.len).unwrap_or_default();
        untried
            .chunk_by(|a, b| a.number + 1 == b.number && a.access == b.access && !b.is_kept)
            .next()
            .map_or(0, |run| run.len().min(PIN_MAX))
    }

    /// Pins that many neighbours, from the first that was not tried on, and says whether the guest
    /// can give them. A page that no access is left to try for is done with.
    fn pin_run<M: GuestMemory>(
        &mut self,
        count: usize,
        keep: bool,
        memory: &mut M,
    ) -> Result<bool, Error<M::Error>> {
        let Some(Page {
            number,
            access: Some(access),
            ..
        }) = self.pages.get(self.tried).copied()
        else {
            return Ok(true);
        };
        let Some(frames) = self.frames.get_mut(self.tried..self.tried + count) else {
            return Err(Bound::Idaws.into());
        };
        self.calls += 1;
        let mut pinned = available(memory.pin(number, access, frames));
        if pinned.is_err() && self.kept.drop_unused(memory) {
            // What the host is short of may be the right to pin more.
            self.calls += 1;
            pinned = available(memory.pin(number, access, frames));
        }
        if !pinned? {
            return Ok(false);
        }
        self.pinned += count;
        self.newly_pinned += count;
        if keep && self.kept.keep(number, access, frames, memory) {
            let run = self.pages.iter_mut().skip(self.tried).take(count);
            run.for_each(|page| page.is_kept = true);
        } else if let Some(first) = self.pages.get_mut(self.tried) {
            first.run = count as u32;
            self.own += count;
        }
        Ok(true)
    }

    /// Makes do with less access to the first page that was not tried.
    fn want_less(&mut self) {
        if let Some(page) = self.pages.get_mut(self.tried) {
            page.access = match page.access {
                Some(Access::Write) => Some(Access::Read),
                _ => None,
            };
        }
    }

    /// Unpins all pages that are not kept, and forgets them.
    pub(crate) fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        self.unpin(memory);
        self.kept.end_program();
        self.len = 0;
        self.in_order = true;
        self.newly_pinned = 0;
        self.calls = 0;
    }

    /// Unpins all pages that are not kept. All of them are wanted still.
    fn unpin<M: GuestMemory>(&mut self, memory: &mut M) {
        let mut rest = self.pages.get_mut(..self.tried).unwrap_or_default();
        while let Some(first) = rest.first_mut() {
            let run = core::mem::take(&mut first.run) as usize;
            if run > 0 {
                memory.unpin(first.number, run);
            }
            first.is_kept = false;
            rest = rest.get_mut(run.max(1)..).unwrap_or_default();
        }
        self.tried = 0;
        self.pinned = 0;
        self.own = 0;
    }

    /// How many pages stay pinned when the program is over.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// How many pages are pinned in all.
    pub(crate) fn held(&self) -> usize {
        self.own + self.kept.len()
    }

    /// Unpins the kept pages from number `first` to number `last`, and those that were pinned
    /// together with them, but for those that the program uses.
    pub(crate) fn drop_kept<M: GuestMemory>(&mut self, first: u64, last: u64, memory: &mut M) {
        self.kept.drop_range(first, last, memory);
    }

    /// The pages that are pinned with this access or a greater one.
    #[inline]
    pub(crate) fn pinned_for(&self, access: Access) -> Pinned<'_> {
        Pinned {
            pages: self.pages.get(..self.tried).unwrap_or_default(),
            frames: self.frames.get(..self.tried).unwrap_or_default(),
            places: if self.in_order {
                None
            } else {
                Some(&self.places)
            },
            access,
        }
    }

    /// The guest address of what is at an absolute address of the host.
    pub(crate) fn guest_address(&self, host: u64) -> Option<u64> {
        self.tried()
            .find(|(page, frame)| page.access.is_some() && host / PAGE_SIZE == *frame / PAGE_SIZE)
            .map(|(page, _)| page.number * PAGE_SIZE + host % PAGE_SIZE)
    }

    /// Whether a page of those from number `first` to number `last` is pinned for the program, or one
    /// that can only be unpinned together with one of them.
    pub(crate) fn any_pinned(&self, first: u64, last: u64) -> bool {
        self.tried()
            .any(|(page, _)| page.access.is_some() && (first..=last).contains(&page.number))
            || self.kept.uses_any(first, last)
    }
}

/// Pages that are pinned, with some access.
pub(crate) struct Pinned<'a> {
    pages: &'a [Page],
    frames: &'a [u64],
    places: Option<&'a [u32]>,
    access: Access,
}

impl Pinned<'_> {
    /// Where a block is in the host, if its page, which was wanted, is one of these.
    #[inline]
    pub(crate) fn block(&self, wanted: Wanted, block: u64) -> Option<PinnedBlock> {
        let wanted = wanted.0 as usize;
        let place = match self.places {
            None => wanted,
            Some(places) => *places.get(wanted)? as usize,
        };
        let (page, frame) = (self.pages.get(place)?, self.frames.get(place)?);
        let is_had = page.number == block / PAGE_SIZE && page.access >= Some(self.access);
        // INVARIANT: The page is pinned, and the block lies in it.
        is_had.then_some(PinnedBlock(*frame + block % PAGE_SIZE))
    }
}
