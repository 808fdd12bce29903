// SPDX-License-Identifier: GPL-2.0

//! Channel reports, which region 3 gives out and interrupt 1 announces.
//!
//! They are injected into this kernel (`drivers/s390/cio/cio_inject.c`): what it makes of them is
//! as if the machine had reported them.

use std::{
    fs::{
        self,
        File, //
    },
    io::Read,
    os::fd::AsFd,
    thread,
    time::Duration, //
};

use ccw::{
    channel::Channel,
    sys, //
};

use crate::fixtures::*;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "there is none at first" => none;
        "a path that is gone is reported" => gone;
        "a path that is back is reported" => back;
        "reports are given in order, each once" => in_order;
        "reports are announced as long as there are any" => announced;
        "all reports can be read after one signal" => one_signal;
        "a reader who was announced none gets none" => each_once;
        "a read without the first byte takes no report" => part_takes_none;
        "a read to a bad pointer takes no report" => fault_takes_none;
        "a read of the first byte takes the report" => first_byte_takes;
        "a read without an announcement takes the report" => without_eventfd;
        "of more than 16 reports 16 are kept, with overflow" => overflow;
        "reports after an overflow are as before" => after_overflow;
        "nothing is reported of the paths of others" => of_others;
        "reports of one device are not those of another" => two_devices;
        "nothing is kept for a device that is closed" => while_closed;
        "what was not read is gone after close" => unread_at_close;
        "a reset leaves reports to be read" => over_reset;
        "a report leaves status and its interrupt alone" => apart;
        "a solicited report is not passed on" => solicited;
        "a look at a subchannel that is there reports nothing" => evaluated;
        "varying a path off and on reports nothing" => varied;
        "the eventfd can be replaced" => replaced;
        "the eventfd can be taken away" => taken_away;
        "a path that is gone ends a suspended program" => ends_program;
        "a device is usable after its path was gone and is back" => usable;
        "reads beyond the reports are EINVAL" => beyond;
        "reports cannot be written" => written;
        "many reports leave nothing behind" => many;
    }
}

/// How many reports are kept.
const KEPT: usize = 16;

/// The report that others were lost.
const OVERFLOW: u32 = 0x2000_0000;
const CHANNEL_PATH: u32 = 0x0400_0000;
const NOT_OPERATIONAL: u32 = 0x0006_0000;
const INITIALIZED: u32 = 0x0002_0000;

/// The injection of channel reports. It stays on: what was injected may not have been taken yet.
pub(crate) struct Injection;

impl Injection {
    pub(crate) fn new() -> TestResult<Self> {
        fs::write("/sys/kernel/debug/s390/cio/enable_inject", "1")
            .map_err(|error| format!("cannot inject channel reports: {error}"))?;
        Ok(Self)
    }

    /// Reports to this kernel what the fields say, in the order of a CRW; they are hexadecimal.
    pub(crate) fn report(&self, fields: &str) -> TestResult {
        // The last one may not have been taken yet: for each the kernel looks through all subchannels,
        // which takes it long on a machine that has much else to do.
        Ok(retry_for(TIMEOUT * 6, libc::EBUSY, || {
            fs::write("/sys/kernel/debug/s390/cio/crw_inject", fields)
        })?)
    }

    /// Waits until all that was reported has come to the driver.
    fn settle(&self) -> TestResult {
        // When the second of these is taken in, what was before the first one has been dealt with.
        // They are solicited, which means that nobody deals with them.
        for _ in 0..2 {
            self.report("1 0 0 4 0 2 ff")?;
        }
        thread::sleep(SILENCE);
        Ok(())
    }

    fn gone(&self, path: u8) -> TestResult {
        self.report(&format!("0 0 0 4 0 6 {path:x}"))
    }

    fn back(&self, path: u8) -> TestResult {
        self.report(&format!("0 0 0 4 0 2 {path:x}"))
    }
}

fn gone_word(path: u8) -> u32 {
    CHANNEL_PATH | NOT_OPERATIONAL | u32::from(path)
}

fn back_word(path: u8) -> u32 {
    CHANNEL_PATH | INITIALIZED | u32::from(path)
}

/// A device whose channel reports are listened to. The terminal has a path of its own.
struct Listener {
    channel: Channel,
    eventfd: File,
    path: u8,
}

impl Listener {
    fn on(channel: Channel) -> TestResult<Self> {
        let eventfd = sys::eventfd()?;
        channel
            .device()
            .set_trigger(CRW_IRQ, Some(eventfd.as_fd()))?;
        let [path, ..] = Schib::read(&channel)?.paths();
        Ok(Self {
            channel,
            eventfd,
            path,
        })
    }

    /// Listens to the terminal, of which nothing is reported yet.
    fn open(devices: &Devices) -> TestResult<Self> {
        let mut listener = Self::on(devices.open_named("terminal")?)?;
        while take_crw(&listener.channel)? != 0 {}
        listener.signalled(Duration::ZERO)?;
        Ok(listener)
    }

    fn signalled(&mut self, timeout: Duration) -> TestResult<bool> {
        take_signal(&mut self.eventfd, timeout)
    }

    /// Waits for the next report.
    fn next(&mut self) -> TestResult<u32> {
        check(self.signalled(TIMEOUT)?, "no report is announced")?;
        Ok(take_crw(&self.channel)?)
    }

    fn expect(&mut self, word: u32) -> TestResult {
        let is = self.next()?;
        check(
            is == word,
            format!("report: expected {word:#010x}, is {is:#010x}"),
        )
    }

    fn expect_none(&mut self) -> TestResult {
        check(!self.signalled(SILENCE)?, "a report is announced")?;
        check_eq("report", take_crw(&self.channel)?, 0)
    }
}

fn take_signal(eventfd: &mut File, timeout: Duration) -> TestResult<bool> {
    if !sys::wait_readable(eventfd.as_fd(), timeout)? {
        return Ok(false);
    }
    eventfd.read_exact(&mut [0; 8])?;
    Ok(true)
}

fn none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..3 {
        listener.expect_none()?;
    }
    Ok(())
}

fn gone(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    injection.gone(listener.path)?;
    listener.expect(gone_word(listener.path))?;
    injection.back(listener.path)
}

fn back(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    Injection::new()?.back(listener.path)?;
    listener.expect(back_word(listener.path))
}

fn in_order(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    let path = listener.path;
    for _ in 0..4 {
        injection.gone(path)?;
        injection.back(path)?;
    }
    for _ in 0..4 {
        listener.expect(gone_word(path))?;
        listener.expect(back_word(path))?;
    }
    listener.expect_none()
}

fn announced(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    let path = listener.path;
    injection.gone(path)?;
    injection.back(path)?;
    injection.back(path)?;
    injection.settle()?;
    for word in [gone_word(path), back_word(path), back_word(path)] {
        check(listener.signalled(TIMEOUT)?, "a report is not announced")?;
        check_eq("report", take_crw(&listener.channel)?, word)?;
    }
    listener.expect_none()
}

fn one_signal(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    let path = listener.path;
    injection.gone(path)?;
    injection.back(path)?;
    injection.settle()?;
    check(listener.signalled(TIMEOUT)?, "no report is announced")?;
    check_eq("first", take_crw(&listener.channel)?, gone_word(path))?;
    check_eq("second", take_crw(&listener.channel)?, back_word(path))?;
    check_eq("third", take_crw(&listener.channel)?, 0)
}

fn each_once(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    Injection::new()?.back(listener.path)?;
    listener.expect(back_word(listener.path))?;
    for _ in 0..3 {
        listener.expect_none()?;
    }
    Ok(())
}

fn part_takes_none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    injection.back(listener.path)?;
    injection.settle()?;
    for (offset, len) in [(4, 4), (1, 7), (7, 1), (8, 0), (0, 0)] {
        let device = listener.channel.device();
        let read = device.pread(&mut vec![0; len], CRW + offset)?;
        check_eq(&format!("bytes read at {offset}"), read, len)?;
    }
    listener.expect(back_word(listener.path))
}

fn fault_takes_none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    injection.back(listener.path)?;
    injection.settle()?;
    check_read_null(&listener.channel, CRW, CRW_SIZE)?;
    listener.expect(back_word(listener.path))
}

fn first_byte_takes(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    Injection::new()?.back(listener.path)?;
    check(listener.signalled(TIMEOUT)?, "no report is announced")?;
    let mut byte = [0];
    listener.channel.device().pread(&mut byte, CRW)?;
    check_eq("first byte", byte, [0x04])?;
    listener.expect_none()
}

fn without_eventfd(devices: &Devices) -> TestResult {
    let listener = Listener::open(devices)?;
    listener.channel.device().set_trigger(CRW_IRQ, None)?;
    let injection = Injection::new()?;
    injection.back(listener.path)?;
    injection.settle()?;
    let word = back_word(listener.path);
    check_eq("report", take_crw(&listener.channel)?, word)
}

fn overflow(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    let path = listener.path;
    for _ in 0..KEPT + 4 {
        injection.back(path)?;
    }
    injection.settle()?;
    for _ in 1..KEPT {
        listener.expect(back_word(path))?;
    }
    listener.expect(back_word(path) | OVERFLOW)?;
    listener.expect_none()
}

fn after_overflow(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    let path = listener.path;
    for _ in 0..KEPT + 1 {
        injection.back(path)?;
    }
    injection.settle()?;
    for _ in 0..KEPT {
        listener.next()?;
    }
    listener.expect_none()?;
    injection.back(path)?;
    listener.expect(back_word(path))?;
    listener.expect_none()
}

fn of_others(devices: &Devices) -> TestResult {
    let mut listener = Listener::on(devices.open()?)?;
    let terminal = Listener::open(devices)?.path;
    check(listener.path != terminal, "both devices have one path")?;
    let injection = Injection::new()?;
    injection.gone(terminal)?;
    injection.back(terminal)?;
    injection.settle()?;
    listener.expect_none()
}

fn two_devices(devices: &Devices) -> TestResult {
    let mut terminal = Listener::open(devices)?;
    let mut rng = Listener::on(devices.open()?)?;
    Injection::new()?.back(terminal.path)?;
    terminal.expect(back_word(terminal.path))?;
    rng.expect_none()
}

fn while_closed(devices: &Devices) -> TestResult {
    let path = Listener::open(devices)?.path;
    let injection = Injection::new()?;
    injection.gone(path)?;
    injection.back(path)?;
    injection.settle()?;
    Listener::on(devices.open_named("terminal")?)?.expect_none()
}

fn unread_at_close(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    Injection::new()?.back(listener.path)?;
    check(listener.signalled(TIMEOUT)?, "no report is announced")?;
    drop(listener);
    Listener::on(devices.open_named("terminal")?)?.expect_none()
}

fn over_reset(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    Injection::new()?.back(listener.path)?;
    check(listener.signalled(TIMEOUT)?, "no report is announced")?;
    listener.channel.device().reset()?;
    let word = back_word(listener.path);
    check_eq("report", take_crw(&listener.channel)?, word)
}

fn apart(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let status = *listener.channel.irb()?.as_bytes();
    Injection::new()?.back(listener.path)?;
    listener.expect(back_word(listener.path))?;
    check(
        !listener.channel.wait_signal(SILENCE)?,
        "status is announced",
    )?;
    check_eq("status", *listener.channel.irb()?.as_bytes(), status)
}

fn solicited(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = listener.path;
    let injection = Injection::new()?;
    injection.report(&format!("1 0 0 4 0 2 {path:x}"))?;
    injection.settle()?;
    listener.expect_none()
}

fn evaluated(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let bus_id = subchannel(devices.named("terminal")?)?.bus_id().to_string();
    let number = bus_id.rsplit('.').next().unwrap_or("").to_owned();
    let injection = Injection::new()?;
    for _ in 0..5 {
        injection.report(&format!("0 0 0 3 0 4 {number}"))?;
    }
    injection.settle()?;
    listener.expect_none()?;
    check_usable(&mut listener.channel)
}

fn varied(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    path.vary_on()?;
    listener.expect_none()?;
    check_usable(&mut listener.channel)
}

fn replaced(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let mut other = sys::eventfd()?;
    let device = listener.channel.device();
    device.set_trigger(CRW_IRQ, Some(other.as_fd()))?;
    Injection::new()?.back(listener.path)?;
    check(take_signal(&mut other, TIMEOUT)?, "the new one is silent")?;
    check(!listener.signalled(SILENCE)?, "the old one is signalled")
}

fn taken_away(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.channel.device().set_trigger(CRW_IRQ, None)?;
    Injection::new()?.back(listener.path)?;
    check(!listener.signalled(SILENCE * 2)?, "it is still signalled")
}

fn ends_program(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let before = pinned()?;
    let (_, guest) = start_suspended(&mut listener.channel)?;
    let injection = Injection::new()?;
    injection.gone(listener.path)?;
    listener.expect(gone_word(listener.path))?;
    let status = listener.channel.wait(TIMEOUT)?;
    check(status.is_some(), "the program does not end")?;
    check_eq("KiB pinned", pinned()?, before)?;
    injection.back(listener.path)?;
    listener.expect(back_word(listener.path))?;
    guest.unmap(listener.channel.device_mut())?;
    check_usable(&mut listener.channel)
}

fn usable(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    for _ in 0..5 {
        injection.gone(listener.path)?;
        listener.expect(gone_word(listener.path))?;
        injection.back(listener.path)?;
        listener.expect(back_word(listener.path))?;
        check_usable(&mut listener.channel)?;
    }
    Ok(())
}

fn beyond(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for (offset, len) in [(0, CRW_SIZE + 1), (4, 5), (8, 1), (0, 4096), (1000, 4)] {
        check_read_beyond(&channel, CRW, offset, len)?;
    }
    Ok(())
}

fn written(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for len in [1, 4, CRW_SIZE] {
        check_write_beyond(&channel, CRW, 0, len)?;
    }
    Ok(())
}

fn many(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let injection = Injection::new()?;
    for _ in 0..200 {
        injection.back(listener.path)?;
        listener.expect(back_word(listener.path))?;
    }
    listener.expect_none()
}
