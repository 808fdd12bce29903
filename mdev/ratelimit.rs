// SPDX-License-Identifier: GPL-2.0

//! Limits of how often a message is printed.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use crate::bindings;
use kernel::{
    prelude::*,
    time::Jiffies,
    types::Opaque, //
};

/// A limit of one message in each interval.
///
/// # Invariants
///
/// `state` is initialised.
#[pin_data]
pub struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
}

// SAFETY: A `struct ratelimit_state` belongs to no thread.
unsafe impl Send for RateLimit {}

// SAFETY: A `struct ratelimit_state` is protected by a lock of its own.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// Returns an initialiser of a limit with this interval.
    pub fn new(interval: Jiffies) -> impl PinInit<Self> {
        let interval = c_int::try_from(interval).unwrap_or(c_int::MAX);

        // INVARIANT: The initialiser of `state` initialises it.
        pin_init!(Self {
            state <- Opaque::ffi_init(|state| {
                // SAFETY: `ffi_init` guarantees that `state` is valid for write.
                unsafe { bindings::mdev_ratelimit_init(state, interval) }
            }),
        })
    }

    /// Returns whether a message may be printed now. The next one that may is preceded by the
    /// number of those that were suppressed.
    ///
    /// This may be called in any context.
    pub fn allows(&self) -> bool {
        // SAFETY: By the type invariant, the state is initialised. The name is a static string.
        unsafe { bindings::___ratelimit(self.state.get(), c"vfio_ccw".as_char_ptr()) != 0 }
    }
}
