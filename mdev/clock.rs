// SPDX-License-Identifier: GPL-2.0

//! The time-of-day clock of the machine, which is read by one instruction.
//!
//! Principles of Operation, "STORE CLOCK FAST".

use core::arch::asm;
use kernel::time::Delta;

/// A point in time, as the value of the time-of-day clock.
///
/// It is meant for measuring durations. The clock may go back a little when it is steered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tod(u64);

impl Tod {
    /// Returns the current time.
    #[inline]
    pub fn now() -> Self {
        let mut tod = 0_u64;

        // SAFETY: STORE CLOCK FAST, which all machines have that Linux runs on, stores eight bytes
        // to its operand, which is `tod`, and sets the condition code.
        unsafe { asm!("stckf 0({})", in(reg_addr) &mut tod, options(nostack)) };
        Self(tod)
    }

    /// Returns the point in time at which the clock has the value `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the duration since `earlier`, or zero if `earlier` is later than `self`.
    pub fn since(self, earlier: Self) -> Delta {
        let units = self.0.saturating_sub(earlier.0);
        // A microsecond has 4096 units, so that 512 units are 125 nanoseconds. No product
        // overflows.
        let nanoseconds = (units >> 9) * 125 + (((units & 0x1ff) * 125) >> 9);

        Delta::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }

    /// Returns the duration from `self` to the current time.
    pub fn elapsed(self) -> Delta {
        Self::now().since(self)
    }
}
