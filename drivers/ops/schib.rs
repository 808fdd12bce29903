// SPDX-License-Identifier: GPL-2.0

//! Region 2: the user reads the subchannel-information block.

use crate::{
    device::Device,
    region::SCHIB_SIZE, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::UserSliceWriter, //
};
use mdev::vfio::Open;

/// The bytes of the SCHIB that hold addresses of the host: the interruption parameter, the
/// channel-program address in the SCSW, and the address of the measurement block.
const HOST_ADDRESSES: [Range<usize>; 3] = [0..4, 32..36, 40..48];

/// Issues STORE SUBCHANNEL, and copies the bytes `range` of the SCHIB to the user.
///
/// Returns `ENODEV` when the subchannel or its device is gone.
pub(super) fn read(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut to: UserSliceWriter,
) -> Result<usize> {
    let schib = {
        let mut sch = dev.sch.lock()?;
        sch.stsch().map_err(|_| ENODEV)?;
        sch.schib()
    };

    let schib = without_addresses(schib);
    to.write_slice(schib.get(range.clone()).ok_or(EINVAL)?)?;
    Ok(range.len())
}

/// Returns `schib` with zeros in place of the addresses of the host.
fn without_addresses(mut schib: [u8; SCHIB_SIZE]) -> [u8; SCHIB_SIZE] {
    for range in HOST_ADDRESSES {
        for byte in schib.iter_mut().take(range.end).skip(range.start) {
            *byte = 0;
        }
    }
    schib
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_schib_region)]
mod tests {
    use super::*;

    #[test]
    fn no_address_of_the_host_is_copied() {
        let schib = without_addresses([0xff; SCHIB_SIZE]);
        for (i, byte) in schib.iter().enumerate() {
            let hidden = HOST_ADDRESSES.iter().any(|range| range.contains(&i));
            assert_eq!(*byte, if hidden { 0 } else { 0xff });
        }
        assert_eq!(schib.iter().filter(|byte| **byte == 0).count(), 16);
    }
}
