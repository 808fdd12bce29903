// SPDX-License-Identifier: GPL-2.0

//! Abstractions for mediated devices.
//!
//! A [`Parent`] is a device on which users create mediated devices through sysfs. A [`Driver`]
//! makes a VFIO device for each of them.
//!
//! C header: [`include/linux/mdev.h`](srctree/include/linux/mdev.h)

use crate::{
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

    /// Makes the VFIO device of the new mediated device `dev`. It is registered after this.
    fn probe(
        dev: &device::Device<device::Bound>,
        parent: &Self::Parent,
    ) -> Result<ARef<vfio::Device<Self::Device>>>;

    /// Called before the VFIO device is unregistered, which waits for its users.
    fn remove(dev: &vfio::Device<Self::Device>) {
        let _ = dev;
    }
}

/// The registration of a driver of mediated devices.
///
/// Every [`Parent`] holds a reference to it, so that it outlives them.
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
    /// Only for the mdev core to call.
    unsafe extern "C" fn probe_callback(mdev: *mut bindings::mdev_device) -> c_int {
        from_result(|| {
            // SAFETY: The mdev core binds only devices of a type that a `Parent<T>` registered
            // with this driver, and passes them while they are being bound.
            let (dev, parent) = unsafe {
                let parent = (*(*mdev).type_).parent;
                let parent = Opaque::cast_from(parent.cast_const());
                (
                    device::Device::<device::Bound>::from_raw(&raw mut (*mdev).dev),
                    &*kernel::container_of!(parent, Parent<T>, raw),
                )
            };

            let vdev = T::probe(dev, &parent.data)?;
            vdev.register()?;

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
/// On drop its mediated devices are removed, after their users are gone.
#[pin_data(PinnedDrop)]
pub struct Parent<T: Driver> {
    registration: Arc<Registration<T>>,
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
unsafe impl<T: Driver> Sync for Parent<T> {}

// SAFETY: Registering and unregistering may be done from any thread.
unsafe impl<T: Driver> Send for Parent<T> {}

impl<T: Driver> Parent<T> {
    /// Makes `dev` a parent of mediated devices of the registered driver.
    pub fn new(
        dev: &device::Device<device::Bound>,
        registration: Arc<Registration<T>>,
        data: T::Parent,
    ) -> Result<Pin<KBox<Self>>> {
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
                    let driver = registration.raw.get();

                    Opaque::try_ffi_init(move |raw: *mut bindings::mdev_parent| {
                        // SAFETY: `raw`, `types` and `ty` are pinned until `drop` unregisters the
                        // parent; `dev` is referenced and `driver` is registered as long.
                        to_result(unsafe {
                            bindings::mdev_register_parent(
                                raw,
                                core::ptr::from_ref::<device::Device>(&(*this.as_ptr()).dev)
                                    .cast_mut()
                                    .cast(),
                                driver,
                                (&raw mut (*this.as_ptr()).types).cast(),
                                1,
                            )
                        })
                    })
                },
                registration,
            }? Error),
            GFP_KERNEL,
        )
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Parent<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `raw` is registered, as the value exists.
        unsafe { bindings::mdev_unregister_parent(self.raw.get()) };
    }
}
