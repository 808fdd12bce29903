// SPDX-License-Identifier: GPL-2.0

//! What a device has done so far, for people and programs to read in debugfs.
//!
//! What belongs to an I/O is counted where the subchannel lock is held anyway; the rest takes no lock,
//! and is right whoever counts at the same time.

use crate::{
    triggers::SubchannelData, //
};
use ccwchain::{
    memory::Storage,
    scsw::{
        DeviceStatus,
        Scsw,
        SubchannelStatus, //
    },
    translator::{
        Stats,
        Translator, //
    },
};
use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};
use mdev::{
    clock::Tod,
    css::Subchannel, //
};
use state::State;

/// A number that only grows.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(crate) fn increment(&self) {
        self.0.add(1, Relaxed);
    }

    fn get(&self) -> u64 {
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

/// What has come to pass at the subchannel, under its lock.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// START SUBCHANNEL that was accepted.
    pub(crate) starts: u64,
    /// HALT SUBCHANNEL that was accepted.
    pub(crate) halts: u64,
    /// CLEAR SUBCHANNEL that was accepted.
    pub(crate) clears: u64,
    /// CCWs of programs that were given to the channel, or were to be.
    ccws: u64,
    /// Pages that were pinned for these.
    pages_pinned_ever: u64,
    /// Interruption-response blocks that the channel subsystem has presented.
    irbs: u64,
    /// Those of them with a program check: the guest's program was at fault.
    program_checks: u64,
    /// Those of them with a unit check: the device has something to say.
    unit_checks: u64,
    /// How many of them waited for the user at once.
    irbs_waiting_most: u64,
    /// Those that were merged with one that waits.
    pub(crate) irbs_accumulated: u64,
    /// Channel-report words that were made for the user.
    pub(crate) crws: u64,
    /// When the last program was given to the channel, when its translation had begun, and when the
    /// channel was done with it.
    last_start: Option<Tod>,
    last_request: Option<Tod>,
    last_end: Option<Tod>,
}

impl Counts {
    /// The channel is given a program `now`, whose translation `began` before.
    pub(crate) fn starting(&mut self, began: Tod, now: Tod, program: &Stats) {
        self.ccws += wide(program.ccws);
        self.pages_pinned_ever += wide(program.pages);
        self.last_request = Some(began);
        self.last_start = Some(now);
        self.last_end = None;
    }

    /// The start function has ended.
    pub(crate) fn ended(&mut self) {
        self.last_end = Some(Tod::now());
    }

    /// The subchannel has presented status, and so much waits for the user now.
    pub(crate) fn presented(&mut self, scsw: &Scsw, waiting: usize) {
        self.irbs += 1;
        let status = scsw.subchannel_status();
        if status.contains(SubchannelStatus::PROGRAM_CHECK) {
            self.program_checks += 1;
        }
        if scsw.device_status().contains(DeviceStatus::UNIT_CHECK) {
            self.unit_checks += 1;
        }
        self.irbs_waiting_most = self.irbs_waiting_most.max(wide(waiting));
    }
}

/// What else a device has done since it was made.
pub(crate) struct Statistics {
    /// Resets by the user.
    pub(crate) resets: Counter,
    /// Times that memory in use by a program in flight was unmapped, which ended it.
    pub(crate) unmaps: Counter,
    /// Programs that were fetched ahead though the guest did not allow it.
    pub(crate) unasked_prefetches: Counter,
    /// Programs that were not started as the host was short of memory or pins.
    pub(crate) shortages: Counter,
    pages_pinned: Atomic<u64>,
    /// Writes to regions 0 and 1 that were refused, by error.
    errors: [Counter; ERRORS.len()],
    errors_other: Counter,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        Self {
            resets: Counter::new(),
            unmaps: Counter::new(),
            unasked_prefetches: Counter::new(),
            shortages: Counter::new(),
            pages_pinned: Atomic::new(0),
            errors: [const { Counter::new() }; ERRORS.len()],
            errors_other: Counter::new(),
        }
    }

    /// Pages are about to be pinned.
    pub(crate) fn pinning(&self) {
        if self.pages_pinned() == 0 {
            self.pages_pinned.store(1, Relaxed);
        }
    }

    /// So many pages are pinned now. Only one at a time may say so.
    pub(crate) fn pinned<S: Storage>(&self, translator: &Translator<S>) {
        self.pages_pinned.store(wide(translator.pinned()), Relaxed);
    }

    /// Returns how many pages are pinned, or being pinned.
    pub(crate) fn pages_pinned(&self) -> u64 {
        self.pages_pinned.load(Relaxed)
    }

    /// A write of the user's was refused.
    pub(crate) fn refused(&self, error: Error) {
        ERRORS
            .iter()
            .position(|&(_, known)| known == error)
            .and_then(|index| self.errors.get(index))
            .unwrap_or(&self.errors_other)
            .increment();
    }
}

/// What the file of a device shows.
pub(crate) struct StatsFile {
    statistics: Arc<Statistics>,
    sch: Arc<Subchannel<SubchannelData>>,
}

impl StatsFile {
    /// Makes the file `statistics` in a directory below `parent` that is named after the subchannel.
    /// Both go when the result is dropped, after the last reader has left.
    pub(crate) fn new(
        statistics: Arc<Statistics>,
        sch: Arc<Subchannel<SubchannelData>>,
        parent: &Dir,
    ) -> Result<Pin<KBox<File<Self>>>> {
        let id = sch.device().id();
        let name = CString::try_from_fmt(format_args!("{id}"))?;
        let dir = parent.subdir(&name);

        KBox::pin_init(
            dir.read_callback_file(c"statistics", Self { statistics, sch }, &Self::write),
            GFP_KERNEL,
        )
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self
            .sch
            .lock()
            .map(|mut sch| (sch.state(), sch.irbs().len(), sch.notifier.observer.counts));

        // It fails only when the device is about to go, and this file with it.
        let Ok((state, waiting, counts)) = now else {
            return Ok(());
        };
        writeln!(f, "state {}", state_name(state))?;
        writeln!(f, "irbs_waiting {waiting}")?;
        write!(f, "{}", Lines(&counts, &self.statistics))
    }
}

const fn state_name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Idle => "idle",
        State::Translating => "translating",
        State::Running => "running",
        State::Quiescing => "quiescing",
        State::NotOperational => "not_operational",
    }
}

/// A line for each number, with its name in front.
struct Lines<'a>(&'a Counts, &'a Statistics);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self(counts, statistics) = self;
        let numbers = [
            ("starts", counts.starts),
            ("halts", counts.halts),
            ("clears", counts.clears),
            ("resets", statistics.resets.get()),
            ("unmaps", statistics.unmaps.get()),
            ("ccws", counts.ccws),
            ("unasked_prefetches", statistics.unasked_prefetches.get()),
            ("shortages", statistics.shortages.get()),
            ("pages_pinned", statistics.pages_pinned()),
            ("pages_pinned_ever", counts.pages_pinned_ever),
            ("irbs", counts.irbs),
            ("program_checks", counts.program_checks),
            ("unit_checks", counts.unit_checks),
            ("irbs_accumulated", counts.irbs_accumulated),
            ("irbs_waiting_most", counts.irbs_waiting_most),
            ("crws", counts.crws),
        ];
        for (name, value) in numbers {
            writeln!(f, "{name} {value}")?;
        }

        for ((name, _), counter) in ERRORS.iter().zip(&statistics.errors) {
            writeln!(f, "errors_{name} {}", counter.get())?;
        }
        writeln!(f, "errors_other {}", statistics.errors_other.get())?;

        if let Some(start) = counts.last_start {
            writeln!(f, "last_start_ago_ns {}", start.elapsed().as_nanos())?;
        }
        let between = |from: Option<Tod>, to: Option<Tod>| {
            from.zip(to)
                .map_or(0, |(from, to)| to.since(from).as_nanos())
        };
        let translation = between(counts.last_request, counts.last_start);
        let channel = between(counts.last_start, counts.last_end);
        writeln!(f, "last_translation_ns {translation}")?;
        writeln!(f, "last_channel_ns {channel}")
    }
}

/// A `usize` has 64 bits at most on all that Linux runs on.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_statistics)]
mod tests {
    use super::*;
    use crate::program::KernelStorage;
    use ccwchain::translator::Sizes;

    /// Whether a line of the text is `line`.
    fn shows(counts: &Counts, statistics: &Statistics, line: &str) -> Result<bool> {
        let text = CString::try_from_fmt(format_args!("{}", Lines(counts, statistics)))?;
        Ok(text.to_str()?.lines().any(|is| is == line))
    }

    #[test]
    fn each_number_has_a_line() -> Result {
        let statistics = Statistics::new();
        let mut counts = Counts::default();
        let program = Stats {
            ccws: 3,
            pages: 6,
            ..Stats::default()
        };
        counts.starting(Tod::from_bits(0x1000), Tod::from_bits(0x6000), &program);
        // Unit check and program check.
        counts.presented(&Scsw::from_words([0, 0, 0x0220_0000]), 2);
        counts.presented(&Scsw::default(), 1);

        for line in [
            "starts 0",
            "ccws 3",
            "pages_pinned_ever 6",
            "irbs 2",
            "program_checks 1",
            "unit_checks 1",
            "irbs_waiting_most 2",
            "crws 0",
            "shortages 0",
            "errors_EBUSY 0",
            "errors_other 0",
            "last_translation_ns 5000",
        ] {
            assert!(shows(&counts, &statistics, line)?);
        }
        Ok(())
    }

    #[test]
    fn pages_count_as_pinned_before_they_are() -> Result {
        let statistics = Statistics::new();
        statistics.pinning();
        assert!(statistics.pages_pinned() > 0);
        statistics.pinned(&Translator::<KernelStorage>::new(Sizes::IDLE, 1)?);
        assert!(shows(&Counts::default(), &statistics, "pages_pinned 0")?);
        Ok(())
    }

    #[test]
    fn errors_are_counted_by_name_and_strangers_together() -> Result {
        let counts = Counts::default();
        let statistics = Statistics::new();
        for error in [EBUSY, EAGAIN, EBUSY, EPERM, ENOENT] {
            statistics.refused(error);
        }
        assert!(shows(&counts, &statistics, "errors_EBUSY 2")?);
        assert!(shows(&counts, &statistics, "errors_EAGAIN 1")?);
        assert!(shows(&counts, &statistics, "errors_other 2")?);
        Ok(())
    }

    #[test]
    fn the_channels_time_is_zero_until_the_start_has_ended() -> Result {
        let statistics = Statistics::new();
        let mut counts = Counts::default();
        let start = Tod::from_bits(0x1000);
        counts.starting(start, start, &Stats::default());
        counts.ended();
        assert!(!shows(&counts, &statistics, "last_channel_ns 0")?);
        counts.starting(start, start, &Stats::default());
        assert!(shows(&counts, &statistics, "last_channel_ns 0")?);
        Ok(())
    }
}
