// SPDX-License-Identifier: GPL-2.0

//! I/O-interruption subclasses.
//!
//! C header: [`arch/s390/include/asm/isc.h`](srctree/arch/s390/include/asm/isc.h)

use crate::bindings;
use kernel::prelude::*;

/// An I/O-interruption subclass that is enabled on all CPUs while the value lives.
///
/// # Invariants
///
/// The value owns one registration of the subclass with this number.
pub struct Isc(c_uint);

impl Isc {
    /// Registers the subclass of I/O subchannels that are passed through.
    pub fn vfio_ccw() -> Self {
        let isc = bindings::VFIO_CCW_ISC;

        // SAFETY: `VFIO_CCW_ISC` is not greater than `MAX_ISC`, as `isc_register()` requires.
        unsafe { bindings::isc_register(isc) };

        // INVARIANT: The call above has registered the subclass.
        Self(isc)
    }

    /// Returns the number of the subclass.
    pub(super) fn number(&self) -> c_uint {
        self.0
    }
}

impl Drop for Isc {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the value owns a registration of the subclass, which ends
        // here.
        unsafe { bindings::isc_unregister(self.0) };
    }
}
