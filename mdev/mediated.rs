// SPDX-License-Identifier: GPL-2.0

//! Abstractions for mediated devices.
//!
//! A [`Parent`] is a device on which users create mediated devices through sysfs. A [`Driver`]
//! makes a VFIO device for each of them.
//!
//! C header: [`include/linux/mdev.h`](srctree/include/linux/mdev.h)

use crate::{
    binding::WhileBound,
    bindings,
    vfio, //
};
use core::ptr::NonNull;
use kernel::{
    device,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::Opaque,
    ThisModule, //
};

/// A driver of mediated devices of one type.
pub trait Driver: Sized + 'static {
    /// What the parent device provides for its mediated devices.
    type Parent: Send + Sync + 'static;

    /// The VFIO device of a mediated device.
    type Device: vfio::Operations;

    /// The VFIO API that the devices have, for the attribute `device_api` of the type.
    const DEVICE_API: &'static CStr;

    /// The type's name in sysfs, without the driver's name in front.
    const TYPE_NAME: &'static CStr;

    /// The type's name for people.
    const PRETTY_NAME: &'static CStr;

    /// How many mediated devices a parent can have.
    const MAX_INSTANCES: u32;

    /// Returns an initialiser of the VFIO device of the new mediated device `dev`.
    ///
    /// The VFIO device is allocated and registered by the abstraction: it is a new one each time, and
    /// `dev` is its parent.
    fn probe(
        dev: &device::Device<device::Bound>,
        parent: &Self::Parent,
    ) -> impl PinInit<Self::Device, Error>;

    /// The name of a number that each device has, for the administrator to see and set: an attribute
    /// of the mediated device in sysfs.
    const SETTING: &'static CStr;

    /// Returns that number.
    fn setting(dev: &Self::Device) -> usize;

    /// Sets that number.
    fn set_setting(dev: &Self::Device, value: usize) -> Result;

    /// Called before the VFIO device is unregistered, which waits for its users.
    fn remove(dev: &vfio::Device<Self::Device>) {
        let _ = dev;
    }
}

/// The registration of a driver of mediated devices.
///
/// Every registered [`Parent`] holds a reference to it, so that it outlives them.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    #[pin]
    raw: Opaque<bindings::mdev_driver>,
    _driver: core::marker::PhantomData<T>,
}

// SAFETY: `raw` is only touched on registration and unregistration.
unsafe impl<T: Driver> Sync for Registration<T> {}

// SAFETY: Registering and unregistering may be done from any thread.
unsafe impl<T: Driver> Send for Registration<T> {}

impl<T: Driver> Registration<T> {
    const SETTING: &'static bindings::device_attribute = &bindings::device_attribute {
        attr: {
            let mut attribute: bindings::attribute = pin_init::zeroed();
            attribute.name = T::SETTING.to_bytes_with_nul().as_ptr().cast();
            attribute.mode = 0o644;
            attribute
        },
        __bindgen_anon_1: bindings::device_attribute__bindgen_ty_1 {
            show: Some(Self::show_callback),
        },
        __bindgen_anon_2: bindings::device_attribute__bindgen_ty_2 {
            store: Some(Self::store_callback),
        },
    };

    const ATTRIBUTES: &'static [*const bindings::attribute; 2] =
        &[&raw const Self::SETTING.attr, core::ptr::null()];

    const GROUP: &'static bindings::attribute_group = &bindings::attribute_group {
        __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
            attrs_const: Self::ATTRIBUTES.as_ptr(),
        },
        ..pin_init::zeroed()
    };

    const GROUPS: &'static [*const bindings::attribute_group; 2] =
        &[core::ptr::from_ref(Self::GROUP), core::ptr::null()];

    /// Registers the driver under `name`, for the module called `module_name`.
    pub fn new(name: &'static CStr, module: &'static ThisModule) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                raw <- Opaque::try_ffi_init(|raw: *mut bindings::mdev_driver| {
                    let mut drv = bindings::mdev_driver {
                        device_api: T::DEVICE_API.as_char_ptr(),
                        max_instances: T::MAX_INSTANCES,
                        probe: Some(Self::probe_callback),
                        remove: Some(Self::remove_callback),
                        ..bindings::mdev_driver::default()
                    };
                    drv.driver.name = name.as_char_ptr();
                    drv.driver.owner = module.as_ptr();
                    drv.driver.dev_groups = Self::GROUPS.as_ptr();

                    // SAFETY: `raw` is valid for writing.
                    unsafe { raw.write(drv) };

                    // SAFETY: `raw` is initialised, and pinned until it is unregistered on drop.
                    to_result(unsafe { bindings::mdev_register_driver(raw) })
                }),
                _driver: core::marker::PhantomData,
            }),
            GFP_KERNEL,
        )
    }

    /// # Safety
    ///
    /// `dev` must be a device that `probe_callback` has bound, and that stays bound.
    unsafe fn device<'a>(dev: *mut bindings::device) -> &'a T::Device {
        // SAFETY: By the function's requirement the driver data is a VFIO device.
        unsafe { &*bindings::dev_get_drvdata(dev).cast::<vfio::Device<T::Device>>() }
    }

    /// # Safety
    ///
    /// Only for the driver core to call.
    unsafe extern "C" fn show_callback(
        dev: *mut bindings::device,
        _attribute: *mut bindings::device_attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: The driver core makes the attribute after the device was bound, and takes it away
        // before the device is unbound.
        let value = T::setting(unsafe { Self::device(dev) });

        // SAFETY: The page is what the driver core wants to be written to.
        unsafe { bindings::mdev_emit_number(page, value) }
    }

    /// # Safety
    ///
    /// Only for the driver core to call.
    unsafe extern "C" fn store_callback(
        dev: *mut bindings::device,
        _attribute: *mut bindings::device_attribute,
        text: *const c_char,
        len: usize,
    ) -> isize {
        // SAFETY: As above.
        let dev = unsafe { Self::device(dev) };
        // SAFETY: The driver core passes text of that length.
        let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };

        from_result(|| {
            let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
            let value = text.trim().parse().map_err(|_| EINVAL)?;
            T::set_setting(dev, value)?;
            Ok(isize::try_from(len)?)
        })
    }

    /// # Safety
    ///
    /// Only for the mdev core to call.
    unsafe extern "C" fn probe_callback(mdev: *mut bindings::mdev_device) -> c_int {
        from_result(|| {
            // SAFETY: The mdev core binds only devices of a type that a `ParentRegistration<T>` has
            // registered with this driver, and passes them while they are being bound.
            let (dev, parent) = unsafe {
                let parent = (*(*mdev).type_).parent;
                let parent = Opaque::cast_from(parent.cast_const());
                (
                    device::Device::<device::Bound>::from_raw(&raw mut (*mdev).dev),
                    &*kernel::container_of!(parent, ParentRegistration<T>, raw),
                )
            };

            let vdev = vfio::Device::new(dev, T::probe(dev, &parent.data))?;
            // SAFETY: The device is new, and its parent is the mediated device that is being bound.
            unsafe { vdev.register() }?;

            // SAFETY: `mdev` is valid.
            unsafe {
                bindings::dev_set_drvdata(
                    &raw mut (*mdev).dev,
                    ARef::into_raw(vdev).as_ptr().cast(),
                )
            };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Only for the mdev core to call.
    unsafe extern "C" fn remove_callback(mdev: *mut bindings::mdev_device) {
        // SAFETY: The mdev core passes a device that `probe_callback` has bound.
        let vdev = unsafe { bindings::dev_get_drvdata(&raw const (*mdev).dev) };
        let Some(vdev) = NonNull::new(vdev.cast::<vfio::Device<T::Device>>()) else {
            return;
        };

        // SAFETY: The pointer comes from `ARef::into_raw` in `probe_callback`.
        let vdev = unsafe { ARef::from_raw(vdev) };

        T::remove(&vdev);

        // SAFETY: `probe_callback` has registered it.
        unsafe { vdev.unregister() };
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `raw` is registered, as the value exists.
        unsafe { bindings::mdev_unregister_driver(self.raw.get()) };
    }
}

/// A device on which mediated devices of one type can be created.
///
/// It is one [while it is bound](WhileBound). When it is unbound, its mediated devices are removed,
/// after their users are gone.
pub struct Parent<T: Driver> {
    driver: Arc<Registration<T>>,
    data: T::Parent,
}

impl<T: Driver> Parent<T> {
    /// Returns a parent of mediated devices of the registered driver.
    pub fn new(driver: Arc<Registration<T>>, data: T::Parent) -> Self {
        Self { driver, data }
    }
}

impl<T: Driver> WhileBound for Parent<T> {
    type Registration = Pin<KBox<ParentRegistration<T>>>;

    unsafe fn register(self, dev: &device::Device<device::Bound>) -> Result<Self::Registration> {
        ParentRegistration::new(dev, self)
    }
}

/// The registration of a [`Parent`].
///
/// # Invariants
///
/// `raw` is registered for `dev`, with `driver` and the one type `ty`, to which a reference is held.
#[pin_data(PinnedDrop)]
pub struct ParentRegistration<T: Driver> {
    driver: Arc<Registration<T>>,
    dev: ARef<device::Device>,
    data: T::Parent,
    #[pin]
    ty: Opaque<bindings::mdev_type>,
    types: [*mut bindings::mdev_type; 1],
    #[pin]
    raw: Opaque<bindings::mdev_parent>,
}

// SAFETY: The C structures are only touched on registration and unregistration, or by the mdev
// core under its own locks.
unsafe impl<T: Driver> Sync for ParentRegistration<T> {}

// SAFETY: Registering and unregistering may be done from any thread.
unsafe impl<T: Driver> Send for ParentRegistration<T> {}

impl<T: Driver> ParentRegistration<T> {
    fn new(dev: &device::Device<device::Bound>, parent: Parent<T>) -> Result<Pin<KBox<Self>>> {
        let Parent { driver, data } = parent;

        KBox::pin_init(
            try_pin_init!(&this in Self {
                dev: dev.into(),
                data,
                ty <- Opaque::ffi_init(|ty: *mut bindings::mdev_type| {
                    let value = bindings::mdev_type {
                        sysfs_name: T::TYPE_NAME.as_char_ptr(),
                        pretty_name: T::PRETTY_NAME.as_char_ptr(),
                        ..bindings::mdev_type::default()
                    };

                    // SAFETY: `ty` is valid for writing.
                    unsafe { ty.write(value) }
                }),
                // SAFETY: `this` is valid, and pinned.
                types: [unsafe { Opaque::cast_into(&raw const (*this.as_ptr()).ty) }],
                raw <- {
                    let driver = driver.raw.get();

                    Opaque::try_ffi_init(move |raw: *mut bindings::mdev_parent| -> Result {
                        // SAFETY: `raw`, `types` and `ty` are pinned, and valid until `drop` has
                        // unregistered the parent and found that nobody uses them any more; `dev` is
                        // referenced and `driver` is registered as long. `ty` is initialised by a
                        // registration that does not fail.
                        unsafe {
                            to_result(bindings::mdev_register_parent(
                                raw,
                                core::ptr::from_ref::<device::Device>(&(*this.as_ptr()).dev)
                                    .cast_mut()
                                    .cast(),
                                driver,
                                (&raw mut (*this.as_ptr()).types).cast(),
                                1,
                            ))?;
                            bindings::mdev_type_get((*this.as_ptr()).ty.get());
                        }
                        Ok(())
                    })
                },
                driver,
            }? Error),
            GFP_KERNEL,
        )
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for ParentRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        // A mediated device may be released after this has removed it, when the last reference to it is
        // dropped. That uses `ty`, `raw` and the driver. Each mediated device has a reference to `ty`,
        // and dropping it is the last use.
        //
        // SAFETY: By the type invariant `raw` is registered, and the reference to `ty` is ours.
        unsafe {
            bindings::mdev_unregister_parent(self.raw.get());
            bindings::mdev_type_put_last(self.ty.get());
        }
    }
}
