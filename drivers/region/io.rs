// SPDX-License-Identifier: GPL-2.0

//! Region 0: the user writes an ORB and an SCSW, and reads IRBs.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use super::bytes::RegionBytes;
use ccwchain::{
    irb::Irb,
    orb::Orb,
    scsw::{
        ActivityControl,
        FunctionControl,
        Scsw, //
    },
};
use core::ops::Range;
use kernel::prelude::*;

/// The length of the region in bytes: `struct ccw_io_region`.
pub(crate) const SIZE: usize = 124;

/// `orb_area`: the ORB of the guest, without its extension.
const ORB: usize = 0;
/// `scsw_area`: the SCSW of the guest, whose function control names the function that is requested.
const SCSW: usize = 12;
/// `irb_area`: the IRB read last, which has 64 bytes in the architecture.
const IRB: usize = 24;
/// `ret_code`: the result of the last write, 0 or a negative error number.
const RET_CODE: usize = 120;

/// The contents of the region.
pub(crate) struct IoRegion(RegionBytes<SIZE>);

/// A request that a write to the region makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The start function.
    Start(Orb),
    /// The resume function.
    Resume,
    /// The halt or clear function, which this region does not offer.
    HaltOrClear,
    /// No function.
    None,
}

impl IoRegion {
    /// Returns a region of zeros.
    pub(crate) const fn new() -> Self {
        Self(RegionBytes::new())
    }

    /// Returns whether a read of the bytes `range` reads the next IRB: if the first byte of the IRB
    /// is among them.
    pub(crate) fn reads_irb(range: &Range<usize>) -> bool {
        range.contains(&IRB)
    }

    /// Returns the bytes of the region.
    pub(crate) fn bytes(&self) -> &[u8; SIZE] {
        self.0.get()
    }

    /// Replaces the bytes from `start` on.
    pub(crate) fn update(&mut self, start: usize, bytes: &[u8]) {
        self.0.update(start, bytes);
    }

    /// Returns the request, and the function control that it is made with.
    ///
    /// QEMU writes the SCSW of its guest: where START SUBCHANNEL has set start pending, RESUME
    /// SUBCHANNEL has set resume pending.
    pub(crate) fn request(&self) -> (FunctionControl, Request) {
        const PENDING: ActivityControl =
            ActivityControl::START_PENDING.union(ActivityControl::RESUME_PENDING);

        let scsw = Scsw::from_bytes(&self.0.field(SCSW));
        let (fctl, pending) = (scsw.fctl(), scsw.actl().intersection(PENDING));
        let request =
            if fctl == FunctionControl::START && pending == ActivityControl::RESUME_PENDING {
                Request::Resume
            } else if fctl.contains(FunctionControl::START) {
                Request::Start(Orb::from_bytes(&self.0.field(ORB)))
            } else if fctl.intersects(FunctionControl::HALT.union(FunctionControl::CLEAR)) {
                Request::HaltOrClear
            } else {
                Request::None
            };
        (fctl, request)
    }

    /// Stores the IRB that the user reads now.
    pub(crate) fn set_irb(&mut self, irb: &Irb) {
        self.0.update(IRB, irb.as_bytes());
    }

    /// Stores the result of a write.
    pub(crate) fn set_result(&mut self, result: Result) {
        self.0.set_ret_code(RET_CODE, result);
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_io_region)]
mod tests {
    use super::*;

    const START: [u8; 12] = [0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HALT: [u8; 12] = [0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn function_control_names_the_request() {
        let mut region = IoRegion::new();
        assert!(region.request().1 == Request::None);

        region.update(SCSW, &HALT);
        assert!(region.request() == (FunctionControl::HALT, Request::HaltOrClear));

        let orb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        region.update(ORB, &orb);
        region.update(SCSW, &START);
        let start = Request::Start(Orb::from_bytes(&orb));
        assert!(region.request() == (FunctionControl::START, start));

        // Suspended and resume pending, without and with start pending.
        region.update(SCSW, &[0, 0, 0x48, 0x20]);
        assert!(region.request() == (FunctionControl::START, Request::Resume));
        region.update(SCSW, &[0, 0, 0x4c, 0x20]);
        assert!(region.request() == (FunctionControl::START, start));
    }

    #[test]
    fn the_result_is_at_the_end() {
        let mut region = IoRegion::new();
        region.set_result(Err(EBUSY));
        assert_eq!(region.bytes()[RET_CODE..], (-16i32).to_ne_bytes());
        assert!(region.bytes()[..RET_CODE].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn only_a_read_of_the_first_byte_of_the_irb_reads_the_next() {
        assert!(IoRegion::reads_irb(&(0..SIZE)));
        assert!(IoRegion::reads_irb(&(24..25)));
        assert!(!IoRegion::reads_irb(&(25..88)));
        assert!(!IoRegion::reads_irb(&(0..24)));
        assert!(!IoRegion::reads_irb(&(24..24)));
        assert!(!IoRegion::reads_irb(&(120..124)));
    }
}
