// SPDX-License-Identifier: GPL-2.0

//! What drivers register on a device for as long as it is bound to them.

use kernel::{
    device,
    prelude::*, //
};

/// Something that is registered on a device while it is bound.
///
/// A value says what to register, and does nothing by itself. A driver returns one from its probe;
/// the abstraction of the bus registers it, keeps what that gives, and drops it before the device is
/// unbound. The driver never has that, so that it can neither keep it longer nor forget it.
pub trait WhileBound: Sized {
    /// The registration, which ends when it is dropped.
    type Registration: Send + 'static;

    /// Registers it on `dev`.
    ///
    /// # Safety
    ///
    /// The caller must drop the registration before `dev` is unbound.
    unsafe fn register(self, dev: &device::Device<device::Bound>) -> Result<Self::Registration>;
}
