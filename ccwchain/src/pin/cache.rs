// SPDX-License-Identifier: GPL-2.0

//! Pages that stay pinned between programs, to be found again without a call.
//!
//! They are kept in the runs that calls have pinned, as they must be unpinned so. When there is no
//! room, the run goes that was used the longest time ago.

use crate::{
    memory::{
        GuestMemory,
        PinnedRange,
        Storage,
        PAGE_SIZE, //
    },
    pin::pages::Right,
};

/// No page: the end of a list.
const NONE: u32 = u32::MAX;

/// The number of no page.
const NOWHERE: u64 = u64::MAX;

/// A page.
#[derive(Clone, Copy, Default)]
struct Page {
    /// Its number, if it is in a bucket.
    number: u64,
    /// Its absolute address in the host.
    host_address: u64,
    right: Right,
    /// The next one in its bucket, or of those that are free.
    next: u32,
    /// The first page of its run.
    head: u32,
    /// Of the first page of a run: how many pages it has, the runs that were used before and after
    /// it, and the program that has used it last.
    run: u32,
    older: u32,
    newer: u32,
    program: u64,
}

impl Page {
    /// Whether the run that begins with it has a page of those from number `first` to number `last`.
    fn has_any(&self, first: u64, last: u64) -> bool {
        self.number <= last && first < self.number + u64::from(self.run)
    }
}

/// Pages that stay pinned.
///
/// # Invariants
///
/// Each page that is in a bucket is pinned in one call with the others of its run.
pub(crate) struct PinCache<S: Storage> {
    pages: S::Of<Page>,
    /// The first page of each bucket of the hash table. Their number is a power of two.
    buckets: S::Of<u32>,
    /// Keeps a guest from choosing numbers that fall into the same bucket.
    seed: u64,
    free: u32,
    len: usize,
    oldest: u32,
    newest: u32,
    /// Counts the programs: runs of the present one are in use.
    program: u64,
    /// Behind the page that was found last, where the next one may be.
    next: u32,
    /// The run of the last one.
    last_used: u32,
    /// Whether the present program was to use a page in a way that it is not pinned for.
    has_weaker: bool,
    /// What the guest's memory said when these pages were pinned.
    invalidate_seq: Option<u64>,
}

impl<S: Storage> PinCache<S> {
    /// Makes room for `pages` pages. `seed` is a random number.
    pub(crate) fn new(pages: usize, seed: u64) -> Result<Self, S::Error> {
        let mut kept = Self {
            pages: S::allocate(pages)?,
            buckets: S::allocate(pages.next_power_of_two())?,
            seed: seed | 1,
            free: NONE,
            len: 0,
            oldest: NONE,
            newest: NONE,
            program: 0,
            next: 0,
            last_used: NONE,
            has_weaker: false,
            invalidate_seq: None,
        };
        kept.buckets.fill(NONE);
        for (page, next) in kept.pages.iter_mut().rev().zip((0..pages as u32).rev()) {
            page.number = NOWHERE;
            page.next = kept.free;
            kept.free = next;
        }
        Ok(kept)
    }

    /// Whether there is room for pages at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.pages.is_empty()
    }

    /// How many pages are kept.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Begins a program. Returns whether pages can be kept for it, and those of before are right.
    pub(crate) fn begin<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        if !self.is_on() {
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

    /// Whether the pages are still right.
    pub(crate) fn is_right<M: GuestMemory>(&self, memory: &mut M) -> bool {
        memory.invalidate_seq() == self.invalidate_seq
    }

    /// Unpins all pages if they may not be right any more. No program may be using them.
    pub(crate) fn evict_stale<M: GuestMemory>(&mut self, memory: &mut M) {
        if self.len > 0 && !self.is_right(memory) {
            self.clear(memory);
        }
    }

    /// The program does not use its pages any more.
    pub(crate) fn end_program(&mut self) {
        self.program += 1;
        self.last_used = NONE;
        self.has_weaker = false;
    }

    fn page(&self, place: u32) -> Option<&Page> {
        self.pages.get(place as usize)
    }

    fn page_mut(&mut self, place: u32) -> Option<&mut Page> {
        self.pages.get_mut(place as usize)
    }

    fn bucket(&self, number: u64) -> usize {
        let hash = (number.wrapping_mul(self.seed) >> 32) as usize;
        hash & (self.buckets.len() - 1)
    }

    fn place(&self, number: u64) -> Option<u32> {
        let mut place = *self.buckets.get(self.bucket(number))?;
        loop {
            let page = self.page(place)?;
            if page.number == number {
                return Some(place);
            }
            place = page.next;
        }
    }

    /// Whether the present program was to use a page in a way that it is not pinned for.
    pub(crate) fn has_weaker(&self) -> bool {
        self.has_weaker
    }

    /// Looks for a page, for the present program to use it so. Returns its absolute address.
    #[inline(always)]
    pub(crate) fn find(&mut self, number: u64, right: Right) -> Option<u64> {
        let mut place = self.next;
        if self.page(place).is_none_or(|page| page.number != number) {
            place = self.place(number)?;
        }
        let page = self.page(place)?;
        if page.right < right {
            self.has_weaker = true;
            return None;
        }
        let (host_address, head) = (page.host_address, page.head);
        self.next = place + 1;
        if head != self.last_used {
            self.use_run(head);
        }
        Some(host_address)
    }

    /// Notes that the present program uses a run.
    #[inline(never)]
    fn use_run(&mut self, head: u32) {
        self.last_used = head;
        let (program, newest) = (self.program, self.newest);
        match self.page_mut(head) {
            Some(page) if page.program == program => {}
            Some(page) if head == newest => page.program = program,
            _ => {
                self.unlink(head);
                self.link(head);
            }
        }
    }

    /// Makes a run the newest.
    fn link(&mut self, head: u32) {
        let (newest, program) = (self.newest, self.program);
        if let Some(page) = self.page_mut(head) {
            page.program = program;
            page.older = newest;
            page.newer = NONE;
        }
        match self.page_mut(newest) {
            Some(page) => page.newer = head,
            None => self.oldest = head,
        }
        self.newest = head;
    }

    fn unlink(&mut self, head: u32) {
        let Some(&Page { older, newer, .. }) = self.page(head) else {
            return;
        };
        match self.page_mut(older) {
            Some(page) => page.newer = newer,
            None => self.oldest = newer,
        }
        match self.page_mut(newer) {
            Some(page) => page.older = older,
            None => self.newest = older,
        }
    }

    /// Keeps pages that one call has pinned, none of which is kept, as a run that the present program
    /// uses. Others go for it. Returns whether there was room.
    pub(crate) fn keep<M: GuestMemory>(
        &mut self,
        first: u64,
        right: Right,
        host_addresses: &[u64],
        memory: &mut M,
    ) -> bool {
        if host_addresses.len() > self.pages.len() {
            return false;
        }
        while self.pages.len() - self.len < host_addresses.len() {
            if !self.evict_oldest(memory) {
                return false;
            }
        }
        let head = self.free;
        for (number, host_address) in (first..).zip(host_addresses) {
            let place = self.free;
            let bucket = self.bucket(number);
            let (Some(bucket), Some(page)) = (
                self.buckets.get_mut(bucket),
                self.pages.get_mut(place as usize),
            ) else {
                return false;
            };
            self.free = page.next;
            *page = Page {
                number,
                host_address: *host_address,
                right,
                next: *bucket,
                head,
                run: host_addresses.len() as u32,
                ..Page::default()
            };
            *bucket = place;
            self.len += 1;
        }
        self.link(head);
        true
    }

    /// Unpins the run that was used the longest time ago, if the present program does not use it.
    fn evict_oldest<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let oldest = self.oldest;
        let is_unused = |page: &Page| page.program != self.program;
        let drops = self.page(oldest).is_some_and(is_unused);
        if drops {
            self.evict_range(oldest, memory);
        }
        drops
    }

    /// Unpins all runs that the present program does not use. Returns whether there were any.
    pub(crate) fn evict_unused<M: GuestMemory>(&mut self, memory: &mut M) -> bool {
        let before = self.len;
        while self.evict_oldest(memory) {}
        self.len < before
    }

    /// Unpins the run of a page, if it is kept.
    pub(crate) fn evict_page<M: GuestMemory>(&mut self, number: u64, memory: &mut M) {
        if let Some(page) = self.place(number).and_then(|place| self.page(place)) {
            self.evict_range(page.head, memory);
        }
    }

    /// Unpins a run.
    fn evict_range<M: GuestMemory>(&mut self, head: u32, memory: &mut M) {
        let Some(&Page { number, run, .. }) = self.page(head) else {
            return;
        };
        // INVARIANT: One call has pinned the run, and no page of it is in a bucket after this.
        let Some(pinned) = PinnedRange::new(number, run) else {
            return;
        };
        self.unlink(head);
        // So that the next ones that are kept stand in their order, too.
        for number in (number..number + u64::from(run)).rev() {
            self.remove(number);
        }
        memory.unpin(pinned);
    }

    /// Takes a page out of its bucket.
    fn remove(&mut self, number: u64) {
        let bucket = self.bucket(number);
        let mut before = NONE;
        let mut place = self.buckets.get(bucket).copied().unwrap_or(NONE);
        while let Some(&page) = self.page(place) {
            if page.number != number {
                before = place;
                place = page.next;
                continue;
            }
            if let Some(before) = self.page_mut(before) {
                before.next = page.next;
            } else if let Some(bucket) = self.buckets.get_mut(bucket) {
                *bucket = page.next;
            }
            let free = core::mem::replace(&mut self.free, place);
            if let Some(page) = self.page_mut(place) {
                page.number = NOWHERE;
                page.next = free;
            }
            self.len -= 1;
            return;
        }
    }

    /// Unpins all pages. No program may be using them.
    pub(crate) fn clear<M: GuestMemory>(&mut self, memory: &mut M) {
        while self.page(self.oldest).is_some() {
            self.evict_range(self.oldest, memory);
        }
    }

    /// The runs that the present program uses, by their first pages. They are the newest.
    fn used(&self) -> impl Iterator<Item = &Page> {
        let older = |page: &&Page| self.page(page.older);
        core::iter::successors(self.page(self.newest), older)
            .take_while(|page| page.program == self.program)
    }

    /// Whether the present program uses a run that has a page of those from number `first` to number
    /// `last`.
    pub(crate) fn uses_any(&self, first: u64, last: u64) -> bool {
        self.used().any(|page| page.has_any(first, last))
    }

    /// The number of the page that is in this host_address of the host's, in a run that the present program
    /// uses.
    pub(crate) fn used_at(&self, host_address: u64) -> Option<u64> {
        self.used()
            .flat_map(|page| (page.number..).take(page.run as usize))
            .find(|number| {
                let page = self.place(*number).and_then(|place| self.page(place));
                page.is_some_and(|page| page.host_address / PAGE_SIZE == host_address)
            })
    }

    /// The absolute addresses of the pages in the runs that the present program uses.
    pub(crate) fn used_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.used()
            .flat_map(|page| (page.number..).take(page.run as usize))
            .filter_map(|number| self.place(number).and_then(|place| self.page(place)))
            .map(|page| page.host_address)
    }

    /// Unpins the runs that have a page of those from number `first` to number `last`, but for those
    /// that the present program uses.
    pub(crate) fn invalidate<M: GuestMemory>(&mut self, first: u64, last: u64, memory: &mut M) {
        let mut head = self.oldest;
        while let Some(&page) = self.page(head) {
            if page.program != self.program && page.has_any(first, last) {
                self.evict_range(head, memory);
            }
            head = page.newer;
        }
    }
}
