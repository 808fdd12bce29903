// SPDX-License-Identifier: GPL-2.0

//! Region 3: the user reads channel reports.

use crate::{
    device::Device,
    region::CRW_SIZE, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::UserSliceWriter, //
};
use mdev::vfio::Open;
use state::{
    Crw,
    Irq, //
};

/// Takes the oldest channel report, and copies the bytes `range` of the region with it to the user;
/// zeros if there is none.
///
/// A read that does not begin with the first byte takes none. If the copy fails, the report is put
/// back.
pub(super) fn read(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut to: UserSliceWriter,
) -> Result<usize> {
    let taken = if range.contains(&0) {
        dev.sch.lock()?.take_crw()
    } else {
        None
    };

    let [a, b, c, d] = taken.map_or(0, Crw::word).to_be_bytes();
    let bytes: [u8; CRW_SIZE] = [a, b, c, d, 0, 0, 0, 0];
    let result = to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?);

    if let Some(crw) = taken {
        let mut sch = dev.sch.lock()?;
        if result.is_err() {
            sch.put_back_crw(crw);
        }
        sch.announce(Irq::Crw);
    }
    result.map(|()| range.len())
}
