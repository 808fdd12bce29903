// SPDX-License-Identifier: GPL-2.0

//! Indices that a user chooses.
//!
//! C header: [`include/linux/nospec.h`](srctree/include/linux/nospec.h)

use crate::bindings;

/// Returns `index` if it is less than `len`, else 0, without a branch.
#[inline]
pub fn index(index: usize, len: usize) -> usize {
    // SAFETY: The function takes any numbers.
    unsafe { bindings::mdev_index_nospec(index, len) }
}

/// Returns the element at `at`, also where the processor only supposes that there is one.
///
/// Without this, a processor that goes on ahead of the check of the bounds can leave traces of memory
/// behind the slice.
pub fn get<T>(slice: &[T], at: usize) -> Option<&T> {
    let clamped = index(at, slice.len());

    if at < slice.len() {
        slice.get(clamped)
    } else {
        None
    }
}
