// SPDX-License-Identifier: GPL-2.0

//! Something to be done once, later, in a context of its own.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use kernel::{
    prelude::*,
    time::{
        msecs_to_jiffies,
        Delta, //
    },
    types::Opaque, //
};

/// Calls a function with `of`, in a context that may sleep.
///
/// Dropping it waits for the function to return, so it must not be dropped under a lock that the
/// function takes, nor in atomic context.
///
/// # Invariants
///
/// `work` is initialised with [`Timer::callback`], and only queued while the value lives.
#[pin_data(PinnedDrop)]
pub struct Timer<T: Send + Sync> {
    of: T,
    expired: fn(&T),
    #[pin]
    work: Opaque<bindings::delayed_work>,
}

// SAFETY: The work has a lock of its own.
unsafe impl<T: Send + Sync> Send for Timer<T> {}

// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for Timer<T> {}

impl<T: Send + Sync> Timer<T> {
    /// Returns a timer that does not run.
    pub fn new(of: T, expired: fn(&T)) -> impl PinInit<Self> {
        pin_init!(Self {
            of,
            expired,
            work <- Opaque::ffi_init(|work| {
                // SAFETY: `work` is valid for writing.
                unsafe { bindings::mdev_init_delayed_work(work, Some(Self::callback)) }
            }),
        })
    }

    /// Has the function called once after `delay`, and not when this was to be before. May be
    /// called in any context.
    pub fn start(&self, delay: Delta) {
        let milliseconds = u32::try_from(delay.as_millis_ceil()).unwrap_or(0);
        // Timers expire with the tick; this is never before the time.
        let jiffies = msecs_to_jiffies(milliseconds).saturating_add(1);

        // SAFETY: The work is initialised.
        unsafe { bindings::mdev_mod_delayed_work(self.work.get(), jiffies) };
    }

    /// # Safety
    ///
    /// Only for the work queue to call, with the work of a timer.
    unsafe extern "C" fn callback(work: *mut bindings::work_struct) {
        // SAFETY: By the function's requirement; a timer waits for this to return before it goes.
        let timer: &Self = unsafe {
            let work = kernel::container_of!(work, bindings::delayed_work, work);
            let work = Opaque::cast_from(work.cast_const());
            &*kernel::container_of!(work, Self, work)
        };
        (timer.expired)(&timer.of);
    }
}

#[pinned_drop]
impl<T: Send + Sync> PinnedDrop for Timer<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The work is initialised.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }
}
