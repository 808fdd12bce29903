// SPDX-License-Identifier: GPL-2.0

//! Pinning pages, and where they are in the host.

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

/// Where the host's memory begins: beyond what 32 bits can address.
const HOST: u64 = 0x12_3400_0000;

/// The absolute address of the page with this index: no two pages are neighbours, and none is where
/// the device has it.
fn frame(index: usize) -> u64 {
    HOST - 2 * PAGE_SIZE * index as u64
}

/// The index of the page that an absolute address is in.
fn index(host: u64) -> Option<usize> {
    let below = HOST.checked_sub(host / PAGE_SIZE * PAGE_SIZE)?;
    (below % (2 * PAGE_SIZE) == 0).then_some((below / (2 * PAGE_SIZE)) as usize)
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// Pins as many pages as there are `frames`, from the page with the number `first` on, and
    /// stores the absolute address of each (`vfio_pin_pages`). An error leaves none of them pinned.
    pub fn pin(&mut self, first: u64, access: Access, frames: &mut [u64]) -> Result<(), Error> {
        self.counts.pin_calls += 1;
        if frames.is_empty() {
            return Err(Error::Invalid);
        }
        if frames.len() > PIN_MAX {
            return Err(Error::TooMany);
        }
        self.injected(Operation::Pin)?;
        for (done, frame) in frames.iter_mut().enumerate() {
            match self.pin_page(first + done as u64, access) {
                Ok(address) => *frame = address,
                Err(error) => {
                    self.unpin_pages(first, done);
                    return Err(error);
                }
            }
        }
        if !self.replace_call(first, 0, frames.len()) {
            self.unpin_pages(first, frames.len());
            return Err(Error::NoMemory);
        }
        Ok(())
    }

    /// Notes at the page `first` that a call of one length is now one of another; zero is none.
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
        Ok(frame(index))
    }

    /// Undoes a call that pinned `count` pages, from the page with the number `first` on
    /// (`vfio_unpin_pages`).
    ///
    /// # Panics
    ///
    /// If there was no such call: type1 would put up with another division of the pages, iommufd
    /// does not.
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

    /// How many pins are held.
    pub fn pins(&self) -> usize {
        self.pages.iter().map(|page| page.pins).sum()
    }

    /// The page that an absolute address is in, if it is pinned.
    fn pinned(&self, host: u64) -> Option<&Page> {
        self.pages.get(index(host)?).filter(|page| page.pins > 0)
    }

    /// What a device may do at an absolute address, by the pins that are held.
    pub fn pinned_for(&self, host: u64) -> Option<Access> {
        self.pinned(host)?.pinned_for
    }

    /// The IO virtual address of an absolute address in a page that is pinned.
    pub fn iova(&self, host: u64) -> Option<u64> {
        let number = self.pinned(host)?.mapping?.number;
        Some(number * PAGE_SIZE + host % PAGE_SIZE)
    }

    /// The page that a device finds at an absolute address, if it is pinned.
    pub fn host_page(&mut self, host: u64) -> Option<&mut [u8; PAGE_SIZE as usize]> {
        self.pinned(host)?;
        Some(&mut self.pages.get_mut(index(host)?)?.bytes)
    }
}
