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
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

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

/// Numbers the IRBs that the user reads, so that none is lost when the copy to the user fails.
///
/// It has two counters: of the IRBs that were moved into region 0 (`read`), and of those that were
/// copied to the user (`copied`). These rules hold:
///
/// 1. `read` changes under the mutex of the session only; `copied` changes without a lock, after a
///    copy.
/// 2. `copied` is `read`, or one less. The next IRB is moved into the region only if they are
///    equal; until then a read finds the same IRB again.
/// 3. A read that has copied IRB number `seq` changes `copied` from `seq - 1` only, so that a read
///    which ends late marks no later IRB as copied.
/// 4. The next IRB is announced only after [`Self::mark_copied`].
pub(crate) struct StatusSeq {
    read: Atomic<u64>,
    copied: Atomic<u64>,
}

impl StatusSeq {
    /// Returns the numbers of a device that was never open.
    pub(crate) const fn new() -> Self {
        Self {
            read: Atomic::new(0),
            copied: Atomic::new(0),
        }
    }

    /// Starts a session, in which no IRB was read. The caller opens the device, so that no read is
    /// going on.
    pub(crate) fn restart(&self) {
        self.copied.store(self.current(), Relaxed);
    }

    /// Returns whether the user has a copy of each IRB that was read. The caller holds the mutex of
    /// the session.
    pub(crate) fn is_copied(&self) -> bool {
        self.copied.load(Relaxed) == self.current()
    }

    /// Numbers an IRB that is moved into the region. The caller holds the mutex of the session.
    pub(crate) fn advance(&self) {
        self.read.store(self.current().wrapping_add(1), Relaxed);
    }

    /// Returns the number of the IRB in the region. The caller holds the mutex of the session.
    pub(crate) fn current(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Records that the user has a copy of IRB number `seq`.
    pub(crate) fn mark_copied(&self, seq: u64) {
        // If this fails, another read has copied the same IRB before.
        let _ = self.copied.cmpxchg(seq.wrapping_sub(1), seq, Relaxed);
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

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_status_seq)]
mod seq_tests {
    use super::*;

    #[test]
    fn an_irb_is_read_again_until_it_is_copied() {
        let seq = StatusSeq::new();
        assert!(seq.is_copied());
        seq.advance();
        let first = seq.current();
        assert!(!seq.is_copied());
        seq.mark_copied(first);
        assert!(seq.is_copied());
    }

    #[test]
    fn a_read_that_ends_late_marks_no_later_irb() {
        let seq = StatusSeq::new();
        seq.advance();
        let first = seq.current();
        // Two reads have found the first IRB; the other one ends late.
        seq.mark_copied(first);
        seq.advance();
        seq.mark_copied(first);
        assert!(!seq.is_copied());
        seq.mark_copied(seq.current());
        assert!(seq.is_copied());
    }

    #[test]
    fn a_read_before_the_first_irb_marks_none() {
        let seq = StatusSeq::new();
        let none = seq.current();
        seq.advance();
        seq.mark_copied(none);
        assert!(!seq.is_copied());
    }

    #[test]
    fn a_session_begins_with_no_irb_to_be_read_again() {
        let seq = StatusSeq::new();
        seq.advance();
        seq.restart();
        assert!(seq.is_copied());
    }
}
