// SPDX-License-Identifier: GPL-2.0

//! Attributes of mediated devices in sysfs.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use super::Driver;
use crate::{
    bindings,
    vfio, //
};
use core::{
    marker::PhantomData,
    mem::offset_of,
    ptr, //
};
use kernel::{
    error::from_result,
    prelude::*, //
};

/// The most attributes that a driver can have.
pub const ATTRIBUTES_MAX: usize = 8;

/// An attribute that each mediated device of a [`Driver`] has in sysfs.
///
/// `D` is the data of the VFIO device.
///
/// # Invariants
///
/// `raw` has the callbacks of `Attribute<D>`.
#[repr(C)]
pub struct Attribute<D: vfio::Operations> {
    raw: bindings::device_attribute,
    show: fn(&D) -> usize,
    store: fn(&D, usize) -> Result,
}

impl<D: vfio::Operations> Attribute<D> {
    /// Returns an attribute that is a number, which everybody can read and the administrator can
    /// write.
    ///
    /// `show` returns the number, and `store` sets it. Writing what is not a number fails with
    /// `EINVAL`, without a call of `store`.
    pub const fn number(
        name: &'static CStr,
        show: fn(&D) -> usize,
        store: fn(&D, usize) -> Result,
    ) -> Self {
        let mut attr: bindings::attribute = pin_init::zeroed();
        attr.name = name.to_bytes_with_nul().as_ptr().cast();
        attr.mode = 0o644;

        // INVARIANT: The callbacks are those of this type.
        Self {
            raw: bindings::device_attribute {
                attr,
                __bindgen_anon_1: bindings::device_attribute__bindgen_ty_1 {
                    show: Some(Self::show_callback),
                },
                __bindgen_anon_2: bindings::device_attribute__bindgen_ty_2 {
                    store: Some(Self::store_callback),
                },
            },
            show,
            store,
        }
    }

    /// Returns the attribute that a C structure is in, and the data of the VFIO device.
    ///
    /// # Safety
    ///
    /// The driver core must be calling a callback of `attribute`, which is the field `raw` of an
    /// `Attribute<D>` in the table [`Driver::ATTRIBUTES`] of a registered driver. `dev` must be the
    /// device that it calls the callback for.
    unsafe fn from_raw<'a>(
        dev: *mut bindings::device,
        attribute: *mut bindings::device_attribute,
    ) -> (&'a Self, &'a D) {
        // SAFETY: By the safety requirements of this function, `attribute` is in a static instance,
        // at offset 0.
        let attribute = unsafe { &*attribute.cast::<Self>() };

        // SAFETY: The driver core creates the attributes after the device was bound, and removes
        // them before it is unbound. Meanwhile the driver data is a VFIO device with data of the
        // type `D`, which `probe_callback` of the registration has set.
        let vdev = unsafe { &*bindings::dev_get_drvdata(dev).cast::<vfio::Device<D>>() };

        (attribute, vdev)
    }

    /// # Safety
    ///
    /// Must only be called by the driver core, as a callback of an `Attribute<D>` in the table
    /// [`Driver::ATTRIBUTES`].
    unsafe extern "C" fn show_callback(
        dev: *mut bindings::device,
        attribute: *mut bindings::device_attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: By the safety requirements of this function, the driver core calls this for an
        // attribute of the table, with the device that has it.
        let (attribute, data) = unsafe { Self::from_raw(dev, attribute) };

        // SAFETY: The driver core passes a page to write to.
        unsafe { bindings::mdev_emit_number(page, (attribute.show)(data)) }
    }

    /// # Safety
    ///
    /// Must only be called by the driver core, as a callback of an `Attribute<D>` in the table
    /// [`Driver::ATTRIBUTES`].
    unsafe extern "C" fn store_callback(
        dev: *mut bindings::device,
        attribute: *mut bindings::device_attribute,
        text: *const c_char,
        len: usize,
    ) -> isize {
        // SAFETY: By the safety requirements of this function, the driver core calls this for an
        // attribute of the table, with the device that has it.
        let (attribute, data) = unsafe { Self::from_raw(dev, attribute) };

        // SAFETY: The driver core passes `len` bytes, which do not change until this returns.
        let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };

        from_result(|| {
            let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
            let value = text.trim().parse().map_err(|_| EINVAL)?;
            (attribute.store)(data, value)?;
            Ok(isize::try_from(len)?)
        })
    }
}

/// The C structures for [`Driver::ATTRIBUTES`].
struct Table<T: Driver>(PhantomData<T>);

impl<T: Driver> Table<T> {
    /// The attributes, with a null pointer behind the last.
    const ATTRIBUTES: &'static [*const bindings::attribute; ATTRIBUTES_MAX + 1] = &{
        // The callbacks of the driver core get a pointer to `raw`, and those of sysfs one to
        // `attr`.
        assert!(offset_of!(Attribute<T::Device>, raw) == 0);
        assert!(offset_of!(bindings::device_attribute, attr) == 0);

        let attributes = T::ATTRIBUTES;
        assert!(attributes.len() <= ATTRIBUTES_MAX);

        let mut pointers = [ptr::null(); ATTRIBUTES_MAX + 1];
        let mut index = 0;
        while index < attributes.len() {
            // CAST: The attribute is at offset 0. The pointer is to the whole instance, which the
            // callbacks use.
            pointers[index] = ptr::from_ref(&attributes[index]).cast();
            index += 1;
        }
        pointers
    };

    const GROUP: &'static bindings::attribute_group = &bindings::attribute_group {
        __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
            attrs_const: Self::ATTRIBUTES.as_ptr(),
        },
        ..pin_init::zeroed()
    };

    const GROUPS: &'static [*const bindings::attribute_group; 2] =
        &[ptr::from_ref(Self::GROUP), ptr::null()];
}

/// Returns the attribute groups of the devices of a driver, for `struct device_driver`.
pub(super) fn groups<T: Driver>() -> *mut *const bindings::attribute_group {
    if T::ATTRIBUTES.is_empty() {
        ptr::null_mut()
    } else {
        Table::<T>::GROUPS.as_ptr().cast_mut()
    }
}
