// SPDX-License-Identifier: GPL-2.0

//! The trace points of vfio_ccw, in `/sys/kernel/tracing/events/vfio_ccw/`.
//!
//! They may be hit in any context, also with the subchannel lock held. A trace point that is off
//! costs a branch that is not taken.
//!
//! C header: `mdev/c/trace_points.h`

use crate::{
    bindings,
    css, //
};
use kernel::prelude::*;

/// Defines the function `$name`, which hits the trace point of that name if the trace point is on.
/// Only then it calls `args`, which returns the arguments.
///
/// This corresponds to [`kernel::declare_trace`], for trace points that the kernel crate has no
/// bindings for.
macro_rules! trace_point {
    ($name:ident($($arg:ident: $type:ty),*)) => {
        ::kernel::macros::paste! {
            #[inline(always)]
            fn $name(args: impl FnOnce() -> ($($type,)*)) {
                #[cfg(CONFIG_TRACEPOINTS)]
                {
                    // SAFETY: `trace_points.c` defines the trace point, a static `struct
                    // tracepoint` whose field `key` is its static key.
                    let on = unsafe {
                        ::kernel::jump_label::static_branch_unlikely!(
                            bindings::[<__tracepoint_ $name>],
                            bindings::tracepoint,
                            key
                        )
                    };

                    if on {
                        let ($($arg,)*) = args();

                        // SAFETY: The parameters have the types of the prototype in
                        // `trace_points.h`. All values of them are valid, but for the pointer to a
                        // text: the only caller that passes one takes it from a static string.
                        unsafe { bindings::[<rust_do_trace_ $name>]($($arg),*) };
                    }
                }

                #[cfg(not(CONFIG_TRACEPOINTS))]
                {
                    let _ = args;
                }
            }
        }
    };
}

trace_point!(vfio_ccw_fsm_event(schid: bindings::subchannel_id, state: c_int, event: c_int));
trace_point!(vfio_ccw_fsm_io_request(
    fctl: c_int,
    schid: bindings::subchannel_id,
    errno: c_int,
    errstr: *mut c_char
));
trace_point!(vfio_ccw_fsm_async_request(
    schid: bindings::subchannel_id,
    command: c_int,
    errno: c_int
));
trace_point!(vfio_ccw_chp_event(schid: bindings::subchannel_id, mask: c_int, event: c_int));

/// Traces that the state machine of `dev` gets an event. `numbers` returns the number of its state
/// and that of the event.
#[inline]
pub fn fsm_event(dev: &css::Device, numbers: impl FnOnce() -> (c_int, c_int)) {
    vfio_ccw_fsm_event(|| {
        let (state, event) = numbers();
        (schid(dev), state, event)
    });
}

/// Traces the `result` of a request through region 0. `fctl` is the function control of its SCSW,
/// and `step` names the step that gave the result.
#[inline]
pub fn fsm_io_request(dev: &css::Device, fctl: c_int, result: Result, step: &'static CStr) {
    // CAST: The trace point only reads the text, though it has a pointer to mutable text.
    let step = step.as_char_ptr().cast_mut();

    vfio_ccw_fsm_io_request(|| (fctl, schid(dev), errno(result), step));
}

/// Traces the `result` of a request through region 1 for the function `command`.
#[inline]
pub fn fsm_async_request(dev: &css::Device, command: c_int, result: Result) {
    vfio_ccw_fsm_async_request(|| (schid(dev), command, errno(result)));
}

/// Traces that the channel subsystem has notified of the `event` of the paths `mask` of `dev`.
#[inline]
pub fn chp_event(dev: &css::Device, mask: u8, event: css::PathEvent) {
    vfio_ccw_chp_event(|| (schid(dev), c_int::from(mask), event.number()));
}

/// Returns the C structure that identifies a subchannel.
#[inline]
fn schid(dev: &css::Device) -> bindings::subchannel_id {
    // SAFETY: By the invariant of `css::Device`, `dev` is a valid subchannel. Its identification
    // never changes.
    unsafe { (*dev.as_raw()).schid }
}

/// Returns the negative error number of `result`, or zero.
fn errno(result: Result) -> c_int {
    result.map_or_else(Error::to_errno, |()| 0)
}
