// SPDX-License-Identifier: GPL-2.0

//! The bytes of a region that can be written.

use kernel::prelude::*;

/// The `N` bytes of a region.
pub(super) struct RegionBytes<const N: usize>([u8; N]);

impl<const N: usize> RegionBytes<N> {
    /// Returns zeros.
    pub(super) const fn new() -> Self {
        Self([0; N])
    }

    /// Returns all bytes.
    pub(super) fn get(&self) -> &[u8; N] {
        &self.0
    }

    /// Returns `M` bytes from `start` on; zeros if the region has not so many.
    pub(super) fn field<const M: usize>(&self, start: usize) -> [u8; M] {
        let bytes = self.0.get(start..).unwrap_or_default();
        bytes.first_chunk().copied().unwrap_or([0; M])
    }

    /// Replaces the bytes from `start` on; bytes that do not fit into the region are ignored.
    pub(super) fn update(&mut self, start: usize, bytes: &[u8]) {
        let to = self.0.get_mut(start..).unwrap_or_default();
        let len = to.len().min(bytes.len());

        if let (Some(to), Some(bytes)) = (to.get_mut(..len), bytes.get(..len)) {
            to.copy_from_slice(bytes);
        }
    }

    /// Stores at `start` the `ret_code` of a write: 0 or a negative error number.
    pub(super) fn set_ret_code(&mut self, start: usize, result: Result) {
        let code = result.map_or_else(Error::to_errno, |()| 0);
        self.update(start, &code.to_ne_bytes());
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_region_bytes)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_region_can_be_written() {
        let mut region = RegionBytes::<124>::new();
        region.update(8, &[0xaa; 4]);
        assert_eq!(region.get()[7..13], [0, 0xaa, 0xaa, 0xaa, 0xaa, 0]);
        assert_eq!(region.field::<2>(11), [0xaa, 0]);
    }

    #[test]
    fn bytes_past_the_end_are_ignored() {
        let mut region = RegionBytes::<8>::new();
        region.update(7, &[1, 2, 3]);
        region.update(8, &[4]);
        region.update(9, &[5]);
        assert_eq!(region.get()[..], [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(region.field::<2>(7), [0, 0]);
    }

    #[test]
    fn the_result_is_a_negative_error_number_in_the_byte_order_of_the_user() {
        let mut region = RegionBytes::<8>::new();
        region.set_ret_code(4, Err(EBUSY));
        assert_eq!(region.get()[4..], (-16i32).to_ne_bytes());
        region.set_ret_code(4, Ok(()));
        assert_eq!(region.get()[4..], [0; 4]);
    }
}
