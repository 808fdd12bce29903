// SPDX-License-Identifier: GPL-2.0

//! Abstractions for mediated devices.
//!
//! A [`Parent`] is a device on which users create mediated devices through sysfs. A [`Driver`]
//! provides a VFIO device for each of them.
//!
//! [`Registration`] does not build on [`kernel::driver::Registration`], which keeps its C structure
//! private: parents are registered with a pointer to the `struct mdev_driver`.
//!
//! C header: [`include/linux/mdev.h`](srctree/include/linux/mdev.h)

mod attribute;
mod parent;

pub use attribute::{
    Attribute,
    ATTRIBUTES_MAX, //
};
pub use parent::{
    Parent,
    ParentRegistration, //
};

use crate::{
    bindings,
    vfio, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
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

/// The trait of a driver of mediated devices of one type.
pub trait Driver: Sized + 'static {
    /// The data that the parent device provides for its mediated devices.
    type Parent: Send + Sync + 'static;

    /// The data of the VFIO device of a mediated device.
    type Device: vfio::Operations;

    /// The VFIO API of the devices, which the attribute `device_api` of the type shows.
    const DEVICE_API: &'static CStr;

    /// The name of the type in sysfs, which follows the driver's name there.
    const TYPE_NAME: &'static CStr;

    /// The name of the type for people.
    const PRETTY_NAME: &'static CStr;

    /// The number of mediated devices that a parent can have.
    const MAX_INSTANCES: u32;

    /// The attributes in sysfs that each mediated device has while it is bound: at most
    /// [`ATTRIBUTES_MAX`].
    const ATTRIBUTES: &'static [Attribute<Self::Device>] = &[];

    /// Returns an initialiser of the VFIO device of the new mediated device `dev`.
    ///
    /// The abstraction allocates the VFIO device, a new one each time, and registers it with `dev`
    /// as its parent.
    fn probe(
        dev: &device::Device<device::Bound>,
        parent: &Self::Parent,
    ) -> impl PinInit<Self::Device, Error>;

    /// Called before the VFIO device is unregistered, which waits for its users.
    fn remove(dev: &vfio::Device<Self::Device>) {
        let _ = dev;
    }
}

/// The registration of a driver of mediated devices.
///
/// Every registered [`Parent`] holds a reference to it, so that it outlives them.
///
/// # Invariants
///
/// `raw` is registered with the mdev core until the value is dropped.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    #[pin]
    raw: Opaque<bindings::mdev_driver>,
    _driver: PhantomData<T>,
}

// SAFETY: `Registration` has no fields or methods accessible through a shared reference but a
// pointer to `raw`, which the mdev core protects.
unsafe impl<T: Driver> Sync for Registration<T> {}

// SAFETY: Registration and unregistration can be performed from any thread. The value holds no `T`.
unsafe impl<T: Driver> Send for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Registers the driver under `name`.
    pub fn new(name: &'static CStr, module: &'static ThisModule) -> Result<Arc<Self>> {
        // INVARIANT: The initialiser of `raw` only succeeds with a registered driver.
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
                    drv.driver.dev_groups = attribute::groups::<T>();

                    // SAFETY: `try_ffi_init` guarantees that `raw` is valid for write.
                    unsafe { raw.write(drv) };

                    // SAFETY: `raw` has just been initialised, and is pinned until `drop`
                    // unregisters it. The names, the groups and the module are static.
                    to_result(unsafe { bindings::mdev_register_driver(raw) })
                }),
                _driver: PhantomData,
            }),
            GFP_KERNEL,
        )
    }

    /// # Safety
    ///
    /// Must only be called by the mdev core, as the callback `probe` of a `Registration<T>`.
    unsafe extern "C" fn probe_callback(mdev: *mut bindings::mdev_device) -> c_int {
        from_result(|| {
            // SAFETY: The mdev core passes a valid device of a type of this driver, which is being
            // bound.
            let dev = unsafe { device::Device::<device::Bound>::from_raw(&raw mut (*mdev).dev) };

            // SAFETY: The mdev core only creates devices of this driver on parents that are
            // registered with it, and only `ParentRegistration<T>` registers these. It unregisters
            // a parent after all devices of it are removed.
            let parent = unsafe { ParentRegistration::<T>::from_raw((*(*mdev).type_).parent) };

            let vdev = vfio::Device::new(dev, T::probe(dev, parent.data()))?;

            // SAFETY: The VFIO device is new. Its parent is the mediated device, which is being
            // bound; `remove_callback` unregisters the VFIO device before that is unbound.
            unsafe { vdev.register() }?;

            // SAFETY: The mdev core passes a valid device, and so is the `struct device` in it.
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
    /// Must only be called by the mdev core, as the callback `remove` of a `Registration<T>`.
    unsafe extern "C" fn remove_callback(mdev: *mut bindings::mdev_device) {
        // SAFETY: The mdev core passes a valid device, and so is the `struct device` in it.
        let vdev = unsafe { bindings::dev_get_drvdata(&raw const (*mdev).dev) };
        let Some(vdev) = NonNull::new(vdev.cast::<vfio::Device<T::Device>>()) else {
            return;
        };

        // SAFETY: The pointer comes from `ARef::into_raw` in `probe_callback`, whose reference is
        // taken back here: the mdev core calls this once for each device that was bound.
        let vdev = unsafe { ARef::from_raw(vdev) };

        T::remove(&vdev);

        // SAFETY: `probe_callback` has registered the VFIO device, and nothing else unregisters it.
        unsafe { vdev.unregister() };
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, `raw` is registered.
        unsafe { bindings::mdev_unregister_driver(self.raw.get()) };
    }
}
