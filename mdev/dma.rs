// SPDX-License-Identifier: GPL-2.0

//! Memory below 2 GiB, where the channel subsystem fetches channel programs from.
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h)

use crate::{
    bindings,
    css, //
};
use ccwchain::memory::Arena;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// A zeroed, page-aligned and physically contiguous area of memory below 2 GiB.
///
/// The channel may read and write it at any time, so that it is never lent as a Rust reference.
///
/// # Invariants
///
/// `memory` and `dma_address` are what `dma_alloc_attrs` returned for `sch` and `len` bytes.
/// `address` is the same as `dma_address`, and the area ends at or below 2 GiB.
pub struct Area {
    sch: ARef<css::Device>,
    memory: NonNull<u8>,
    dma_address: bindings::dma_addr_t,
    address: u32,
    len: usize,
}

// SAFETY: The area belongs to no thread.
unsafe impl Send for Area {}

// SAFETY: All that is changed, is changed through `&mut self`.
unsafe impl Sync for Area {}

impl Area {
    const END: u64 = 1 << 31;

    /// Allocates `len` bytes. Returns `ENOMEM` when there is no such area.
    pub fn new(sch: &css::Device, len: usize) -> Result<Self> {
        let mut dma_address = 0;

        // SAFETY: `sch` is a valid subchannel. Its DMA masks were set when it was allocated and
        // channel I/O has no address translation, so that it need not be bound.
        let memory = unsafe {
            bindings::dma_alloc_attrs(
                &raw mut (*sch.as_raw()).dev,
                len,
                &mut dma_address,
                bindings::GFP_KERNEL | bindings::__GFP_ZERO,
                0,
            )
        };
        let memory = NonNull::new(memory.cast()).ok_or(ENOMEM)?;

        // INVARIANT: An area that ends above 2 GiB has the address 0 here, but is freed by `drop`
        // and not handed out.
        let end = u64::try_from(len).map_or(u64::MAX, |len| dma_address.saturating_add(len));
        let area = Self {
            sch: sch.into(),
            memory,
            dma_address,
            address: u32::try_from(dma_address).unwrap_or(0),
            len,
        };
        if end > Self::END {
            return Err(ENOMEM);
        }
        Ok(area)
    }
}

impl Arena for Area {
    #[inline]
    fn address(&self) -> u32 {
        self.address
    }

    #[inline]
    fn size(&self) -> usize {
        self.len
    }

    #[inline]
    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        let fits = offset.checked_add(N).is_some_and(|end| end <= self.len);
        debug_assert!(fits);
        if !fits {
            return;
        }

        // SAFETY: The range is within the area, which no Rust reference is made to.
        unsafe {
            self.memory
                .as_ptr()
                .add(offset)
                .cast::<[u8; N]>()
                .write_unaligned(bytes)
        };
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::dma_free_attrs(
                &raw mut (*self.sch.as_raw()).dev,
                self.len,
                self.memory.as_ptr().cast(),
                self.dma_address,
                0,
            );
        }
    }
}
