// SPDX-License-Identifier: GPL-2.0

//! Having the driver let go of memory that the user unmaps.
//!
//! Both back ends of VFIO call the driver for this and want no page to be pinned when it returns.
//!
//! type1 looks at the memory again after it has called the drivers of all devices of the container, and
//! calls them again while a page of it is pinned: ten times, and then it is a BUG. Two things could make
//! it so.
//!
//! - A page is pinned again between the call and the look. So from the first call for a device on no page
//!   can be pinned through it until the thread that unmaps returns to user space, when the memory is
//!   unmapped ([`task_work`]). With the first round of calls this is so for all devices of the container,
//!   however many these are and however long each takes. A call that was under way already undoes what it
//!   has pinned, and is waited for. What the second look can find are pages of a device that was opened since.
//! - The driver does not let go in time. type1 calls with the lock of its list of devices held, and
//!   unpinning takes its main lock, which comes before that in its own order, when a device is opened: two
//!   threads of one user could wait for each other for ever. So the driver is called in a work item, which
//!   holds no lock of type1, and is waited for with a timeout; giving up and being called again lets the
//!   other thread go on. All timeouts together are longer than a driver may take.
//!
//! iommufd lets nobody pin memory that is being unmapped, holds no lock that unpinning takes, and calls
//! once.

use super::{
    Device,
    Open,
    Operations, //
};
use crate::{
    bindings,
    task_work, //
};
use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Mutex,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
    types::Opaque, //
};

/// How long type1 waits for the driver, before it looks at the memory and calls again. It does so eleven
/// times: 18 minutes. [`Operations::dma_unmap`] says how long the driver may take.
const TIMEOUT: Delta = Delta::from_secs(100);

/// How often it is looked whether threads that unmap have returned, or calls that pin pages.
const LOOK: Delta = Delta::from_millis(10);

/// What the driver is to let go of.
#[derive(Default)]
struct Wanted {
    /// The first and the last byte.
    range: Option<(u64, u64)>,
    /// Counts the calls, and those of them for which the driver has let go.
    calls: u64,
    done: u64,
}

/// The memory that the driver is to let go of.
///
/// # Invariants
///
/// `work` and `done` are initialised.
#[pin_data]
pub(super) struct Unmap {
    #[pin]
    wanted: SpinLock<Wanted>,
    /// Whether there is any that it has not let go of.
    pending: Atomic<bool>,
    /// How many calls of type1 were made by threads that have not returned to user space since.
    unmapping: Atomic<u64>,
    /// How many calls that pin pages are under way.
    pinning: Atomic<u64>,
    /// Whether a user has the device open: from when the driver has opened it until it has closed it.
    #[pin]
    is_open: Mutex<bool>,
    #[pin]
    work: Opaque<bindings::work_struct>,
    /// Completed each time that the driver has let go of something.
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
            wanted <- new_spinlock!(Wanted::default(), "vfio::Unmap::wanted"),
            pending: Atomic::new(false),
            unmapping: Atomic::new(0),
            pinning: Atomic::new(0),
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

    /// Notes what the driver is to let go of. Returns the number of the call.
    fn want(&self, first: u64, last: u64) -> u64 {
        let mut wanted = self.wanted.lock();
        wanted.range = match wanted.range {
            Some((old_first, old_last)) => Some((first.min(old_first), last.max(old_last))),
            None => Some((first, last)),
        };
        wanted.calls += 1;
        self.pending.store(true, Release);
        wanted.calls
    }

    fn is_done(&self, call: u64) -> bool {
        self.wanted.lock().done >= call
    }

    /// Waits until the driver has let go for `call`, and no call that pins pages is under way, or the time
    /// for that is over.
    fn wait(&self, call: u64) {
        let began = Instant::<Monotonic>::now();

        loop {
            // SAFETY: The completion is initialised. What comes after this ends the wait.
            unsafe { bindings::mdev_reinit_completion(self.done.get()) };

            let left = (TIMEOUT - began.elapsed()).as_millis_ceil();
            let Ok(left @ 1..) = u32::try_from(left) else {
                return;
            };
            if self.is_done(call) {
                if self.pinning.load(Acquire) == 0 {
                    return;
                }
                // It waits for the same lock of type1 as its caller does behind this.
                fsleep(LOOK);
                continue;
            }
            // SAFETY: As above.
            unsafe {
                bindings::wait_for_completion_timeout(self.done.get(), msecs_to_jiffies(left));
            }
        }
    }
}

/// A call that pins pages, while the value lives.
pub(super) struct Pinning<'a>(&'a Unmap);

impl Drop for Pinning<'_> {
    fn drop(&mut self) {
        self.0.pinning.fetch_sub(1, Full);
    }
}

impl<T: Operations> Device<T> {
    /// Notes that a call pins pages: it looks for an unmap before and after that.
    pub(super) fn begin_pin(&self) -> Pinning<'_> {
        let unmap = self.unmap_state();

        unmap.pinning.fetch_add(1, Full);
        Pinning(unmap)
    }

    fn unmap_state(&self) -> &Unmap {
        // SAFETY: A `Device` is only seen after `new`, where `unmap` was initialised.
        unsafe { self.unmap.assume_init_ref() }
    }

    /// Returns `EAGAIN` while memory is being unmapped.
    pub(super) fn check_no_unmap(&self) -> Result {
        let unmap = self.unmap_state();

        if unmap.pending.load(Acquire) || unmap.unmapping.load(Acquire) != 0 {
            Err(EAGAIN)
        } else {
            Ok(())
        }
    }

    /// Notes whether a user has the device open, after waiting for [`Device::if_open`].
    pub(super) fn set_open(&self, is_open: bool) {
        *self.unmap_state().is_open.lock() = is_open;
    }

    /// Calls `f` if a user has the device open. [`Operations::close`] may run beside it, but the device
    /// counts as open until `f` returns.
    ///
    /// A mutex is held meanwhile that closing the device takes, before all locks of the driver.
    pub fn if_open<R>(&self, f: impl FnOnce(&Open<'_, T>) -> R) -> Option<R> {
        let is_open = self.unmap_state().is_open.lock();

        // INVARIANT: The core takes the device for open until closing has had the mutex.
        is_open.then(|| f(&Open(self)))
    }

    /// Has the driver let go of `len` bytes from `iova` on.
    pub(super) fn unmap(&self, iova: u64, len: u64) {
        let Some(rest) = len.checked_sub(1) else {
            return;
        };
        let last = iova.saturating_add(rest);
        let unmap = self.unmap_state();

        if self.has_iommufd() {
            unmap.want(iova, last);
            self.let_go();
            self.wait_for_work();
            return;
        }

        self.pin_nothing_before_return();
        let call = unmap.want(iova, last);
        self.let_go();
        unmap.wait(call);
    }

    /// Has no page be pinned until the current thread returns to user space, which it does: type1 calls in
    /// a system call only.
    fn pin_nothing_before_return(&self) {
        let dev: ARef<Self> = self.into();
        let returned = move || {
            dev.unmap_state().unmapping.fetch_sub(1, Full);
        };

        self.unmap_state().unmapping.fetch_add(1, Full);
        // Without memory it is tried again with type1's next call, and a thread that is about to end does
        // not unmap any more.
        if task_work::on_return(returned).is_err() {
            self.unmap_state().unmapping.fetch_sub(1, Full);
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

    /// Has the driver let go of all memory, in a context of its own and without waiting for it: the
    /// device is gone, and its user need not be.
    pub fn let_go_soon(&self) {
        self.unmap_state().want(0, u64::MAX);
        self.let_go();
    }

    /// Has the driver let go of what is wanted, in a work item.
    fn let_go(&self) {
        // SAFETY: The work is initialised, and lives until `wait_for_work` has returned, which the
        // release of the device calls.
        unsafe { bindings::mdev_queue_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is left.
    pub(super) fn wait_for_work(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is left, and all threads that have unmapped memory have returned: then
    /// nothing of the module is called for the device any more.
    pub(super) fn end_unmaps(&self) {
        self.wait_for_work();
        while self.unmap_state().unmapping.load(Acquire) != 0 {
            fsleep(LOOK);
        }
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

        let (range, calls) = {
            let mut wanted = unmap.wanted.lock();
            (wanted.range.take(), wanted.calls)
        };
        if let Some((first, last)) = range {
            // A device that is closed has let go of everything.
            let len = (last - first).saturating_add(1);
            dev.if_open(|dev| T::dma_unmap(dev, first, len));
        }
        {
            let mut wanted = unmap.wanted.lock();
            wanted.done = calls;
            if wanted.range.is_none() {
                unmap.pending.store(false, Release);
            }
        }

        // SAFETY: The completion is initialised.
        unsafe { bindings::complete_all(unmap.done.get()) };
    }
}
