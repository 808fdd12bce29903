// SPDX-License-Identifier: GPL-2.0

//! The regions behind the first one: asynchronous commands, the SCHIB, channel reports.
//!
//! `struct ccw_cmd_region`, `ccw_schib_region` and `ccw_crw_region` of
//! `include/uapi/linux/vfio_ccw.h`.

use std::{
    io,
    ops::Range,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::channel::Channel;
use ccwchain::scsw::Scsw;

use crate::bench::TIMEOUT;

/// Where the region of asynchronous commands is in the device's file.
pub(crate) const COMMANDS: u64 = 1 << 10;
/// The size of that region: a command and its result, each of 4 bytes.
pub(crate) const COMMANDS_SIZE: usize = 8;
/// Where the SCHIB is.
pub(crate) const SCHIB: u64 = 2 << 10;
/// The size of a SCHIB.
pub(crate) const SCHIB_SIZE: usize = 52;
/// Where the channel reports are.
pub(crate) const CRW: u64 = 3 << 10;
/// The size of that region: a channel-report word, and 4 bytes without a meaning.
pub(crate) const CRW_SIZE: usize = 8;
/// The index of the interrupt that announces channel reports.
pub(crate) const CRW_IRQ: u32 = 1;
/// The index of the interrupt by which the host asks for the device.
pub(crate) const REQUEST_IRQ: u32 = 2;

/// The command HALT SUBCHANNEL.
pub(crate) const HALT: u32 = 1;
/// The command CLEAR SUBCHANNEL.
pub(crate) const CLEAR: u32 = 2;

/// Gives an asynchronous command.
///
/// A driver that is at work on another request may say `EAGAIN`; a user then asks again.
pub(crate) fn command(channel: &Channel, command: u32) -> io::Result<()> {
    let mut region = [0; COMMANDS_SIZE];
    region[..4].copy_from_slice(&command.to_ne_bytes());
    retry(libc::EAGAIN, || {
        channel.device().pwrite(&region, COMMANDS).map(|_| ())
    })
}

/// Asks for HALT SUBCHANNEL.
pub(crate) fn halt(channel: &Channel) -> io::Result<()> {
    command(channel, HALT)
}

/// Asks for CLEAR SUBCHANNEL.
pub(crate) fn clear(channel: &Channel) -> io::Result<()> {
    command(channel, CLEAR)
}

/// Does something again while it fails with this error, for as long as anything may take.
pub(crate) fn retry<T>(errno: i32, what: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    retry_for(TIMEOUT, errno, what)
}

/// Does so for so long.
pub(crate) fn retry_for<T>(
    patience: Duration,
    errno: i32,
    mut what: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let end = Instant::now() + patience;
    loop {
        match what() {
            Err(error) if error.raw_os_error() == Some(errno) && Instant::now() < end => {
                thread::sleep(Duration::from_micros(100));
            }
            result => return result,
        }
    }
}

/// What the region of commands says was the result of the last one.
pub(crate) fn result(channel: &Channel) -> io::Result<i32> {
    let mut code = [0; 4];
    channel.device().pread(&mut code, COMMANDS + 4)?;
    Ok(i32::from_ne_bytes(code))
}

/// Takes the oldest channel-report word; zero when there is none.
pub(crate) fn take_crw(channel: &Channel) -> io::Result<u32> {
    let mut region = [0; CRW_SIZE];
    channel.device().pread(&mut region, CRW)?;
    let [a, b, c, d, ..] = region;
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// A subchannel-information block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Schib([u8; SCHIB_SIZE]);

impl Schib {
    pub(crate) fn read(channel: &Channel) -> io::Result<Self> {
        let mut bytes = [0; SCHIB_SIZE];
        channel.device().pread(&mut bytes, SCHIB)?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; SCHIB_SIZE] {
        &self.0
    }

    fn field<const N: usize>(&self, at: Range<usize>) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at]);
        bytes
    }

    pub(crate) fn interruption_parameter(&self) -> u32 {
        u32::from_be_bytes(self.field(0..4))
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.0[5] & 0x80 != 0
    }

    pub(crate) fn has_device(&self) -> bool {
        self.0[5] & 0x01 != 0
    }

    pub(crate) fn device_number(&self) -> u16 {
        u16::from_be_bytes(self.field(6..8))
    }

    /// The masks of paths: installed, available, operational.
    pub(crate) fn path_masks(&self) -> [u8; 3] {
        [self.0[11], self.0[15], self.0[14]]
    }

    pub(crate) fn paths(&self) -> [u8; 8] {
        self.field(16..24)
    }

    pub(crate) fn scsw(&self) -> Scsw {
        Scsw::from_bytes(&self.field(28..40))
    }

    /// The address of the measurement block.
    pub(crate) fn measurement_block(&self) -> u64 {
        u64::from_be_bytes(self.field(40..48))
    }
}
