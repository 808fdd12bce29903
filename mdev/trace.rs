// SPDX-License-Identifier: GPL-2.0

//! The trace points of vfio_ccw, in `/sys/kernel/tracing/events/vfio_ccw/`.
//!
//! All may be hit in any context, also with the subchannel lock held. One that is off costs a
//! branch that is not taken.
//!
//! C header: `mdev/c/trace_points.h`

use crate::{
    bindings,
    css, //
};
use kernel::prelude::*;

/// Makes `$name(args)`, which hits the trace point of that name if it is on. What it is hit with is
/// only worked out then.
///
/// This is `declare_trace!` of the kernel crate for trace points that the kernel crate has no
/// bindings for.
macro_rules! trace_point {
    ($name:ident($($arg:ident: $type:ty),*)) => {
        ::kernel::macros::paste! {
            #[inline(always)]
            fn $name(args: impl FnOnce() -> ($($type,)*)) {
                #[cfg(CONFIG_TRACEPOINTS)]
                {
                    // SAFETY: The trace point is defined in C, with a static key.
                    let on = unsafe {
                        ::kernel::jump_label::static_branch_unlikely!(
                            bindings::[<__tracepoint_ $name>],
                            bindings::tracepoint,
                            key
                        )
                    };

                    if on {
                        let ($($arg,)*) = args();

                        // SAFETY: The types of the arguments are such that all values are valid;
                        // pointers are to what lives as long as the module.
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

/// The state machine of `dev` is given an event: the numbers are those of its state and of the event.
#[inline]
pub fn fsm_event(dev: &css::Device, numbers: impl FnOnce() -> (c_int, c_int)) {
    vfio_ccw_fsm_event(|| {
        let (state, event) = numbers();
        (schid(dev), state, event)
    });
}

/// A request by region 0 for the functions `fctl`, as the function control of an SCSW, has come to
/// `result`; `step` is what it came from.
#[inline]
pub fn fsm_io_request(dev: &css::Device, fctl: c_int, result: Result, step: &'static CStr) {
    // The trace point only reads the text, though its type does not say so.
    let step = step.as_char_ptr().cast_mut();

    vfio_ccw_fsm_io_request(|| (fctl, schid(dev), errno(result), step));
}

/// A request by region 1 for the function `command` has come to `result`.
#[inline]
pub fn fsm_async_request(dev: &css::Device, command: c_int, result: Result) {
    vfio_ccw_fsm_async_request(|| (schid(dev), command, errno(result)));
}

/// The channel subsystem has told `event` of the paths `mask` of `dev`.
#[inline]
pub fn chp_event(dev: &css::Device, mask: u8, event: css::PathEvent) {
    vfio_ccw_chp_event(|| (schid(dev), c_int::from(mask), event.number()));
}

#[inline]
fn schid(dev: &css::Device) -> bindings::subchannel_id {
    // SAFETY: `dev` is a valid subchannel; its identification never changes.
    unsafe { (*dev.as_raw()).schid }
}

fn errno(result: Result) -> c_int {
    result.map_or_else(Error::to_errno, |()| 0)
}
