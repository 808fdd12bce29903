// SPDX-License-Identifier: GPL-2.0

//! The used part of an array, at its beginning.
//!
//! An array is never used beyond its end. If it were, these functions would panic in a test build
//! and return an empty slice in the kernel, where a panic would be worse than a wrong result.

/// Returns the first `len` items.
#[inline(always)]
pub(crate) fn prefix<T>(items: &[T], len: usize) -> &[T] {
    let prefix = items.get(..len);
    debug_assert!(prefix.is_some());
    prefix.unwrap_or_default()
}

/// Returns the first `len` items, to be changed.
#[inline(always)]
pub(crate) fn prefix_mut<T>(items: &mut [T], len: usize) -> &mut [T] {
    let prefix = items.get_mut(..len);
    debug_assert!(prefix.is_some());
    prefix.unwrap_or_default()
}
