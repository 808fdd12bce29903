// SPDX-License-Identifier: GPL-2.0

//! The back ends of VFIO warn of pages that are not pinned, and take none for a fault.

mod common;

use ccwchain::memory::PinnedRange;
use common::Device;
use mdev::vfio::Open;

pub fn unpin(dev: &Open<'_, Device>, run: PinnedRange) {
    #[cfg(misuse)]
    let run = PinnedRange::new(run.first(), 0).unwrap_or(run); //~ E0624
    dev.unpin_pages(run);
}
