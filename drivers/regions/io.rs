// SPDX-License-Identifier: GPL-2.0

//! Region 0, through which the user asks for I/O functions and takes their status.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use ccwchain::{
    irb::Irb,
    orb::Orb,
    scsw::{
        FunctionControl,
        Scsw, //
    },
};
use core::ops::Range;
use kernel::prelude::*;

/// The length of the region in bytes: `struct ccw_io_region`.
pub(crate) const SIZE: usize = 124;

/// The guest's ORB, without its extension.
const ORB: Range<usize> = 0..12;
/// The guest's SCSW, whose function control says what is asked for.
const SCSW: Range<usize> = 12..24;
/// The status last taken. An interruption-response block has 64 bytes of it.
const IRB: Range<usize> = 24..24 + ccwchain::irb::SIZE;
/// The result of the last write: 0 or a negative error number.
const RET_CODE: Range<usize> = 120..124;

/// The contents of the region.
pub(crate) struct IoRegion([u8; SIZE]);

/// What a write to the region asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The start function.
    Start(Orb),
    /// The halt or clear function, which this region does not offer.
    HaltOrClear,
    /// Nothing.
    None,
}

impl IoRegion {
    /// Returns a region of zeros.
    pub(crate) const fn new() -> Self {
        Self([0; SIZE])
    }

    /// Whether reading `range` takes the next status: if it has the first byte of it.
    pub(crate) fn takes_status(range: &Range<usize>) -> bool {
        range.contains(&IRB.start)
    }

    /// Returns the bytes of the region.
    pub(crate) fn bytes(&self) -> &[u8; SIZE] {
        &self.0
    }

    /// Replaces the bytes from `start` on.
    pub(crate) fn update(&mut self, start: usize, bytes: &[u8]) {
        super::overwrite(&mut self.0, start, bytes);
    }

    /// Returns the functions that the contents ask for.
    pub(crate) fn functions(&self) -> FunctionControl {
        Scsw::from_bytes(&self.field(SCSW)).fctl()
    }

    /// Returns what the contents ask for.
    pub(crate) fn request(&self) -> Request {
        let fctl = self.functions();

        if fctl.contains(FunctionControl::START) {
            Request::Start(Orb::from_bytes(&self.field(ORB)))
        } else if fctl.intersects(FunctionControl::HALT.union(FunctionControl::CLEAR)) {
            Request::HaltOrClear
        } else {
            Request::None
        }
    }

    /// Shows `irb` as the status last taken.
    pub(crate) fn set_irb(&mut self, irb: &Irb) {
        self.update(IRB.start, irb.as_bytes());
    }

    /// Shows `result` as that of the last write.
    pub(crate) fn set_result(&mut self, result: Result) {
        self.update(RET_CODE.start, &super::ret_code(result));
    }

    fn field<const N: usize>(&self, range: Range<usize>) -> [u8; N] {
        let bytes = self.0.get(range).unwrap_or_default();
        bytes.first_chunk().copied().unwrap_or([0; N])
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_io_region)]
mod tests {
    use super::*;

    const START: [u8; 12] = [0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HALT: [u8; 12] = [0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn function_control_says_what_is_asked_for() {
        let mut region = IoRegion::new();
        assert!(region.request() == Request::None);

        region.update(SCSW.start, &HALT);
        assert!(region.request() == Request::HaltOrClear);

        let orb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        region.update(ORB.start, &orb);
        region.update(SCSW.start, &START);
        assert!(region.request() == Request::Start(Orb::from_bytes(&orb)));
    }

    #[test]
    fn a_part_of_the_region_can_be_written() {
        let mut region = IoRegion::new();
        region.update(8, &[0xaa; 4]);
        assert_eq!(region.bytes()[7..13], [0, 0xaa, 0xaa, 0xaa, 0xaa, 0]);
        region.update(SIZE - 1, &[1, 2, 3]);
        assert_eq!(region.bytes()[SIZE - 1], 1);
    }

    #[test]
    fn the_result_is_a_negative_error_number_of_the_users_byte_order() {
        let mut region = IoRegion::new();
        region.set_result(Err(EBUSY));
        assert_eq!(region.bytes()[RET_CODE], (-16i32).to_ne_bytes());
        region.set_result(Ok(()));
        assert_eq!(region.bytes()[RET_CODE], [0; 4]);
    }

    #[test]
    fn only_reading_the_first_byte_of_the_status_takes_it() {
        assert!(IoRegion::takes_status(&(0..SIZE)));
        assert!(IoRegion::takes_status(&(24..25)));
        assert!(!IoRegion::takes_status(&(25..88)));
        assert!(!IoRegion::takes_status(&(0..24)));
        assert!(!IoRegion::takes_status(&(24..24)));
        assert!(!IoRegion::takes_status(&(120..124)));
    }
}
