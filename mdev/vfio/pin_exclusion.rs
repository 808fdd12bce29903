// SPDX-License-Identifier: GPL-2.0

//! Keeping calls that pin pages and threads that unmap memory apart, without a lock.
//!
//! Each side first says that it is there, and then looks whether the other one is: at least one of
//! two that meet sees the other. A call that pins gives up, or undoes what it has pinned; a thread
//! that unmaps waits until no call pins.
//!
//! Tests on a host run this file in all orders of its accesses (crate `lock_free`).

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Release, //
};

/// The calls that pin pages and the threads that unmap memory, for one device.
pub(crate) struct PinExclusion {
    /// Set while the driver has not completed a request to unpin memory.
    pending: Atomic<bool>,
    /// The number of calls of type1 whose threads have not returned to user space since.
    unmapping: Atomic<u64>,
    /// The number of calls in progress that pin pages.
    pinning: Atomic<u64>,
}

/// Counts a call that pins pages as in progress while the value lives.
pub(crate) struct Pinning<'a>(&'a PinExclusion);

impl Drop for Pinning<'_> {
    fn drop(&mut self) {
        self.0.pinning.fetch_sub(1, Full);
    }
}

impl PinExclusion {
    /// Returns the value for a device for which nothing is pinned and no memory unmapped.
    pub(crate) fn new() -> Self {
        Self {
            pending: Atomic::new(false),
            unmapping: Atomic::new(0),
            pinning: Atomic::new(0),
        }
    }

    /// Counts a call as one that pins pages, until the returned value is dropped.
    ///
    /// The caller must call [`Self::allows_pins`] after this, and again after it has pinned.
    pub(crate) fn begin_pin(&self) -> Pinning<'_> {
        self.pinning.fetch_add(1, Full);
        Pinning(self)
    }

    /// Returns whether a call pins pages. After [`Self::begin_unmap`], each call that begins later
    /// pins none.
    pub(crate) fn is_pinning(&self) -> bool {
        self.pinning.load(Acquire) != 0
    }

    /// Returns whether pages may be pinned: no memory is being unmapped.
    pub(crate) fn allows_pins(&self) -> bool {
        !self.pending.load(Acquire) && !self.is_unmapping()
    }

    /// Sets whether the driver has a request to unpin memory that it has not completed.
    ///
    /// A call that pins at this moment may not see it. For type1, [`Self::begin_unmap`] makes sure
    /// that it does; iommufd itself lets nobody pin memory that is being unmapped.
    pub(crate) fn set_pending(&self, pending: bool) {
        self.pending.store(pending, Release);
    }

    /// Counts a thread as one that unmaps memory, until [`Self::end_unmap`].
    pub(crate) fn begin_unmap(&self) {
        self.unmapping.fetch_add(1, Full);
    }

    /// Ends [`Self::begin_unmap`].
    pub(crate) fn end_unmap(&self) {
        self.unmapping.fetch_sub(1, Full);
    }

    /// Returns whether a thread unmaps memory.
    pub(crate) fn is_unmapping(&self) -> bool {
        self.unmapping.load(Acquire) != 0
    }
}
