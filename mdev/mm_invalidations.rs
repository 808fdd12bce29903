// SPDX-License-Identifier: GPL-2.0

//! Noticing that an address space changes.
//!
//! C header: [`include/linux/mmu_notifier.h`](srctree/include/linux/mmu_notifier.h)

use kernel::{
    mm::Mm,
    prelude::*,
    sync::aref::ARef, //
};

#[cfg(CONFIG_MMU_NOTIFIER)]
use {
    crate::bindings,
    kernel::{
        error::to_result,
        sync::atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        types::Opaque, //
    },
};

/// The bits in which the changes are counted that are going on: more than there can be threads.
#[cfg(CONFIG_MMU_NOTIFIER)]
const UNFINISHED: u64 = (1 << 24) - 1;

/// Returns the address space of the current process.
///
/// Returns `ESRCH` when it has none.
pub fn current_mm() -> Result<ARef<Mm>> {
    let current = kernel::current!();
    let mm: &Mm = current.mm().ok_or(ESRCH)?;
    Ok(mm.into())
}

/// Counts the changes of the address space of a process: whatever it is in which memory is unmapped,
/// discarded, moved, migrated, or given other rights.
///
/// # Invariants
///
/// `notifier` is registered for `mm`.
#[pin_data(PinnedDrop)]
pub struct MmInvalidations {
    #[cfg(CONFIG_MMU_NOTIFIER)]
    mm: ARef<Mm>,
    /// How many changes are going on, each by a thread of its own, and above these bits how many have
    /// begun.
    #[cfg(CONFIG_MMU_NOTIFIER)]
    changes: Atomic<u64>,
    #[cfg(CONFIG_MMU_NOTIFIER)]
    #[pin]
    notifier: Opaque<bindings::mmu_notifier>,
}

// SAFETY: A notifier belongs to no thread.
unsafe impl Send for MmInvalidations {}

// SAFETY: What is changed is atomic, or has locks of its own.
unsafe impl Sync for MmInvalidations {}

#[cfg(CONFIG_MMU_NOTIFIER)]
impl MmInvalidations {
    /// Whether address spaces can be watched.
    pub const IS_POSSIBLE: bool = true;

    const OPS: bindings::mmu_notifier_ops = bindings::mmu_notifier_ops {
        release: Some(Self::release_callback),
        invalidate_range_start: Some(Self::start_callback),
        invalidate_range_end: Some(Self::end_callback),
        ..pin_init::zeroed()
    };

    /// Watches the address space of the current process.
    ///
    /// Returns `ESRCH` when it has none.
    pub fn current() -> Result<Pin<KBox<Self>>> {
        let mm = current_mm()?;
        let raw = mm.as_raw();

        KBox::try_pin_init(
            try_pin_init!(Self {
                mm,
                changes: Atomic::new(0),
                notifier <- Opaque::try_ffi_init(|notifier: *mut bindings::mmu_notifier| {
                    // SAFETY: `notifier` is valid for writing; it is in its final place, behind the
                    // counter. The process that runs this is a user of `raw`.
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

    /// Returns a number that is another one after the next change has begun; none while one is going
    /// on.
    #[inline]
    pub fn invalidate_seq(&self) -> Option<u64> {
        let changes = self.changes.load(Acquire);
        (changes & UNFINISHED == 0).then_some(changes)
    }

    /// # Safety
    ///
    /// `notifier` must be that of a registered watch.
    unsafe fn from_raw<'a>(notifier: *mut bindings::mmu_notifier) -> &'a Self {
        // SAFETY: By the function's requirement.
        unsafe { &*kernel::container_of!(Opaque::cast_from(notifier.cast_const()), Self, notifier) }
    }

    fn begin(&self) {
        // One more has begun, and one more is going on.
        self.changes.fetch_add(UNFINISHED + 2, Full);
    }

    /// # Safety
    ///
    /// Only for the memory management to call.
    unsafe extern "C" fn start_callback(
        notifier: *mut bindings::mmu_notifier,
        _range: *const bindings::mmu_notifier_range,
    ) -> c_int {
        // SAFETY: By the function's requirement.
        unsafe { Self::from_raw(notifier) }.begin();
        0
    }

    /// # Safety
    ///
    /// Only for the memory management to call.
    unsafe extern "C" fn end_callback(
        notifier: *mut bindings::mmu_notifier,
        _range: *const bindings::mmu_notifier_range,
    ) {
        // SAFETY: By the function's requirement.
        unsafe { Self::from_raw(notifier) }
            .changes
            .fetch_sub(1, Full);
    }

    /// The address space goes: this change has no end.
    ///
    /// # Safety
    ///
    /// Only for the memory management to call.
    unsafe extern "C" fn release_callback(
        notifier: *mut bindings::mmu_notifier,
        _mm: *mut bindings::mm_struct,
    ) {
        // SAFETY: By the function's requirement.
        unsafe { Self::from_raw(notifier) }.begin();
    }
}

#[cfg(not(CONFIG_MMU_NOTIFIER))]
impl MmInvalidations {
    /// Whether address spaces can be watched.
    pub const IS_POSSIBLE: bool = false;

    /// Returns `EOPNOTSUPP`.
    pub fn current() -> Result<Pin<KBox<Self>>> {
        Err(EOPNOTSUPP)
    }

    /// Returns none.
    pub fn invalidate_seq(&self) -> Option<u64> {
        None
    }
}

#[pinned_drop]
impl PinnedDrop for MmInvalidations {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant. No callback runs any more when this returns.
        #[cfg(CONFIG_MMU_NOTIFIER)]
        unsafe {
            bindings::mmu_notifier_unregister(self.notifier.get(), self.mm.as_raw());
        }
    }
}
