// SPDX-License-Identifier: GPL-2.0

//! The time for which the next IRB is not signalled, as the guest may not have tested the last one.

use kernel::{
    sync::Arc,
    time::Delta, //
};
use mdev::{
    clock::Tod,
    timer::Timer, //
};

/// The interrupt hold-off: after the user has read an IRB, the next one is not signalled for some
/// time if reading it would overwrite one that the guest needs.
///
/// QEMU stores one IRB for its guest, and the driver cannot see when the guest tests it. The time
/// that the guest takes to respond to unsolicited status shows how fast the guest is. That follows
/// the load of the host, as no fixed time does.
pub(crate) struct HoldOff<T: Send + Sync + 'static> {
    /// The timer that ends the hold-off, while the device is open. The timer has a reference to the
    /// subchannel, which owns this: closing the device removes it.
    pub(crate) timer: Option<Arc<Timer<T>>>,
    responses: Responses,
    last_read: Tod,
    /// The time from which on an IRB is held off.
    since: Option<Tod>,
}

impl<T: Send + Sync + 'static> HoldOff<T> {
    /// Returns the hold-off for a guest of which nothing is known.
    pub(crate) fn new(timer: Option<Arc<Timer<T>>>) -> Self {
        Self {
            timer,
            responses: Responses::default(),
            last_read: Tod::now(),
            since: None,
        }
    }

    /// Ends the hold-off. Returns for how long an IRB was held off, if there is one.
    #[inline]
    pub(super) fn end(&mut self) -> Option<Delta> {
        self.since.take().map(Tod::elapsed)
    }

    /// Begins the hold-off: the user reads an IRB now.
    pub(super) fn irb_read(&mut self) {
        self.last_read = Tod::now();
    }

    /// Takes the time since the last read for a response of the guest.
    pub(super) fn guest_responded(&mut self) {
        self.responses.add(self.last_read.elapsed());
    }

    /// Returns whether the hold-off since the last read lasts; if so, starts the timer that ends
    /// it.
    pub(super) fn holds_off(&mut self) -> bool {
        let now = Tod::now();
        let left = self.responses.hold_off() - now.since(self.last_read);

        match &self.timer {
            // No time can be derived from a clock that was set back.
            Some(timer) if left > Delta::ZERO && now >= self.last_read => {
                timer.start(left);
                self.since.get_or_insert(now);
                true
            }
            _ => false,
        }
    }
}

/// The shortest hold-off, in microseconds: a virtual CPU has to be scheduled. Nobody notices it at
/// a terminal.
const SHORTEST: i64 = 20_000;

/// The hold-off before the first response of the guest, in microseconds.
const FIRST: i64 = 100_000;

/// The longest hold-off, in microseconds.
const LONGEST: i64 = 5_000_000;

/// The hold-off as a multiple of the slowest response.
const FACTOR: i64 = 4;

/// The times that the guest takes to respond to unsolicited status, as far as they count.
struct Responses {
    /// The slowest response, in microseconds. Each faster response makes it an eighth shorter, but
    /// not shorter than itself.
    slowest: i64,
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            slowest: FIRST / FACTOR,
        }
    }
}

impl Responses {
    /// Adds that the guest has begun a function, `time` after its user read unsolicited status.
    fn add(&mut self, time: Delta) {
        let time = time.as_micros_ceil();

        // A guest that takes longer does not respond: it begins a function of its own.
        if time <= LONGEST {
            self.slowest = time.max(self.slowest - self.slowest / 8);
        }
    }

    /// Returns the time from a read to the end of the hold-off.
    fn hold_off(&self) -> Delta {
        Delta::from_micros((FACTOR * self.slowest).clamp(SHORTEST, LONGEST))
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kernel::prelude::kunit_tests(vfio_ccw_hold_off)]
mod tests {
    use super::*;

    /// Returns the hold-off after these responses, all in milliseconds.
    fn after(responses: impl IntoIterator<Item = i64>) -> i64 {
        let mut all = Responses::default();
        for millis in responses {
            all.add(Delta::from_millis(millis));
        }
        all.hold_off().as_millis()
    }

    #[test]
    fn it_is_a_multiple_of_the_slowest_response() {
        assert!(after([]) == 100);
        assert!(after([200]) == 800);
        assert!(after([200, 200, 1]) == 700);
    }

    #[test]
    fn it_becomes_short_again_and_is_never_shorter_than_a_guest_needs_to_be_scheduled() {
        let responses = (0..41).map(|i| if i == 0 { 1000 } else { 1 });
        assert!(after(responses) == 20);
        assert!(after([0; 100]) == 20);
    }

    #[test]
    fn it_is_bounded() {
        assert!(after([4999]) == 5000);
        // That was no response.
        assert!(after([6000]) == 100);
    }
}
