// SPDX-License-Identifier: GPL-2.0

//! Work that a driver does for an open device in a work queue, such as work that an interrupt
//! requests.
//!
//! The work may wait for memory of the user, whose page fault the user may handle itself. A thread of
//! the user that waits so can be killed; a thread of a work queue cannot. Closing the device waits
//! for the work, and it may be the same user who closes it, and so never handles the page fault.
//! Therefore closing the device makes these waits fail.
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
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// The work of a device.
///
/// # Invariants
///
/// `item` is initialised with `Device::<T>::work_callback`, and is in the field `work` of a
/// `Device<T>`.
#[pin_data]
pub(super) struct Work {
    #[pin]
    item: Opaque<bindings::work_struct>,
    /// Set while a user has the device open: after [`Operations::open`] has succeeded until
    /// [`Operations::close`] has returned. Held while the driver works.
    #[pin]
    is_open: Mutex<bool>,
    #[pin]
    worker: SpinLock<Worker>,
}

// SAFETY: A work item does not belong to a thread, and `worker` is only used for the thread that
// works. All other fields are `Send`.
unsafe impl Send for Work {}

// SAFETY: `item` is protected by a lock of the work queue, and `worker` is in a lock. All other
// fields are `Sync`.
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

/// Lets the current thread, which works for a device, be killed while the value lives.
struct Killable<'a> {
    work: &'a Work,
    _not_send: NotThreadSafe,
}

impl<'a> Killable<'a> {
    /// Begins the work, unless the device is being closed.
    fn new(work: &'a Work) -> Option<Self> {
        let mut worker = work.worker.lock();
        if worker.is_closing {
            return None;
        }
        // SAFETY: This only changes how the current thread, a kernel thread, handles a signal.
        unsafe { bindings::mdev_allow_kill() };
        // INVARIANT: The current thread is one of a work queue, and ends this by `drop`.
        worker.task = NonNull::new(kernel::current!().as_ptr().cast());
        Some(Self {
            work,
            _not_send: NotThreadSafe,
        })
    }
}

impl Drop for Killable<'_> {
    fn drop(&mut self) {
        self.work.worker.lock().task = None;
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
        // INVARIANT: `item` is initialised below. By the safety requirements of this function, the
        // value is in the field `work` of a `Device<T>`.
        try_pin_init!(Self {
            item <- Opaque::ffi_init(|item| {
                // SAFETY: `ffi_init` guarantees that `item` is valid for write.
                unsafe { bindings::mdev_init_work(item, Some(Device::<T>::work_callback)) }
            }),
            is_open <- new_mutex!(false, "vfio::Work::is_open"),
            worker <- new_spinlock!(Worker::default(), "vfio::Work::worker"),
        })
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
        if let Some(task) = worker.task {
            // SAFETY: By the type invariant of `Worker`, the thread has not ended its work. It
            // takes the lock that is held here before it does.
            unsafe { bindings::mdev_kill(task.as_ptr()) };
        }
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
