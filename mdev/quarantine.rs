// SPDX-License-Identifier: GPL-2.0

//! Memory that a device may still use after its owner is gone.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use crate::bindings;

/// Keeps the page at the absolute address `host_address` from being used for anything else until
/// the next boot, with the whole folio that it is in.
///
/// This has no effect when there is no such page, or when the page is free.
pub fn keep(host_address: u64) {
    // SAFETY: The function may be called with any address: it checks that there is a page, and only
    // takes a reference to a page that has one already.
    unsafe { bindings::mdev_keep_page(host_address) };
}
