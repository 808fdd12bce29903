// SPDX-License-Identifier: GPL-2.0

//! Starts channel programs on an open device, and takes their status.
//!
//! Region 0, `struct ccw_io_region`, `include/uapi/linux/vfio_ccw.h`: the ORB, an SCSW that says
//! which function is requested, the IRB, and the result of the last request.

use std::{
    fs::File,
    io::{
        self,
        Read, //
    },
    os::fd::AsFd,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccwchain::{
    irb::{
        self,
        Irb, //
    },
    orb::Orb,
    scsw::{
        DeviceStatus,
        FunctionControl,
        Scsw, //
    }, //
};

use crate::{
    error::{
        Error,
        Result, //
    },
    sys,
    vfio::Device, //
};

/// The size of region 0.
pub const IO_REGION_SIZE: usize = 124;
/// The offset of the IRB in region 0.
pub const IRB_OFFSET: u64 = 24;
/// The offset of the result in region 0, a number in the byte order of the machine.
pub const RET_CODE_OFFSET: u64 = 120;
/// The index of the interrupt that announces an IRB.
pub const IO_IRQ: u32 = 0;
/// The index of the interrupt that announces a channel report.
pub const CRW_IRQ: u32 = 1;
/// The index of the interrupt that asks the user to give the device back.
pub const REQ_IRQ: u32 = 2;

/// Returns region 0 as it is written to request a function.
pub fn request(orb: Orb, function: FunctionControl) -> [u8; IO_REGION_SIZE] {
    let mut region = [0; IO_REGION_SIZE];
    let scsw = Scsw::from_words([u32::from(function.bits()) << 12, 0, 0]);
    region[..12].copy_from_slice(&orb.to_bytes());
    region[12..24].copy_from_slice(&scsw.to_bytes());
    region
}

/// A device with an eventfd for its interrupt.
pub struct Channel {
    device: Device,
    eventfd: File,
}

impl Channel {
    /// Sets an eventfd for the interrupt of a device.
    pub fn new(device: Device) -> Result<Self> {
        let region = device
            .region_info(0)
            .map_err(|source| Error::io("cannot ask for region 0", source))?;
        if region.size != IO_REGION_SIZE as u64 || region.offset != 0 {
            return Err(Error::new(format!(
                "region 0 has {} bytes at {}; vfio-ccw has {IO_REGION_SIZE} at 0",
                region.size, region.offset
            ))
            .help("give a mediated device of vfio-ccw"));
        }
        let eventfd =
            sys::eventfd().map_err(|source| Error::io("cannot make an eventfd", source))?;
        device
            .set_trigger(IO_IRQ, Some(eventfd.as_fd()))
            .map_err(|source| Error::io("cannot set the interrupt's eventfd", source))?;
        Ok(Self { device, eventfd })
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the device, to map memory for it.
    pub fn device_mut(&mut self) -> &mut Device {
        &mut self.device
    }

    /// Starts a program. Every answer of the driver but condition code 0 is an error.
    pub fn start(&self, orb: Orb) -> io::Result<()> {
        let region = request(orb, FunctionControl::START);
        self.device.pwrite(&region, 0).map(|_| ())
    }

    /// Waits for an interrupt and takes its IRB. Returns `None` if none comes in time.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<Option<Irb>> {
        if !self.wait_signal(timeout)? {
            return Ok(None);
        }
        self.irb().map(Some)
    }

    /// Waits until the eventfd is signalled, and resets it. Returns `false` if that takes too long.
    pub fn wait_signal(&mut self, timeout: Duration) -> io::Result<bool> {
        if !sys::wait_readable(self.eventfd.as_fd(), timeout)? {
            return Ok(false);
        }
        let mut count = [0; 8];
        self.eventfd.read_exact(&mut count)?;
        Ok(true)
    }

    /// Reads the IRB of region 0.
    pub fn irb(&self) -> io::Result<Irb> {
        let mut bytes = [0; irb::SIZE];
        self.device.pread(&mut bytes, IRB_OFFSET)?;
        Ok(Irb::from_bytes(&bytes))
    }

    /// Waits for the status that ends a started program. Status that comes earlier goes to `others`.
    pub fn wait_end(
        &mut self,
        timeout: Duration,
        others: &mut Vec<Irb>,
    ) -> io::Result<Option<Irb>> {
        self.wait_until(timeout, others, |irb| irb.scsw().ends_start())
    }

    /// Waits for unsolicited status that has all these bits. Other status goes to `others`.
    pub fn wait_unsolicited(
        &mut self,
        timeout: Duration,
        status: DeviceStatus,
        others: &mut Vec<Irb>,
    ) -> io::Result<Option<Irb>> {
        self.wait_until(timeout, others, |irb| {
            let scsw = irb.scsw();
            !scsw.is_solicited() && scsw.device_status().contains(status)
        })
    }

    /// Waits for a status of a kind. Status that comes earlier goes to `others`.
    pub fn wait_until(
        &mut self,
        timeout: Duration,
        others: &mut Vec<Irb>,
        wanted: impl Fn(&Irb) -> bool,
    ) -> io::Result<Option<Irb>> {
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.wait(left)? {
                Some(irb) if wanted(&irb) => return Ok(Some(irb)),
                Some(irb) => others.push(irb),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_orb_and_function() {
        let orb = Orb::default().with_cpa(0x1000);
        let region = request(orb, FunctionControl::START);
        assert_eq!(region[..12], orb.to_bytes());
        assert_eq!(region[12..24], [0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(region[24..].iter().all(|&byte| byte == 0));
    }
}
