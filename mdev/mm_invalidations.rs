// SPDX-License-Identifier: GPL-2.0

//! Counting the invalidations of an address space.
//!
//! C header: [`include/linux/mmu_notifier.h`](srctree/include/linux/mmu_notifier.h)

use kernel::{
    mm::Mm,
    prelude::*,
    sync::aref::ARef, //
};

#[cfg(CONFIG_MMU_NOTIFIER)]
use {
    crate::{
        bindings,
        invalidate_seq::InvalidateSeq, //
    },
    kernel::{
        error::to_result,
        types::Opaque, //
    },
};

/// Returns the address space of the current process.
///
/// Returns `ESRCH` when the process has none.
pub fn current_mm() -> Result<ARef<Mm>> {
    let current = kernel::current!();
    let mm: &Mm = current.mm().ok_or(ESRCH)?;
    Ok(mm.into())
}

/// Counts the invalidations of the address space of a process.
///
/// An invalidation is whatever unmaps, discards, moves or migrates memory, or changes the access to
/// it.
///
/// # Invariants
///
/// `notifier` is registered for `mm` until the value is dropped.
#[pin_data(PinnedDrop)]
pub struct MmInvalidations {
    #[cfg(CONFIG_MMU_NOTIFIER)]
    mm: ARef<Mm>,
    #[cfg(CONFIG_MMU_NOTIFIER)]
    seq: InvalidateSeq,
    #[cfg(CONFIG_MMU_NOTIFIER)]
    #[pin]
    notifier: Opaque<bindings::mmu_notifier>,
}

// SAFETY: Neither a reference to an address space nor a notifier belongs to a thread.
unsafe impl Send for MmInvalidations {}

// SAFETY: `seq` is atomic, `mm` is `Sync`, and `notifier` is protected by locks of the memory
// management.
unsafe impl Sync for MmInvalidations {}

#[cfg(CONFIG_MMU_NOTIFIER)]
impl MmInvalidations {
    /// True if the kernel notifies of invalidations.
    pub const IS_POSSIBLE: bool = true;

    const OPS: bindings::mmu_notifier_ops = bindings::mmu_notifier_ops {
        release: Some(Self::release_callback),
        invalidate_range_start: Some(Self::start_callback),
        invalidate_range_end: Some(Self::end_callback),
        ..pin_init::zeroed()
    };

    /// Begins to count the invalidations of the address space of the current process.
    ///
    /// Returns `ESRCH` when the process has none.
    pub fn current() -> Result<Pin<KBox<Self>>> {
        let mm = current_mm()?;
        let raw = mm.as_raw();

        // INVARIANT: The initialiser of `notifier` only succeeds with a registered notifier.
        KBox::try_pin_init(
            try_pin_init!(Self {
                mm,
                seq: InvalidateSeq::new(),
                notifier <- Opaque::try_ffi_init(|notifier: *mut bindings::mmu_notifier| {
                    // SAFETY: `try_ffi_init` guarantees that `notifier` is valid for write, and it
                    // is pinned until `drop` unregisters it. `seq`, which the callbacks use, was
                    // initialised before. The current process is a user of its own address space.
                    unsafe {
                        notifier.write(bindings::mmu_notifier {
                            ops: &Self::OPS,
                            ..pin_init::zeroed()
                        });
                        to_result(bindings::mmu_notifier_register(notifier, raw))
                    }
                }),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Returns the invalidation sequence number, which changes when the next invalidation begins.
    ///
    /// Returns `None` while an invalidation is in progress.
    #[inline]
    pub fn invalidate_seq(&self) -> Option<u64> {
        self.seq.get()
    }

    /// Returns the counter that a C structure is in.
    ///
    /// # Safety
    ///
    /// `notifier` must be registered by a [`MmInvalidations`], for as long as the reference is
    /// used.
    unsafe fn from_raw<'a>(notifier: *mut bindings::mmu_notifier) -> &'a Self {
        // SAFETY: By the safety requirements of this function, `notifier` is the field of a valid
        // instance.
        unsafe { &*kernel::container_of!(Opaque::cast_from(notifier.cast_const()), Self, notifier) }
    }

    /// # Safety
    ///
    /// Must only be called by the memory management, with the notifier of a [`MmInvalidations`].
    unsafe extern "C" fn start_callback(
        notifier: *mut bindings::mmu_notifier,
        _range: *const bindings::mmu_notifier_range,
    ) -> c_int {
        // SAFETY: The memory management only passes registered notifiers, and unregistering one
        // waits for this callback.
        unsafe { Self::from_raw(notifier) }.seq.begin();
        0
    }

    /// # Safety
    ///
    /// Must only be called by the memory management, with the notifier of a [`MmInvalidations`].
    unsafe extern "C" fn end_callback(
        notifier: *mut bindings::mmu_notifier,
        _range: *const bindings::mmu_notifier_range,
    ) {
        // SAFETY: The memory management only passes registered notifiers, and unregistering one
        // waits for this callback.
        unsafe { Self::from_raw(notifier) }.seq.end();
    }

    /// Counts the end of the address space as an invalidation that does not end.
    ///
    /// # Safety
    ///
    /// Must only be called by the memory management, with the notifier of a [`MmInvalidations`].
    unsafe extern "C" fn release_callback(
        notifier: *mut bindings::mmu_notifier,
        _mm: *mut bindings::mm_struct,
    ) {
        // SAFETY: The memory management only passes registered notifiers, and unregistering one
        // waits for this callback.
        unsafe { Self::from_raw(notifier) }.seq.begin();
    }
}

#[cfg(not(CONFIG_MMU_NOTIFIER))]
impl MmInvalidations {
    /// True if the kernel notifies of invalidations.
    pub const IS_POSSIBLE: bool = false;

    /// Returns `EOPNOTSUPP`: the kernel does not notify of invalidations.
    pub fn current() -> Result<Pin<KBox<Self>>> {
        Err(EOPNOTSUPP)
    }

    /// Returns `None`: the kernel does not notify of invalidations.
    pub fn invalidate_seq(&self) -> Option<u64> {
        None
    }
}

#[pinned_drop]
impl PinnedDrop for MmInvalidations {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, the notifier is registered for `mm`. No callback runs any
        // more when this returns.
        #[cfg(CONFIG_MMU_NOTIFIER)]
        unsafe {
            bindings::mmu_notifier_unregister(self.notifier.get(), self.mm.as_raw());
        }
    }
}
