// SPDX-License-Identifier: GPL-2.0

//! Indices that a user chooses.
//!
//! C header: [`include/linux/nospec.h`](srctree/include/linux/nospec.h)

use crate::bindings;

/// Returns the element at `index`, also where the processor only supposes that there is one.
///
/// Without this, a processor that goes on ahead of the check of the bounds can leave traces of memory
/// behind the slice.
pub fn get<T>(slice: &[T], index: usize) -> Option<&T> {
    // SAFETY: The function takes any numbers.
    let clamped = unsafe { bindings::mdev_index_nospec(index, slice.len()) };

    if index < slice.len() {
        slice.get(clamped)
    } else {
        None
    }
}
