// SPDX-License-Identifier: GPL-2.0

//! Timers that call a function once, in softirq context.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::bindings;
use kernel::{
    prelude::*,
    time::Delta,
    types::Opaque, //
};

/// A timer that calls the function `expired` with `of`, in softirq context.
///
/// The function must not sleep. It may take locks that are otherwise taken with interrupts off
/// only.
///
/// Dropping the timer waits for the function to return. So it must neither be dropped under a lock
/// that the function takes, nor in atomic context. A timer that is forgotten may call the function
/// at any later time, so that `of` must be `'static`.
///
/// [`HrTimer`](kernel::time::hrtimer::HrTimer) cannot be started again under a lock that the
/// function takes: dropping the handle that it returns for a start waits for the function.
///
/// # Invariants
///
/// `timer` is set up with `Timer::<T>::callback`, and only runs while the value lives.
#[pin_data(PinnedDrop)]
pub struct Timer<T: Send + Sync + 'static> {
    of: T,
    expired: fn(&T),
    #[pin]
    timer: Opaque<bindings::hrtimer>,
}

// SAFETY: A `struct hrtimer` belongs to no thread, and `T` is `Send`.
unsafe impl<T: Send + Sync + 'static> Send for Timer<T> {}

// SAFETY: A `struct hrtimer` is protected by a lock of the timer subsystem, and `T` is `Sync`.
unsafe impl<T: Send + Sync + 'static> Sync for Timer<T> {}

impl<T: Send + Sync + 'static> Timer<T> {
    const MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_REL_SOFT;

    /// Returns an initialiser of a timer that does not run.
    pub fn new(of: T, expired: fn(&T)) -> impl PinInit<Self> {
        // INVARIANT: The initialiser of `timer` sets it up with `callback`.
        pin_init!(Self {
            of,
            expired,
            timer <- Opaque::ffi_init(|timer| {
                // CAST: The number of the clock is 1.
                let clock = bindings::CLOCK_MONOTONIC as bindings::clockid_t;
                // SAFETY: `ffi_init` guarantees that `timer` is valid for write. It is pinned, and
                // `drop` cancels it.
                unsafe { bindings::hrtimer_setup(timer, Some(Self::callback), clock, Self::MODE) }
            }),
        })
    }

    /// Starts the timer, which expires once, after `delay`. If it runs already, it is started anew.
    ///
    /// This may be called in any context.
    pub fn start(&self, delay: Delta) {
        // SAFETY: By the type invariants, `timer` is set up.
        unsafe {
            bindings::hrtimer_start_range_ns(self.timer.get(), delay.as_nanos(), 0, Self::MODE)
        };
    }

    /// # Safety
    ///
    /// Must only be called by the timer subsystem, with the field `timer` of a `Timer<T>`.
    unsafe extern "C" fn callback(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By the safety requirements of this function, `timer` is the field of a
        // `Timer<T>`. The drop of that waits for this callback, so that it is valid until this
        // returns.
        let timer: &Self = unsafe {
            let timer = Opaque::cast_from(timer.cast_const());
            &*kernel::container_of!(timer, Self, timer)
        };
        (timer.expired)(&timer.of);
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}

#[pinned_drop]
impl<T: Send + Sync + 'static> PinnedDrop for Timer<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants, `timer` is set up.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) };
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_timer)]
mod tests {
    use super::*;
    use kernel::{
        sync::{
            Arc,
            Completion, //
        },
        time::{
            Instant,
            Monotonic, //
        },
    };

    fn completing(done: &Arc<Completion>) -> Result<Pin<KBox<Timer<Arc<Completion>>>>> {
        let timer = Timer::new(done.clone(), |done: &Arc<Completion>| done.complete_all());
        KBox::pin_init(timer, GFP_KERNEL)
    }

    #[test]
    fn a_timer_calls_its_function_after_the_time_that_was_said_last() -> Result {
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let timer = completing(&done)?;
        let began = Instant::<Monotonic>::now();

        timer.start(Delta::from_secs(3600));
        timer.start(Delta::from_millis(1));
        done.wait_for_completion();
        assert!(began.elapsed() >= Delta::from_millis(1));
        Ok(())
    }

    #[test]
    fn a_timer_that_runs_can_be_dropped() -> Result {
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let timer = completing(&done)?;

        timer.start(Delta::from_secs(3600));
        drop(timer);
        Ok(())
    }
}
