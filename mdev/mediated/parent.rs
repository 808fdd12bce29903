// SPDX-License-Identifier: GPL-2.0

//! The parents of mediated devices.
//!
//! C header: [`include/linux/mdev.h`](srctree/include/linux/mdev.h)

use super::{
    Driver,
    Registration, //
};
use crate::{
    bindings,
    while_bound::WhileBound, //
};
use kernel::{
    device,
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::Opaque, //
};

/// A device on which mediated devices of one type can be created.
///
/// It is registered [while it is bound](WhileBound). When it is unbound, its mediated devices are
/// removed, after their users have closed them.
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
/// `raw` is registered for `dev`, with `driver` and the one type `ty`, to which the value owns a
/// reference.
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

// SAFETY: The C structures are only touched on registration and unregistration, or by the mdev core
// under its own locks. `T::Parent` is `Sync` by the bounds of `Driver`, and so are the references.
unsafe impl<T: Driver> Sync for ParentRegistration<T> {}

// SAFETY: Registration and unregistration can be performed from any thread. `T::Parent` is `Send`
// by the bounds of `Driver`, and so are the references.
unsafe impl<T: Driver> Send for ParentRegistration<T> {}

impl<T: Driver> ParentRegistration<T> {
    fn new(dev: &device::Device<device::Bound>, parent: Parent<T>) -> Result<Pin<KBox<Self>>> {
        let Parent { driver, data } = parent;

        // INVARIANT: The initialiser of `raw` only succeeds with a registered parent, after which
        // it takes the reference to `ty`.
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

                    // SAFETY: `ffi_init` guarantees that `ty` is valid for write.
                    unsafe { ty.write(value) }
                }),
                // SAFETY: `this` is the memory that is being initialised, which is pinned.
                types: [unsafe { Opaque::cast_into(&raw const (*this.as_ptr()).ty) }],
                raw <- {
                    let driver = driver.raw.get();

                    Opaque::try_ffi_init(move |raw: *mut bindings::mdev_parent| -> Result {
                        // SAFETY: `raw`, `types` and `ty` are pinned, and valid until `drop` has
                        // unregistered the parent and found that nothing uses them any more. `dev`
                        // is referenced, and `driver` is registered, as long. `ty` is initialised
                        // by a registration that succeeds.
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

    /// Returns the registration that a C structure is in.
    ///
    /// # Safety
    ///
    /// `raw` must be registered by a `ParentRegistration<T>`, for as long as the reference is used.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::mdev_parent) -> &'a Self {
        // SAFETY: By the safety requirements of this function, `raw` is the field of a
        // `ParentRegistration<T>`, which lives as long as it is registered.
        unsafe { &*kernel::container_of!(Opaque::cast_from(raw.cast_const()), Self, raw) }
    }

    /// Returns what the parent provides for its mediated devices.
    pub(super) fn data(&self) -> &T::Parent {
        &self.data
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for ParentRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        // A mediated device may be released after this has removed it, when the last reference to
        // it is dropped. The release uses `ty`, `raw` and the driver. Each mediated device owns a
        // reference to `ty`, which it drops after the last use.
        //
        // SAFETY: By the type invariants, `raw` is registered, and the value owns a reference to
        // `ty`.
        unsafe {
            bindings::mdev_unregister_parent(self.raw.get());
            bindings::mdev_type_put_last(self.ty.get());
        }
    }
}
