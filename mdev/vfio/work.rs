// SPDX-License-Identifier: GPL-2.0

//! Work that a driver does for an open device in a work queue, such as work that an interrupt
//! requests.
//!
//! The work may wait for memory of the user, whose page fault the user may handle itself, or not at
//! all. A thread of the user that waits so can be killed; a thread of a work queue cannot, and
//! other threads of the user may wait for it in turn. So these waits fail after [`LIMIT_MS`], and
//! at once when the device is closed.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::{
    Device,
    Open,
    Operations, //
};
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        Mutex,
        SpinLock, //
    },
    time::msecs_to_jiffies,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// The time after which the work of a device does not wait for memory of the user any more, in
/// milliseconds.
const LIMIT_MS: u32 = 10_000;

/// The work of a device.
///
/// # Invariants
///
/// - `item` is initialised with `Device::<T>::work_callback`, and is in the field `work` of a
///   `Device<T>`.
/// - `limit` is initialised with `Work::limit_callback`. It is queued only while a [`Killable`]
///   exists.
#[pin_data]
pub(super) struct Work {
    #[pin]
    item: Opaque<bindings::work_struct>,
    /// Ends the waits of the work when its time is over.
    #[pin]
    limit: Opaque<bindings::delayed_work>,
    /// Set while a user has the device open: after [`Operations::open`] has succeeded until
    /// [`Operations::close`] has returned. Held while the driver works.
    #[pin]
    is_open: Mutex<bool>,
    #[pin]
    worker: SpinLock<Worker>,
}

// SAFETY: Work items do not belong to a thread, and `worker` is only used for the thread that
// works. All other fields are `Send`.
unsafe impl Send for Work {}

// SAFETY: `item` and `limit` are protected by a lock of the work queue, and `worker` is in a lock.
// All other fields are `Sync`.
unsafe impl Sync for Work {}

/// The thread that works for a device.
///
/// # Invariants
///
/// `task` is a thread of a work queue that has not ended [`Killable`].
#[derive(Default)]
struct Worker {
    task: Option<NonNull<bindings::task_struct>>,
    /// Set while no work may begin.
    is_closing: bool,
}

impl Worker {
    /// Makes the waits of the thread that works fail, if there is one.
    fn kill(&self) {
        if let Some(task) = self.task {
            // SAFETY: By the type invariant, the thread has not ended its [`Killable`]. It takes
            // the lock that is held here before it does.
            unsafe { bindings::mdev_kill(task.as_ptr()) };
        }
    }
}

/// Lets the current thread, which works for a device, be killed while the value lives.
struct Killable<'a> {
    work: &'a Work,
    _not_send: NotThreadSafe,
}

impl<'a> Killable<'a> {
    /// Begins the work, unless the device is being closed.
    fn new(work: &'a Work) -> Option<Self> {
        {
            let mut worker = work.worker.lock();
            if worker.is_closing {
                return None;
            }
            // SAFETY: This only changes how the current thread, a kernel thread, handles a signal.
            unsafe { bindings::mdev_allow_kill() };
            // INVARIANT: The current thread is one of a work queue, and ends this by `drop`.
            worker.task = NonNull::new(kernel::current!().as_ptr().cast());
        }
        // INVARIANT: The value exists from here on.
        // SAFETY: By the type invariants of `Work`, the work item is initialised. It lives until
        // `drop` has returned, which cancels it.
        unsafe {
            bindings::mdev_queue_delayed_work(work.limit.get(), msecs_to_jiffies(LIMIT_MS));
        }
        Some(Self {
            work,
            _not_send: NotThreadSafe,
        })
    }
}

impl Drop for Killable<'_> {
    fn drop(&mut self) {
        self.work.worker.lock().task = None;
        // SAFETY: By the type invariants of `Work`, the work item is initialised. Nothing queues it
        // any more. It does not wait for this thread, as it takes no lock that is held here.
        unsafe { bindings::cancel_delayed_work_sync(self.work.limit.get()) };
        // SAFETY: This only changes how the current thread handles a signal, and drops its signals.
        // It gets none any more, as no other thread finds it.
        unsafe { bindings::mdev_disallow_kill() };
    }
}

impl Work {
    /// Returns an initialiser of the field `work` of a `Device<T>`.
    ///
    /// # Safety
    ///
    /// The initialiser must be used for nothing but such a field.
    pub(super) unsafe fn new<T: Operations>() -> impl PinInit<Self, Error> {
        // INVARIANT: The work items are initialised below. By the safety requirements of this
        // function, the value is in the field `work` of a `Device<T>`.
        try_pin_init!(Self {
            item <- Opaque::ffi_init(|item| {
                // SAFETY: `ffi_init` guarantees that `item` is valid for write.
                unsafe { bindings::mdev_init_work(item, Some(Device::<T>::work_callback)) }
            }),
            limit <- Opaque::ffi_init(|item| {
                // SAFETY: `ffi_init` guarantees that `item` is valid for write.
                unsafe { bindings::mdev_init_delayed_work(item, Some(Self::limit_callback)) }
            }),
            is_open <- new_mutex!(false, "vfio::Work::is_open"),
            worker <- new_spinlock!(Worker::default(), "vfio::Work::worker"),
        })
    }

    /// # Safety
    ///
    /// Must only be called by the work queue, with the item `limit` of a `Work` that lives until
    /// this returns.
    unsafe extern "C" fn limit_callback(item: *mut bindings::work_struct) {
        // SAFETY: By the safety requirements of this function, `item` is in the field `limit` of a
        // valid `Work`.
        let work: &Self = unsafe {
            let limit = kernel::container_of!(item, bindings::delayed_work, work);
            &*kernel::container_of!(Opaque::cast_from(limit.cast_const()), Self, limit)
        };
        work.worker.lock().kill();
    }
}

/// Requests the work of a device ([`Operations::work`]).
///
/// # Invariants
///
/// The value owns a reference to the device `vdev`, which [`Device::new`] has created. `item` is in
/// its field `work`.
pub struct WorkRequester {
    vdev: NonNull<bindings::vfio_device>,
    item: NonNull<bindings::work_struct>,
}

// SAFETY: A reference to a device and a work item do not belong to a thread.
unsafe impl Send for WorkRequester {}

// SAFETY: A shared reference can only queue the work item, which is protected by a lock of the work
// queue.
unsafe impl Sync for WorkRequester {}

impl WorkRequester {
    /// Makes [`Operations::work`] be called once more, if the device is open then.
    ///
    /// This may be called in any context.
    pub fn request(&self) {
        // SAFETY: By the type invariants, `item` is initialised. It lives until `wait_for_driver`
        // has returned, which `release_callback` calls when there is no reference any more.
        unsafe { bindings::mdev_queue_work(self.item.as_ptr()) };
    }
}

impl Drop for WorkRequester {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the value owns a reference.
        unsafe { bindings::mdev_vfio_put_device(self.vdev.as_ptr()) };
    }
}

impl<T: Operations> Device<T> {
    fn work_state(&self) -> &Work {
        // SAFETY: By the type invariants, `work` is initialised: a reference exists, and
        // `release_callback` only uses a device that is ready.
        unsafe { self.work.assume_init_ref() }
    }

    /// Returns a value that requests the work of the device. It must not be dropped in atomic
    /// context.
    pub fn work_requester(&self) -> WorkRequester {
        let vdev = NonNull::from(&self.vdev).cast();
        let item = NonNull::from(&self.work_state().item).cast();

        // SAFETY: The existence of a shared reference guarantees that the reference count is not
        // zero.
        unsafe { bindings::mdev_vfio_get_device(self.as_raw()) };
        // INVARIANT: The call above has taken a reference.
        WorkRequester { vdev, item }
    }

    /// Sets whether a user has the device open, after waiting for the driver's work.
    pub(super) fn set_works(&self, is_open: bool) {
        *self.work_state().is_open.lock() = is_open;
        self.work_state().worker.lock().is_closing = !is_open;
    }

    /// Makes work in progress fail where it waits for memory of the user, and lets no work begin
    /// until the device is opened again.
    pub(super) fn cancel_work(&self) {
        let mut worker = self.work_state().worker.lock();

        worker.is_closing = true;
        worker.kill();
    }

    /// Waits until the driver's work is neither queued nor running.
    pub(super) fn wait_for_driver(&self) {
        // SAFETY: By the type invariants of `Work`, the work item is initialised.
        unsafe { bindings::flush_work(self.work_state().item.get()) };
    }

    /// # Safety
    ///
    /// Must only be called by the work queue, with the work item of a `Device<T>` that lives until
    /// this returns.
    unsafe extern "C" fn work_callback(item: *mut bindings::work_struct) {
        // SAFETY: By the safety requirements of this function and the type invariants of `Work`,
        // `item` is in the field `work` of a valid `Device<T>`.
        let dev: &Self = unsafe {
            let work = kernel::container_of!(Opaque::cast_from(item.cast_const()), Work, item);
            &*work
                .byte_sub(core::mem::offset_of!(Self, work))
                .cast::<Self>()
        };
        let is_open = dev.work_state().is_open.lock();

        if !*is_open {
            return;
        }
        if let Some(_killable) = Killable::new(dev.work_state()) {
            // SAFETY: For the core the device is open until `close_device_callback` returns, which
            // takes the mutex that is held here, to change `is_open`.
            T::work(&unsafe { Open::new(dev) });
        }
    }
}
