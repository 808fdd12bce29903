// SPDX-License-Identifier: GPL-2.0

//! The time for which status is held off that would take the place of other status.
//!
//! QEMU keeps one status for its guest, and nothing tells when the guest tests it. The time that this guest
//! has taken to answer unsolicited status tells how fast it is. That follows the load of the host; a
//! fixed time does not.

use kernel::time::Delta;

/// The shortest hold-off, in microseconds: a virtual CPU has to be scheduled. Nobody notices it at a
/// terminal.
const SHORTEST: i64 = 20_000;

/// The hold-off before the guest has given an answer, in microseconds.
const FIRST: i64 = 100_000;

/// The longest hold-off, in microseconds.
const LONGEST: i64 = 5_000_000;

/// The hold-off in times of the slowest answer.
const FACTOR: i64 = 4;

/// The answers of a guest to unsolicited status, as far as they count for the hold-off.
pub(crate) struct HoldOff {
    /// The slowest answer, in microseconds. Each faster answer makes it an eighth shorter, but not shorter
    /// than itself.
    slowest: i64,
}

impl Default for HoldOff {
    fn default() -> Self {
        Self {
            slowest: FIRST / FACTOR,
        }
    }
}

impl HoldOff {
    /// Notes that the guest has begun a function, `time` after its user took unsolicited status.
    pub(crate) fn answered(&mut self, time: Delta) {
        let time = time.as_micros_ceil();

        // A guest that takes longer has not answered, but begun something of its own.
        if time <= LONGEST {
            self.slowest = time.max(self.slowest - self.slowest / 8);
        }
    }

    /// Returns the time for which other status is held off after the user took one.
    pub(crate) fn time(&self) -> Delta {
        Delta::from_micros((FACTOR * self.slowest).clamp(SHORTEST, LONGEST))
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kernel::prelude::kunit_tests(vfio_ccw_hold_off)]
mod tests {
    use super::*;

    fn after(answers: impl IntoIterator<Item = i64>) -> i64 {
        let mut hold_off = HoldOff::default();
        for millis in answers {
            hold_off.answered(Delta::from_millis(millis));
        }
        hold_off.time().as_millis()
    }

    #[test]
    fn it_is_a_multiple_of_the_slowest_answer() {
        assert!(after([]) == 100);
        assert!(after([200]) == 800);
        assert!(after([200, 200, 1]) == 700);
    }

    #[test]
    fn it_becomes_short_again_and_is_never_shorter_than_a_guest_needs_to_be_scheduled() {
        assert!(after([1000].into_iter().chain([1; 40])) == 20);
        assert!(after([0; 100]) == 20);
    }

    #[test]
    fn it_is_bounded() {
        assert!(after([4999]) == 5000);
        // That was no answer.
        assert!(after([6000]) == 100);
    }
}
