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

    /// Allocates `len` bytes.
    ///
    /// Returns `EINVAL` if that is none, and `ENOMEM` when there is no such area.
    pub fn new(sch: &css::Device, len: usize) -> Result<Self> {
        if len == 0 {
            return Err(EINVAL);
        }
        let mut dma_address = 0;

        // SAFETY: `sch` is a valid subchannel, and `len` is not zero. Its DMA masks were set when it
        // was allocated and channel I/O has no address translation, so that it need not be bound.
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

        let Some(address) = Self::address_of(dma_address, len) else {
            // SAFETY: The call above has allocated the memory, and nothing uses it.
            unsafe { free(sch, memory, dma_address, len) };
            return Err(ENOMEM);
        };

        // INVARIANT: The call above has allocated the memory, and `address_of` has made sure that it
        // ends at or below 2 GiB.
        Ok(Self {
            sch: sch.into(),
            memory,
            dma_address,
            address,
            len,
        })
    }

    /// Returns the address of an area that ends at or below 2 GiB.
    fn address_of(dma_address: bindings::dma_addr_t, len: usize) -> Option<u32> {
        let end = dma_address.checked_add(u64::try_from(len).ok()?)?;
        if end > Self::END {
            return None;
        }
        u32::try_from(dma_address).ok()
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
        // SAFETY: By the type invariant; the value owns the memory.
        unsafe { free(&self.sch, self.memory, self.dma_address, self.len) };
    }
}

/// # Safety
///
/// `memory` and `dma_address` must be what `dma_alloc_attrs` has returned for `sch` and `len` bytes,
/// and nothing may use the memory any more.
unsafe fn free(
    sch: &css::Device,
    memory: NonNull<u8>,
    dma_address: bindings::dma_addr_t,
    len: usize,
) {
    // SAFETY: `sch` is a valid subchannel; the rest is required of the caller.
    unsafe {
        bindings::dma_free_attrs(
            &raw mut (*sch.as_raw()).dev,
            len,
            memory.as_ptr().cast(),
            dma_address,
            0,
        );
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_dma)]
mod tests {
    use super::*;
    use crate::css::fake;

    #[test]
    fn no_area_is_empty() -> Result {
        let sch = fake::subchannel()?;

        assert!(Area::new(sch.device(), 0).err() == Some(EINVAL));
        Ok(())
    }

    #[test]
    fn an_area_ends_at_or_below_2_gib() {
        assert!(Area::address_of(0x7fff_f000, 0x1000) == Some(0x7fff_f000));
        assert!(Area::address_of(0x7fff_f000, 0x1001).is_none());
        assert!(Area::address_of(0x1_0000_0000, 0x1000).is_none());
        assert!(Area::address_of(u64::MAX, 0x1000).is_none());
    }
}
