// SPDX-License-Identifier: GPL-2.0

//! Pages that are unpinned once more than they were pinned are those of another program.

mod common;

use ccwchain::memory::PinnedRange;
use common::Device;
use mdev::vfio::Open;

pub fn unpin(dev: &Open<'_, Device>, run: PinnedRange) {
    dev.unpin_pages(run);
    #[cfg(misuse)]
    dev.unpin_pages(run); //~ E0382
}
