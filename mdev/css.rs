// SPDX-License-Identifier: GPL-2.0

//! Abstractions for the channel subsystem.
//!
//! A [`Driver`] binds subchannels. For each one it has a [`Subchannel`]: the device together with
//! the state that the driver keeps under the subchannel lock. The lock is the channel subsystem's
//! own, it is held by it during interrupts, and I/O instructions may only be issued under it;
//! [`Locked`] is the proof of holding it and gives access to both.
//!
//! C headers: [`drivers/s390/cio/css.h`](srctree/drivers/s390/cio/css.h),
//! [`drivers/s390/cio/cio.h`](srctree/drivers/s390/cio/cio.h)

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
pub(crate) mod fake;
mod subchannel;

pub use subchannel::{
    ConditionCode,
    Isc,
    Locked,
    Subchannel, //
};

use crate::{
    binding::WhileBound,
    bindings, //
};
use core::{
    fmt,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    device,
    device_id::RawDeviceId,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        aref::AlwaysRefCounted,
        Arc, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    },
    ThisModule, //
};

/// Length of an interruption-response block in bytes, without the extended-measurement word.
pub const IRB_LEN: usize = 64;

/// Length of a subchannel-information block in bytes.
pub const SCHIB_LEN: usize = 52;

/// Matches subchannels of one type.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct DeviceId(bindings::css_device_id);

impl DeviceId {
    /// I/O subchannels.
    pub const IO: Self = Self::of_type(bindings::subchannel_SUBCHANNEL_TYPE_IO as u8);

    const fn of_type(subchannel_type: u8) -> Self {
        Self(bindings::css_device_id {
            match_flags: 1,
            type_: subchannel_type,
            driver_data: 0,
        })
    }
}

// SAFETY: `DeviceId` is a transparent wrapper of `css_device_id` without further invariants.
unsafe impl RawDeviceId for DeviceId {
    type RawType = bindings::css_device_id;
}

/// The id table of a [`Driver`].
pub type IdTable = &'static dyn kernel::device_id::IdTable<DeviceId, ()>;

/// Makes the id table of a css driver, and the module aliases that go with it.
#[macro_export]
macro_rules! css_device_table {
    ($name:ident, [$($id:expr),* $(,)?]) => {
        ::kernel::module_device_table!("css", $crate::css::DeviceId, $name, @none, [$($id),*]);
    };
}

/// The identification of a subchannel. It is shown as the bus shows it: 0.0.0042.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubchannelId(u32);

impl SubchannelId {
    /// Returns the subchannel set.
    pub const fn set(self) -> u8 {
        let [_, set, _, _] = self.0.to_be_bytes();
        set
    }

    /// Returns the number within the set.
    pub const fn number(self) -> u16 {
        let [_, _, high, low] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

impl fmt::Display for SubchannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{:x}.{:04x}", self.set(), self.number())
    }
}

/// A subchannel, as the driver core knows it.
///
/// # Invariants
///
/// An instance is a valid `struct subchannel` that is registered on the css bus.
#[repr(transparent)]
pub struct Device<Ctx: device::DeviceContext = device::Normal>(
    Opaque<bindings::subchannel>,
    PhantomData<Ctx>,
);

impl<Ctx: device::DeviceContext> Device<Ctx> {
    pub(crate) fn as_raw(&self) -> *mut bindings::subchannel {
        self.0.get()
    }

    /// Returns the identification of the subchannel.
    pub fn id(&self) -> SubchannelId {
        // SAFETY: `self` is a valid subchannel; its identification never changes.
        SubchannelId(unsafe { bindings::mdev_sch_id(self.as_raw()) })
    }
}

// SAFETY: `Device` is a transparent wrapper of a type that doesn't depend on `Device`'s generic
// argument.
kernel::impl_device_context_deref!(unsafe { Device });
kernel::impl_device_context_into_aref!(Device);

impl<Ctx: device::DeviceContext> AsRef<device::Device<Ctx>> for Device<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        // SAFETY: By the type invariant this is a valid `struct subchannel`.
        let dev = unsafe { &raw mut (*self.as_raw()).dev };

        // SAFETY: `dev` is a valid `struct device`.
        unsafe { device::Device::from_raw(dev) }
    }
}

// SAFETY: A subchannel is reference-counted through its `struct device`.
unsafe impl AlwaysRefCounted for Device {
    fn inc_ref(&self) {
        // SAFETY: The reference shows that the count is not zero.
        unsafe { bindings::get_device(&raw mut (*self.as_raw()).dev) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: `Device` is a transparent wrapper of `subchannel`, and the caller owns a count.
        unsafe { bindings::put_device(&raw mut (*obj.cast::<bindings::subchannel>().as_ptr()).dev) }
    }
}

// SAFETY: A `Device` is reference-counted and can be released from any thread.
unsafe impl Send for Device {}

// SAFETY: All methods of `Device<Normal>` are thread safe.
unsafe impl Sync for Device {}

/// What happens to a channel path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEvent {
    /// It is there, or there again.
    Online,
    /// It is gone.
    Offline,
    /// The administrator lets it be used again.
    VaryOn,
    /// The administrator wants it not to be used.
    VaryOff,
}

impl PathEvent {
    /// Returns the channel subsystem's own number for it.
    pub const fn number(self) -> c_int {
        let number = match self {
            Self::Online => bindings::CHP_ONLINE,
            Self::Offline => bindings::CHP_OFFLINE,
            Self::VaryOn => bindings::CHP_VARY_ON,
            Self::VaryOff => bindings::CHP_VARY_OFF,
        };
        number as c_int
    }

    fn from_raw(event: c_int) -> Option<Self> {
        match u32::try_from(event).ok()? {
            bindings::CHP_ONLINE => Some(Self::Online),
            bindings::CHP_OFFLINE => Some(Self::Offline),
            bindings::CHP_VARY_ON => Some(Self::VaryOn),
            bindings::CHP_VARY_OFF => Some(Self::VaryOff),
            _ => None,
        }
    }
}

/// A channel path to the device of a subchannel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its identifier.
    pub chpid: u8,
    /// Its bit in the path masks of the subchannel.
    pub mask: u8,
}

/// A driver of subchannels.
///
/// The value of the type is the driver itself, for what all its subchannels share.
pub trait Driver: Send + Sync + Sized + 'static {
    /// What the driver keeps for each subchannel under the subchannel lock.
    type State: Send + 'static;

    /// What is registered on the subchannel while it is bound.
    ///
    /// It is unregistered first when the subchannel is unbound, while interrupts and events still come
    /// in.
    type Data: WhileBound;

    /// The subchannels that the driver is for.
    const ID_TABLE: IdTable;

    /// Returns what is to be kept of a subchannel that is about to be bound.
    fn state(&self, dev: &Device<device::Core<'_>>) -> Result<Self::State>;

    /// Called when a subchannel is to be bound. Returns what is to be registered on it.
    ///
    /// [`Driver::irq`] and the events may be called from now on.
    fn probe(
        &self,
        dev: &Device<device::Core<'_>>,
        sch: &Arc<Subchannel<Self::State>>,
    ) -> Result<Self::Data>;

    /// Called in interrupt context with the status that the subchannel has presented.
    fn irq(&self, sch: &mut Locked<'_, Self::State>, irb: &[u8; IRB_LEN]);

    /// Called when something may have happened to the subchannel.
    fn event(&self, sch: &mut Locked<'_, Self::State>);

    /// Called when something has happened to a channel path of the subchannel.
    ///
    /// An error has the channel subsystem look at the subchannel again.
    fn path_event(&self, sch: &mut Locked<'_, Self::State>, path: Path, event: PathEvent)
        -> Result;

    /// Called when the system goes down; no I/O may be running after it.
    fn shutdown(sch: &Subchannel<Self::State>);
}

/// What the subchannel's driver data points to.
struct Bound<T: Driver> {
    sch: Arc<Subchannel<T::State>>,
    registration: Option<<T::Data as WhileBound>::Registration>,
}

/// The registration of a css driver.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    driver: T,
    #[pin]
    raw: Opaque<bindings::css_driver>,
}

// SAFETY: `raw` is only touched on registration and unregistration; `T` is `Sync`.
unsafe impl<T: Driver> Sync for Registration<T> {}

// SAFETY: Registering and unregistering may be done from any thread; `T` is `Send`.
unsafe impl<T: Driver> Send for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Registers `driver` under `name`, which is also the name of its directory in sysfs.
    pub fn new(
        name: &'static CStr,
        module: &'static ThisModule,
        driver: T,
    ) -> impl PinInit<Self, Error> {
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

                // SAFETY: `raw` is valid for writing.
                unsafe { raw.write(drv) };

                // SAFETY: `raw` is initialised, and pinned until it is unregistered on drop. The
                // callbacks find `driver`, which is initialised before, beside it.
                to_result(unsafe { bindings::css_driver_register(raw) })
            }),
        })
    }

    /// # Safety
    ///
    /// `sch` must be bound to a driver that is registered by a `Registration<T>`.
    unsafe fn from_subchannel<'a>(sch: *mut bindings::subchannel) -> &'a Self {
        // SAFETY: By the function's requirement `driver` points to the `raw` of a registration,
        // which outlives the binding.
        unsafe { &*kernel::container_of!(Opaque::cast_from((*sch).driver.cast_const()), Self, raw) }
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn probe_callback(raw: *mut bindings::subchannel) -> c_int {
        // SAFETY: The bus calls this with a valid subchannel whose `driver` it has just set.
        let (dev, driver) = unsafe {
            (
                &*raw.cast::<Device<device::CoreInternal<'_>>>(),
                &Self::from_subchannel(raw).driver,
            )
        };

        from_result(|| {
            let sch = Subchannel::new(dev, driver.state(dev)?)?;
            let bound = KBox::new(
                Bound::<T> {
                    sch: sch.clone(),
                    registration: None,
                },
                GFP_KERNEL,
            )?;

            // The lock publishes the data to the other callbacks.
            let mut locked = sch.lock()?;
            locked.look_at_paths();
            // SAFETY: `raw` is a valid subchannel.
            unsafe { bindings::dev_set_drvdata(&raw mut (*raw).dev, bound.into_foreign()) };
            drop(locked);

            let registration = driver.probe(dev, &sch).and_then(|data| {
                // SAFETY: `remove_callback` drops the registration, before the bus unbinds the subchannel.
                unsafe { data.register(dev.as_ref()) }
            });
            match registration {
                Ok(registration) => {
                    // SAFETY: The data was set above. `registration` is only used here and in
                    // `remove_callback`, which the device lock keeps apart; the other callbacks use
                    // `sch` alone, through a pointer of their own.
                    unsafe { (*Self::bound(raw)).registration = Some(registration) };
                    Ok(0)
                }
                Err(e) => {
                    // SAFETY: As `remove_callback`.
                    unsafe { Self::unbind(raw) };
                    Err(e)
                }
            }
        })
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn remove_callback(raw: *mut bindings::subchannel) {
        // SAFETY: The bus calls this after a successful probe.
        drop(unsafe { (*Self::bound(raw)).registration.take() });

        // SAFETY: The data was set by `probe_callback`.
        unsafe { Self::unbind(raw) };
    }

    /// Takes the driver data from the subchannel: no callback finds it after this.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel with driver data, and the device lock must be held.
    unsafe fn unbind(raw: *mut bindings::subchannel) {
        // SAFETY: By the function's requirement.
        let bound = unsafe { Self::bound(raw) };

        // SAFETY: As above; `raw` is a valid subchannel.
        unsafe {
            let flags = bindings::mdev_sch_lock(raw);
            bindings::dev_set_drvdata(&raw mut (*raw).dev, core::ptr::null_mut());
            let sch: &Arc<Subchannel<T::State>> = &(*bound).sch;
            sch.unbind();
            bindings::mdev_sch_unlock(raw, flags);
        }

        // SAFETY: The pointer comes from `into_foreign`, and nobody else finds it any more: the
        // other callbacks look for it under the lock.
        drop(unsafe { KBox::<Bound<T>>::from_foreign(bound.cast()) });
    }

    /// # Safety
    ///
    /// `raw` must be a valid subchannel.
    unsafe fn bound(raw: *mut bindings::subchannel) -> *mut Bound<T> {
        // SAFETY: By the function's requirement.
        unsafe { bindings::dev_get_drvdata(&raw const (*raw).dev) }.cast()
    }

    /// Runs `f` on the subchannel if it is bound.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel and its lock must be held.
    unsafe fn with_locked<R>(
        raw: *mut bindings::subchannel,
        f: impl FnOnce(&T, &mut Locked<'_, T::State>) -> R,
    ) -> Option<R> {
        // SAFETY: By the function's requirement.
        let bound = unsafe { Self::bound(raw) };
        if bound.is_null() {
            return None;
        }

        // SAFETY: The driver data is valid while it is set, and is only unset under the lock.
        let sch: &Arc<Subchannel<T::State>> = unsafe { &(*bound).sch };

        // SAFETY: By the function's requirement; a subchannel with driver data is bound to us.
        let (driver, mut locked) =
            unsafe { (&Self::from_subchannel(raw).driver, sch.assume_locked()) };

        Some(f(driver, &mut locked))
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn irq_callback(raw: *mut bindings::subchannel) {
        let mut irb = [0; IRB_LEN];

        // SAFETY: The interrupt handler has stored the status on this CPU, and has interrupts off.
        unsafe { bindings::mdev_cio_irb(&mut irb) };

        // SAFETY: The interrupt handler holds the lock of the valid subchannel that it passes.
        unsafe {
            Self::with_locked(raw, |driver, sch| {
                sch.presented(&irb);
                driver.irq(sch, &irb);
                sch.complete();
            });
        }
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn sch_event_callback(
        raw: *mut bindings::subchannel,
        _process: c_int,
    ) -> c_int {
        // SAFETY: The caller passes a valid subchannel, and does not hold its lock.
        unsafe {
            let flags = bindings::mdev_sch_lock(raw);
            let in_transition = bindings::mdev_sch_in_transition(raw);
            if !in_transition {
                Self::with_locked(raw, T::event);
            }
            bindings::mdev_sch_unlock(raw, flags);

            if in_transition {
                // The caller comes back later.
                EAGAIN.to_errno()
            } else {
                0
            }
        }
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn chp_event_callback(
        raw: *mut bindings::subchannel,
        link: *mut bindings::chp_link,
        event: c_int,
    ) -> c_int {
        // SAFETY: The caller passes a valid subchannel, whose lock it holds.
        unsafe { Self::with_locked(raw, |_, sch| sch.look_at_paths()) };

        // SAFETY: As above; the link is valid.
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
            // SAFETY: As above.
            let result = unsafe {
                Self::with_locked(raw, |driver, sch| driver.path_event(sch, path, event))
            };
            result.unwrap_or(Ok(())).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Only for the css bus to call.
    unsafe extern "C" fn shutdown_callback(raw: *mut bindings::subchannel) {
        // SAFETY: The bus calls this with the device lock held, so that a driver data that is set
        // stays.
        let bound = unsafe { Self::bound(raw) };
        if bound.is_null() {
            return;
        }

        // SAFETY: As above.
        T::shutdown(unsafe { &(*bound).sch });
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `raw` is registered, as the value exists.
        unsafe { bindings::css_driver_unregister(self.raw.get()) };
    }
}
