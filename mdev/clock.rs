// SPDX-License-Identifier: GPL-2.0

//! The time-of-day clock of the machine, which takes one instruction to read.
//!
//! C header: [`arch/s390/include/asm/timex.h`](srctree/arch/s390/include/asm/timex.h)

use crate::bindings;
use kernel::time::Delta;

/// A point in time.
///
/// It is good for telling how long something took. The clock may be set a little back when it is
/// steered.
#[derive(Clone, Copy)]
pub struct Tod(u64);

impl Tod {
    /// Returns the present.
    pub fn now() -> Self {
        // SAFETY: The instruction may always be used.
        Self(unsafe { bindings::mdev_tod_clock() })
    }

    /// Returns the point in time that [`Tod::bits`] was taken of.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns it as a number.
    pub const fn bits(self) -> u64 {
        self.0
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
