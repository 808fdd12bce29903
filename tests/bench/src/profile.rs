// SPDX-License-Identifier: GPL-2.0

//! Marks for the plugin of `make bench-profile`, which counts between them
//! (`tests/bench/profile/profile.c`).
//! They are branches that are never taken.

macro_rules! mark {
    ($name:ident, $bytes:literal) => {
        pub(crate) fn $name() {
            // SAFETY: The instruction is a branch that is never taken. It changes nothing.
            #[cfg(target_arch = "s390x")]
            unsafe {
                core::arch::asm!($bytes, options(nomem, nostack, preserves_flags));
            }
        }
    };
}

mark!(begin, ".long 0xa7045a01");
mark!(end, ".long 0xa7045a02");
