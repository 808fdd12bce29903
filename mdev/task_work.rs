// SPDX-License-Identifier: GPL-2.0

//! What is to be done when a system call is over.
//!
//! C header: [`include/linux/task_work.h`](srctree/include/linux/task_work.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A function to be called.
#[repr(C)]
struct Work<F> {
    head: Opaque<bindings::callback_head>,
    f: F,
}

impl<F: FnOnce() + Send + 'static> Work<F> {
    /// # Safety
    ///
    /// `head` must be that of a `Work<F>` in a box, which is dropped here.
    unsafe extern "C" fn callback(head: *mut bindings::callback_head) {
        // SAFETY: By the function's requirement; `head` is at offset 0.
        let work: KBox<Self> = unsafe { KBox::from_raw(head.cast()) };
        let work = KBox::into_inner(work);
        (work.f)();
    }
}

/// Calls `f` when the current task returns from its system call to user space, or ends.
///
/// Returns `ENOMEM` when there is no memory, and `ESRCH` when the task is about to end; `f` is not called
/// then.
pub(crate) fn on_return<F: FnOnce() + Send + 'static>(f: F) -> Result {
    let work = KBox::new(
        Work {
            head: Opaque::zeroed(),
            f,
        },
        GFP_KERNEL,
    )?;
    let work = KBox::into_raw(work);

    // SAFETY: `work` is valid, and stays until its callback drops it, or it is dropped here. The current
    // task is alive.
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
