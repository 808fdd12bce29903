// SPDX-License-Identifier: GPL-2.0

//! Memory whose size a user decides.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use crate::bindings;
use core::{
    alloc::Layout,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    alloc::{
        allocator::KVmalloc,
        AllocError,
        Allocator,
        Flags,
        NumaNode, //
    },
    prelude::*, //
};

/// The allocator of memory that is charged to the cgroup of the caller, contiguous in virtual
/// addresses only.
///
/// If the cgroup or the machine has no memory left, an allocation fails, and no process is killed
/// for it as with `GFP_KERNEL_ACCOUNT`. So a user gets an error for a request that is too large.
/// `GFP_KERNEL_ACCOUNT` are the only flags with which it allocates, on no particular node; with
/// others, an allocation fails.
pub struct Charged;

/// A [`Vec`] of [`Charged`] memory.
pub type ChargedVec<T> = Vec<T, Charged>;

// SAFETY: `mdev_realloc_charged` calls `kvrealloc_node_align`, as `KVmalloc` does, which fulfils
// this contract. The flags of that call are those that `realloc` demands, `GFP_KERNEL_ACCOUNT`, with
// further ones that only make the call fail sooner.
unsafe impl Allocator for Charged {
    const MIN_ALIGN: usize = KVmalloc::MIN_ALIGN;

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            // SAFETY: The caller fulfils the same contract, and memory of both is freed alike.
            return unsafe { KVmalloc::realloc(ptr, layout, old_layout, flags, nid) };
        }

        if flags != GFP_KERNEL_ACCOUNT || nid != NumaNode::NO_NODE {
            return Err(AllocError);
        }

        let layout = layout.pad_to_align();
        let size = layout.size();
        let old = match ptr {
            Some(ptr) if old_layout.size() > 0 => ptr.as_ptr(),
            _ => ptr::null_mut(),
        };

        // SAFETY: By the contract of this function `old` is null, or memory of this allocator that
        // is not freed yet.
        let new = unsafe { bindings::mdev_realloc_charged(old.cast(), size, layout.align()) };
        let new = NonNull::new(new.cast()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(new, size))
    }
}
