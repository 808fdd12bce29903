// SPDX-License-Identifier: GPL-2.0

//! The entries of the pin cache, which are found by page number.

use crate::{
    memory::{
        Access,
        Storage, //
    },
    pin::index::hash,
};

/// The index of no entry: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// The page number of an entry that is free.
const FREE: u64 = u64::MAX;

/// An entry of the cache: one page.
#[derive(Clone, Copy, Default)]
pub(super) struct CachedPage {
    /// The page number, or [`FREE`].
    pub(super) number: u64,
    /// The absolute address of its first byte in the host.
    pub(super) host_address: u64,
    /// The access that it is pinned for.
    pub(super) access: Access,
    /// The next entry in the same bucket, or in the list of free entries.
    pub(super) next: u32,
    /// The entry of the first page of the range. It alone has the fields below.
    pub(super) head: u32,
    /// The number of pages of the range.
    pub(super) range: u32,
    /// The range that was used before this one.
    pub(super) older: u32,
    /// The range that was used after this one.
    pub(super) newer: u32,
    /// The program that has used the range last.
    pub(super) program: u64,
}

impl CachedPage {
    /// Returns whether the range that begins with this page has one from number `first` to number
    /// `last`.
    pub(super) fn overlaps(&self, first: u64, last: u64) -> bool {
        self.number <= last && first < self.number + u64::from(self.range)
    }
}

/// The entries of the cache, with a hash table.
pub(super) struct Entries<S: Storage> {
    entries: S::Of<CachedPage>,
    /// The first entry of each bucket of the hash table. The number of buckets is a power of two.
    buckets: S::Of<u32>,
    /// A random odd number.
    seed: u64,
    /// The first free entry.
    free: u32,
    /// The number of entries that are not free.
    len: usize,
}

impl<S: Storage> Entries<S> {
    /// Allocates `pages` entries, which are free. `seed` is a random number.
    pub(super) fn new(pages: usize, seed: u64) -> Result<Self, S::Error> {
        let mut entries = Self {
            entries: S::allocate(pages)?,
            buckets: S::allocate(pages.next_power_of_two())?,
            seed: seed | 1,
            free: NONE,
            len: 0,
        };
        entries.buckets.fill(NONE);
        for (page, index) in entries
            .entries
            .iter_mut()
            .rev()
            .zip((0..pages as u32).rev())
        {
            page.number = FREE;
            page.next = entries.free;
            entries.free = index;
        }
        Ok(entries)
    }

    /// Returns the number of entries.
    pub(super) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of entries that are not free.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the entry with this index.
    pub(super) fn get(&self, index: u32) -> Option<&CachedPage> {
        self.entries.get(index as usize)
    }

    /// Returns the entry with this index, to be changed.
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut CachedPage> {
        self.entries.get_mut(index as usize)
    }

    /// Returns the bucket of a page number.
    fn bucket(&self, number: u64) -> usize {
        hash(number, self.seed) & (self.buckets.len() - 1)
    }

    /// Returns the index of the entry of a page.
    pub(super) fn find(&self, number: u64) -> Option<u32> {
        let mut index = *self.buckets.get(self.bucket(number))?;
        loop {
            let page = self.get(index)?;
            if page.number == number {
                return Some(index);
            }
            index = page.next;
        }
    }

    /// Returns the entry of a page.
    pub(super) fn page(&self, number: u64) -> Option<&CachedPage> {
        self.get(self.find(number)?)
    }

    /// Returns the index of the entry that is taken next.
    pub(super) fn next_free(&self) -> u32 {
        self.free
    }

    /// Takes an entry for a page that has none. Returns `false` if no entry is free.
    pub(super) fn insert(&mut self, page: CachedPage) -> bool {
        let index = self.free;
        let bucket = self.bucket(page.number);
        let (Some(bucket), Some(entry)) = (
            self.buckets.get_mut(bucket),
            self.entries.get_mut(index as usize),
        ) else {
            return false;
        };
        self.free = entry.next;
        *entry = CachedPage {
            next: *bucket,
            ..page
        };
        *bucket = index;
        self.len += 1;
        true
    }

    /// Frees the entry of a page.
    pub(super) fn remove(&mut self, number: u64) {
        let bucket = self.bucket(number);
        let mut before = NONE;
        let mut index = self.buckets.get(bucket).copied().unwrap_or(NONE);
        while let Some(&page) = self.get(index) {
            if page.number != number {
                before = index;
                index = page.next;
                continue;
            }
            if let Some(before) = self.get_mut(before) {
                before.next = page.next;
            } else if let Some(bucket) = self.buckets.get_mut(bucket) {
                *bucket = page.next;
            }
            let free = core::mem::replace(&mut self.free, index);
            if let Some(page) = self.get_mut(index) {
                page.number = FREE;
                page.next = free;
            }
            self.len -= 1;
            return;
        }
        debug_assert!(false, "page {number} has no entry");
    }
}

#[cfg(test)]
mod tests {
    use super::CachedPage;

    #[test]
    fn a_range_has_its_first_and_its_last_page_and_not_the_neighbours() {
        let range = CachedPage {
            number: 8,
            range: 4,
            ..CachedPage::default()
        };
        for (first, last, expected) in [
            (6, 7, false),
            (6, 8, true),
            (9, 10, true),
            (11, 20, true),
            (12, 20, false),
            (0, 20, true),
        ] {
            assert_eq!(range.overlaps(first, last), expected, "{first} to {last}");
        }
    }
}
