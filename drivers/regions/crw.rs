// SPDX-License-Identifier: GPL-2.0

//! Region 3, from which the user takes channel reports.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use crate::{
    device::Device, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::UserSliceWriter, //
};
use state::{
    Crw,
    Irq, //
};

/// The length of the region in bytes: `struct ccw_crw_region`, a channel-report word and nothing.
pub(crate) const SIZE: usize = 8;

impl Device {
    /// Takes the oldest channel report and reads the bytes `range` of the region with it, zeros if
    /// there is none.
    ///
    /// A read that does not begin with the first byte, or fails, takes nothing.
    pub(crate) fn read_crw(&self, range: Range<usize>, mut to: UserSliceWriter) -> Result<usize> {
        let taken = if range.contains(&0) {
            self.sch.lock()?.take_crw()
        } else {
            None
        };

        let mut bytes = [0; SIZE];
        super::overwrite(&mut bytes, 0, &taken.map_or(0, Crw::word).to_be_bytes());
        let result = to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?);

        if let Some(crw) = taken {
            let mut sch = self.sch.lock()?;
            if result.is_err() {
                sch.put_back_crw(crw);
            }
            sch.announce(Irq::Crw);
        }
        result.map(|()| range.len())
    }
}
