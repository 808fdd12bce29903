// SPDX-License-Identifier: GPL-2.0

//! The counters of a device, which [`StatsFile`](crate::debugfs::StatsFile) shows in debugfs.
//!
//! [`Counts`] is under the subchannel lock, for what is counted where that lock is held anyway.
//! [`Statistics`] needs no lock. Nothing in the driver depends on a counter.

use ccwchain::{
    scsw::{
        DeviceStatus,
        Scsw,
        SubchannelStatus, //
    },
    translator::Stats, //
};
use kernel::{
    num::casts::usize_as_u64,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::Delta, //
};
use mdev::clock::Tod;

/// A number that only grows.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Adds one.
    pub(crate) fn increment(&self) {
        self.0.add(1, Relaxed);
    }

    /// Returns the number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The errors that are counted by name; all others are counted together.
const ERRORS: [(&str, Error); 8] = [
    ("EACCES", EACCES),
    ("EAGAIN", EAGAIN),
    ("EBUSY", EBUSY),
    ("EFAULT", EFAULT),
    ("EINVAL", EINVAL),
    ("EIO", EIO),
    ("ENODEV", ENODEV),
    ("EOPNOTSUPP", EOPNOTSUPP),
];

/// The counters under the subchannel lock.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// START SUBCHANNEL with condition code 0.
    pub(crate) starts: u64,
    /// HALT SUBCHANNEL with condition code 0.
    pub(crate) halts: u64,
    /// CLEAR SUBCHANNEL with condition code 0.
    pub(crate) clears: u64,
    /// RESUME SUBCHANNEL with condition code 0.
    pub(crate) resumes: u64,
    /// Rests of programs that were translated while the program waited.
    pub(crate) rereads: u64,
    /// CCWs of the programs with which START SUBCHANNEL was issued.
    pub(crate) ccws: u64,
    /// CCWs, IDAWs and MIDAWs of these programs that have a program check in their place, because
    /// the program may store over them before it uses them.
    pub(crate) overwritten_ccws: u64,
    /// Pages that were pinned for these programs.
    pub(crate) pages_pinned_ever: u64,
    /// IRBs that the channel subsystem has presented.
    pub(crate) irbs: u64,
    /// IRBs with a program check, which the program of the guest has caused.
    pub(crate) program_checks: u64,
    /// IRBs with a unit check, which the device has reported.
    pub(crate) unit_checks: u64,
    /// The most IRBs that have waited for the user at the same time.
    pub(crate) irbs_waiting_most: u64,
    /// IRBs that were held off, because the guest may not have tested the one before.
    pub(crate) irbs_held_off: u64,
    /// The longest time that one was held off, in nanoseconds.
    pub(crate) longest_hold_off_ns: i64,
    /// IRBs that were accumulated into one that waited.
    pub(crate) irbs_accumulated: u64,
    /// Channel-report words that were queued for the user.
    pub(crate) crws: u64,
    /// The time of the last request whose program was started.
    last_request: Option<Tod>,
    /// The time of the last START SUBCHANNEL.
    pub(crate) last_start: Option<Tod>,
    /// The time of the end of that start function.
    last_end: Option<Tod>,
}

impl Counts {
    /// Counts a program with which START SUBCHANNEL is about to be issued. Its translation began at
    /// `requested`, and ended `now`.
    pub(crate) fn starting(&mut self, requested: Tod, now: Tod, program: &Stats) {
        self.ccws += usize_as_u64(program.ccws);
        self.overwritten_ccws += usize_as_u64(program.overwritten);
        self.pages_pinned_ever += usize_as_u64(program.pages);
        self.last_request = Some(requested);
        self.last_start = Some(now);
        self.last_end = None;
    }

    /// Counts the rest of a program that has waited for it.
    pub(crate) fn continued(&mut self, rest: &Stats) {
        self.rereads += 1;
        self.ccws += usize_as_u64(rest.ccws);
        self.overwritten_ccws += usize_as_u64(rest.overwritten);
        self.pages_pinned_ever += usize_as_u64(rest.pages);
    }

    /// Records that the start function has ended now.
    pub(crate) fn ended(&mut self) {
        self.last_end = Some(Tod::now());
    }

    /// Counts an IRB that the subchannel has presented; `waiting` IRBs wait for the user now.
    pub(crate) fn presented(&mut self, scsw: &Scsw, waiting: usize) {
        self.irbs += 1;
        let status = scsw.subchannel_status();
        if status.contains(SubchannelStatus::PROGRAM_CHECK) {
            self.program_checks += 1;
        }
        if scsw.device_status().contains(DeviceStatus::UNIT_CHECK) {
            self.unit_checks += 1;
        }
        self.irbs_waiting_most = self.irbs_waiting_most.max(usize_as_u64(waiting));
    }

    /// Counts an IRB that was held off for so long.
    pub(crate) fn held_off(&mut self, time: Delta) {
        self.irbs_held_off += 1;
        self.longest_hold_off_ns = self.longest_hold_off_ns.max(time.as_nanos());
    }

    /// Returns how long the translation of the last program took, in nanoseconds.
    pub(crate) fn last_translation_ns(&self) -> i64 {
        nanos_between(self.last_request, self.last_start)
    }

    /// Returns how long the last start function took, in nanoseconds; 0 if it has not ended.
    pub(crate) fn last_channel_ns(&self) -> i64 {
        nanos_between(self.last_start, self.last_end)
    }
}

fn nanos_between(from: Option<Tod>, to: Option<Tod>) -> i64 {
    from.zip(to)
        .map_or(0, |(from, to)| to.since(from).as_nanos())
}

/// The counters that need no lock.
pub(crate) struct Statistics {
    /// Resets by the user.
    pub(crate) resets: Counter,
    /// Unmaps of memory that a program in progress used, which ended it.
    pub(crate) unmaps: Counter,
    /// Programs that were prefetched though the guest did not allow it.
    pub(crate) unasked_prefetches: Counter,
    /// Programs that were not started as the host was short of memory or pins.
    pub(crate) shortages: Counter,
    /// Writes to regions 0 and 1 that have failed, by error.
    errors: [Counter; ERRORS.len()],
    errors_other: Counter,
}

impl Statistics {
    /// Returns counters of zero.
    pub(crate) fn new() -> Self {
        Self {
            resets: Counter::new(),
            unmaps: Counter::new(),
            unasked_prefetches: Counter::new(),
            shortages: Counter::new(),
            errors: [const { Counter::new() }; ERRORS.len()],
            errors_other: Counter::new(),
        }
    }

    /// Counts a write that has failed.
    pub(crate) fn write_failed(&self, error: Error) {
        ERRORS
            .iter()
            .position(|&(_, known)| known == error)
            .and_then(|index| self.errors.get(index))
            .unwrap_or(&self.errors_other)
            .increment();
    }

    /// Returns the names of the errors that are counted by name, and how many writes have failed
    /// with each.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let names = ERRORS.iter().map(|(name, _)| *name);

        names.zip(self.errors.iter().map(Counter::get))
    }

    /// Returns how many writes have failed with any other error.
    pub(crate) fn errors_other(&self) -> u64 {
        self.errors_other.get()
    }
}
