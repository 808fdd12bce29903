// SPDX-License-Identifier: GPL-2.0

//! The registration of css drivers, and the callbacks of the css bus.
//!
//! [`Registration`] does not build on [`kernel::driver::Registration`]. That drops the driver data
//! without a lock after the callback `remove`, but interrupts and events look for the driver data
//! under the subchannel lock, so that it must be set and taken away under the same; and it has no
//! place for the value of a [`Driver`], which the callbacks find beside the `struct css_driver`.
//!
//! C header: [`drivers/s390/cio/css.h`](srctree/drivers/s390/cio/css.h)

use super::{
    subchannel::RawGuard,
    Device,
    Driver,
    Locked,
    Path,
    PathEvent,
    Subchannel,
    IRB_LEN, //
};
use crate::{
    bindings,
    while_bound::WhileBound, //
};
use kernel::{
    device,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::Arc,
    types::{
        ForeignOwnable,
        Opaque, //
    },
    ThisModule, //
};

/// The driver data of a bound subchannel.
struct Bound<T: Driver> {
    sch: Arc<Subchannel<T::State>>,
    registration: Option<<T::Data as WhileBound>::Registration>,
}

/// The registration of a css driver.
///
/// # Invariants
///
/// `raw` is registered with the css bus, and `driver` is initialised, until the value is dropped.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    driver: T,
    #[pin]
    raw: Opaque<bindings::css_driver>,
}

// SAFETY: `raw` is not accessible through a shared reference; it is only touched when the driver is
// registered and unregistered. `T` is `Sync` by the bounds of `Driver`.
unsafe impl<T: Driver> Sync for Registration<T> {}

// SAFETY: Registration and unregistration can be performed from any thread, and `T` is `Send` by
// the bounds of `Driver`.
unsafe impl<T: Driver> Send for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Registers `driver` under `name`, which is also the name of its directory in sysfs.
    pub fn new(
        name: &'static CStr,
        module: &'static ThisModule,
        driver: T,
    ) -> impl PinInit<Self, Error> {
        // INVARIANT: The initialiser of `raw` comes last, and only succeeds with a registered
        // driver.
        try_pin_init!(Self {
            driver,
            raw <- Opaque::try_ffi_init(|raw: *mut bindings::css_driver| {
                let mut drv = bindings::css_driver {
                    subchannel_type: T::ID_TABLE.as_ptr().cast_mut(),
                    irq: Some(Self::irq_callback),
                    sch_event: Some(Self::sch_event_callback),
                    chp_event: Some(Self::chp_event_callback),
                    probe: Some(Self::probe_callback),
                    remove: Some(Self::remove_callback),
                    shutdown: Some(Self::shutdown_callback),
                    ..bindings::css_driver::default()
                };
                drv.drv.name = name.as_char_ptr();
                drv.drv.owner = module.as_ptr();

                // SAFETY: `try_ffi_init` guarantees that `raw` is valid for write.
                unsafe { raw.write(drv) };

                // SAFETY: `raw` has just been initialised, and is pinned until `drop` unregisters
                // it. `driver`, which the callbacks find by its distance from `raw`, was
                // initialised before.
                to_result(unsafe { bindings::css_driver_register(raw) })
            }),
        })
    }

    /// Returns the registration of the driver that a subchannel is bound to.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel whose `driver` is that of a `Registration<T>`, and it must
    /// not be unbound while the reference is used.
    unsafe fn from_subchannel<'a>(raw: *mut bindings::subchannel) -> &'a Self {
        // SAFETY: By the safety requirements of this function, `driver` points to the field `raw`
        // of a `Registration<T>`. The drop of that unbinds all subchannels first, so that it
        // outlives the reference.
        unsafe { &*kernel::container_of!(Opaque::cast_from((*raw).driver.cast_const()), Self, raw) }
    }

    /// # Safety
    ///
    /// Must only be called by the css bus, as the callback `probe` of a `Registration<T>`.
    unsafe extern "C" fn probe_callback(raw: *mut bindings::subchannel) -> c_int {
        // SAFETY: The css bus only ever calls the probe callback with a valid pointer to a `struct
        // subchannel`, and with the device lock held, as the context `CoreInternal` requires.
        let dev = unsafe { &*raw.cast::<Device<device::CoreInternal<'_>>>() };

        // SAFETY: The css bus has set `driver` of the subchannel before it calls this, and unbinds
        // no subchannel that is being probed.
        let driver = unsafe { &Self::from_subchannel(raw).driver };

        from_result(|| {
            let sch = Subchannel::new(dev, driver.state(dev)?)?;
            let bound = KBox::new(
                Bound::<T> {
                    sch: sch.clone(),
                    registration: None,
                },
                GFP_KERNEL,
            )?;

            // The lock publishes the driver data to the other callbacks.
            let mut locked = sch.lock()?;
            locked.update_varied_on();
            // SAFETY: `raw` is a valid subchannel, and so is the `struct device` in it.
            unsafe { bindings::dev_set_drvdata(&raw mut (*raw).dev, bound.into_foreign()) };
            drop(locked);

            let registration = driver.probe(dev, &sch).and_then(|data| {
                // SAFETY: The registration is stored in the driver data below. `remove_callback`,
                // which the css bus calls before the subchannel is unbound, drops it.
                unsafe { data.register(dev.as_ref()) }
            });
            match registration {
                Ok(registration) => {
                    // SAFETY: The driver data was set above. Its field `registration` is only used
                    // here and in `remove_callback`, both under the device lock. The other
                    // callbacks only use the field `sch`, to which they have a pointer of their
                    // own.
                    unsafe { (*Self::bound(raw)).registration = Some(registration) };
                    Ok(0)
                }
                Err(e) => {
                    // SAFETY: `raw` is a valid subchannel, whose driver data was set above. The css
                    // bus holds the device lock.
                    unsafe { Self::unbind(raw) };
                    Err(e)
                }
            }
        })
    }

    /// # Safety
    ///
    /// Must only be called by the css bus, as the callback `remove` of a `Registration<T>`.
    unsafe extern "C" fn remove_callback(raw: *mut bindings::subchannel) {
        // SAFETY: The css bus only ever calls the remove callback with a valid subchannel, after a
        // successful call of `probe_callback`, which has set the driver data. The device lock is
        // held, so that nobody else uses its field `registration`.
        drop(unsafe { (*Self::bound(raw)).registration.take() });

        // SAFETY: `raw` is a valid subchannel, `probe_callback` has set its driver data, and the
        // css bus holds the device lock.
        unsafe { Self::unbind(raw) };
    }

    /// Drops the driver data of a subchannel. No callback finds it any more after this.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel with driver data of this type, and the device lock must be
    /// held.
    unsafe fn unbind(raw: *mut bindings::subchannel) {
        // SAFETY: By the safety requirements of this function, `raw` is a valid subchannel.
        let bound = unsafe { Self::bound(raw) };

        {
            // SAFETY: By the safety requirements of this function, `raw` is a valid subchannel. The
            // device lock keeps it from being released before the guard is dropped.
            let _guard = unsafe { RawGuard::new(raw) };

            // SAFETY: `raw` is a valid subchannel, and so is the `struct device` in it.
            unsafe { bindings::dev_set_drvdata(&raw mut (*raw).dev, core::ptr::null_mut()) };
            // SAFETY: By the safety requirements of this function, `bound` is valid driver data,
            // which is dropped below and nowhere else, under the device lock.
            let sch: &Arc<Subchannel<T::State>> = unsafe { &(*bound).sch };
            // SAFETY: `_guard` holds the lock of the subchannel.
            unsafe { sch.unbind() };
        }

        // SAFETY: The pointer comes from `into_foreign` in `probe_callback`. The other callbacks
        // look for it under the subchannel lock, and have found none since it was taken away under
        // that.
        drop(unsafe { KBox::<Bound<T>>::from_foreign(bound.cast()) });
    }

    /// Returns the driver data of a subchannel, or null.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel.
    unsafe fn bound(raw: *mut bindings::subchannel) -> *mut Bound<T> {
        // SAFETY: By the safety requirements of this function, `raw` is a valid subchannel, and so
        // is the `struct device` in it.
        unsafe { bindings::dev_get_drvdata(&raw const (*raw).dev) }.cast()
    }

    /// Calls `f` with the driver and the subchannel, if that has driver data.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel whose `driver` is that of a `Registration<T>`. Its lock
    /// must be held, with no [`Locked`] of it in use.
    unsafe fn with_locked<R>(
        raw: *mut bindings::subchannel,
        f: impl FnOnce(&T, &mut Locked<'_, T::State>) -> R,
    ) -> Option<R> {
        // SAFETY: By the safety requirements of this function, `raw` is a valid subchannel.
        let bound = unsafe { Self::bound(raw) };
        if bound.is_null() {
            return None;
        }

        // SAFETY: The driver data is valid while it is set. It is only taken away under the
        // subchannel lock, which is held while the reference is used.
        let sch: &Arc<Subchannel<T::State>> = unsafe { &(*bound).sch };

        // SAFETY: By the safety requirements of this function, `driver` of the subchannel is that
        // of a `Registration<T>`. A subchannel with driver data is not unbound before `unbind` gets
        // the lock, which is held.
        let driver = unsafe { &Self::from_subchannel(raw).driver };

        // SAFETY: By the safety requirements of this function, the lock is held until this returns,
        // and there is no other proof of that.
        let mut locked = unsafe { sch.assume_locked() };

        Some(f(driver, &mut locked))
    }

    /// # Safety
    ///
    /// Must only be called by the I/O interrupt handler, as the callback `irq` of a
    /// `Registration<T>`.
    unsafe extern "C" fn irq_callback(raw: *mut bindings::subchannel) {
        let mut irb = [0; IRB_LEN];

        // SAFETY: The interrupt handler has just stored the status on this CPU, and has interrupts
        // off, so that the thread stays on it.
        unsafe { bindings::mdev_cio_irb(&mut irb) };

        // SAFETY: The interrupt handler passes a valid subchannel that has this driver, and has
        // taken its lock just before it called this. `irb` is the status that the subchannel has
        // presented.
        unsafe {
            Self::with_locked(raw, |driver, sch| {
                sch.note_status(&irb);
                driver.irq(sch, &irb);
                sch.complete();
            });
        }
    }

    /// # Safety
    ///
    /// Must only be called by the channel subsystem, as the callback `sch_event` of a
    /// `Registration<T>`.
    unsafe extern "C" fn sch_event_callback(
        raw: *mut bindings::subchannel,
        _process: c_int,
    ) -> c_int {
        // SAFETY: The channel subsystem passes a valid subchannel, to which it has a reference
        // until this returns. It does not hold its lock.
        let _guard = unsafe { RawGuard::new(raw) };

        // SAFETY: `raw` is a valid subchannel, whose lock is held by `_guard`.
        if unsafe { bindings::mdev_sch_in_transition(raw) } {
            // The channel subsystem calls again later.
            return EAGAIN.to_errno();
        }
        // SAFETY: `raw` is a valid subchannel that has this driver. `_guard` has just taken its
        // lock.
        let result = unsafe { Self::with_locked(raw, T::event) };
        from_result(|| result.unwrap_or(Ok(())).map(|()| 0))
    }

    /// # Safety
    ///
    /// Must only be called by the channel subsystem, as the callback `chp_event` of a
    /// `Registration<T>`.
    unsafe extern "C" fn chp_event_callback(
        raw: *mut bindings::subchannel,
        link: *mut bindings::chp_link,
        event: c_int,
    ) -> c_int {
        // SAFETY: The channel subsystem passes a valid subchannel that has this driver, and has
        // taken its lock just before it called this.
        unsafe { Self::with_locked(raw, |_, sch| sch.update_varied_on()) };

        // SAFETY: The channel subsystem passes a valid subchannel, whose lock it holds, and a valid
        // link.
        let path = unsafe {
            Path {
                chpid: bindings::mdev_chp_id(link),
                mask: bindings::mdev_chp_mask(raw, link),
            }
        };
        let Some(event) = PathEvent::from_raw(event) else {
            return 0;
        };
        if path.mask == 0 {
            return 0;
        }

        from_result(|| {
            // SAFETY: The channel subsystem passes a valid subchannel that has this driver, and
            // holds its lock; the `Locked` of the call above is gone.
            let result = unsafe {
                Self::with_locked(raw, |driver, sch| driver.path_event(sch, path, event))
            };
            result.unwrap_or(Ok(())).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Must only be called by the css bus, as the callback `shutdown` of a `Registration<T>`.
    unsafe extern "C" fn shutdown_callback(raw: *mut bindings::subchannel) {
        // SAFETY: The css bus passes a valid subchannel.
        let bound = unsafe { Self::bound(raw) };
        if bound.is_null() {
            return;
        }

        // SAFETY: The driver core calls this with the device lock held. Driver data is only dropped
        // under that, so that it stays valid until this returns.
        T::shutdown(unsafe { &(*bound).sch });
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, `raw` is registered.
        unsafe { bindings::css_driver_unregister(self.raw.get()) };
    }
}
