// SPDX-License-Identifier: GPL-2.0

//! The gate that tells whether an unmap must wait for a device.
//!
//! Tests on a host run this file in all orders of its accesses (crate `lock_free`).

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Knows whether a device may have pages pinned, so that an unmap of memory need not wait for the
/// session of a device that has none.
///
/// It never takes a device that is about to pin pages for one that has none, as
/// [`Self::about_to_pin`] is called before each call that pins. A call that pins during an unmap
/// fails, or undoes what it has pinned (`mdev::vfio::Open::pin_pages`).
pub(crate) struct PinGate(Atomic<usize>);

impl PinGate {
    /// Returns the gate of a device that has no pages pinned.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Records that pages are about to be pinned.
    pub(crate) fn about_to_pin(&self) {
        if !self.may_have_pins() {
            self.0.store(1, Relaxed);
        }
    }

    /// Records that exactly `pinned` pages are pinned. The caller holds the mutex of the session,
    /// and so no page is being pinned.
    pub(crate) fn set(&self, pinned: usize) {
        self.0.store(pinned, Relaxed);
    }

    /// Returns whether pages may be pinned.
    pub(crate) fn may_have_pins(&self) -> bool {
        self.pinned() > 0
    }

    /// Returns how many pages are pinned; at least 1 while any is being pinned.
    pub(crate) fn pinned(&self) -> usize {
        self.0.load(Relaxed)
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kernel::prelude::kunit_tests(vfio_ccw_pin_gate)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_have_pins_before_it_has() {
        let gate = PinGate::new();
        assert!(!gate.may_have_pins());
        gate.about_to_pin();
        assert!(gate.may_have_pins());
        gate.set(5);
        gate.about_to_pin();
        assert!(gate.pinned() == 5);
        gate.set(0);
        assert!(!gate.may_have_pins());
    }
}
