// SPDX-License-Identifier: GPL-2.0

//! Region 2, which shows the subchannel-information block.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use crate::device::Device;
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::UserSliceWriter, //
};

/// The length of the region in bytes: `struct ccw_schib_region`.
pub(crate) const SIZE: usize = mdev::css::SCHIB_LEN;

/// What has addresses of the host in it: the interruption parameter, the channel-program address in
/// the subchannel-status word, and the address of the measurement block.
const HOST_ADDRESSES: [Range<usize>; 3] = [0..4, 32..36, 40..48];

impl Device {
    /// STORE SUBCHANNEL, and the bytes `range` of what it stores.
    ///
    /// Returns `ENODEV` when there is no subchannel, or no device at it, any more.
    pub(crate) fn read_schib(&self, range: Range<usize>, mut to: UserSliceWriter) -> Result<usize> {
        let stored = {
            let mut sch = self.sch.lock()?;
            sch.stsch().map_err(|_| ENODEV)?;
            sch.schib()
        };

        let shown = without_addresses(stored);
        to.write_slice(shown.get(range.clone()).ok_or(EINVAL)?)?;
        Ok(range.len())
    }
}

fn without_addresses(mut schib: [u8; SIZE]) -> [u8; SIZE] {
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
    fn no_address_of_the_host_is_shown() {
        let shown = without_addresses([0xff; SIZE]);
        for (i, byte) in shown.iter().enumerate() {
            let hidden = HOST_ADDRESSES.iter().any(|range| range.contains(&i));
            assert_eq!(*byte, if hidden { 0 } else { 0xff });
        }
        assert_eq!(shown.iter().filter(|byte| **byte == 0).count(), 16);
    }
}
