// SPDX-License-Identifier: GPL-2.0

//! Something to be done once, later, in a context of its own.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use kernel::{
    prelude::*,
    sync::LockClassKey,
    time::{
        msecs_to_jiffies,
        Delta, //
    },
    types::Opaque, //
};

/// Creates a [`Timer`] initialiser with the given name and newly-created lock classes.
///
/// It uses the name if one is given, otherwise it generates one based on the file name and line
/// number.
#[macro_export]
macro_rules! new_timer {
    ($of:expr, $expired:expr $(, $name:literal)? $(,)?) => {
        $crate::timer::Timer::new(
            $of,
            $expired,
            ::kernel::optional_name!($($name)?),
            ::kernel::static_lock_class!(),
            ::kernel::static_lock_class!(),
        )
    };
}
pub use new_timer;

/// Calls a function with `of`, in a context that may sleep.
///
/// Dropping it waits for the function to return, so it must not be dropped under a lock that the
/// function takes, nor in atomic context. One that is not dropped may call the function at any later
/// time, so `of` borrows nothing.
///
/// # Invariants
///
/// `work` is initialised with [`Timer::callback`], and only queued while the value lives.
#[pin_data(PinnedDrop)]
pub struct Timer<T: Send + Sync + 'static> {
    of: T,
    expired: fn(&T),
    #[pin]
    work: Opaque<bindings::delayed_work>,
}

// SAFETY: The work has a lock of its own.
unsafe impl<T: Send + Sync + 'static> Send for Timer<T> {}

// SAFETY: As above.
unsafe impl<T: Send + Sync + 'static> Sync for Timer<T> {}

impl<T: Send + Sync + 'static> Timer<T> {
    /// Returns a timer that does not run. Lockdep knows what it does by `name` and the keys.
    ///
    /// See [`new_timer!`].
    pub fn new(
        of: T,
        expired: fn(&T),
        name: &'static CStr,
        work_key: Pin<&'static LockClassKey>,
        timer_key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            of,
            expired,
            work <- Opaque::ffi_init(move |work| {
                // SAFETY: `work` is valid for writing. The name and the keys are static.
                unsafe {
                    bindings::mdev_init_delayed_work(
                        work,
                        Some(Self::callback),
                        name.as_char_ptr(),
                        work_key.as_ptr(),
                        timer_key.as_ptr(),
                    )
                }
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
impl<T: Send + Sync + 'static> PinnedDrop for Timer<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The work is initialised.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_timer)]
mod tests {
    use super::*;
    use kernel::sync::{
        Arc,
        Completion, //
    };

    #[test]
    fn a_timer_calls_its_function() -> Result {
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let timer = KBox::pin_init(
            new_timer!(done.clone(), |done: &Arc<Completion>| done.complete_all()),
            GFP_KERNEL,
        )?;

        timer.start(Delta::from_millis(1));
        done.wait_for_completion();
        Ok(())
    }

    #[cfg(CONFIG_LOCKDEP)]
    #[test]
    fn each_use_has_lock_classes_of_its_own() -> Result {
        let classes = |timer: &Timer<()>| {
            // SAFETY: The work is initialised, and does not run.
            let work = unsafe { &*timer.work.get() };
            [work.work.lockdep_map.key, work.timer.lockdep_map.key]
        };
        let one = KBox::pin_init(new_timer!((), |()| {}), GFP_KERNEL)?;
        let other = KBox::pin_init(new_timer!((), |()| {}), GFP_KERNEL)?;

        let ([a, b], [c, d]) = (classes(&one), classes(&other));
        assert!(a != b && c != d && a != c && b != d);
        Ok(())
    }
}
