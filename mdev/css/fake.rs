// SPDX-License-Identifier: GPL-2.0

//! A subchannel for tests. It is on no bus, and no instruction may be issued to it.

use super::{
    Device,
    Subchannel, //
};
use crate::bindings;
use kernel::{
    device,
    prelude::*,
    static_lock_class,
    sync::Arc,
    types::Opaque, //
};

/// Returns a subchannel without state.
pub(crate) fn subchannel() -> Result<Arc<Subchannel<()>>> {
    let memory = KBox::<Opaque<bindings::subchannel>>::zeroed(GFP_KERNEL)?;
    let raw: *mut bindings::subchannel = KBox::into_raw(memory).cast();

    // SAFETY: `raw` points to zeroed memory for a `struct subchannel` that nothing else uses. All
    // fields that are not initialised here may be zero. `device_initialize()` returns with one
    // reference, which is dropped after `Subchannel::new` has taken another, or has failed. The
    // memory is freed by `release_callback`.
    unsafe {
        bindings::__spin_lock_init(
            &raw mut (*raw).lock,
            c"mdev::css::fake".as_char_ptr(),
            static_lock_class!().as_ptr(),
        );
        (*raw).dev.release = Some(release_callback);
        bindings::device_initialize(&raw mut (*raw).dev);

        let sch = Subchannel::new(&*raw.cast::<Device<device::CoreInternal<'_>>>(), ());
        bindings::put_device(&raw mut (*raw).dev);
        sch
    }
}

/// Frees a subchannel that nobody refers to any more.
///
/// # Safety
///
/// Must only be called by the driver core, with the device of a subchannel made by [`subchannel`].
unsafe extern "C" fn release_callback(dev: *mut bindings::device) {
    // SAFETY: By the safety requirements of this function, `dev` is in a subchannel that
    // `subchannel` has allocated as a `KBox`. The driver core calls this after the last reference
    // was dropped.
    unsafe {
        let raw = kernel::container_of!(dev, bindings::subchannel, dev);
        drop(KBox::<Opaque<bindings::subchannel>>::from_raw(raw.cast()));
    }
}
