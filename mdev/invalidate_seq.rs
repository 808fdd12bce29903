// SPDX-License-Identifier: GPL-2.0

//! The sequence number of the invalidations of an address space.
//!
//! Tests on a host run this file in all orders of its accesses (crate `lock_free`).

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full, //
};

/// The mask of the bits that count the invalidations in progress. There are more values than there
/// can be threads.
const IN_PROGRESS: u64 = (1 << 24) - 1;

/// The number of invalidations in progress, each by a thread of its own, in the bits of
/// [`IN_PROGRESS`], and the number of all that have begun in the bits above.
pub(crate) struct InvalidateSeq(Atomic<u64>);

impl InvalidateSeq {
    /// Returns the value for an address space without invalidations.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Returns the sequence number, which changes when the next invalidation begins.
    ///
    /// Returns `None` while an invalidation is in progress.
    #[inline]
    pub(crate) fn get(&self) -> Option<u64> {
        let counts = self.0.load(Acquire);
        (counts & IN_PROGRESS == 0).then_some(counts)
    }

    /// Counts an invalidation that begins.
    pub(crate) fn begin(&self) {
        // This adds one to both counts.
        self.0.fetch_add((IN_PROGRESS + 1) + 1, Full);
    }

    /// Counts an invalidation that ends.
    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Full);
    }
}
