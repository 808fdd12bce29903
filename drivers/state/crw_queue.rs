// SPDX-License-Identifier: GPL-2.0

//! The channel reports that wait for the user.

use super::ring::Ring;

/// The number of reports that can wait for the user.
///
/// A machine check gives one for each of the eight paths of a subchannel at most; a user who reads
/// each report that is announced needs few more. Another user finds the overflow bit in the newest.
const LEN: usize = 16;

/// A channel-report word of a channel path.
///
/// There are no reports of subchannels: the guest has another number for the subchannel, and a user
/// such as QEMU passes reports on unchanged. Channel paths have the same identifiers in a guest of
/// QEMU as in the host.
///
/// Principles of Operation, "Channel-Report Word".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crw(u32);

impl Crw {
    /// Overflow: one or more reports were lost after this one.
    const OVERFLOW: u32 = 1 << 29;
    /// Reporting-source code.
    const CHANNEL_PATH: u32 = 4 << 24;
    /// Error-recovery codes.
    const INITIALIZED: u32 = 2 << 16;
    const PERMANENT_ERROR: u32 = 6 << 16;

    /// Returns the report that channel path `chpid` has come back.
    pub fn path_is_back(chpid: u8) -> Self {
        Self(Self::CHANNEL_PATH | Self::INITIALIZED | u32::from(chpid))
    }

    /// Returns the report that channel path `chpid` is gone.
    pub fn path_is_gone(chpid: u8) -> Self {
        Self(Self::CHANNEL_PATH | Self::PERMANENT_ERROR | u32::from(chpid))
    }

    /// Returns the word as the architecture defines it.
    pub fn word(self) -> u32 {
        self.0
    }
}

/// A first-in first-out queue of [`Crw`].
#[derive(Clone, Default)]
pub(crate) struct CrwQueue(Ring<Crw, LEN>);

impl CrwQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends `crw`, or sets the overflow bit of the newest report when there is no room.
    pub(crate) fn push(&mut self, crw: Crw) {
        if self.0.push(crw).is_err() {
            self.overflow();
        }
    }

    /// Takes the oldest report.
    pub(crate) fn pop(&mut self) -> Option<Crw> {
        self.0.pop()
    }

    /// Returns to the queue the report that was taken last.
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
    fn the_newest_report_shows_that_others_were_lost() {
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
    fn the_newest_report_shows_that_one_could_not_be_put_back() {
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
