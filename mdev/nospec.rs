// SPDX-License-Identifier: GPL-2.0

//! Bounds of indices that a user chooses, which also hold in speculative execution.
//!
//! C header: [`include/linux/nospec.h`](srctree/include/linux/nospec.h)

use crate::bindings;

/// Returns `index` if it is less than `len`, otherwise 0, without a branch.
#[inline]
pub fn index(index: usize, len: usize) -> usize {
    // SAFETY: The function computes a number from any two numbers, and accesses no memory.
    unsafe { bindings::mdev_index_nospec(index, len) }
}

/// Returns the element with the index `at`, and `None` if there is none.
///
/// In speculative execution, a processor may go on before it has checked the bounds. This keeps it
/// from memory outside of the slice then, of which it could leave traces in caches.
pub fn get<T>(slice: &[T], at: usize) -> Option<&T> {
    let clamped = index(at, slice.len());

    if at < slice.len() {
        slice.get(clamped)
    } else {
        None
    }
}
