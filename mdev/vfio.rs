// SPDX-License-Identifier: GPL-2.0

//! Abstractions for VFIO devices without an IOMMU of their own.
//!
//! A driver implements the trait [`Operations`]; the implementing type is the data of the device.
//! While a user has the device open, the callbacks get an [`Open`], through which they read and pin
//! the memory that the user has mapped for the device.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

mod callbacks;
mod ioctl;
mod open;
mod pin_exclusion;
mod unmap;
mod work;

pub use {
    open::Open,
    work::WorkRequester, //
};

use crate::{
    bindings,
    eventfd::EventFd, //
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
use work::Work;

/// A region of a device, as `VFIO_DEVICE_GET_REGION_INFO` describes it. Every region is readable.
pub struct Region {
    /// The offset of the region in the file of the device.
    pub offset: u64,
    /// The length of the region in bytes.
    pub size: u64,
    /// Set if the region is writable.
    pub writable: bool,
    /// The type (`VFIO_REGION_TYPE_*`) and subtype of a region whose index does not tell what it
    /// is.
    pub kind: Option<(u32, u32)>,
}

/// A request for an interrupt by `VFIO_DEVICE_SET_IRQS`.
pub enum Trigger {
    /// Signal the interrupt now.
    Signal,
    /// Do nothing.
    Nothing,
    /// Signal the interrupt through this event from now on, or not at all.
    Set(Option<EventFd>),
}

/// The operations of a VFIO device.
///
/// The value of the implementing type is the driver's data of the device.
///
/// # Examples
///
/// A device that has one region with a text, and no interrupt:
///
/// ```
/// use kernel::{
///     prelude::*,
///     uaccess::{
///         UserSliceReader,
///         UserSliceWriter, //
///     },
/// };
/// use mdev::vfio::{
///     Open,
///     Operations,
///     Region,
///     Trigger, //
/// };
///
/// struct Text {
///     bytes: &'static [u8; 16],
/// }
///
/// impl Operations for Text {
///     const NAME: &'static CStr = c"text";
///     const FLAGS: u32 = 0;
///     const REGIONS: u32 = 1;
///     const IRQS: u32 = 0;
///
///     fn open(_dev: &Open<'_, Self>) -> Result {
///         Ok(())
///     }
///
///     fn close(_dev: &Open<'_, Self>) {}
///
///     fn read(dev: &Open<'_, Self>, position: u64, mut to: UserSliceWriter) -> Result<usize> {
///         let rest = dev.bytes.get(usize::try_from(position)?..).ok_or(EINVAL)?;
///         let count = rest.len().min(to.len());
///         to.write_slice(&rest[..count])?;
///         Ok(count)
///     }
///
///     fn write(_dev: &Open<'_, Self>, _position: u64, _from: UserSliceReader) -> Result<usize> {
///         Err(EINVAL)
///     }
///
///     fn region(_index: u32) -> Option<Region> {
///         Some(Region {
///             offset: 0,
///             size: 16,
///             writable: false,
///             kind: None,
///         })
///     }
///
///     fn set_irq(_dev: &Open<'_, Self>, _index: u32, _trigger: Trigger) -> Result {
///         Err(EINVAL)
///     }
///
///     fn reset(_dev: &Open<'_, Self>) -> Result {
///         Ok(())
///     }
///
///     // No page is ever pinned, so that there is none to unpin.
///     fn dma_unmap(_dev: &Open<'_, Self>, _iova: u64, _len: u64) {}
/// }
/// ```
pub trait Operations: Sized + Send + Sync + 'static {
    /// The name of the driver, as VFIO knows it.
    const NAME: &'static CStr;

    /// The kind of device: `VFIO_DEVICE_FLAGS_*` without `VFIO_DEVICE_FLAGS_RESET`, which all
    /// devices have.
    const FLAGS: u32;

    /// The number of regions.
    const REGIONS: u32;

    /// The number of interrupts. Each can be signalled through one event.
    const IRQS: u32;

    /// Called when the first user opens the device.
    fn open(dev: &Open<'_, Self>) -> Result;

    /// Called when the last user has closed the device.
    fn close(dev: &Open<'_, Self>);

    /// Reads from `position` of the device's file. Returns the number of bytes.
    fn read(dev: &Open<'_, Self>, position: u64, to: UserSliceWriter) -> Result<usize>;

    /// Writes to `position` of the device's file. Returns the number of bytes.
    fn write(dev: &Open<'_, Self>, position: u64, from: UserSliceReader) -> Result<usize>;

    /// Returns the description of region `index`, which is less than [`Operations::REGIONS`].
    fn region(index: u32) -> Option<Region>;

    /// Sets how interrupt `index`, which is less than [`Operations::IRQS`], is signalled.
    fn set_irq(dev: &Open<'_, Self>, index: u32, trigger: Trigger) -> Result;

    /// Resets the device.
    fn reset(dev: &Open<'_, Self>) -> Result;

    /// Called from a work queue when the user unmaps `len` bytes from `iova` on.
    ///
    /// When this returns, no page of that range may be pinned any more. It may take 18 minutes at
    /// most. Until then, and until the user's call returns, [`Open::pin_pages`] returns `EAGAIN`.
    /// [`Open::dma_read`] does not: it pins nothing.
    fn dma_unmap(dev: &Open<'_, Self>, iova: u64, len: u64);

    /// Called from a work queue after each [`WorkRequester::request`], but once for several of
    /// them.
    ///
    /// It fails where it waits for memory of the user for more than ten seconds, or when the device
    /// is closed. Closing the device waits for it after [`Operations::close`].
    fn work(dev: &Open<'_, Self>) {
        let _ = dev;
    }

    /// Called repeatedly while the device is to be unregistered and its user has it open.
    fn request(dev: &Device<Self>, count: u32) {
        let _ = (dev, count);
    }
}

/// A VFIO device.
///
/// `#[repr(C)]` with the `vfio_device` at offset 0, as `_vfio_alloc_device()` requires.
///
/// # Invariants
///
/// - `vdev` is initialised by the VFIO core, which counts the references to it and owns the memory.
/// - `unmap`, `work` and `data` are initialised if `ready` is true. It is true for each instance
///   that a reference outside of `Device::new` exists to.
#[repr(C)]
pub struct Device<T: Operations> {
    vdev: Opaque<bindings::vfio_device>,
    ready: bool,
    unmap: MaybeUninit<Unmap>,
    work: MaybeUninit<Work>,
    data: MaybeUninit<T>,
}

impl<T: Operations> Device<T> {
    /// Creates a device for `parent`, without registering it.
    ///
    /// Only [`mediated`](crate::mediated) calls this, which registers the device once, for that
    /// `parent`.
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

        // SAFETY: `VTABLE` is static, and `parent` is a valid device. The core allocates zeroed
        // memory. The size is padded, so that the allocation satisfies the alignment of `Self`.
        let raw = from_err_ptr(unsafe {
            bindings::_vfio_alloc_device(
                layout.size(),
                core::ptr::from_ref(parent).cast_mut().cast(),
                &Self::VTABLE,
            )
        })?;
        let this = NonNull::new(raw.cast::<Self>()).ok_or(ENOMEM)?;

        // SAFETY: The core has returned the initial reference, which the `ARef` owns. `ready` is
        // zero, that is `false`, so that dropping the reference does not drop `data`.
        let dev = unsafe { ARef::from_raw(this) };

        // INVARIANT: `ready` is only set after `unmap`, `work` and `data` are initialised.
        // SAFETY: `this` points to memory that only this function knows of yet. It never moves, as
        // the core frees it where it is. `Unmap::new` and `Work::new` initialise the fields `unmap`
        // and `work` of this device.
        unsafe {
            let this = this.as_ptr();
            pin_init::raw_try_init((&raw mut (*this).unmap).cast(), Unmap::new::<T>())?;
            pin_init::raw_try_init((&raw mut (*this).work).cast(), Work::new::<T>())?;
            pin_init::raw_try_init((&raw mut (*this).data).cast::<T>(), data)?;
            (*this).ready = true;
        }
        Ok(dev)
    }

    /// Returns a pointer to the C structure.
    fn as_raw(&self) -> *mut bindings::vfio_device {
        self.vdev.get()
    }

    /// Returns the device that a C structure is in.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid `vfio_device` that a successful call of [`Device::new`] has created,
    /// for as long as the reference is used.
    unsafe fn from_raw<'a>(raw: *mut bindings::vfio_device) -> &'a Self {
        // SAFETY: By the safety requirements of this function, `raw` is in a valid instance, at
        // offset 0.
        unsafe { &*raw.cast() }
    }

    /// Registers the device, which makes it known to users.
    ///
    /// # Safety
    ///
    /// The device must never have been registered before. Its parent must be bound until the device
    /// is unregistered.
    pub(crate) unsafe fn register(&self) -> Result {
        // SAFETY: By the type invariants, `vdev` is initialised. By the safety requirements of this
        // function, it is not registered yet, and its parent stays bound.
        to_result(unsafe { bindings::vfio_register_emulated_iommu_dev(self.as_raw()) })
    }

    /// Unregisters the device, after waiting until its users have closed it.
    ///
    /// # Safety
    ///
    /// The device must be registered.
    pub(crate) unsafe fn unregister(&self) {
        // SAFETY: By the safety requirements of this function, the device is registered.
        unsafe { bindings::vfio_unregister_group_dev(self.as_raw()) };
        self.wait_for_unmaps();
    }
}

impl<T: Operations> Deref for Device<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, `data` is initialised, as a reference exists.
        unsafe { self.data.assume_init_ref() }
    }
}

// SAFETY: The VFIO core counts the references in the embedded `struct device`, and frees the memory
// when there is none any more.
unsafe impl<T: Operations> AlwaysRefCounted for Device<T> {
    fn inc_ref(&self) {
        // SAFETY: The existence of a shared reference guarantees that the reference count is not
        // zero.
        unsafe { bindings::mdev_vfio_get_device(self.as_raw()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The safety requirements of this function guarantee that the caller owns a
        // reference, which is dropped here. `vdev` is at offset 0.
        unsafe { bindings::mdev_vfio_put_device(obj.cast().as_ptr()) };
    }
}

// SAFETY: A `Device` is reference-counted by the VFIO core and can be released from any thread. `T`
// is `Send` by the bounds of `Operations`.
unsafe impl<T: Operations> Send for Device<T> {}

// SAFETY: Shared access to the embedded `vfio_device` is protected by the locks of the VFIO core.
// `Unmap` and `Work` are `Sync`, and so is `T` by the bounds of `Operations`.
unsafe impl<T: Operations> Sync for Device<T> {}
