// SPDX-License-Identifier: GPL-2.0

//! The pages of a program, and those in the pin cache.

use crate::{
    memory::{
        GuestMemory,
        Storage,
        PAGE_SIZE, //
    },
    translator::Translator,
};

impl<S: Storage> Translator<S> {
    /// Returns whether a page in the `len` bytes of guest memory from `address` on is pinned for
    /// the program, so that it can be unpinned only after the program.
    pub fn has_pinned(&self, address: u64, len: u64) -> bool {
        pages(address, len).is_some_and(|(first, last)| self.pages.any_pinned(first, last))
    }

    /// Returns the absolute addresses of the host pages that are pinned for the program.
    pub fn host_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.pages.host_addresses()
    }

    /// Returns the number of pages in the pin cache.
    pub fn cached_pages(&self) -> usize {
        self.pages.cached()
    }

    /// Returns the number of pinned pages: those of the program, and those in the pin cache.
    pub fn pinned(&self) -> usize {
        self.pages.pinned_pages()
    }

    /// Unpins the cached pages in the `len` bytes of guest memory from `address` on, except those
    /// that the program uses ([`Self::has_pinned`]). Those can be unpinned after [`Self::release`].
    pub fn invalidate<M: GuestMemory>(&mut self, address: u64, len: u64, memory: &mut M) {
        if let Some((first, last)) = pages(address, len) {
            self.pages.invalidate(first, last, memory);
        }
    }
}

/// Returns the numbers of the first and the last page of `len` bytes, or `None` for zero bytes.
fn pages(address: u64, len: u64) -> Option<(u64, u64)> {
    let last = address.saturating_add(len.checked_sub(1)?);
    Some((address / PAGE_SIZE, last / PAGE_SIZE))
}
