// SPDX-License-Identifier: GPL-2.0

//! Unpinning memory that the user unmaps.
//!
//! Both back ends of VFIO call the driver for this, and require that no page of the memory is
//! pinned when the call returns.
//!
//! type1 checks the memory after it has called the drivers of all devices of the container. While a
//! page of it is pinned, type1 calls them again, ten times at most; after that it is a `BUG()`. Two
//! things could lead to this.
//!
//! - A page is pinned again between the call and the check. To prevent this, no page can be pinned
//!   through the device from the first call for it until the thread that unmaps returns to user
//!   space ([`task_work`]); the memory is unmapped by then. After the first round of calls this
//!   holds for all devices of the container, however many these are and however long each call
//!   takes. A call of [`Open::pin_pages`] that is in progress undoes what it has pinned, and the
//!   thread that unmaps waits for it. The second check can only find pages of a device that was
//!   opened since.
//! - The driver does not unpin in time. type1 calls with the lock of its list of devices held.
//!   Unpinning takes the main lock of type1, which type1 itself takes before the lock of the list
//!   when a device is opened: two threads of one user could wait for each other for ever. Therefore
//!   the driver is called in a work item, which holds no lock of type1, and the thread that unmaps
//!   waits for that with a timeout. When the timeout expires, it returns to type1, which releases
//!   the lock, so that the other thread can go on, and calls again. The sum of all timeouts is
//!   longer than a driver may take.
//!
//! iommufd lets nobody pin memory that is being unmapped, holds no lock that unpinning takes, and
//! calls once.
//!
//! C sources: [`drivers/vfio/vfio_iommu_type1.c`](srctree/drivers/vfio/vfio_iommu_type1.c),
//! [`drivers/iommu/iommufd/device.c`](srctree/drivers/iommu/iommufd/device.c)

use super::{
    pin_exclusion::{
        PinExclusion,
        Pinning, //
    },
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

/// The time for which a thread that unmaps memory of type1 waits for the driver, before type1
/// checks the memory and calls again. All eleven calls together wait for 18 minutes, which
/// [`Operations::dma_unmap`] documents as the most time that the driver may take.
const TIMEOUT: Delta = Delta::from_secs(100);

/// The interval at which a condition is polled that nobody signals.
const POLL_INTERVAL: Delta = Delta::from_millis(10);

/// The requests to unpin memory.
#[derive(Default)]
struct Requests {
    /// The first and the last byte of the memory for which the driver has not been called yet.
    range: Option<(u64, u64)>,
    /// The number of requests.
    made: u64,
    /// The number of requests that the driver has completed.
    done: u64,
}

/// The state of unmapping for a device.
///
/// # Invariants
///
/// - `work` is initialised with `Device::<T>::unmap_callback`, and is in the field `unmap` of a
///   `Device<T>`.
/// - `done` is initialised.
#[pin_data]
pub(super) struct Unmap {
    #[pin]
    requests: SpinLock<Requests>,
    exclusion: PinExclusion,
    /// Set while a user has the device open: after [`Operations::open`] has succeeded until
    /// [`Operations::close`] has returned.
    #[pin]
    is_open: Mutex<bool>,
    #[pin]
    work: Opaque<bindings::work_struct>,
    /// Completed each time that the driver has completed requests.
    #[pin]
    done: Opaque<bindings::completion>,
}

// SAFETY: Neither a work item nor a completion belongs to a thread. All other fields are `Send`.
unsafe impl Send for Unmap {}

// SAFETY: `work` and `done` are protected by locks of their own. All other fields are `Sync`.
unsafe impl Sync for Unmap {}

impl Unmap {
    /// Returns an initialiser of the field `unmap` of a `Device<T>`.
    ///
    /// # Safety
    ///
    /// The initialiser must be used for nothing but such a field.
    pub(super) unsafe fn new<T: Operations>() -> impl PinInit<Self, Error> {
        // INVARIANT: `work` and `done` are initialised below. By the safety requirements of this
        // function, the value is in the field `unmap` of a `Device<T>`.
        try_pin_init!(Self {
            requests <- new_spinlock!(Requests::default(), "vfio::Unmap::requests"),
            exclusion: PinExclusion::new(),
            is_open <- new_mutex!(false, "vfio::Unmap::is_open"),
            work <- Opaque::ffi_init(|work| {
                // SAFETY: `ffi_init` guarantees that `work` is valid for write.
                unsafe { bindings::mdev_init_work(work, Some(Device::<T>::unmap_callback)) }
            }),
            done <- Opaque::ffi_init(|done| {
                // SAFETY: `ffi_init` guarantees that `done` is valid for write.
                unsafe { bindings::init_completion(done) }
            }),
        })
    }

    /// Adds a request to unpin the memory from the byte `first` to the byte `last`. Returns its
    /// number.
    fn request(&self, first: u64, last: u64) -> u64 {
        let mut requests = self.requests.lock();
        requests.range = match requests.range {
            Some((old_first, old_last)) => Some((first.min(old_first), last.max(old_last))),
            None => Some((first, last)),
        };
        requests.made += 1;
        self.exclusion.set_pending(true);
        requests.made
    }

    /// Returns whether the driver has completed the request with this number.
    fn is_done(&self, number: u64) -> bool {
        self.requests.lock().done >= number
    }

    /// Waits until the driver has completed the request with this number and no call that pins
    /// pages is in progress, for [`TIMEOUT`] at most.
    fn wait(&self, number: u64) {
        let began = Instant::<Monotonic>::now();

        loop {
            // SAFETY: By the type invariants, the completion is initialised. It is reset before the
            // conditions are checked, so that a completion after the check ends the wait.
            unsafe { bindings::mdev_reinit_completion(self.done.get()) };

            let left = (TIMEOUT - began.elapsed()).as_millis_ceil();
            let Ok(left @ 1..) = u32::try_from(left) else {
                return;
            };
            if self.is_done(number) {
                if !self.exclusion.is_pinning() {
                    return;
                }
                // That call waits for the lock of type1 that the caller takes after this.
                fsleep(POLL_INTERVAL);
                continue;
            }
            // SAFETY: By the type invariants, the completion is initialised.
            unsafe {
                bindings::wait_for_completion_timeout(self.done.get(), msecs_to_jiffies(left));
            }
        }
    }
}

impl<T: Operations> Device<T> {
    /// Counts a call as one that pins pages, until the returned value is dropped.
    ///
    /// The caller must call [`Device::check_no_unmap`] after this, and again after it has pinned.
    pub(super) fn begin_pin(&self) -> Pinning<'_> {
        self.unmap_state().exclusion.begin_pin()
    }

    fn unmap_state(&self) -> &Unmap {
        // SAFETY: By the type invariants, `unmap` is initialised: a reference exists, and
        // `release_callback` only uses a device that is ready.
        unsafe { self.unmap.assume_init_ref() }
    }

    /// Returns `EAGAIN` while memory is being unmapped.
    pub(super) fn check_no_unmap(&self) -> Result {
        match self.unmap_state().exclusion.allows_pins() {
            true => Ok(()),
            false => Err(EAGAIN),
        }
    }

    /// Sets whether a user has the device open, after waiting for calls of [`Device::if_open`].
    pub(super) fn set_open(&self, is_open: bool) {
        *self.unmap_state().is_open.lock() = is_open;
    }

    /// Calls `f` if a user has the device open. [`Operations::close`] may run at the same time, but
    /// the device remains open until `f` returns.
    ///
    /// A mutex is held meanwhile, which closing the device takes while it holds no lock of the
    /// driver.
    pub fn if_open<R>(&self, f: impl FnOnce(&Open<'_, T>) -> R) -> Option<R> {
        let is_open = self.unmap_state().is_open.lock();

        // SAFETY: For the core the device is open until `close_device_callback` returns, which
        // takes the mutex that is held here, to change `is_open`.
        is_open.then(|| f(&unsafe { Open::new(self) }))
    }

    /// Makes the driver unpin the `len` bytes from `iova` on.
    pub(super) fn unmap(&self, iova: u64, len: u64) {
        let Some(rest) = len.checked_sub(1) else {
            return;
        };
        let last = iova.saturating_add(rest);
        let unmap = self.unmap_state();

        if self.has_iommufd() {
            unmap.request(iova, last);
            self.queue_work();
            self.wait_for_work();
            return;
        }

        self.forbid_pins_until_return();
        let number = unmap.request(iova, last);
        self.queue_work();
        unmap.wait(number);
    }

    /// Lets no page be pinned until the current thread returns to user space. It does return: type1
    /// only calls in a system call.
    fn forbid_pins_until_return(&self) {
        let dev: ARef<Self> = self.into();
        let returned = move || {
            dev.unmap_state().exclusion.end_unmap();
        };

        self.unmap_state().exclusion.begin_unmap();
        // If there is no memory, the next call of type1 tries again. A thread that is about to end
        // does not unmap any more.
        if task_work::on_return(returned).is_err() {
            self.unmap_state().exclusion.end_unmap();
        }
    }

    /// Returns whether the back end is iommufd.
    fn has_iommufd(&self) -> bool {
        #[cfg(CONFIG_IOMMUFD)]
        {
            // SAFETY: By the type invariants, `self` is a valid device. The back end only calls
            // while the field is set.
            let access = unsafe { (*self.as_raw()).iommufd_access };
            !access.is_null()
        }

        #[cfg(not(CONFIG_IOMMUFD))]
        false
    }

    /// Makes the driver unpin all memory, from a work queue and without waiting for it.
    ///
    /// This is for a device that is gone while its user is not.
    pub fn queue_unmap_all(&self) {
        self.unmap_state().request(0, u64::MAX);
        self.queue_work();
    }

    /// Queues the work item that calls the driver for the requests.
    fn queue_work(&self) {
        // SAFETY: By the type invariants of `Unmap`, the work item is initialised. It lives until
        // `wait_for_work` has returned, which `release_callback` calls.
        unsafe { bindings::mdev_queue_work(self.unmap_state().work.get()) };
    }

    /// Waits until the work item is neither queued nor running.
    pub(super) fn wait_for_work(&self) {
        // SAFETY: By the type invariants of `Unmap`, the work item is initialised.
        unsafe { bindings::flush_work(self.unmap_state().work.get()) };
    }

    /// Waits until no work item is queued or running, and all threads that have unmapped memory
    /// have returned to user space. After that no function of the module is called for the device
    /// any more.
    pub(super) fn wait_for_unmaps(&self) {
        self.wait_for_work();
        self.wait_for_driver();
        while self.unmap_state().exclusion.is_unmapping() {
            fsleep(POLL_INTERVAL);
        }
    }

    /// # Safety
    ///
    /// Must only be called by the work queue, with the work item of a `Device<T>` that lives until
    /// this returns.
    unsafe extern "C" fn unmap_callback(work: *mut bindings::work_struct) {
        // SAFETY: By the safety requirements of this function and the type invariants of `Unmap`,
        // `work` is in the field `unmap` of a valid `Device<T>`.
        let dev: &Self = unsafe {
            let unmap = kernel::container_of!(Opaque::cast_from(work.cast_const()), Unmap, work);
            &*unmap
                .byte_sub(core::mem::offset_of!(Self, unmap))
                .cast::<Self>()
        };
        let unmap = dev.unmap_state();

        let (range, made) = {
            let mut requests = unmap.requests.lock();
            (requests.range.take(), requests.made)
        };
        if let Some((first, last)) = range {
            // A device that is closed has no page pinned.
            let len = (last - first).saturating_add(1);
            dev.if_open(|dev| T::dma_unmap(dev, first, len));
        }
        {
            let mut requests = unmap.requests.lock();
            requests.done = made;
            if requests.range.is_none() {
                unmap.exclusion.set_pending(false);
            }
        }

        // SAFETY: By the type invariants of `Unmap`, the completion is initialised.
        unsafe { bindings::complete_all(unmap.done.get()) };
    }
}
