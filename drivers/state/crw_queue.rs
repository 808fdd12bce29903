// SPDX-License-Identifier: GPL-2.0

//! Channel reports that a user has yet to read.

use super::ring::Ring;

/// How many reports can wait for the user.
///
/// A machine check gives one for each of the eight paths of a subchannel at most; a user who reads
/// what was announced needs few more. One who does not is told that some are missing.
const LEN: usize = 16;

/// A channel-report word, which is of a channel path.
///
/// There are none of subchannels: the user has another number for them, and may pass on reports as they
/// are, as QEMU does. Channel paths have the same identifiers in a guest of QEMU's as in the host.
///
/// Principles of Operation, "Channel-Report Word".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crw(u32);

impl Crw {
    /// One or more reports were lost after this one.
    const OVERFLOW: u32 = 1 << 29;
    /// Reporting-source code.
    const CHANNEL_PATH: u32 = 4 << 24;
    /// Error-recovery codes.
    const INITIALIZED: u32 = 2 << 16;
    const PERMANENT_ERROR: u32 = 6 << 16;

    /// Channel path `chpid` has come back.
    pub(crate) fn path_is_back(chpid: u8) -> Self {
        Self(Self::CHANNEL_PATH | Self::INITIALIZED | u32::from(chpid))
    }

    /// Channel path `chpid` is gone.
    pub(crate) fn path_is_gone(chpid: u8) -> Self {
        Self(Self::CHANNEL_PATH | Self::PERMANENT_ERROR | u32::from(chpid))
    }

    /// Returns the word.
    pub(crate) fn word(self) -> u32 {
        self.0
    }
}

/// A first-in first-out queue of [`Crw`].
#[derive(Clone, Default)]
pub(crate) struct CrwQueue(Ring<Crw, LEN>);

impl CrwQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends `crw`. When there is no room, the newest report says that one was lost.
    pub(crate) fn push(&mut self, crw: Crw) {
        if self.0.push(crw).is_err() {
            self.overflow();
        }
    }

    /// Takes the oldest report.
    pub(crate) fn pop(&mut self) -> Option<Crw> {
        self.0.pop()
    }

    /// Puts back what was taken last.
    pub(crate) fn put_back(&mut self, crw: Crw) {
        if self.0.push_front(crw).is_err() {
            self.overflow();
        }
    }

    fn overflow(&mut self) {
        if let Some(newest) = self.0.newest_first().next() {
            newest.0 |= Crw::OVERFLOW;
        }
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_crw_queue))]
mod tests {
    use super::*;

    #[test]
    fn reports_have_the_codes_of_the_architecture() {
        assert!(Crw::path_is_gone(0x4a).word() == 0x0406_004a);
        assert!(Crw::path_is_back(0x4a).word() == 0x0402_004a);
    }

    #[test]
    fn reports_that_are_lost_are_told_of() {
        let mut queue = CrwQueue::default();
        for chpid in 0..20 {
            queue.push(Crw::path_is_gone(chpid));
        }
        for chpid in 0..15 {
            assert!(queue.pop() == Some(Crw::path_is_gone(chpid)));
        }
        assert!(queue.pop().map(Crw::word) == Some(0x2406_000f));
        assert!(queue.is_empty());
        queue.push(Crw::path_is_back(1));
        assert!(queue.pop() == Some(Crw::path_is_back(1)));
    }

    #[test]
    fn a_report_that_cannot_be_put_back_is_told_of() {
        let mut queue = CrwQueue::default();
        for chpid in 0..16 {
            queue.push(Crw::path_is_gone(chpid));
        }
        let oldest = queue.pop();
        queue.push(Crw::path_is_gone(16));
        assert!(oldest == Some(Crw::path_is_gone(0)));
        queue.put_back(Crw::path_is_gone(0));
        for chpid in 1..16 {
            assert!(queue.pop() == Some(Crw::path_is_gone(chpid)));
        }
        assert!(queue.pop().map(Crw::word) == Some(0x2406_0010));
    }
}
