// SPDX-License-Identifier: GPL-2.0

//! Abstractions for limiting how often a message is printed.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use crate::bindings;
use kernel::{
    prelude::*,
    time::Jiffies,
    types::Opaque, //
};

/// Allows one message in each interval.
#[pin_data]
pub struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
}

// SAFETY: The state has its own lock.
unsafe impl Send for RateLimit {}

// SAFETY: As above.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// Makes a limit with this interval.
    pub fn new(interval: Jiffies) -> impl PinInit<Self> {
        let interval = c_int::try_from(interval).unwrap_or(c_int::MAX);

        pin_init!(Self {
            state <- Opaque::ffi_init(|state| {
                // SAFETY: `state` is valid for writing.
                unsafe { bindings::mdev_ratelimit_init(state, interval) }
            }),
        })
    }

    /// Returns whether a message may be printed now. How many were not is printed with the next.
    /// May be called in any context.
    pub fn allows(&self) -> bool {
        // SAFETY: The state is initialised, the name is valid.
        unsafe { bindings::___ratelimit(self.state.get(), c"vfio_ccw".as_char_ptr()) != 0 }
    }
}
