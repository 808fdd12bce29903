// SPDX-License-Identifier: GPL-2.0

//! How the interrupt is set up and fired.

use std::{
    fs::File,
    os::fd::{
        AsFd,
        AsRawFd, //
    }, //
};

use ccw::{
    channel::{
        Channel,
        IO_IRQ, //
    },
    sys::{
        self,
        uapi::{
            self,
            IrqSet, //
        }, //
    }, //
};

use crate::bench::{
    check,
    check_errno,
    check_usable,
    Case,
    Devices,
    TestResult,
    SILENCE,
    TIMEOUT, //
};

pub(crate) const TESTS: &[Case] = &[
    ("a short header is EINVAL", short_header),
    (
        "data that do not fit into the argument are EINVAL",
        short_data,
    ),
    ("an interrupt beyond the last one is EINVAL", index_beyond),
    (
        "a range of other than the one interrupt is EINVAL",
        bad_range,
    ),
    ("an unknown flag is EINVAL", unknown_flag),
    ("no kind of data, or two kinds, are EINVAL", bad_data_kind),
    ("no action is EINVAL", no_action),
    ("masking is EINVAL", masking),
    ("a bad pointer is EFAULT", null),
    ("a descriptor that is not open is EBADF", closed_descriptor),
    ("a descriptor below -1 is EINVAL", negative_descriptor),
    (
        "a descriptor that is no eventfd is EINVAL",
        wrong_descriptor,
    ),
    (
        "a failed request leaves the eventfd in place",
        failure_keeps_eventfd,
    ),
    ("firing without data signals", fire_none),
    (
        "firing by a true value signals, by a false one not",
        fire_bool,
    ),
    ("the eventfd can be replaced", replace),
    ("the eventfd can be taken away", take_away),
    ("firing without an eventfd does nothing", fire_nothing),
];

const TRIGGER: u32 = uapi::IRQ_ACTION_TRIGGER;

/// A good request that sets an eventfd.
fn good(eventfd: i32) -> IrqSet {
    IrqSet {
        argsz: sys::size_of::<IrqSet>(),
        flags: uapi::IRQ_DATA_EVENTFD | TRIGGER,
        index: IO_IRQ,
        start: 0,
        count: 1,
        data: eventfd.to_ne_bytes(),
    }
}

/// A good request that fires the interrupt.
fn fire() -> IrqSet {
    IrqSet {
        flags: uapi::IRQ_DATA_NONE | TRIGGER,
        ..good(0)
    }
}

fn check_all(devices: &Devices, requests: &[IrqSet], errno: i32) -> TestResult {
    let mut channel = devices.open()?;
    for request in requests {
        let result = channel.device().set_irqs(*request);
        check_errno(&format!("{request:?}"), result, errno)?;
    }
    check_usable(&mut channel)
}

fn short_header(devices: &Devices) -> TestResult {
    let requests = [0, 4, 19].map(|argsz| IrqSet { argsz, ..fire() });
    check_all(devices, &requests, libc::EINVAL)
}

fn short_data(devices: &Devices) -> TestResult {
    let requests = [20, 23].map(|argsz| IrqSet { argsz, ..good(-1) });
    check_all(devices, &requests, libc::EINVAL)
}

fn index_beyond(devices: &Devices) -> TestResult {
    let first = devices.open()?.device().info()?.num_irqs;
    let requests = [first, 1 << 16, u32::MAX].map(|index| IrqSet { index, ..good(-1) });
    check_all(devices, &requests, libc::EINVAL)
}

fn bad_range(devices: &Devices) -> TestResult {
    let ranges = [
        (1, 1),
        (0, 2),
        (1, 0),
        (0, u32::MAX),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
    ];
    let requests = ranges.map(|(start, count)| IrqSet {
        start,
        count,
        ..fire()
    });
    check_all(devices, &requests, libc::EINVAL)
}

fn unknown_flag(devices: &Devices) -> TestResult {
    let requests = [1 << 6, 1 << 31].map(|flag| IrqSet {
        flags: fire().flags | flag,
        ..fire()
    });
    check_all(devices, &requests, libc::EINVAL)
}

fn bad_data_kind(devices: &Devices) -> TestResult {
    let kinds = [
        0,
        uapi::IRQ_DATA_NONE | uapi::IRQ_DATA_BOOL,
        uapi::IRQ_DATA_BOOL | uapi::IRQ_DATA_EVENTFD,
    ];
    let requests = kinds.map(|kind| IrqSet {
        flags: kind | TRIGGER,
        ..good(-1)
    });
    check_all(devices, &requests, libc::EINVAL)
}

fn no_action(devices: &Devices) -> TestResult {
    let request = IrqSet {
        flags: uapi::IRQ_DATA_EVENTFD,
        ..good(-1)
    };
    check_all(devices, &[request], libc::EINVAL)
}

fn masking(devices: &Devices) -> TestResult {
    let actions = [uapi::IRQ_ACTION_MASK, uapi::IRQ_ACTION_UNMASK];
    let requests = actions.map(|action| IrqSet {
        flags: uapi::IRQ_DATA_NONE | action,
        ..fire()
    });
    check_all(devices, &requests, libc::EINVAL)
}

fn null(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_SET_IRQS);
    check_errno("null", result, libc::EFAULT)
}

fn closed_descriptor(devices: &Devices) -> TestResult {
    check_all(devices, &[good(1000), good(i32::MAX)], libc::EBADF)
}

fn negative_descriptor(devices: &Devices) -> TestResult {
    check_all(devices, &[good(-2), good(i32::MIN)], libc::EINVAL)
}

fn wrong_descriptor(devices: &Devices) -> TestResult {
    let file = File::open("/dev/null")?;
    check_all(devices, &[good(file.as_raw_fd())], libc::EINVAL)
}

fn failure_keeps_eventfd(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let result = channel.device().set_irqs(good(1000));
    check_errno("a closed descriptor", result, libc::EBADF)?;
    check_fires(&mut channel, fire())
}

fn check_fires(channel: &mut Channel, request: IrqSet) -> TestResult {
    check(!channel.wait_signal(SILENCE)?, "a signal came too early")?;
    channel.device().set_irqs(request)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    check(!channel.wait_signal(SILENCE)?, "a second signal came")
}

fn fire_none(devices: &Devices) -> TestResult {
    check_fires(&mut devices.open()?, fire())
}

fn fire_bool(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let request = |value| IrqSet {
        argsz: 21,
        flags: uapi::IRQ_DATA_BOOL | TRIGGER,
        data: [value, 0, 0, 0],
        ..fire()
    };
    channel.device().set_irqs(request(0))?;
    check(!channel.wait_signal(SILENCE)?, "a false value signals")?;
    check_fires(&mut channel, request(1))
}

fn replace(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let other = sys::eventfd()?;
    channel.device().set_trigger(IO_IRQ, Some(other.as_fd()))?;
    channel.device().set_irqs(fire())?;
    check(
        sys::wait_readable(other.as_fd(), TIMEOUT)?,
        "the new one is not signalled",
    )?;
    check(!channel.wait_signal(SILENCE)?, "the old one is signalled")
}

fn take_away(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    channel.device().set_trigger(IO_IRQ, None)?;
    channel.device().set_irqs(fire())?;
    check(!channel.wait_signal(SILENCE)?, "it is still signalled")
}

fn fire_nothing(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    channel.device().set_trigger(IO_IRQ, None)?;
    channel.device().set_trigger(IO_IRQ, None)?;
    Ok(channel.device().set_irqs(fire())?)
}
