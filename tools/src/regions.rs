// SPDX-License-Identifier: GPL-2.0

//! Regions other than region 0: halt, clear and resume functions, the subchannel-information block
//! (SCHIB), and channel-report words (CRWs).
//!
//! Their indexes are not fixed. A capability in the information about a region tells its purpose.
//! `include/uapi/linux/vfio_ccw.h`.

use std::io;

use crate::{
    sys::uapi::RegionInfo,
    vfio::Device, //
};

/// The size of the region for halt, clear and resume functions. It has a command and the last result,
/// 4 bytes each in the byte order of the machine.
pub const ASYNC_REGION_SIZE: usize = 8;
/// The offset of the result in that region.
pub const ASYNC_RET_CODE_OFFSET: u64 = 4;
/// The size of the region that shows the SCHIB.
pub const SCHIB_SIZE: usize = 52;
/// The size of the region of CRWs. It has a CRW, big-endian, and 4 unused bytes.
pub const CRW_REGION_SIZE: usize = 8;

/// The purpose of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The halt, clear and resume functions.
    Async = 1,
    /// The SCHIB.
    Schib = 2,
    /// CRWs.
    Crw = 3,
}

/// A function that is requested through the region [`Kind::Async`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// HALT SUBCHANNEL.
    Halt = 1,
    /// CLEAR SUBCHANNEL.
    Clear = 2,
    /// RESUME SUBCHANNEL, which the C driver does not have.
    Resume = 4,
}

impl Device {
    /// Finds a region by its purpose. Fails with `NotFound` if the device has no such region.
    pub fn region(&self, kind: Kind) -> io::Result<RegionInfo> {
        for index in 1..self.info()?.num_regions {
            let info = self.region_info(index)?;
            if info.subtype() == Some(kind as u32) {
                return Ok(info);
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// Requests a function. An IRB announces its end, as it does for a program.
    pub fn command(&self, command: Command) -> io::Result<()> {
        let mut region = [0; ASYNC_REGION_SIZE];
        region[..4].copy_from_slice(&(command as u32).to_ne_bytes());
        let offset = self.region(Kind::Async)?.offset;
        self.pwrite(&region, offset).map(|_| ())
    }

    /// Stores the SCHIB.
    pub fn schib(&self) -> io::Result<[u8; SCHIB_SIZE]> {
        let mut schib = [0; SCHIB_SIZE];
        let offset = self.region(Kind::Schib)?.offset;
        self.pread(&mut schib, offset)?;
        Ok(schib)
    }

    /// Takes the oldest CRW. Returns `None` if there is none.
    pub fn crw(&self) -> io::Result<Option<u32>> {
        let mut crw = [0; 4];
        let offset = self.region(Kind::Crw)?.offset;
        self.pread(&mut crw, offset)?;
        let crw = u32::from_be_bytes(crw);
        Ok((crw != 0).then_some(crw))
    }
}
