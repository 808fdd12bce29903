// SPDX-License-Identifier: GPL-2.0

//! Having the driver let go of memory that the user unmaps.
//!
//! Both back ends of VFIO call the driver for this and want no page to be pinned when it returns,
//! or they call again: type1 ten times, and then it is a BUG. But type1 calls with the lock of its
//! list of devices held, and unpinning takes its main lock, which comes before that in its own
//! order, when a device is opened: two threads of one user could wait for each other for ever. So
//! the driver is called in a work item, which holds no lock of type1, and is waited for with a
//! timeout; giving up and being called again lets the other thread go on.
//!
//! iommufd lets nobody pin memory that is being unmapped. But between that call and type1's next look
//! at the memory another thread of the user can have pages pinned again, and if it does so each time,
//! that is the BUG. So when type1 calls again for the same memory, none can be pinned for a while
//! after it, and for twice as long the next time: a thread that is about to take a lock has been given
//! more than half a second for it at the last.

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
    time::{
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
    types::Opaque, //
};

/// How long the driver may take, in milliseconds, before the back end is told that it is done.
///
/// Longer than any driver should need to stop a device, and ten times this is not for ever.
const TIMEOUT: u32 = 60_000;

/// A call for the same memory as the last one is a further try if it comes within so long.
const NEXT_TRY: Delta = Delta::from_millis(100);

/// For how long no page can be pinned after the second try. It doubles with each one, up to
/// [`MAX_DOUBLINGS`] times; type1 tries ten times.
const FIRST_PAUSE: Delta = Delta::from_millis(2);
const MAX_DOUBLINGS: u32 = 6;

/// The last call of a back end.
struct Call {
    range: (u64, u64),
    returned: Instant<Monotonic>,
    /// How many calls for the same memory came before it.
    tries: u32,
}

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
    made: Instant<Monotonic>,
    /// When pages can be pinned again, in nanoseconds after `made`.
    pause_end: Atomic<i64>,
    #[pin]
    last_call: Mutex<Option<Call>>,
    /// Whether a user has the device open: not yet while it is opened, not any more while it is closed.
    #[pin]
    is_open: Mutex<bool>,
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
            made: Instant::now(),
            pause_end: Atomic::new(0),
            last_call <- new_mutex!(None, "vfio::Unmap::last_call"),
            is_open <- new_mutex!(false, "vfio::Unmap::is_open"),
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

impl Unmap {
    /// No page can be pinned for so long.
    fn pause(&self, pause: Delta) {
        let end = self.made.elapsed() + pause;
        self.pause_end.store(end.as_nanos(), Release);
    }

    #[inline]
    fn is_pausing(&self) -> bool {
        let end = self.pause_end.load(Acquire);
        // The clock is not read unless there has been a pause.
        end != 0 && self.made.elapsed().as_nanos() < end
    }
}

impl<T: Operations> Device<T> {
    fn unmap_state(&self) -> &Unmap {
        // SAFETY: A `Device` is only seen after `new`, where `unmap` was initialised.
        unsafe { self.unmap.assume_init_ref() }
    }

    /// Returns `EAGAIN` while the driver is to let go of memory.
    pub(super) fn check_no_unmap(&self) -> Result {
        let unmap = self.unmap_state();

        if unmap.pending.load(Acquire) != 0 || unmap.is_pausing() {
            Err(EAGAIN)
        } else {
            Ok(())
        }
    }

    /// Notes whether a user has the device open, after waiting for [`Device::if_open`].
    pub(super) fn set_open(&self, is_open: bool) {
        *self.unmap_state().is_open.lock() = is_open;
    }

    /// Calls `f` if a user has the device open. It is not closed before `f` returns.
    ///
    /// A mutex is held meanwhile that closing the device takes, before all locks of the driver.
    pub fn if_open<R>(&self, f: impl FnOnce(&Open<'_, T>) -> R) -> Option<R> {
        let is_open = self.unmap_state().is_open.lock();

        // INVARIANT: Closing waits for the mutex first.
        is_open.then(|| f(&Open(self)))
    }

    /// Has the driver let go of `len` bytes from `iova` on.
    pub(super) fn unmap(&self, iova: u64, len: u64) {
        let Some(rest) = len.checked_sub(1) else {
            return;
        };
        let last = iova.saturating_add(rest);
        let unmap = self.unmap_state();

        let mut last_call = unmap.last_call.lock();
        let tries = match &*last_call {
            Some(call)
                if call.range == (iova, last)
                    && call.returned.elapsed() < NEXT_TRY
                    && !self.has_iommufd() =>
            {
                call.tries.saturating_add(1)
            }
            _ => 0,
        };
        let pause = tries
            .checked_sub(1)
            .map(|doublings| FIRST_PAUSE * (1 << doublings.min(MAX_DOUBLINGS)));
        if pause.is_some() {
            // There must be no moment between this call and its pause.
            unmap.pause(Delta::from_millis(2 * i64::from(TIMEOUT)));
        }
        self.add_unmap(iova, last);

        // SAFETY: Both are initialised, and live until `wait_for_unmap` has returned.
        unsafe {
            bindings::mdev_reinit_completion(unmap.done.get());
            bindings::mdev_queue_work(unmap.work.get());
            bindings::wait_for_completion_timeout(unmap.done.get(), msecs_to_jiffies(TIMEOUT));
        }

        *last_call = Some(Call {
            range: (iova, last),
            returned: Instant::now(),
            tries,
        });
        if let Some(pause) = pause {
            unmap.pause(pause);
        }
    }

    /// Whether the back end is iommufd.
    fn has_iommufd(&self) -> bool {
        #[cfg(CONFIG_IOMMUFD)]
        {
            // SAFETY: `self` is a valid device; the back end stays while it calls.
            let access = unsafe { (*self.as_raw()).iommufd_access };
            !access.is_null()
        }

        #[cfg(not(CONFIG_IOMMUFD))]
        false
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

        // SAFETY: The work is initialised, and lives until `wait_for_unmap` has returned,
        // which the release of the device calls.
        unsafe { bindings::mdev_queue_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is left.
    pub(super) fn wait_for_unmap(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is left, and forgets what the user has unmapped: that the next one
    /// unmaps the same is no further try.
    ///
    /// The core calls for this with its lock of the device set held. `last_call` comes behind that:
    /// what is done under it, the work item too, never takes that lock.
    pub(super) fn end_unmaps(&self) {
        self.wait_for_unmap();

        let unmap = self.unmap_state();
        let mut last_call = unmap.last_call.lock();
        *last_call = None;
        unmap.pause_end.store(0, Release);
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
            // A device that is closed has let go of everything.
            let len = (last - first).saturating_add(1);
            dev.if_open(|dev| T::dma_unmap(dev, first, len));
        }
        if unmap.range.lock().is_none() {
            unmap.pending.store(0, Release);
        }

        // SAFETY: The completion is initialised.
        unsafe { bindings::complete_all(unmap.done.get()) };
    }
}
