// SPDX-License-Identifier: GPL-2.0

//! The ioctls of a VFIO device.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

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
use core::mem::{
    offset_of,
    size_of, //
};
use kernel::{
    error::to_result,
    ioctl::_IO,
    num::casts::u32_as_usize,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// Returns the number of an ioctl. The header defines the numbers by `_IO()`, which bindgen cannot
/// evaluate.
const fn vfio_io(number: u32) -> u32 {
    // CAST: This is lossless, but there is no conversion in a `const fn`.
    _IO(bindings::VFIO_TYPE as u32, bindings::VFIO_BASE + number)
}

const VFIO_DEVICE_GET_INFO: u32 = vfio_io(7);
const VFIO_DEVICE_GET_IRQ_INFO: u32 = vfio_io(9);
const VFIO_DEVICE_SET_IRQS: u32 = vfio_io(10);
const VFIO_DEVICE_RESET: u32 = vfio_io(11);

/// The size in bytes of `struct vfio_device_info`, up to and with the last field that each user
/// knows.
const DEVICE_INFO_SIZE: usize = offset_of!(bindings::vfio_device_info, num_irqs) + size_of::<u32>();

/// The size in bytes of `struct vfio_irq_info`.
const IRQ_INFO_SIZE: usize = size_of::<bindings::vfio_irq_info>();

/// The size in bytes of `struct vfio_irq_set` without the data behind it.
const IRQ_SET_SIZE: usize = offset_of!(bindings::vfio_irq_set, data);

/// The number of fields in structures of these sizes, which consist of fields of 32 bits.
const fn fields(size: usize) -> usize {
    size / size_of::<u32>()
}

/// The number of interrupts with the same index.
const IRQS_PER_INDEX: u32 = 1;

impl<T: Operations> Device<T> {
    /// Executes the ioctl `command`.
    pub(super) fn ioctl(dev: &Open<'_, T>, command: u32, argument: UserPtr) -> Result {
        match command {
            VFIO_DEVICE_GET_INFO => Self::get_info(argument),
            VFIO_DEVICE_GET_IRQ_INFO => Self::get_irq_info(argument),
            VFIO_DEVICE_SET_IRQS => Self::set_irqs(dev, argument),
            VFIO_DEVICE_RESET => T::reset(dev),
            _ => Err(ENOTTY),
        }
    }

    fn get_info(argument: UserPtr) -> Result {
        let (mut from, mut to) = UserSlice::new(argument, DEVICE_INFO_SIZE).reader_writer();
        let [argsz, ..] = from.read::<[u32; fields(DEVICE_INFO_SIZE)]>()?;
        if u32_as_usize(argsz) < DEVICE_INFO_SIZE {
            return Err(EINVAL);
        }

        let flags = T::FLAGS | bindings::VFIO_DEVICE_FLAGS_RESET;
        let info: [u32; fields(DEVICE_INFO_SIZE)] = [argsz, flags, T::REGIONS, T::IRQS];
        to.write(&info)
    }

    fn get_irq_info(argument: UserPtr) -> Result {
        let (mut from, mut to) = UserSlice::new(argument, IRQ_INFO_SIZE).reader_writer();
        let [argsz, _flags, index, _count] = from.read::<[u32; fields(IRQ_INFO_SIZE)]>()?;
        if u32_as_usize(argsz) < IRQ_INFO_SIZE || index >= T::IRQS {
            return Err(EINVAL);
        }

        let flags = bindings::VFIO_IRQ_INFO_EVENTFD;
        let info: [u32; fields(IRQ_INFO_SIZE)] = [argsz, flags, index, IRQS_PER_INDEX];
        to.write(&info)
    }

    fn set_irqs(dev: &Open<'_, T>, argument: UserPtr) -> Result {
        let mut header = UserSlice::new(argument, IRQ_SET_SIZE).reader();
        let [argsz, flags, index, start, count] = header.read::<[u32; fields(IRQ_SET_SIZE)]>()?;
        let mut header = bindings::vfio_irq_set {
            argsz,
            flags,
            index,
            start,
            count,
            ..Default::default()
        };
        let mut data_size = 0;

        // SAFETY: `header` and `data_size` are valid for reading and writing. The function reads
        // nothing behind `header`.
        to_result(unsafe {
            bindings::vfio_set_irqs_validate_and_prepare(
                &mut header,
                c_int::try_from(IRQS_PER_INDEX)?,
                c_int::try_from(T::IRQS)?,
                &mut data_size,
            )
        })?;
        if flags & bindings::VFIO_IRQ_SET_ACTION_TRIGGER == 0 {
            return Err(EINVAL);
        }

        let data = argument.wrapping_byte_add(IRQ_SET_SIZE);
        let trigger = match flags & bindings::VFIO_IRQ_SET_DATA_TYPE_MASK {
            bindings::VFIO_IRQ_SET_DATA_NONE => Trigger::Signal,
            bindings::VFIO_IRQ_SET_DATA_BOOL => {
                match UserSlice::new(data, size_of::<u8>())
                    .reader()
                    .read::<u8>()?
                {
                    0 => Trigger::Nothing,
                    _ => Trigger::Signal,
                }
            }
            bindings::VFIO_IRQ_SET_DATA_EVENTFD => {
                match UserSlice::new(data, size_of::<i32>())
                    .reader()
                    .read::<i32>()?
                {
                    -1 => Trigger::Set(None),
                    fd if fd >= 0 => Trigger::Set(Some(EventFd::from_fd(fd)?)),
                    _ => return Err(EINVAL),
                }
            }
            _ => return Err(EINVAL),
        };

        T::set_irq(dev, index, trigger)
    }
}
