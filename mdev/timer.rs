// SPDX-License-Identifier: GPL-2.0

//! Something to be done once, later, in softirq context.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::bindings;
use kernel::{
    prelude::*,
    time::Delta,
    types::Opaque, //
};

/// Calls a function with `of`, in softirq context: it must not sleep, and may take locks that are only taken
/// with interrupts off.
///
/// Dropping it waits for the function to return, so it must not be dropped under a lock that the
/// function takes, nor in atomic context. One that is not dropped may call the function at any later
/// time, so `of` borrows nothing.
///
/// The kernel crate's `HrTimer` cannot be started again under such a lock: dropping the handle that it
/// gives for a start waits for the function.
///
/// # Invariants
///
/// `timer` is set up with [`Timer::callback`], and only runs while the value lives.
#[pin_data(PinnedDrop)]
pub struct Timer<T: Send + Sync + 'static> {
    of: T,
    expired: fn(&T),
    #[pin]
    timer: Opaque<bindings::hrtimer>,
}

// SAFETY: A timer has a lock of its own.
unsafe impl<T: Send + Sync + 'static> Send for Timer<T> {}

// SAFETY: As above.
unsafe impl<T: Send + Sync + 'static> Sync for Timer<T> {}

impl<T: Send + Sync + 'static> Timer<T> {
    const MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_REL_SOFT;

    /// Returns a timer that does not run.
    pub fn new(of: T, expired: fn(&T)) -> impl PinInit<Self> {
        pin_init!(Self {
            of,
            expired,
            timer <- Opaque::ffi_init(|timer| {
                let clock = bindings::CLOCK_MONOTONIC as bindings::clockid_t;
                // SAFETY: `timer` is valid for writing.
                unsafe { bindings::hrtimer_setup(timer, Some(Self::callback), clock, Self::MODE) }
            }),
        })
    }

    /// Has the function called once after `delay`, and not when this was to be before. May be
    /// called in any context.
    pub fn start(&self, delay: Delta) {
        // SAFETY: The timer is set up.
        unsafe {
            bindings::hrtimer_start_range_ns(self.timer.get(), delay.as_nanos(), 0, Self::MODE)
        };
    }

    /// # Safety
    ///
    /// Only for the kernel to call, with the `timer` of a value.
    unsafe extern "C" fn callback(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By the function's requirement; a value waits for this to return before it goes.
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
        // SAFETY: The timer is set up.
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
