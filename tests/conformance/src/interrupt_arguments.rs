// SPDX-License-Identifier: GPL-2.0

//! The argument of SET_IRQS at the borders of what it may be. Each case is once for each interrupt.

use std::{
    fs::File,
    os::fd::AsRawFd, //
};

use ccw::sys::{
    self,
    uapi::{
        self,
        IrqSet, //
    },
    Edge, //
};

use crate::{
    case::*,
    fixtures::*,
    interrupts::{
        check_fails,
        check_fires,
        check_invalid,
        fire,
        fire_if,
        for_each_irq,
        good,
        listen,
        Listener,
        TRIGGER, //
    }, //
};

pub(crate) fn cases() -> Vec<Case> {
    for_each_irq! {
        "an argsz of 0 is EINVAL" => argsz_0;
        "an argsz of 19 is EINVAL" => argsz_19;
        "an argsz without room for the descriptor is EINVAL" => argsz_20;
        "an argsz with room for a part of the descriptor is EINVAL" => argsz_23;
        "an argsz without room for the truth value is EINVAL" => argsz_bool;
        "an argsz with more room than needed is accepted" => argsz_large;
        "a start beyond the one interrupt is EINVAL" => start_1;
        "a start beyond it is EINVAL without a count, too" => start_1_count_0;
        "a count of two is EINVAL" => count_2;
        "the largest count is EINVAL" => count_max;
        "start and count that overflow are EINVAL" => overflow;
        "a count of zero without data fires" => count_0_none;
        "a count of zero takes no eventfd away" => count_0_keeps;
        "an eventfd with a count of zero is set" => count_0_eventfd;
        "an unknown flag is EINVAL" => unknown_flag;
        "the highest flag is EINVAL" => highest_flag;
        "no kind of data is EINVAL" => no_kind;
        "two kinds of data are EINVAL" => two_kinds;
        "three kinds of data are EINVAL" => three_kinds;
        "no action is EINVAL" => no_action;
        "masking is EINVAL" => mask;
        "unmasking is EINVAL" => unmask;
        "masking and firing at once fires" => mask_and_fire;
        "a null pointer is EFAULT" => null;
        "a header that ends with memory after 19 bytes is EFAULT" => edge_19;
        "a request that ends with memory needs no more than it has" => edge_20;
        "a truth value for which there is no memory is EFAULT" => edge_bool;
        "a truth value at the end of memory is accepted" => edge_bool_fits;
        "a descriptor for which there is no memory is EFAULT" => edge_eventfd;
        "a descriptor of which the second half has no memory is EFAULT" => edge_half;
        "a descriptor at the end of memory is accepted" => edge_eventfd_fits;
        "a descriptor that is not open is EBADF" => closed_descriptor;
        "the largest descriptor is EBADF" => largest_descriptor;
        "the descriptor -2 is EINVAL" => descriptor_below;
        "the smallest descriptor is EINVAL" => smallest_descriptor;
        "a descriptor that is no eventfd is EINVAL" => wrong_descriptor;
        "the device's own file as a descriptor is EINVAL" => own_file;
    }
}

fn argsz_0<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 0,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn argsz_19<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 19,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn argsz_20<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 20,
        ..good::<IRQ>(-1)
    };
    check_invalid::<IRQ>(devices, request)
}

fn argsz_23<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 23,
        ..good::<IRQ>(-1)
    };
    check_invalid::<IRQ>(devices, request)
}

fn argsz_bool<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 20,
        ..fire_if::<IRQ>(1)
    };
    check_invalid::<IRQ>(devices, request)
}

fn argsz_large<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: u32::MAX,
        ..fire_if::<IRQ>(1)
    };
    check_fires(devices, request)
}

fn start_1<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        start: 1,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn start_1_count_0<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        start: 1,
        count: 0,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn count_2<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        argsz: 28,
        count: 2,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn count_max<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        count: u32::MAX,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn overflow<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        start: u32::MAX,
        count: 1,
        ..fire::<IRQ>()
    };
    check_invalid::<IRQ>(devices, request)
}

fn count_0_none<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = IrqSet {
        count: 0,
        ..fire::<IRQ>()
    };
    check_fires(devices, request)
}

fn count_0_keeps<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let request = IrqSet {
        count: 0,
        ..fire::<IRQ>()
    };
    channel.device().set_irqs(request)?;
    listener.check_signalled()?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

fn count_0_eventfd<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, old) = listen::<IRQ>(devices)?;
    let new = Listener(sys::eventfd()?);
    let request = IrqSet {
        count: 0,
        ..good::<IRQ>(new.0.as_raw_fd())
    };
    channel.device().set_irqs(request)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    new.check_signalled()?;
    old.check_silent()
}

/// A request that fires, with other flags.
fn flags<const IRQ: u32>(flags: u32) -> IrqSet {
    IrqSet {
        flags,
        ..good::<IRQ>(-1)
    }
}

fn unknown_flag<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, flags::<IRQ>(fire::<IRQ>().flags | 1 << 6))
}

fn highest_flag<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, flags::<IRQ>(fire::<IRQ>().flags | 1 << 31))
}

fn no_kind<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, flags::<IRQ>(TRIGGER))
}

fn two_kinds<const IRQ: u32>(devices: &Devices) -> TestResult {
    let kinds = uapi::IRQ_DATA_NONE | uapi::IRQ_DATA_EVENTFD;
    check_invalid::<IRQ>(devices, flags::<IRQ>(kinds | TRIGGER))
}

fn three_kinds<const IRQ: u32>(devices: &Devices) -> TestResult {
    let kinds = uapi::IRQ_DATA_NONE | uapi::IRQ_DATA_BOOL | uapi::IRQ_DATA_EVENTFD;
    check_invalid::<IRQ>(devices, flags::<IRQ>(kinds | TRIGGER))
}

fn no_action<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, flags::<IRQ>(uapi::IRQ_DATA_EVENTFD))
}

fn mask<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = flags::<IRQ>(uapi::IRQ_DATA_NONE | uapi::IRQ_ACTION_MASK);
    check_invalid::<IRQ>(devices, request)
}

fn unmask<const IRQ: u32>(devices: &Devices) -> TestResult {
    let request = flags::<IRQ>(uapi::IRQ_DATA_NONE | uapi::IRQ_ACTION_UNMASK);
    check_invalid::<IRQ>(devices, request)
}

fn mask_and_fire<const IRQ: u32>(devices: &Devices) -> TestResult {
    let flags = fire::<IRQ>().flags | uapi::IRQ_ACTION_MASK | uapi::IRQ_ACTION_UNMASK;
    let request = IrqSet {
        flags,
        ..fire::<IRQ>()
    };
    check_fires(devices, request)
}

fn null<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_SET_IRQS);
    check_errno("null", result, libc::EFAULT)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

/// A request of which memory ends after `room` bytes.
fn edge<const IRQ: u32>(
    devices: &Devices,
    request: IrqSet,
    room: usize,
    errno: Option<i32>,
) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let mut bytes = words(&[
        request.argsz,
        request.flags,
        request.index,
        request.start,
        request.count,
    ]);
    bytes.extend(request.data);
    let edge = Edge::new(&bytes[..room])?;
    let file = channel.device().file();
    let result = sys::ioctl_edge(file, uapi::DEVICE_SET_IRQS, &edge);
    match errno {
        Some(errno) => check_errno("result", result, errno)?,
        None => return check_eq("result", result?, 0),
    }
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

fn edge_19<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, fire::<IRQ>(), 19, Some(libc::EFAULT))
}

fn edge_20<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, fire::<IRQ>(), 20, None)
}

fn edge_bool<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, fire_if::<IRQ>(1), 20, Some(libc::EFAULT))
}

fn edge_bool_fits<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, fire_if::<IRQ>(1), 21, None)
}

fn edge_eventfd<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, good::<IRQ>(-1), 20, Some(libc::EFAULT))
}

fn edge_half<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, good::<IRQ>(-1), 22, Some(libc::EFAULT))
}

fn edge_eventfd_fits<const IRQ: u32>(devices: &Devices) -> TestResult {
    edge::<IRQ>(devices, good::<IRQ>(-1), 24, None)
}

fn closed_descriptor<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_fails::<IRQ>(devices, good::<IRQ>(1000), libc::EBADF)
}

fn largest_descriptor<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_fails::<IRQ>(devices, good::<IRQ>(i32::MAX), libc::EBADF)
}

fn descriptor_below<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, good::<IRQ>(-2))
}

fn smallest_descriptor<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_invalid::<IRQ>(devices, good::<IRQ>(i32::MIN))
}

fn wrong_descriptor<const IRQ: u32>(devices: &Devices) -> TestResult {
    let file = File::open("/dev/null")?;
    check_invalid::<IRQ>(devices, good::<IRQ>(file.as_raw_fd()))
}

fn own_file<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let own = channel.device().file().as_raw_fd();
    let result = channel.device().set_irqs(good::<IRQ>(own));
    check_errno("result", result, libc::EINVAL)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}
