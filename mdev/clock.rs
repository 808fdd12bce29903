// SPDX-License-Identifier: GPL-2.0

//! The time-of-day clock of the machine, which takes one instruction to read.
//!
//! Principles of Operation, "STORE CLOCK FAST".

use core::arch::asm;
use kernel::time::Delta;

/// A point in time.
///
/// It is good for telling how long something took. The clock may be set a little back when it is
/// steered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tod(u64);

impl Tod {
    /// Returns the present.
    #[inline]
    pub fn now() -> Self {
        let mut tod = 0_u64;

        // SAFETY: STORE CLOCK FAST, which all machines have that Linux runs on, stores these eight bytes.
        unsafe { asm!("stckf 0({})", in(reg_addr) &mut tod, options(nostack)) };
        Self(tod)
    }

    /// Returns the point in time at which the clock has this value.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns how long it is since `earlier`; nothing if that was later.
    pub fn since(self, earlier: Self) -> Delta {
        let units = self.0.saturating_sub(earlier.0);
        // A microsecond has 4096 units. No product is too great for 64 bits.
        let nanoseconds = (units >> 9) * 125 + (((units & 0x1ff) * 125) >> 9);

        Delta::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }

    /// Returns how long it was until now.
    pub fn elapsed(self) -> Delta {
        Self::now().since(self)
    }
}
