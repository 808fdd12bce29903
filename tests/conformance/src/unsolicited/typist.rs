// SPDX-License-Identifier: GPL-2.0

//! Somebody who types on the 3270.

use ccw::channel::Channel;
use ccwchain::{
    irb::Irb,
    scsw::DeviceStatus, //
};

use crate::{
    fixtures::*,
    host_side::Host, //
};

/// ENTER, in front of what was typed.
pub(super) const ENTER: u8 = 0x7d;

/// The 3270, and who types on it. What was typed is read at the end, so that the terminal has room.
pub(super) struct Typist {
    pub(super) host: Host,
    pub(super) channel: Channel,
}

impl Typist {
    pub(super) fn new(devices: &Devices) -> TestResult<Self> {
        let host = Host::new()?;
        let channel = devices.open_named("terminal")?;
        Ok(Self { host, channel })
    }

    pub(super) fn press(&self) -> TestResult {
        self.host.type_in(&[ENTER])
    }

    /// Waits for a status of the device's own initiative, with nothing in front of it.
    pub(super) fn expect(&mut self, status: DeviceStatus) -> TestResult<Irb> {
        let irb = self.channel.wait(TIMEOUT)?;
        let irb = irb.ok_or_else(|| format!("no {status} came"))?;
        check(
            !irb.scsw().is_solicited(),
            format!("it is solicited: {}", irb.scsw()),
        )?;
        check_eq("device status", irb.scsw().device_status(), status)?;
        Ok(irb)
    }

    pub(super) fn attention(&mut self) -> TestResult {
        self.expect(DeviceStatus::ATTENTION).map(|_| ())
    }

    /// Waits for the end of a program, with nothing in front of it.
    pub(super) fn expect_end(&mut self) -> TestResult {
        expect_end(&mut self.channel).map(drop)
    }

    /// Presses a key, and checks that its attention is announced and that nothing waits in front of
    /// it.
    pub(super) fn press_and_take(&mut self) -> TestResult {
        self.press()?;
        self.attention()
    }

    pub(super) fn silence(&mut self) -> TestResult {
        expect_silence(&mut self.channel)
    }

    /// Checks that the status to be read is an attention.
    pub(super) fn check_attention(&self) -> TestResult {
        let status = self.channel.irb()?.scsw().device_status();
        check_eq("device status", status, DeviceStatus::ATTENTION)
    }

    /// Takes what is there, and lets the terminal forget what was typed.
    pub(super) fn done(mut self) -> TestResult {
        take_rest(&mut self.channel)?;
        read_all(&mut self.channel)
    }
}

/// Reads what was typed on the terminal.
pub(crate) fn read_all(channel: &mut Channel) -> TestResult {
    let read = program("area keys at 0x210000 size 1000\norg 0x11000\nccw rm,keys,sli")?;
    let guest = map(channel, &read)?;
    start_soon(channel, &read)?;
    let irb = wait_end(channel)?;
    guest.unmap(channel.device_mut())?;
    check_eq(
        "device status of the read",
        irb.scsw().device_status(),
        DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END),
    )
}
