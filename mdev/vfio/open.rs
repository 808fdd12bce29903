// SPDX-License-Identifier: GPL-2.0

//! The memory that a user has mapped for a device: reading and pinning it.

use super::{
    Device,
    Operations, //
};
use crate::bindings;
use ccwchain::memory::{
    Access,
    PinnedRange,
    PAGE_SIZE,
    PIN_MAX, //
};
use core::ops::Deref;
use kernel::{
    error::to_result,
    prelude::*, //
};

// `VFIO_PIN_PAGES_MAX_ENTRIES` is the number of pointers in a page.
const _: () = assert!(PIN_MAX == kernel::page::PAGE_SIZE / core::mem::size_of::<c_ulong>());

/// Returns the flags `IOMMU_*` of an access.
fn iommu_flags(access: Access) -> c_int {
    let flags = match access {
        Access::Read => bindings::IOMMU_READ,
        Access::Write => bindings::IOMMU_READ | bindings::IOMMU_WRITE,
    };

    // CAST: Only the two lowest bits are set.
    flags as c_int
}

/// A device that a user has open.
///
/// # Invariants
///
/// The device stays open while the value lives.
pub struct Open<'a, T: Operations>(&'a Device<T>);

impl<'a, T: Operations> Open<'a, T> {
    /// Returns a proof that the device is open.
    ///
    /// # Safety
    ///
    /// For the VFIO core, the device must be open while the value lives.
    pub(super) unsafe fn new(dev: &'a Device<T>) -> Self {
        // INVARIANT: By the safety requirements of this function, the device stays open.
        Self(dev)
    }

    /// Returns the device.
    pub fn device(&self) -> &Device<T> {
        self.0
    }

    /// Reads the memory that the user has mapped at `iova`: all of `buffer` or nothing.
    ///
    /// Returns `EINVAL`, `ENOENT`, `EPERM` or `EFAULT` when the user has no such memory. `ENOENT`
    /// and `EFAULT` have another reason each: see [`Self::check_attached`] and [`Self::try_pin`].
    pub fn dma_read(&self, iova: u64, buffer: &mut [u8]) -> Result {
        // SAFETY: By the type invariant, the device is open. `buffer` is valid for writing its
        // length.
        let error = unsafe {
            bindings::vfio_dma_rw(
                self.0.as_raw(),
                iova,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                false,
            )
        };
        match error {
            0 => Ok(()),
            _ => Err(Error::from_errno(error)),
        }
    }

    /// Pins the pages that the user has mapped from `iova` on, all or none, and stores their
    /// absolute addresses into `host_addresses`.
    ///
    /// `iova` must be the beginning of a page; at most [`PIN_MAX`] can be pinned at once.
    /// Returns `EINVAL`, `ENOENT`, `EPERM` or `EFAULT` when the user has no such memory, and
    /// `EAGAIN` while memory is being unmapped.
    pub fn pin_pages(&self, iova: u64, access: Access, host_addresses: &mut [u64]) -> Result {
        const { assert!(core::mem::size_of::<u64>() == core::mem::size_of::<*mut bindings::page>()) };

        let count = c_int::try_from(host_addresses.len())?;
        let _pinning = self.0.begin_pin();
        self.0.check_no_unmap()?;

        // SAFETY: By the type invariant, the device is open. `host_addresses` is valid for writing
        // `count` pointers, which have the size of its elements and are read as integers below.
        let pinned = unsafe {
            bindings::vfio_pin_pages(
                self.0.as_raw(),
                iova,
                count,
                iommu_flags(access),
                host_addresses.as_mut_ptr().cast(),
            )
        };
        if pinned != count {
            to_result(pinned)?;
            if pinned > 0 {
                // SAFETY: By the type invariant, the device is open. The call above has pinned
                // exactly these pages.
                unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), iova, pinned) };
            }
            return Err(EINVAL);
        }

        // If an unmap of type1 has begun meanwhile, the driver may have been called for these pages
        // before it had them, and is not called again. The thread of that waits for `_pinning`.
        if let Err(error) = self.0.check_no_unmap() {
            if count > 0 {
                // SAFETY: By the type invariant, the device is open. The call above has pinned
                // exactly these pages.
                unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), iova, count) };
            }
            return Err(error);
        }

        // SAFETY: The call of `vfio_pin_pages()` has stored a pointer to a page into each element.
        unsafe { bindings::mdev_pages_to_phys(host_addresses.as_mut_ptr(), host_addresses.len()) };
        Ok(())
    }

    /// Pins the page that `iova` is in, and unpins it again.
    ///
    /// Returns the errors of [`Self::pin_pages`]. This succeeds for memory that the process which
    /// has mapped it has, whichever process calls. [`Self::dma_read`] of type1 succeeds for that
    /// process only, and returns `EFAULT` for others.
    pub fn try_pin(&self, iova: u64) -> Result {
        let first = iova - iova % PAGE_SIZE;
        // The thread of an unmap of type1 waits for this, and so until the page is unpinned.
        let _pinning = self.0.begin_pin();
        self.pin_pages(first, Access::Read, &mut [0])?;

        // SAFETY: By the type invariant, the device is open. The call above has pinned exactly this
        // page.
        unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), first, 1) };
        Ok(())
    }

    /// Checks that the device has an address space.
    ///
    /// Returns `ENOENT` when iommufd has none for it, and `EAGAIN` while memory is being unmapped,
    /// as all of it is when another address space takes the place of the first.
    pub fn check_attached(&self) -> Result {
        self.0.check_no_unmap()?;
        // SAFETY: By the type invariant, the device is open, so that its back end stays.
        match unsafe { bindings::mdev_vfio_is_attached(self.0.as_raw()) } {
            true => Ok(()),
            false => Err(ENOENT),
        }
    }

    /// Unpins the pages of `range`, which [`Self::pin_pages`] of this device has pinned in one
    /// call.
    pub fn unpin_pages(&self, range: PinnedRange) {
        let Ok(count) = c_int::try_from(range.count()) else {
            return;
        };
        let iova = range.first().wrapping_mul(PAGE_SIZE);

        // SAFETY: By the type invariant, the device is open. By the invariants of `PinnedRange`,
        // which cannot be copied, there is at least one page, and one call has pinned them all.
        // `iova` was the argument of that call, so that the product does not wrap.
        unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), iova, count) };
    }
}

impl<T: Operations> Deref for Open<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}
