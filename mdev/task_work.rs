// SPDX-License-Identifier: GPL-2.0

//! Functions that are called when a system call is over.
//!
//! C header: [`include/linux/task_work.h`](srctree/include/linux/task_work.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A function to call, with the C structure that queues it at offset 0.
#[repr(C)]
struct Work<F> {
    head: Opaque<bindings::callback_head>,
    f: F,
}

impl<F: FnOnce() + Send + 'static> Work<F> {
    /// Calls the function, and frees the memory.
    ///
    /// # Safety
    ///
    /// Must only be called once for a value, with the `head` of a `Work<F>` that `KBox::into_raw`
    /// has returned.
    unsafe extern "C" fn callback(head: *mut bindings::callback_head) {
        // SAFETY: By the safety requirements of this function, `head` is in a `Work<F>` that comes
        // from `KBox::into_raw`, and which nothing else takes back. It is at offset 0 of that.
        let work: KBox<Self> = unsafe { KBox::from_raw(head.cast()) };
        let work = KBox::into_inner(work);
        (work.f)();
    }
}

/// Calls `f` when the current task returns from its system call to user space, or ends.
///
/// Returns `ENOMEM` when there is no memory, and `ESRCH` when the task is about to end. After an
/// error `f` is not called.
pub(crate) fn on_return<F: FnOnce() + Send + 'static>(f: F) -> Result {
    let work = KBox::new(
        Work {
            head: Opaque::zeroed(),
            f,
        },
        GFP_KERNEL,
    )?;
    let work = KBox::into_raw(work);

    // SAFETY: `work` comes from `KBox::into_raw`, and has `head` at offset 0. It is valid until the
    // callback, which the kernel calls once, frees it. If it could not be queued, then the callback
    // is not called, and it is freed here. The current task is alive while it runs this.
    unsafe {
        let head: *mut bindings::callback_head = work.cast();
        bindings::init_task_work(head, Some(Work::<F>::callback));
        let mode = bindings::task_work_notify_mode_TWA_RESUME;
        let error = bindings::task_work_add(kernel::current!().as_ptr(), head, mode);
        if error != 0 {
            drop(KBox::from_raw(work));
            return Err(Error::from_errno(error));
        }
    }
    Ok(())
}
