// SPDX-License-Identifier: GPL-2.0

//! Opening and closing a device, and each request.

use std::os::fd::AsFd;

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program,
    sys,
    sysfs::Mdev,
    vfio::{
        Backend,
        Device, //
    },
};

use super::{
    io_outcome,
    outcome,
    Outcome,
    Steps,
    BUSY,
    NO_MEMORY, //
};
use crate::fixtures::*;

/// A device that is open, with a program that is mapped.
struct Opened {
    channel: Channel,
    guest: GuestMemory,
    program: Program,
    pinned: u64,
}

impl Opened {
    fn new(mdev: &Mdev, backend: Backend, text: &str) -> TestResult<Self> {
        let mut channel = open(mdev, backend)?;
        let program = program(text)?;
        let guest = map(&mut channel, &program)?;
        Ok(Self {
            pinned: pinned()?,
            channel,
            guest,
            program,
        })
    }

    /// Checks that nothing more is pinned than before, and that the device is usable.
    fn check(mut self) -> TestResult {
        self.guest.unmap(self.channel.device_mut())?;
        check(pinned()? <= self.pinned, "pages stay pinned")?;
        check_usable(&mut self.channel)
    }
}

/// A request of an open device.
type Request = fn(&mut Opened) -> Outcome;

/// A program of several segments, with data in many pages.
fn large() -> String {
    let mut text = String::new();
    for page in 0..40 {
        let address = 0x10_0000 + page * 0x2000;
        text += &format!("area d{page} at {address:#x} size 0x1000\n");
    }
    for page in 0..40 {
        let flags = if page < 39 { "cc|sli" } else { "sli" };
        text += &format!("ccw senseid,d{page},{flags}\n");
    }
    text
}

pub(super) fn device(steps: &mut Steps<'_>, mdev: &Mdev, backend: Backend) -> TestResult {
    let word = backend_word(backend);
    let large = large();
    let fresh = |text: &str| Opened::new(mdev, backend, text);
    let none = pinned()?;
    steps.each(
        &format!("{word}: open"),
        &NO_MEMORY,
        || Ok(None),
        |opened| match Device::open(mdev, backend) {
            Ok(device) => {
                *opened = Some(device);
                Ok(())
            }
            Err(error) => outcome::<()>(Err(error)),
        },
        |opened, _| {
            drop(opened);
            check_usable(&mut open(mdev, backend)?)
        },
    )?;
    steps.each(
        &format!("{word}: close"),
        &NO_MEMORY,
        || {
            let opened = fresh(SUSPENDED)?;
            opened.channel.start(opened.program.orb)?;
            Ok(Some(opened))
        },
        |opened| {
            drop(opened.take());
            Ok(())
        },
        |_, _| check_eq("KiB pinned", pinned()?, none),
    )?;
    steps.each(
        &format!("{word}: start"),
        &BUSY,
        || fresh(&large),
        |opened| io_outcome(opened.channel.start(opened.program.orb)),
        |mut opened, is_started| {
            if !is_started {
                check_eq("KiB pinned", pinned()?, opened.pinned)?;
                opened.channel.start(opened.program.orb)?;
            }
            expect_end(&mut opened.channel)?;
            opened.check()
        },
    )?;
    let requests: &[(&str, Request)] = &[
        ("halt", |opened| io_outcome(halt(&opened.channel))),
        ("clear", |opened| io_outcome(clear(&opened.channel))),
        ("reset", |opened| {
            io_outcome(opened.channel.device().reset())
        }),
        ("unmap", |opened| {
            io_outcome(opened.guest.unmap(opened.channel.device_mut()))
        }),
        ("read SCHIB", |opened| {
            io_outcome(Schib::read(&opened.channel))
        }),
        ("read status", |opened| io_outcome(opened.channel.irb())),
        ("read report", |opened| {
            io_outcome(take_crw(&opened.channel))
        }),
        ("region info", |opened| {
            io_outcome(opened.channel.device().region_info(1))
        }),
        ("interrupt info", |opened| {
            io_outcome(opened.channel.device().irq_info(0))
        }),
    ];
    for (name, request) in requests {
        steps.each(
            &format!("{word}: {name} of a suspended program"),
            &NO_MEMORY,
            || {
                let opened = fresh(SUSPENDED)?;
                opened.channel.start(opened.program.orb)?;
                Ok(opened)
            },
            request,
            |mut opened, is_done| {
                if !is_done {
                    request(&mut opened).map_err(|errno| format!("once more: {errno:?}"))?;
                }
                opened.channel.device().reset()?;
                opened.check()
            },
        )?;
    }
    steps.each(
        &format!("{word}: set interrupt"),
        &NO_MEMORY,
        || Ok((fresh("ccw nop")?, sys::eventfd()?)),
        |(opened, eventfd)| {
            let device = opened.channel.device();
            io_outcome(device.set_trigger(CRW_IRQ, Some(eventfd.as_fd())))
        },
        |(opened, eventfd), is_set| {
            let device = opened.channel.device();
            if !is_set {
                device.set_trigger(CRW_IRQ, Some(eventfd.as_fd()))?;
            }
            device.set_trigger(CRW_IRQ, None)?;
            opened.check()
        },
    )
}
