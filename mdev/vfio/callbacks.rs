// SPDX-License-Identifier: GPL-2.0

//! The callbacks of the VFIO core.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use super::{
    Device,
    Open,
    Operations, //
};
use crate::bindings;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

impl<T: Operations> Device<T> {
    pub(super) const VTABLE: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: T::NAME.to_bytes_with_nul().as_ptr().cast_mut(),
        release: Some(Self::release_callback),
        #[cfg(CONFIG_IOMMUFD)]
        bind_iommufd: Some(bindings::vfio_iommufd_emulated_bind),
        #[cfg(CONFIG_IOMMUFD)]
        unbind_iommufd: Some(bindings::vfio_iommufd_emulated_unbind),
        #[cfg(CONFIG_IOMMUFD)]
        attach_ioas: Some(bindings::vfio_iommufd_emulated_attach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        detach_ioas: Some(bindings::vfio_iommufd_emulated_detach_ioas),
        open_device: Some(Self::open_device_callback),
        close_device: Some(Self::close_device_callback),
        read: Some(Self::read_callback),
        write: Some(Self::write_callback),
        ioctl: Some(Self::ioctl_callback),
        get_region_info_caps: Some(Self::get_region_info_caps_callback),
        request: Some(Self::request_callback),
        dma_unmap: Some(Self::dma_unmap_callback),
        ..pin_init::zeroed()
    };

    /// Returns a proof that the device that a C structure is in is open.
    ///
    /// # Safety
    ///
    /// `vdev` must be a valid `vfio_device` that a successful call of [`Device::new`] has created,
    /// and it must be open for as long as the value lives.
    unsafe fn opened<'a>(vdev: *mut bindings::vfio_device) -> Open<'a, T> {
        // SAFETY: By the safety requirements of this function, `vdev` comes from `Device::new`, and
        // is open.
        unsafe { Open::new(Self::from_raw(vdev)) }
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, when the last reference to a device of [`Device::new`]
    /// was dropped.
    unsafe extern "C" fn release_callback(vdev: *mut bindings::vfio_device) {
        let this = vdev.cast::<Self>();

        // SAFETY: `vdev` is at offset 0 of an instance. By the type invariants, its fields are
        // initialised if `ready` is true. As there is no reference any more, nothing uses `data`
        // when no work item is left. The core frees the memory after this.
        unsafe {
            if (*this).ready {
                (*this).wait_for_work();
                (*this).wait_for_driver();
                (*this).data.assume_init_drop();
            }
        }
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`].
    unsafe extern "C" fn open_device_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: The core calls this for a registered device, and lets memory be read and pinned
        // through it from this callback on. Nothing keeps the value longer.
        let dev = unsafe { Self::opened(vdev) };

        from_result(|| {
            T::open(&dev)?;
            dev.device().set_open(true);
            dev.device().set_works(true);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`] that
    /// `open_device_callback` has opened.
    unsafe extern "C" fn close_device_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: The core calls this for a registered device, and lets memory be read and pinned
        // through it until this returns.
        let dev = unsafe { Self::opened(vdev) };

        // The driver may wait for its work when it closes the device.
        dev.device().cancel_work();
        // The driver must be called for memory that is unmapped until it has unpinned all pages.
        T::close(&dev);
        dev.device().set_works(false);
        dev.device().set_open(false);
        dev.device().wait_for_work();
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`] that is open.
    unsafe extern "C" fn read_callback(
        vdev: *mut bindings::vfio_device,
        buffer: *mut c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The core calls this for a device that a user has open until it returns, with a
        // valid pointer to the position.
        let (dev, position) = unsafe { (Self::opened(vdev), *position) };
        let user = UserSlice::new(UserPtr::from_ptr(buffer.cast()), count);

        from_result(|| {
            let position = u64::try_from(position)?;
            let count = T::read(&dev, position, user.writer())?;
            Ok(isize::try_from(count)?)
        })
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`] that is open.
    unsafe extern "C" fn write_callback(
        vdev: *mut bindings::vfio_device,
        buffer: *const c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The core calls this for a device that a user has open until it returns, with a
        // valid pointer to the position.
        let (dev, position) = unsafe { (Self::opened(vdev), *position) };
        let user = UserSlice::new(UserPtr::from_ptr(buffer.cast_mut().cast()), count);

        from_result(|| {
            let position = u64::try_from(position)?;
            let count = T::write(&dev, position, user.reader())?;
            Ok(isize::try_from(count)?)
        })
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`] that is open.
    unsafe extern "C" fn ioctl_callback(
        vdev: *mut bindings::vfio_device,
        command: c_uint,
        argument: c_ulong,
    ) -> c_long {
        // SAFETY: The core calls this for a device that a user has open until it returns.
        let dev = unsafe { Self::opened(vdev) };
        let argument = UserPtr::from_addr(argument);

        let result = from_result(|| Self::ioctl(&dev, command, argument).map(|()| 0i16));
        c_long::from(result)
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core.
    unsafe extern "C" fn get_region_info_caps_callback(
        _vdev: *mut bindings::vfio_device,
        info: *mut bindings::vfio_region_info,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: The core passes a pointer to an initialised structure on its stack, which nothing
        // else uses until this returns.
        let info = unsafe { &mut *info };

        from_result(|| {
            if info.index >= T::REGIONS {
                return Err(EINVAL);
            }
            let region = T::region(info.index).ok_or(EINVAL)?;

            info.offset = region.offset;
            info.size = region.size;
            info.flags = bindings::VFIO_REGION_INFO_FLAG_READ;
            if region.writable {
                info.flags |= bindings::VFIO_REGION_INFO_FLAG_WRITE;
            }
            if let Some((type_, subtype)) = region.kind {
                // The core adds the flag `VFIO_REGION_INFO_FLAG_CAPS`.
                let mut capability = bindings::vfio_region_info_cap_type {
                    type_,
                    subtype,
                    ..Default::default()
                };
                // CAST: The identifiers of capabilities fit the field that is for them.
                capability.header.id = bindings::VFIO_REGION_INFO_CAP_TYPE as u16;
                capability.header.version = 1;

                // SAFETY: The core passes a valid list of capabilities, which it frees itself.
                // `capability` begins with its header, is valid for its size, and is copied.
                to_result(unsafe {
                    bindings::vfio_info_add_capability(
                        caps,
                        (&raw mut capability).cast(),
                        core::mem::size_of_val(&capability),
                    )
                })?;
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Must only be called by the VFIO core, with a device of [`Device::new`].
    unsafe extern "C" fn request_callback(vdev: *mut bindings::vfio_device, count: c_uint) {
        // SAFETY: The core calls this for a registered device, which is valid until it returns.
        T::request(unsafe { Self::from_raw(vdev) }, count);
    }

    /// # Safety
    ///
    /// Must only be called by a back end of VFIO, with a device of [`Device::new`].
    unsafe extern "C" fn dma_unmap_callback(vdev: *mut bindings::vfio_device, iova: u64, len: u64) {
        // SAFETY: The back end calls this for a registered device, which is valid until it returns.
        unsafe { Self::from_raw(vdev) }.unmap(iova, len);
    }
}
