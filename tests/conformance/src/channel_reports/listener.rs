// SPDX-License-Identifier: GPL-2.0

//! A device whose channel reports are injected and listened to.

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

/// The report that others were lost.
pub(super) const OVERFLOW: u32 = 0x2000_0000;
const CHANNEL_PATH: u32 = 0x0400_0000;
const NOT_OPERATIONAL: u32 = 0x0006_0000;
const INITIALIZED: u32 = 0x0002_0000;

/// The injection of channel reports, which stays on: the kernel may not have taken all of them yet.
pub(crate) struct Injection;

impl Injection {
    pub(crate) fn new() -> TestResult<Self> {
        fs::write("/sys/kernel/debug/s390/cio/enable_inject", "1")
            .map_err(|error| format!("cannot inject channel reports: {error}"))?;
        Ok(Self)
    }

    /// Reports to this kernel the fields of a CRW, which are hexadecimal.
    pub(crate) fn report(&self, fields: &str) -> TestResult {
        // The last one may not have been taken yet: for each the kernel looks through all
        // subchannels, which takes it long on a machine that has much else to do.
        Ok(retry_for(TIMEOUT * 40, libc::EBUSY, || {
            fs::write("/sys/kernel/debug/s390/cio/crw_inject", fields)
        })?)
    }

    /// Waits until the driver has all reports.
    pub(crate) fn settle(&self) -> TestResult {
        // When the second of these is taken in, what was before the first one has been dealt with.
        // They are solicited, which means that nobody deals with them.
        for _ in 0..2 {
            self.report("1 0 0 4 0 2 ff")?;
        }
        thread::sleep(SILENCE);
        Ok(())
    }

    pub(crate) fn gone(&self, path: u8) -> TestResult {
        self.report(&format!("0 0 0 4 0 6 {path:x}"))
    }

    pub(crate) fn back(&self, path: u8) -> TestResult {
        self.report(&format!("0 0 0 4 0 2 {path:x}"))
    }
}

pub(super) fn gone_word(path: u8) -> u32 {
    CHANNEL_PATH | NOT_OPERATIONAL | u32::from(path)
}

pub(super) fn back_word(path: u8) -> u32 {
    CHANNEL_PATH | INITIALIZED | u32::from(path)
}

/// A device whose channel reports are listened to. The terminal has a path of its own.
pub(super) struct Listener {
    pub(super) channel: Channel,
    eventfd: File,
    pub(super) path: u8,
    pub(super) injection: Injection,
}

impl Listener {
    pub(super) fn on(channel: Channel) -> TestResult<Self> {
        let eventfd = sys::eventfd()?;
        channel
            .device()
            .set_trigger(CRW_IRQ, Some(eventfd.as_fd()))?;
        let [path, ..] = Schib::read(&channel)?.paths();
        Ok(Self {
            channel,
            eventfd,
            path,
            injection: Injection::new()?,
        })
    }

    /// Listens to the terminal, of which nothing is reported yet.
    pub(super) fn open(devices: &Devices) -> TestResult<Self> {
        let mut listener = Self::on(devices.open_named("terminal")?)?;
        while take_crw(&listener.channel)? != 0 {}
        listener.signalled(Duration::ZERO)?;
        Ok(listener)
    }

    pub(super) fn signalled(&mut self, timeout: Duration) -> TestResult<bool> {
        take_signal(&mut self.eventfd, timeout)
    }

    /// Waits until a report is announced. The kernel looks through all subchannels first, as for
    /// [`Injection::report`].
    pub(super) fn expect_announced(&mut self) -> TestResult {
        check(self.signalled(TIMEOUT * 6)?, "no report is announced")
    }

    /// Waits for the next report.
    pub(super) fn next(&mut self) -> TestResult<u32> {
        self.expect_announced()?;
        Ok(take_crw(&self.channel)?)
    }

    pub(super) fn expect(&mut self, word: u32) -> TestResult {
        let is = self.next()?;
        check(
            is == word,
            format!("report: expected {word:#010x}, is {is:#010x}"),
        )
    }

    /// Reports that its path is gone.
    pub(super) fn report_gone(&self) -> TestResult {
        self.injection.gone(self.path)
    }

    /// Reports that its path is back.
    pub(super) fn report_back(&self) -> TestResult {
        self.injection.back(self.path)
    }

    /// Waits until the driver has all reports.
    pub(super) fn settle(&self) -> TestResult {
        self.injection.settle()
    }

    /// Takes the report that its path is gone.
    pub(super) fn expect_gone(&mut self) -> TestResult {
        self.expect(gone_word(self.path))
    }

    /// Takes the report that its path is back.
    pub(super) fn expect_back(&mut self) -> TestResult {
        self.expect(back_word(self.path))
    }

    pub(super) fn expect_none(&mut self) -> TestResult {
        check(!self.signalled(SILENCE)?, "a report is announced")?;
        check_eq("report", take_crw(&self.channel)?, 0)
    }
}

pub(super) fn take_signal(eventfd: &mut File, timeout: Duration) -> TestResult<bool> {
    if !sys::wait_readable(eventfd.as_fd(), timeout)? {
        return Ok(false);
    }
    eventfd.read_exact(&mut [0; 8])?;
    Ok(true)
}
