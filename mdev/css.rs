// SPDX-License-Identifier: GPL-2.0

//! Abstractions for the channel subsystem.
//!
//! A [`Driver`] binds subchannels. For each of them the abstraction keeps a [`Subchannel`]: the
//! device, with the state that the driver keeps under the subchannel lock. The lock is the channel
//! subsystem's own, which holds it during interrupts; I/O instructions may only be issued under it.
//! A [`Locked`] proves that the lock is held, and gives access to the state and to the
//! instructions.
//!
//! C headers: [`drivers/s390/cio/css.h`](srctree/drivers/s390/cio/css.h),
//! [`drivers/s390/cio/cio.h`](srctree/drivers/s390/cio/cio.h)

mod driver;
#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
pub(crate) mod fake;
mod isc;
mod path;
mod registration;
mod subchannel;

pub use driver::{
    DeviceId,
    Driver,
    IdTable, //
};
pub use isc::Isc;
pub use path::{
    Path,
    PathEvent, //
};
pub use registration::Registration;
pub use subchannel::{
    Locked,
    ProgramMemory,
    Subchannel, //
};

use crate::bindings;
use core::{
    fmt,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    device,
    sync::aref::AlwaysRefCounted,
    types::Opaque, //
};

/// Length of an interruption-response block in bytes, without the extended-measurement word.
pub const IRB_LEN: usize = ccwchain::irb::SIZE;

/// Length of a subchannel-information block in bytes.
pub const SCHIB_LEN: usize = core::mem::size_of::<bindings::schib>();

/// The identification of a subchannel, which is displayed as the bus names it: 0.0.0042.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubchannelId(u32);

impl SubchannelId {
    /// Returns the identifier of the subchannel set.
    pub const fn set(self) -> u8 {
        let [_, set, _, _] = self.0.to_be_bytes();
        set
    }

    /// Returns the number of the subchannel in its set.
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

/// A device on the css bus, which is a subchannel.
///
/// # Invariants
///
/// A [`Device`] instance represents a valid `struct subchannel` that is registered on the css bus.
#[repr(transparent)]
pub struct Device<Ctx: device::DeviceContext = device::Normal>(
    Opaque<bindings::subchannel>,
    PhantomData<Ctx>,
);

impl<Ctx: device::DeviceContext> Device<Ctx> {
    /// Returns a pointer to the C structure.
    pub(crate) fn as_raw(&self) -> *mut bindings::subchannel {
        self.0.get()
    }

    /// Returns the identification of the subchannel.
    pub fn id(&self) -> SubchannelId {
        // SAFETY: By the type invariant, `self.as_raw()` is a valid `struct subchannel`. Its
        // identification is set before it is registered, and never changes.
        SubchannelId(unsafe { bindings::mdev_sch_id(self.as_raw()) })
    }
}

// SAFETY: `Device` is a transparent wrapper of a type that doesn't depend on `Device`'s generic
// argument.
kernel::impl_device_context_deref!(unsafe { Device });
kernel::impl_device_context_into_aref!(Device);

impl<Ctx: device::DeviceContext> AsRef<device::Device<Ctx>> for Device<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        // SAFETY: By the type invariant, `self.as_raw()` is a valid `struct subchannel`.
        let dev = unsafe { &raw mut (*self.as_raw()).dev };

        // SAFETY: `dev` points to the `struct device` of a valid `struct subchannel`, which lives
        // as long as `self`.
        unsafe { device::Device::from_raw(dev) }
    }
}

// SAFETY: Instances of `Device` are always reference-counted through their `struct device`.
unsafe impl AlwaysRefCounted for Device {
    fn inc_ref(&self) {
        // SAFETY: The existence of a shared reference guarantees that the reference count is not
        // zero.
        unsafe { bindings::get_device(&raw mut (*self.as_raw()).dev) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: `Device` is a transparent wrapper of `struct subchannel`. The safety requirements
        // of this function guarantee that the caller owns a reference, which is dropped here.
        unsafe { bindings::put_device(&raw mut (*obj.cast::<bindings::subchannel>().as_ptr()).dev) }
    }
}

// SAFETY: A `Device` is always reference-counted and can be released from any thread.
unsafe impl Send for Device {}

// SAFETY: `Device` can be shared among threads because all methods of `Device<Normal>` only read
// what never changes.
unsafe impl Sync for Device {}
