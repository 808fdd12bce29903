// SPDX-License-Identifier: GPL-2.0

//! Pinning pages, and their host addresses.

use core::ops::DerefMut;

use crate::{
    Access,
    Error,
    Operation,
    Page,
    Type1,
    PAGE_SIZE,
    PIN_MAX, //
};

/// The host address of the first page, which has more than 32 bits.
const HOST: u64 = 0x12_3400_0000;

/// Returns the host address of the page with this index. No two pages are neighbours, and the order
/// is not that of the I/O virtual addresses.
fn host_address(index: usize) -> u64 {
    HOST - 2 * PAGE_SIZE * index as u64
}

/// Returns the index of the page that a host address is in.
fn index(host: u64) -> Option<usize> {
    let below = HOST.checked_sub(host / PAGE_SIZE * PAGE_SIZE)?;
    (below % (2 * PAGE_SIZE) == 0).then_some((below / (2 * PAGE_SIZE)) as usize)
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// Pins as many pages as there are `host_addresses`, from the page with the number `first` on,
    /// and stores the host address of each (`vfio_pin_pages`). An error leaves none of them pinned.
    pub fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), Error> {
        self.counts.pin_calls += 1;
        if host_addresses.is_empty() {
            return Err(Error::Invalid);
        }
        if host_addresses.len() > PIN_MAX {
            return Err(Error::TooMany);
        }
        self.injected(Operation::Pin)?;
        for (done, host_address) in host_addresses.iter_mut().enumerate() {
            match self.pin_page(first + done as u64, access) {
                Ok(address) => *host_address = address,
                Err(error) => {
                    self.unpin_pages(first, done);
                    return Err(error);
                }
            }
        }
        if !self.replace_call(first, 0, host_addresses.len()) {
            self.unpin_pages(first, host_addresses.len());
            return Err(Error::NoMemory);
        }
        Ok(())
    }

    /// Replaces the length `old` among those of the page `first` by `new`. Returns whether it was
    /// there.
    fn replace_call(&mut self, first: u64, old: usize, new: usize) -> bool {
        self.find(first)
            .and_then(|index| {
                self.pages[index]
                    .calls
                    .iter_mut()
                    .find(|call| **call == old)
            })
            .map(|call| *call = new)
            .is_some()
    }

    fn pin_page(&mut self, number: u64, access: Access) -> Result<u64, Error> {
        let index = self.find(number).ok_or(Error::Unmapped)?;
        if self.pins() >= self.limit {
            return Err(Error::NoMemory);
        }
        let page = &mut self.pages[index];
        if page.mapping.is_none_or(|mapping| mapping.access < access) {
            return Err(Error::Permission);
        }
        page.pins += 1;
        page.pinned_for = page.pinned_for.max(Some(access));
        self.counts.pinned += 1;
        Ok(host_address(index))
    }

    /// Unpins the `count` pages from the page with the number `first` on, which one call has pinned
    /// (`vfio_unpin_pages`).
    ///
    /// # Panics
    ///
    /// Panics if there was no such call. type1 would accept another division of the pages, but
    /// iommufd does not.
    pub fn unpin(&mut self, first: u64, count: usize) {
        assert!(
            count > 0 && self.replace_call(first, count, 0),
            "unpin of {count} pages from {first:#x}, which no call has pinned"
        );
        self.unpin_pages(first, count);
    }

    fn unpin_pages(&mut self, first: u64, count: usize) {
        for number in (first..).take(count) {
            let page = self.find(number).map(|index| &mut self.pages[index]);
            let Some(page) = page.filter(|page| page.pins > 0) else {
                panic!("unpin of page {number:#x}, which is not pinned");
            };
            page.pins -= 1;
            if page.pins == 0 {
                page.pinned_for = None;
            }
            self.counts.unpinned += 1;
        }
    }

    /// Returns the number of pins.
    pub fn pins(&self) -> usize {
        self.pages.iter().map(|page| page.pins).sum()
    }

    /// Returns the page that a host address is in, if the page is pinned.
    fn pinned(&self, host: u64) -> Option<&Page> {
        self.pages.get(index(host)?).filter(|page| page.pins > 0)
    }

    /// Returns the access that a device has at a host address by the pins of the page.
    pub fn pinned_for(&self, host: u64) -> Option<Access> {
        self.pinned(host)?.pinned_for
    }

    /// Returns the I/O virtual address of a host address in a pinned page.
    pub fn iova(&self, host: u64) -> Option<u64> {
        let number = self.pinned(host)?.mapping?.number;
        Some(number * PAGE_SIZE + host % PAGE_SIZE)
    }

    /// Returns the bytes of the page that a host address is in, if the page is pinned.
    pub fn host_page(&mut self, host: u64) -> Option<&mut [u8; PAGE_SIZE as usize]> {
        self.pinned(host)?;
        Some(&mut self.pages.get_mut(index(host)?)?.bytes)
    }
}
