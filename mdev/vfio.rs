// SPDX-License-Identifier: GPL-2.0

//! Abstractions for VFIO devices without an IOMMU of their own.
//!
//! The driver's part is the trait [`Operations`]; its implementor is the data of the device. While
//! a user has the device open, the callbacks get an [`Open`], through which the memory that the
//! user has mapped for the device can be read and pinned.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

mod callbacks;
mod unmap;

use crate::{
    bindings,
    eventfd::EventFd, //
};
use ccwchain::memory::{
    PinnedRange,
    PAGE_SIZE, //
};
use core::{
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use unmap::Unmap;

/// The most pages that one call can pin.
pub const PIN_PAGES_MAX: usize = kernel::page::PAGE_SIZE / core::mem::size_of::<c_ulong>();

/// A region of a device, as `VFIO_DEVICE_GET_REGION_INFO` tells of it.
pub struct Region {
    /// Where it begins in the device's file.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it can be written. Every region can be read.
    pub writable: bool,
    /// What it is for, where its index does not say so: `VFIO_REGION_TYPE_*` and a subtype of that.
    pub kind: Option<(u32, u32)>,
}

/// What a user wants of an interrupt, as `VFIO_DEVICE_SET_IRQS` says it.
pub enum Trigger {
    /// Signal it now.
    Signal,
    /// Do nothing.
    Nothing,
    /// Signal it through this event from now on, or not at all.
    Set(Option<EventFd>),
}

/// What the pages that are pinned are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The device only reads them.
    Read,
    /// The device writes them, and may read them.
    ReadWrite,
}

impl Protection {
    fn bits(self) -> c_int {
        let bits = match self {
            Self::Read => bindings::IOMMU_READ,
            Self::ReadWrite => bindings::IOMMU_READ | bindings::IOMMU_WRITE,
        };

        // CAST: The two lowest bits.
        bits as c_int
    }
}

/// The operations of a VFIO device.
///
/// The value of the type is the driver's data of the device.
pub trait Operations: Sized + Send + Sync + 'static {
    /// The name of the device's driver, as VFIO knows it.
    const NAME: &'static CStr;

    /// `VFIO_DEVICE_FLAGS_*`, which tell what kind of device it is. Every device can be reset.
    const FLAGS: u32;

    /// How many regions it has.
    const REGIONS: u32;

    /// How many interrupts it has. Each can be signalled by one event.
    const IRQS: u32;

    /// Called when the first user opens the device.
    fn open(dev: &Open<'_, Self>) -> Result;

    /// Called when the last user has closed it.
    fn close(dev: &Open<'_, Self>);

    /// Reads from `position` of the device's file; returns how many bytes.
    fn read(dev: &Open<'_, Self>, position: u64, to: UserSliceWriter) -> Result<usize>;

    /// Writes to `position` of the device's file; returns how many bytes.
    fn write(dev: &Open<'_, Self>, position: u64, from: UserSliceReader) -> Result<usize>;

    /// Returns what region `index` is; it is less than [`Operations::REGIONS`].
    fn region(index: u32) -> Option<Region>;

    /// Sets how interrupt `index` is signalled; it is less than [`Operations::IRQS`].
    fn set_irq(dev: &Open<'_, Self>, index: u32, trigger: Trigger) -> Result;

    /// Resets the device.
    fn reset(dev: &Open<'_, Self>) -> Result;

    /// Called, in a context of its own, when the user unmaps `len` bytes from `iova` on.
    ///
    /// No page of that range may be pinned any more when this returns, which may take 18 minutes at most.
    /// Until then, and until the user's call returns, [`Open::pin_pages`] returns `EAGAIN`.
    /// [`Open::dma_read`] does not: it pins nothing.
    fn dma_unmap(dev: &Open<'_, Self>, iova: u64, len: u64);

    /// Called again and again while somebody wants the device back from its user.
    fn request(dev: &Device<Self>, count: u32) {
        let _ = (dev, count);
    }
}

/// A VFIO device.
///
/// # Invariants
///
/// `vdev` is initialised by the VFIO core, which counts references to it and owns the memory.
/// `unmap` and `data` are initialised if `ready` is true.
#[repr(C)]
pub struct Device<T: Operations> {
    vdev: Opaque<bindings::vfio_device>,
    ready: bool,
    unmap: MaybeUninit<Unmap>,
    data: MaybeUninit<T>,
}

impl<T: Operations> Device<T> {
    /// Makes a device for `parent`, which is not registered yet.
    ///
    /// Only [`mediated`](crate::mediated) does so, which registers it once, for that `parent`.
    pub(crate) fn new(
        parent: &device::Device<device::Bound>,
        data: impl PinInit<T, Error>,
    ) -> Result<ARef<Self>> {
        const {
            assert!(
                core::mem::offset_of!(Self, vdev) == 0,
                "struct vfio_device must be at offset 0"
            );
        }
        let layout = core::alloc::Layout::new::<Self>().pad_to_align();

        // SAFETY: `VTABLE` is static and `parent` is valid. The core allocates the bytes zeroed, and
        // aligned for a size that is a multiple of the alignment.
        let raw = from_err_ptr(unsafe {
            bindings::_vfio_alloc_device(
                layout.size(),
                core::ptr::from_ref(parent).cast_mut().cast(),
                &Self::VTABLE,
            )
        })?;
        let this = NonNull::new(raw.cast::<Self>()).ok_or(ENOMEM)?;

        // SAFETY: The core has returned a reference. `ready` is zero, that is false, so that `data`
        // is not dropped with it.
        let dev = unsafe { ARef::from_raw(this) };

        // INVARIANT: `ready` is only set after `data` is initialised.
        // SAFETY: `this` is ours alone, and never moves.
        unsafe {
            let this = this.as_ptr();
            pin_init::raw_try_init((&raw mut (*this).unmap).cast(), Unmap::new::<T>())?;
            pin_init::raw_try_init((&raw mut (*this).data).cast::<T>(), data)?;
            (*this).ready = true;
        }
        Ok(dev)
    }

    fn as_raw(&self) -> *mut bindings::vfio_device {
        self.vdev.get()
    }

    /// # Safety
    ///
    /// `raw` must be a valid `vfio_device` made by [`Device::new`].
    unsafe fn from_raw<'a>(raw: *mut bindings::vfio_device) -> &'a Self {
        // SAFETY: By the function's requirement, and as `vdev` is at offset 0.
        unsafe { &*raw.cast() }
    }

    /// Makes the device known to users.
    ///
    /// # Safety
    ///
    /// The device must never have been registered before, and its parent must be bound until it is
    /// unregistered.
    pub(crate) unsafe fn register(&self) -> Result {
        // SAFETY: `self` is valid; the rest is required of the caller.
        to_result(unsafe { bindings::vfio_register_emulated_iommu_dev(self.as_raw()) })
    }

    /// Takes the device from users, waiting until they have closed it.
    ///
    /// # Safety
    ///
    /// The device must be registered.
    pub(crate) unsafe fn unregister(&self) {
        // SAFETY: By the function's requirement.
        unsafe { bindings::vfio_unregister_group_dev(self.as_raw()) };
        self.end_unmaps();
    }
}

impl<T: Operations> Deref for Device<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: A `Device` is only seen after `new`, where `data` was initialised.
        unsafe { self.data.assume_init_ref() }
    }
}

// SAFETY: The VFIO core counts references in the embedded `struct device`.
unsafe impl<T: Operations> AlwaysRefCounted for Device<T> {
    fn inc_ref(&self) {
        // SAFETY: The reference shows that the count is not zero.
        unsafe { bindings::mdev_vfio_get_device(self.as_raw()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller owns a count.
        unsafe { bindings::mdev_vfio_put_device(obj.cast().as_ptr()) };
    }
}

// SAFETY: The device may be released from any thread; `T` is `Send`.
unsafe impl<T: Operations> Send for Device<T> {}

// SAFETY: The VFIO core has its own locks; `T` is `Sync`.
unsafe impl<T: Operations> Sync for Device<T> {}

/// A device that a user has open.
///
/// # Invariants
///
/// The device stays open while the value lives.
pub struct Open<'a, T: Operations>(&'a Device<T>);

impl<T: Operations> Open<'_, T> {
    /// Returns the device.
    pub fn device(&self) -> &Device<T> {
        self.0
    }

    /// Reads the memory that the user has mapped at `iova`, all of `buffer` or nothing.
    ///
    /// Returns `EINVAL`, `ENOENT`, `EPERM` or `EFAULT` when the user has no such memory. `ENOENT` and
    /// `EFAULT` have another reason each: see [`Self::check_attached`] and [`Self::try_pin`].
    pub fn dma_read(&self, iova: u64, buffer: &mut [u8]) -> Result {
        // SAFETY: The device is open, and `buffer` is valid for its length.
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

    /// Pins the pages that the user has mapped from `iova` on, all or none, and puts their absolute
    /// addresses into `host_addresses`.
    ///
    /// `iova` must be the beginning of a page; at most [`PIN_PAGES_MAX`] can be pinned at once.
    /// Returns `EINVAL`, `ENOENT`, `EPERM` or `EFAULT` when the user has no such memory, and `EAGAIN`
    /// while memory is being unmapped.
    pub fn pin_pages(
        &self,
        iova: u64,
        protection: Protection,
        host_addresses: &mut [u64],
    ) -> Result {
        const { assert!(core::mem::size_of::<u64>() == core::mem::size_of::<*mut bindings::page>()) };

        let count = c_int::try_from(host_addresses.len())?;
        let _pinning = self.0.begin_pin();
        self.0.check_no_unmap()?;

        // SAFETY: The device is open. `host_addresses` has room for as many pointers, which are integers
        // of the same size to whoever reads it afterwards.
        let pinned = unsafe {
            bindings::vfio_pin_pages(
                self.0.as_raw(),
                iova,
                count,
                protection.bits(),
                host_addresses.as_mut_ptr().cast(),
            )
        };
        if pinned != count {
            to_result(pinned)?;
            if pinned > 0 {
                // SAFETY: The device is open, and the call above has pinned these pages.
                unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), iova, pinned) };
            }
            return Err(EINVAL);
        }

        // Whoever unmaps memory of type1 has waited for this, and nobody asks for these pages again.
        if let Err(error) = self.0.check_no_unmap() {
            if count > 0 {
                // SAFETY: The device is open, and the call above has pinned these pages.
                unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), iova, count) };
            }
            return Err(error);
        }

        // SAFETY: The call above has stored a pointer to a page in each.
        unsafe { bindings::mdev_pages_to_phys(host_addresses.as_mut_ptr(), host_addresses.len()) };
        Ok(())
    }

    /// Pins the page that `iova` is in, and unpins it again.
    ///
    /// Returns the errors of [`Self::pin_pages`]. The process that has mapped the memory counts, whichever
    /// calls; [`Self::dma_read`] of type1 reads for that process only, and for others returns `EFAULT`.
    pub fn try_pin(&self, iova: u64) -> Result {
        let first = iova - iova % PAGE_SIZE;
        // Whoever unmaps memory of type1 waits until the page is unpinned.
        let _pinning = self.0.begin_pin();
        self.pin_pages(first, Protection::Read, &mut [0])?;

        // SAFETY: The device is open, and the call above has pinned this page.
        unsafe { bindings::vfio_unpin_pages(self.0.as_raw(), first, 1) };
        Ok(())
    }

    /// Returns `ENOENT` when iommufd has no address space for the device, and `EAGAIN` while memory is
    /// being unmapped, as all of it is when another address space takes the place of the first.
    pub fn check_attached(&self) -> Result {
        self.0.check_no_unmap()?;
        // SAFETY: The device is open, so that its back end stays.
        match unsafe { bindings::mdev_vfio_is_attached(self.0.as_raw()) } {
            true => Ok(()),
            false => Err(ENOENT),
        }
    }

    /// Unpins the pages of `run`, which [`Self::pin_pages`] of this device has pinned in one call.
    pub fn unpin_pages(&self, run: PinnedRange) {
        let Ok(count) = c_int::try_from(run.count()) else {
            return;
        };

        // SAFETY: The device is open. By the invariants of `PinnedRange`, which cannot be copied, there
        // is at least one page, and one call has pinned them all; the product was the argument of that
        // call, so that it does not wrap.
        unsafe {
            bindings::vfio_unpin_pages(self.0.as_raw(), run.first().wrapping_mul(PAGE_SIZE), count)
        };
    }
}

impl<T: Operations> Deref for Open<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}
