// SPDX-License-Identifier: GPL-2.0

//! The guest's pages that a program uses: each pinned once, with the least access that will do.

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
/// Only [`Pages::block`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinnedBlock(u64);

impl PinnedBlock {
    /// The address.
    pub(crate) const fn address(self) -> u64 {
        self.0
    }
}

/// A guest page.
#[derive(Clone, Copy, Default)]
struct Page {
    number: u64,
    /// The access that is wanted, and from [`Pages::pin`] on the one that is had, if any.
    access: Option<Access>,
    /// Whether it was pinned in one call with the page before. It must be unpinned so, too.
    joined: bool,
    /// The place of its number in the index.
    bucket: u32,
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
    /// How many of the pages have been tried to pin; they are in ascending order.
    tried: usize,
    calls: usize,
}

impl<S: Storage> Pages<S> {
    /// Makes room for `pages` pages. `seed` is a random number.
    pub(crate) fn new(pages: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            pages: S::allocate(pages)?,
            scratch: S::allocate(pages)?,
            index: Index::new(pages, seed)?,
            frames: S::allocate(pages)?,
            len: 0,
            tried: 0,
            calls: 0,
        })
    }

    /// The pages that pinning was tried for, and where they are in the host.
    fn tried(&self) -> impl Iterator<Item = (&Page, &u64)> {
        self.pages.iter().zip(self.frames.iter()).take(self.tried)
    }

    /// How many pages are pinned.
    pub(crate) fn pinned(&self) -> usize {
        self.tried()
            .filter(|(page, _)| page.access.is_some())
            .count()
    }

    /// How many calls it took to pin them.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Notes that the page of a block is to be pinned.
    pub(crate) fn want(&mut self, block: u64, access: Access) -> Result<(), Bound> {
        let number = block / PAGE_SIZE;
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        match self.index.find(number, pages) {
            Ok(known) => {
                let page = &mut pages[known as usize];
                page.access = page.access.max(Some(access));
            }
            Err(bucket) => {
                *self.pages.get_mut(self.len).ok_or(Bound::Idaws)? = Page {
                    number,
                    access: Some(access),
                    joined: false,
                    bucket,
                };
                self.index.set(bucket, self.len as u32);
                self.len += 1;
            }
        }
        Ok(())
    }

    /// Pins all pages that are wanted. Those that the guest cannot give are left out.
    pub(crate) fn pin<M: GuestMemory>(&mut self, memory: &mut M) -> Result<(), Error<M::Error>> {
        self.sort();
        while self.tried < self.len {
            let run = self.run();
            if run > 1 && self.pin_run(run, memory)? {
                self.tried += run;
                continue;
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
        let pages = self.pages.get_mut(..self.len).unwrap_or_default();
        let scratch = self.scratch.get_mut(..self.len).unwrap_or_default();
        sort_by_key(pages, scratch, |page| page.number);
        for (number, page) in (0..).zip(pages) {
            self.index.set(page.bucket, number);
        }
    }

    /// How many pages, from the first that was not tried on, can be pinned in one call.
    fn run(&self) -> usize {
        let untried = self.pages.get(self.tried..self.len).unwrap_or_default();
        untried
            .chunk_by(|a, b| a.number + 1 == b.number && a.access == b.access)
            .next()
            .map_or(0, |run| run.len().min(PIN_MAX))
    }

    /// Pins that many neighbours, from the first that was not tried on, and says whether the guest
    /// can give them. A page that no access is left to try for is done with.
    fn pin_run<M: GuestMemory>(
        &mut self,
        count: usize,
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
        let pinned = available(memory.pin(number, access, frames))?;
        if pinned {
            let joined = self.pages.iter_mut().skip(self.tried + 1).take(count - 1);
            joined.for_each(|page| page.joined = true);
        }
        Ok(pinned)
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

    /// Unpins all pages and forgets them.
    pub(crate) fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        let tried = self.pages.get(..self.tried).unwrap_or_default();
        for run in tried.chunk_by(|_, page| page.joined) {
            match run {
                [first, ..] if first.access.is_some() => memory.unpin(first.number, run.len()),
                _ => {}
            }
        }
        self.len = 0;
        self.tried = 0;
        self.calls = 0;
    }

    /// Where a block is in the host, if its page is pinned with this access or a greater one.
    pub(crate) fn block(&self, block: u64, access: Access) -> Option<PinnedBlock> {
        let tried = self.pages.get(..self.tried)?;
        let index = self.index.find(block / PAGE_SIZE, tried).ok()? as usize;
        let (page, frame) = (tried.get(index)?, self.frames.get(index)?);
        (page.access >= Some(access)).then_some(PinnedBlock(frame + block % PAGE_SIZE))
    }

    /// The guest address of what is at an absolute address of the host.
    pub(crate) fn guest_address(&self, host: u64) -> Option<u64> {
        self.tried()
            .find(|(page, frame)| page.access.is_some() && host / PAGE_SIZE == *frame / PAGE_SIZE)
            .map(|(page, _)| page.number * PAGE_SIZE + host % PAGE_SIZE)
    }

    /// Whether a page of those from number `first` to number `last` is pinned.
    pub(crate) fn any_pinned(&self, first: u64, last: u64) -> bool {
        self.tried()
            .any(|(page, _)| page.access.is_some() && (first..=last).contains(&page.number))
    }
}
