// SPDX-License-Identifier: GPL-2.0

//! Registrations that last while a device is bound.

use kernel::{
    device,
    prelude::*, //
};

/// Something that is registered on a device while the device is bound to a driver.
///
/// A value describes what to register, and has no effect by itself. A driver returns one from its
/// probe. The abstraction of the bus registers it, keeps the registration, and drops that before
/// the device is unbound. The driver never has the registration, and so can neither keep it longer
/// nor forget it.
pub trait WhileBound: Sized {
    /// The registration, which ends when it is dropped.
    type Registration: Send + 'static;

    /// Registers `self` on `dev`.
    ///
    /// # Safety
    ///
    /// The caller must drop the registration before `dev` is unbound.
    unsafe fn register(self, dev: &device::Device<device::Bound>) -> Result<Self::Registration>;
}

/// Registers nothing.
impl WhileBound for () {
    type Registration = ();

    unsafe fn register(self, _dev: &device::Device<device::Bound>) -> Result {
        Ok(())
    }
}
