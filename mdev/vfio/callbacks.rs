// SPDX-License-Identifier: GPL-2.0

//! What the VFIO core calls.

use super::{
    Device,
    Open,
    Operations,
    Trigger, //
};
use crate::{
    bindings,
    eventfd::EventFd, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ioctl::_IO,
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

    /// # Safety
    ///
    /// `vdev` must be a device made by [`Device::new`] that is open.
    unsafe fn opened<'a>(vdev: *mut bindings::vfio_device) -> Open<'a, T> {
        // INVARIANT: By the function's requirement.
        // SAFETY: By the function's requirement.
        Open(unsafe { Self::from_raw(vdev) })
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn release_callback(vdev: *mut bindings::vfio_device) {
        let this = vdev.cast::<Self>();

        // SAFETY: The last reference is gone; the core frees the memory after this, when no work item
        // is left that uses it.
        unsafe {
            if (*this).ready {
                (*this).wait_for_work();
                (*this).data.assume_init_drop();
            }
        }
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn open_device_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: The core calls this for a valid device, which counts as open during it.
        let dev = unsafe { Self::opened(vdev) };

        from_result(|| {
            T::open(&dev)?;
            dev.0.set_open(true);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn close_device_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: The core calls this for a valid device, which still counts as open.
        let dev = unsafe { Self::opened(vdev) };

        // Until the driver has let go of all pages, it is to be called for memory that is unmapped.
        T::close(&dev);
        dev.0.set_open(false);
        dev.0.wait_for_work();
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn read_callback(
        vdev: *mut bindings::vfio_device,
        buffer: *mut c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The core calls this for a device that is open, with a valid position.
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
    /// Only for the VFIO core to call.
    unsafe extern "C" fn write_callback(
        vdev: *mut bindings::vfio_device,
        buffer: *const c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The core calls this for a device that is open, with a valid position.
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
    /// Only for the VFIO core to call.
    unsafe extern "C" fn ioctl_callback(
        vdev: *mut bindings::vfio_device,
        command: c_uint,
        argument: c_ulong,
    ) -> c_long {
        // SAFETY: The core calls this for a device that is open.
        let dev = unsafe { Self::opened(vdev) };
        let argument = UserPtr::from_addr(argument);

        let result = from_result(|| {
            match command {
                GET_INFO => Self::get_info(argument),
                GET_IRQ_INFO => Self::get_irq_info(argument),
                SET_IRQS => Self::set_irqs(&dev, argument),
                RESET => T::reset(&dev),
                _ => Err(ENOTTY),
            }
            .map(|()| 0i16)
        });
        c_long::from(result)
    }

    fn get_info(argument: UserPtr) -> Result {
        let (mut from, mut to) = UserSlice::new(argument, 16).reader_writer();
        let [argsz, ..] = from.read::<[u32; 4]>()?;
        if argsz < 16 {
            return Err(EINVAL);
        }

        let flags = T::FLAGS | bindings::VFIO_DEVICE_FLAGS_RESET;
        to.write(&[argsz, flags, T::REGIONS, T::IRQS])
    }

    fn get_irq_info(argument: UserPtr) -> Result {
        let (mut from, mut to) = UserSlice::new(argument, 16).reader_writer();
        let [argsz, _, index, _] = from.read::<[u32; 4]>()?;
        if argsz < 16 || index >= T::IRQS {
            return Err(EINVAL);
        }

        to.write(&[argsz, bindings::VFIO_IRQ_INFO_EVENTFD, index, 1])
    }

    fn set_irqs(dev: &Open<'_, T>, argument: UserPtr) -> Result {
        const HEADER_LEN: usize = 20;

        let mut header = UserSlice::new(argument, HEADER_LEN).reader();
        let [argsz, flags, index, start, count] = header.read::<[u32; 5]>()?;
        let mut header = bindings::vfio_irq_set {
            argsz,
            flags,
            index,
            start,
            count,
            ..Default::default()
        };
        let mut data_len = 0;

        // SAFETY: Both pointers are valid.
        to_result(unsafe {
            bindings::vfio_set_irqs_validate_and_prepare(
                &mut header,
                1,
                c_int::try_from(T::IRQS)?,
                &mut data_len,
            )
        })?;
        if flags & bindings::VFIO_IRQ_SET_ACTION_TRIGGER == 0 {
            return Err(EINVAL);
        }

        let data = argument.wrapping_byte_add(HEADER_LEN);
        let trigger = match flags & bindings::VFIO_IRQ_SET_DATA_TYPE_MASK {
            bindings::VFIO_IRQ_SET_DATA_NONE => Trigger::Signal,
            bindings::VFIO_IRQ_SET_DATA_BOOL => {
                match UserSlice::new(data, 1).reader().read::<u8>()? {
                    0 => Trigger::Nothing,
                    _ => Trigger::Signal,
                }
            }
            bindings::VFIO_IRQ_SET_DATA_EVENTFD => {
                match UserSlice::new(data, 4).reader().read::<i32>()? {
                    -1 => Trigger::Set(None),
                    fd if fd >= 0 => Trigger::Set(Some(EventFd::from_fd(fd)?)),
                    _ => return Err(EINVAL),
                }
            }
            _ => return Err(EINVAL),
        };

        T::set_irq(dev, index, trigger)
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn get_region_info_caps_callback(
        _vdev: *mut bindings::vfio_device,
        info: *mut bindings::vfio_region_info,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: The core passes a valid structure of its own.
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
                // The core adds the flag that there is one.
                let mut capability = bindings::vfio_region_info_cap_type {
                    type_,
                    subtype,
                    ..Default::default()
                };
                capability.header.id = bindings::VFIO_REGION_INFO_CAP_TYPE as u16;
                capability.header.version = 1;

                // SAFETY: The core passes valid capabilities of its own; `capability` begins with
                // its header.
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
    /// Only for the VFIO core to call.
    unsafe extern "C" fn request_callback(vdev: *mut bindings::vfio_device, count: c_uint) {
        // SAFETY: The core calls this for a valid device.
        T::request(unsafe { Self::from_raw(vdev) }, count);
    }

    /// # Safety
    ///
    /// Only for the VFIO core to call.
    unsafe extern "C" fn dma_unmap_callback(vdev: *mut bindings::vfio_device, iova: u64, len: u64) {
        // SAFETY: The core calls this for a valid device.
        unsafe { Self::from_raw(vdev) }.unmap(iova, len);
    }
}

const fn command(number: u32) -> u32 {
    _IO(bindings::VFIO_TYPE as u32, bindings::VFIO_BASE + number)
}

const GET_INFO: u32 = command(7);
const GET_IRQ_INFO: u32 = command(9);
const SET_IRQS: u32 = command(10);
const RESET: u32 = command(11);
