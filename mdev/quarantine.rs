// SPDX-License-Identifier: GPL-2.0

//! Memory that a device may still use when its owner is gone.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use crate::bindings;

/// Keeps the page at the absolute address `frame`, and what it is a part of, from being used for
/// anything else until the next boot.
///
/// Does nothing when there is no such page, or nobody uses it.
pub fn keep(frame: u64) {
    // SAFETY: The function takes any address. It adds a reference only to a page that has one.
    unsafe { bindings::mdev_keep_page(frame) };
}
