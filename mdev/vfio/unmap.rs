// SPDX-License-Identifier: GPL-2.0

//! Having the driver let go of memory that the user unmaps.
//!
//! Both back ends of VFIO call the driver for this and want no page to be pinned when it returns,
//! or they call again: type1 ten times, and then it is a BUG. But type1 calls with the lock of its
//! list of devices held, and unpinning takes its main lock, which comes before that in its own
//! order, when a device is opened: two threads of one user could wait for each other for ever. So
//! the driver is called in a work item, which holds no lock of type1, and is waited for with a
//! timeout; giving up and being called again lets the other thread go on.

use super::{
    Device,
    Open,
    Operations, //
};
use crate::bindings;
use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Mutex,
        SpinLock, //
    },
    time::msecs_to_jiffies,
    types::Opaque, //
};

/// How long the driver may take, in milliseconds, before the back end is told that it is done.
///
/// Longer than any driver should need to stop a device, and ten times this is not for ever.
const TIMEOUT: u32 = 60_000;

/// The memory that the driver is to let go of.
///
/// # Invariants
///
/// `work` and `done` are initialised.
#[pin_data]
pub(super) struct Unmap {
    /// The first and the last byte.
    #[pin]
    range: SpinLock<Option<(u64, u64)>>,
    pending: Atomic<i32>,
    #[pin]
    callers: Mutex<()>,
    #[pin]
    work: Opaque<bindings::work_struct>,
    #[pin]
    done: Opaque<bindings::completion>,
}

// SAFETY: The C structures have locks of their own.
unsafe impl Send for Unmap {}

// SAFETY: As above.
unsafe impl Sync for Unmap {}

impl Unmap {
    pub(super) fn new<T: Operations>() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            range <- new_spinlock!(None, "vfio::Unmap::range"),
            pending: Atomic::new(0),
            callers <- new_mutex!((), "vfio::Unmap::callers"),
            work <- Opaque::ffi_init(|work| {
                // SAFETY: `work` is valid for writing.
                unsafe { bindings::mdev_init_work(work, Some(Device::<T>::unmap_callback)) }
            }),
            done <- Opaque::ffi_init(|done| {
                // SAFETY: `done` is valid for writing.
                unsafe { bindings::init_completion(done) }
            }),
        })
    }
}

impl<T: Operations> Device<T> {
    fn unmap_state(&self) -> &Unmap {
        // SAFETY: A `Device` is only seen after `new`, where `unmap` was initialised.
        unsafe { self.unmap.assume_init_ref() }
    }

    /// Returns `EAGAIN` while the driver is to let go of memory.
    pub(super) fn check_no_unmap(&self) -> Result {
        if self.unmap_state().pending.load(Acquire) == 0 {
            Ok(())
        } else {
            Err(EAGAIN)
        }
    }

    /// Has the driver let go of `len` bytes from `iova` on.
    pub(super) fn unmap(&self, iova: u64, len: u64) {
        let Some(rest) = len.checked_sub(1) else {
            return;
        };
        let last = iova.saturating_add(rest);
        let unmap = self.unmap_state();

        let _one = unmap.callers.lock();
        self.add_unmap(iova, last);

        // SAFETY: Both are initialised, and live until `wait_for_unmap` has returned.
        unsafe {
            bindings::mdev_reinit_completion(unmap.done.get());
            bindings::mdev_queue_work(unmap.work.get());
            bindings::wait_for_completion_timeout(unmap.done.get(), msecs_to_jiffies(TIMEOUT));
        }
    }

    fn add_unmap(&self, first: u64, last: u64) {
        let unmap = self.unmap_state();

        {
            let mut range = unmap.range.lock();
            *range = match *range {
                Some((old_first, old_last)) => Some((first.min(old_first), last.max(old_last))),
                None => Some((first, last)),
            };
        }
        unmap.pending.store(1, Release);
    }

    /// Has the driver let go of all memory, in a context of its own and without waiting for it: the
    /// device is gone, and its user need not be.
    pub fn let_go_soon(&self) {
        self.add_unmap(0, u64::MAX);

        // SAFETY: The work is initialised, and lives until `wait_for_unmap` has returned.
        unsafe { bindings::mdev_queue_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is left.
    pub(super) fn wait_for_unmap(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_work(self.unmap_state().work.get()) };
    }

    /// # Safety
    ///
    /// Only for the work queue to call, with the work of a device that lives until this has
    /// returned.
    unsafe extern "C" fn unmap_callback(work: *mut bindings::work_struct) {
        // SAFETY: By the function's requirement; `unmap` is in the device, as it is initialised.
        let dev: &Self = unsafe {
            let unmap = kernel::container_of!(Opaque::cast_from(work.cast_const()), Unmap, work);
            &*unmap
                .byte_sub(core::mem::offset_of!(Self, unmap))
                .cast::<Self>()
        };
        let unmap = dev.unmap_state();

        let range = unmap.range.lock().take();
        if let Some((first, last)) = range {
            // INVARIANT: The back end calls for a device that is open. If it has been closed
            // meanwhile, the driver has let go of everything, and calls nothing that needs it open.
            T::dma_unmap(&Open(dev), first, (last - first).saturating_add(1));
        }
        if unmap.range.lock().is_none() {
            unmap.pending.store(0, Release);
        }

        // SAFETY: The completion is initialised.
        unsafe { bindings::complete_all(unmap.done.get()) };
    }
}
