// SPDX-License-Identifier: GPL-2.0

//! A subchannel for tests. It is on no bus, and no instruction may be given to it.

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

    // SAFETY: `raw` is valid, and zero is a good value for all that is not initialised here. The
    // reference to the device is dropped when `Subchannel` has its own.
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

/// # Safety
///
/// Only for the driver core to call, with the device of a subchannel made by [`subchannel`].
unsafe extern "C" fn release_callback(dev: *mut bindings::device) {
    // SAFETY: By the function's requirement; the last reference is gone.
    unsafe {
        let raw = kernel::container_of!(dev, bindings::subchannel, dev);
        drop(KBox::<Opaque<bindings::subchannel>>::from_raw(raw.cast()));
    }
}
