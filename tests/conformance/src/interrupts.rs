// SPDX-License-Identifier: GPL-2.0

//! SET_IRQS, which sets up interrupts and fires them. Most cases exist once for each interrupt.

use std::{
    fs::File,
    os::fd::AsFd,
    time::Duration, //
};

use ccw::{
    channel::{
        Channel,
        CRW_IRQ,
        IO_IRQ,
        REQ_IRQ, //
    },
    sys::{
        self,
        uapi::{
            self,
            IrqSet, //
        }, //
    },
    vfio::Device, //
};

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

/// The cases, once for each interrupt.
macro_rules! for_each_irq {
    ($($name:literal => $case:ident;)*) => {
        vec![
            $(Case::new(concat!("I/O: ", $name), $case::<{ ccw::channel::IO_IRQ }>),)*
            $(Case::new(concat!("CRW: ", $name), $case::<{ ccw::channel::CRW_IRQ }>),)*
            $(Case::new(concat!("REQ: ", $name), $case::<{ ccw::channel::REQ_IRQ }>),)*
        ]
    };
}
pub(crate) use for_each_irq;

pub(crate) fn cases() -> Vec<Case> {
    for_each_irq! {
        "firing without data signals" => fire_none;
        "firing by a true value signals" => fire_true;
        "any value but zero is a true one" => fire_any;
        "firing by a false value does not signal" => fire_false;
        "firing twice counts two" => fire_twice;
        "firing without an eventfd does nothing" => fire_nothing;
        "firing signals no other interrupt" => fire_one;
        "the eventfd can be replaced" => replace;
        "the eventfd can be taken away" => take_away;
        "an eventfd can be set after one was taken away" => set_again;
        "an eventfd that is set twice signals once" => set_twice;
        "the eventfd is dropped when it is replaced" => dropped_by_replacing;
        "the eventfd is dropped when it is taken away" => dropped_by_taking;
        "the eventfd is dropped when the device is closed" => dropped_by_close;
        "a reset keeps the eventfd" => reset_keeps;
        "a failed request leaves the eventfd in place" => failure_keeps;
    }
}

/// The cases that are no single interrupt's.
pub(crate) fn index_cases() -> Vec<Case> {
    cases! {
        "the index 3 is EINVAL" => |devices| index_beyond(devices, 3);
        "the index 2^16 is EINVAL" => |devices| index_beyond(devices, 1 << 16);
        "the largest index is EINVAL" => |devices| index_beyond(devices, u32::MAX);
        "one eventfd can serve all interrupts" => one_for_all;
    }
}

pub(crate) const TRIGGER: u32 = uapi::IRQ_ACTION_TRIGGER;

/// A good request that sets an eventfd.
pub(crate) fn good<const IRQ: u32>(eventfd: i32) -> IrqSet {
    IrqSet {
        argsz: 24,
        flags: uapi::IRQ_DATA_EVENTFD | TRIGGER,
        index: IRQ,
        start: 0,
        count: 1,
        data: eventfd.to_ne_bytes(),
    }
}

/// A good request that fires the interrupt.
pub(crate) fn fire<const IRQ: u32>() -> IrqSet {
    IrqSet {
        argsz: 20,
        flags: uapi::IRQ_DATA_NONE | TRIGGER,
        ..good::<IRQ>(0)
    }
}

/// A good request that fires the interrupt if the value is true.
pub(crate) fn fire_if<const IRQ: u32>(value: u8) -> IrqSet {
    IrqSet {
        argsz: 21,
        flags: uapi::IRQ_DATA_BOOL | TRIGGER,
        data: [value, 0, 0, 0],
        ..good::<IRQ>(0)
    }
}

/// An eventfd that is a device's for one interrupt.
pub(crate) struct Listener(pub(crate) File);

impl Listener {
    pub(crate) fn new(device: &Device, irq: u32) -> TestResult<Self> {
        let eventfd = sys::eventfd()?;
        device.set_trigger(irq, Some(eventfd.as_fd()))?;
        Ok(Self(eventfd))
    }

    /// Waits for a signal; returns how many there were since the last call.
    fn count(&self, timeout: Duration) -> TestResult<u64> {
        if !sys::wait_readable(self.0.as_fd(), timeout)? {
            return Ok(0);
        }
        let mut count = [0; 8];
        std::io::Read::read_exact(&mut &self.0, &mut count)?;
        Ok(u64::from_ne_bytes(count))
    }

    pub(crate) fn check_signalled(&self) -> TestResult {
        check_eq("signals", self.count(TIMEOUT)?, 1)?;
        self.check_silent()
    }

    pub(crate) fn check_silent(&self) -> TestResult {
        check_eq("signals that should not be", self.count(SILENCE)?, 0)
    }
}

/// An open device, of which the interrupt is listened to.
pub(crate) fn listen<const IRQ: u32>(devices: &Devices) -> TestResult<(Channel, Listener)> {
    let channel = devices.open()?;
    let listener = Listener::new(channel.device(), IRQ)?;
    listener.check_silent()?;
    Ok((channel, listener))
}

pub(crate) fn check_fires(devices: &Devices, request: IrqSet) -> TestResult {
    let channel = devices.open()?;
    let listener = Listener::new(channel.device(), request.index)?;
    channel.device().set_irqs(request)?;
    listener.check_signalled()
}

/// Checks that a request fails, and changes nothing.
pub(crate) fn check_fails<const IRQ: u32>(
    devices: &Devices,
    request: IrqSet,
    errno: i32,
) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let result = channel.device().set_irqs(request);
    check_errno("result", result, errno)?;
    listener.check_silent()?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

pub(crate) fn check_invalid<const IRQ: u32>(devices: &Devices, request: IrqSet) -> TestResult {
    check_fails::<IRQ>(devices, request, libc::EINVAL)
}

fn fire_none<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_fires(devices, fire::<IRQ>())
}

fn fire_true<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_fires(devices, fire_if::<IRQ>(1))
}

fn fire_any<const IRQ: u32>(devices: &Devices) -> TestResult {
    check_fires(devices, fire_if::<IRQ>(0x80))
}

fn fire_false<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel.device().set_irqs(fire_if::<IRQ>(0))?;
    listener.check_silent()
}

fn fire_twice<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    channel.device().set_irqs(fire::<IRQ>())?;
    check_eq("signals", listener.count(TIMEOUT)?, 2)
}

fn fire_nothing<const IRQ: u32>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    channel.device().set_trigger(IRQ, None)?;
    channel.device().set_trigger(IRQ, None)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    check(!channel.wait_signal(SILENCE)?, "another one is signalled")
}

fn fire_one<const IRQ: u32>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let device = channel.device();
    let listeners = [IO_IRQ, CRW_IRQ, REQ_IRQ]
        .into_iter()
        .map(|irq| Ok((irq, Listener::new(device, irq)?)))
        .collect::<TestResult<Vec<_>>>()?;
    device.set_irqs(fire::<IRQ>())?;
    for (irq, listener) in listeners {
        if irq == IRQ {
            listener.check_signalled()?;
        } else {
            listener.check_silent()?;
        }
    }
    Ok(())
}

fn replace<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, old) = listen::<IRQ>(devices)?;
    let new = Listener::new(channel.device(), IRQ)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    new.check_signalled()?;
    old.check_silent()
}

fn take_away<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel.device().set_trigger(IRQ, None)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_silent()
}

fn set_again<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel.device().set_trigger(IRQ, None)?;
    channel
        .device()
        .set_trigger(IRQ, Some(listener.0.as_fd()))?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

fn set_twice<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel
        .device()
        .set_trigger(IRQ, Some(listener.0.as_fd()))?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

/// Checks that the kernel has no eventfd more than `before`.
fn check_dropped(before: u32) -> TestResult {
    let is_gone = machine::eventfd_number()? <= before;
    check(is_gone, "the kernel still has the eventfd")
}

fn dropped_by_replacing<const IRQ: u32>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let new = sys::eventfd()?;
    let before = machine::eventfd_number()?;
    drop(Listener::new(channel.device(), IRQ)?);
    check(
        machine::eventfd_number()? > before,
        "the driver does not hold the eventfd",
    )?;
    channel.device().set_trigger(IRQ, Some(new.as_fd()))?;
    check_dropped(before)
}

fn dropped_by_taking<const IRQ: u32>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    channel.device().set_trigger(IRQ, None)?;
    let before = machine::eventfd_number()?;
    drop(Listener::new(channel.device(), IRQ)?);
    channel.device().set_trigger(IRQ, None)?;
    check_dropped(before)
}

fn dropped_by_close<const IRQ: u32>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    channel.device().set_trigger(IO_IRQ, None)?;
    drop(channel);
    let before = machine::eventfd_number()?;
    let channel = devices.open()?;
    channel.device().set_trigger(IO_IRQ, None)?;
    drop(Listener::new(channel.device(), IRQ)?);
    drop(channel);
    check_dropped(before)
}

fn reset_keeps<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    channel.device().reset()?;
    listener.check_silent()?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

fn failure_keeps<const IRQ: u32>(devices: &Devices) -> TestResult {
    let (channel, listener) = listen::<IRQ>(devices)?;
    let result = channel.device().set_irqs(good::<IRQ>(1000));
    check_errno("a closed descriptor", result, libc::EBADF)?;
    channel.device().set_irqs(fire::<IRQ>())?;
    listener.check_signalled()
}

fn index_beyond(devices: &Devices, index: u32) -> TestResult {
    let mut channel = devices.open()?;
    let request = IrqSet {
        index,
        ..fire::<IO_IRQ>()
    };
    let result = channel.device().set_irqs(request);
    check_errno("result", result, libc::EINVAL)?;
    check_usable(&mut channel)
}

fn one_for_all(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let listener = Listener::new(channel.device(), IO_IRQ)?;
    for irq in [CRW_IRQ, REQ_IRQ] {
        channel
            .device()
            .set_trigger(irq, Some(listener.0.as_fd()))?;
    }
    for request in [fire::<IO_IRQ>(), fire::<CRW_IRQ>(), fire::<REQ_IRQ>()] {
        channel.device().set_irqs(request)?;
    }
    check_eq("signals", listener.count(TIMEOUT)?, 3)
}
