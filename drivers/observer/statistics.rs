// SPDX-License-Identifier: GPL-2.0

//! What a device has done so far, for people and programs to read in debugfs.
//!
//! Counting takes no lock, and is right whoever counts at the same time; who reads may see one of
//! two numbers that change together before the other.

use crate::{
    state::State,
    triggers::Kept, //
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

/// A number that only grows.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(crate) fn increment(&self) {
        self.0.add(1, Relaxed);
    }

    fn add(&self, count: usize) {
        self.0.add(wide(count), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How much there was of something at most.
pub(crate) struct Peak(Atomic<u64>);

impl Peak {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// There is `now` of it. Only one at a time may say so.
    pub(crate) fn raise(&self, now: usize) {
        let now = wide(now);
        if now > self.0.load(Relaxed) {
            self.0.store(now, Relaxed);
        }
    }
}

/// When something has happened, if it has.
struct Time(Atomic<u64>);

impl Time {
    const NEVER: u64 = 0;

    const fn new() -> Self {
        Self(Atomic::new(Self::NEVER))
    }

    fn set(&self, time: Tod) {
        self.0.store(time.bits(), Relaxed);
    }

    fn unset(&self) {
        self.0.store(Self::NEVER, Relaxed);
    }

    fn get(&self) -> Option<Tod> {
        let bits = self.0.load(Relaxed);
        (bits != Self::NEVER).then(|| Tod::from_bits(bits))
    }

    /// Returns how many nanoseconds it was after `earlier`, or zero if one of them has not happened.
    fn nanoseconds_since(&self, earlier: &Self) -> i64 {
        let time = self.get().zip(earlier.get());
        time.map_or(0, |(time, earlier)| time.since(earlier).as_nanos())
    }
}

/// The errors that are counted by name; all others are counted together.
const ERRORS: [(&str, Error); 9] = [
    ("EACCES", EACCES),
    ("EAGAIN", EAGAIN),
    ("EBUSY", EBUSY),
    ("EFAULT", EFAULT),
    ("EINVAL", EINVAL),
    ("EIO", EIO),
    ("ENODEV", ENODEV),
    ("ENOMEM", ENOMEM),
    ("EOPNOTSUPP", EOPNOTSUPP),
];

/// What a device has done since it was made.
pub(crate) struct Statistics {
    /// START SUBCHANNEL that was accepted.
    pub(crate) starts: Counter,
    /// HALT SUBCHANNEL that was accepted.
    pub(crate) halts: Counter,
    /// CLEAR SUBCHANNEL that was accepted.
    pub(crate) clears: Counter,
    /// Resets by the user.
    pub(crate) resets: Counter,
    /// Times that memory in use by a program in flight was unmapped, which ended it.
    pub(crate) unmaps: Counter,
    /// CCWs of translated programs.
    ccws: Counter,
    /// Programs that were fetched ahead though the guest did not allow it.
    pub(crate) unasked_prefetches: Counter,
    pages_pinned: Atomic<u64>,
    pages_pinned_ever: Counter,
    /// Interruption-response blocks that the channel subsystem has presented.
    irbs: Counter,
    /// Those of them with a program check: the guest's program was at fault.
    program_checks: Counter,
    /// Those of them with a unit check: the device has something to say.
    unit_checks: Counter,
    /// How many of them waited for the user at once. Set with the subchannel lock held.
    pub(crate) irbs_waiting_most: Peak,
    /// Those that were merged with one that waits.
    pub(crate) irbs_accumulated: Counter,
    /// Channel-report words that were made for the user.
    pub(crate) crws: Counter,
    /// Writes to regions 0 and 1 that were refused, by error.
    errors: [Counter; ERRORS.len()],
    errors_other: Counter,
    /// When the last program was given to the channel, when its translation had begun, and when the
    /// channel was done with it.
    last_start: Time,
    last_request: Time,
    last_end: Time,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        Self {
            starts: Counter::new(),
            halts: Counter::new(),
            clears: Counter::new(),
            resets: Counter::new(),
            unmaps: Counter::new(),
            ccws: Counter::new(),
            unasked_prefetches: Counter::new(),
            pages_pinned: Atomic::new(0),
            pages_pinned_ever: Counter::new(),
            irbs: Counter::new(),
            program_checks: Counter::new(),
            unit_checks: Counter::new(),
            irbs_waiting_most: Peak::new(),
            irbs_accumulated: Counter::new(),
            crws: Counter::new(),
            errors: [const { Counter::new() }; ERRORS.len()],
            errors_other: Counter::new(),
            last_start: Time::new(),
            last_request: Time::new(),
            last_end: Time::new(),
        }
    }

    /// A program was translated.
    pub(crate) fn translated(&self, program: &Stats) {
        self.ccws.add(program.ccws);
        self.pages_pinned_ever.add(program.pages);
    }

    /// The channel is given a program `now`, whose translation `began` before. Only one at a time may
    /// say so.
    pub(crate) fn starting(&self, began: Tod, now: Tod) {
        self.last_end.unset();
        self.last_request.set(began);
        self.last_start.set(now);
    }

    /// The subchannel has presented status.
    pub(crate) fn presented(&self, scsw: &Scsw) {
        self.irbs.increment();
        let status = scsw.subchannel_status();
        if status.contains(SubchannelStatus::PROGRAM_CHECK) {
            self.program_checks.increment();
        }
        if scsw.device_status().contains(DeviceStatus::UNIT_CHECK) {
            self.unit_checks.increment();
        }
    }

    /// The start function has ended.
    pub(crate) fn ended(&self) {
        self.last_end.set(Tod::now());
    }

    /// Pages are about to be pinned.
    pub(crate) fn pinning(&self) {
        if self.pages_pinned() == 0 {
            self.pages_pinned.store(1, Relaxed);
        }
    }

    /// So many pages are pinned now. Only one at a time may say so.
    pub(crate) fn pinned<S: Storage>(&self, translator: &Translator<S>) {
        self.pages_pinned.store(wide(translator.held()), Relaxed);
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
pub(crate) struct Shown {
    statistics: Arc<Statistics>,
    sch: Arc<Subchannel<Kept>>,
}

impl Shown {
    /// Makes the file `statistics` in a directory below `parent` that is named after the subchannel.
    /// Both go when the result is dropped, after the last reader has left.
    pub(crate) fn new(
        statistics: Arc<Statistics>,
        sch: Arc<Subchannel<Kept>>,
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
            .map(|mut sch| (sch.state(), sch.irbs().len()));

        if let Ok((state, waiting)) = now {
            writeln!(f, "state {}", state_name(state))?;
            writeln!(f, "irbs_waiting {waiting}")?;
        }
        write!(f, "{}", *self.statistics)
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
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("starts", self.starts.get()),
            ("halts", self.halts.get()),
            ("clears", self.clears.get()),
            ("resets", self.resets.get()),
            ("unmaps", self.unmaps.get()),
            ("ccws", self.ccws.get()),
            ("unasked_prefetches", self.unasked_prefetches.get()),
            ("pages_pinned", self.pages_pinned()),
            ("pages_pinned_ever", self.pages_pinned_ever.get()),
            ("irbs", self.irbs.get()),
            ("program_checks", self.program_checks.get()),
            ("unit_checks", self.unit_checks.get()),
            ("irbs_accumulated", self.irbs_accumulated.get()),
            ("irbs_waiting_most", self.irbs_waiting_most.0.load(Relaxed)),
            ("crws", self.crws.get()),
        ];
        for (name, value) in numbers {
            writeln!(f, "{name} {value}")?;
        }

        for ((name, _), counter) in ERRORS.iter().zip(&self.errors) {
            writeln!(f, "errors_{name} {}", counter.get())?;
        }
        writeln!(f, "errors_other {}", self.errors_other.get())?;

        if let Some(start) = self.last_start.get() {
            writeln!(f, "last_start_ago_ns {}", start.elapsed().as_nanos())?;
        }
        let translation = self.last_start.nanoseconds_since(&self.last_request);
        let channel = self.last_end.nanoseconds_since(&self.last_start);
        writeln!(f, "last_translation_ns {translation}")?;
        writeln!(f, "last_channel_ns {channel}")
    }
}

/// A `usize` has 64 bits at most on all that Linux runs on.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[kunit_tests(vfio_ccw_statistics)]
mod tests {
    use super::*;
    use crate::program::KernelStorage;
    use ccwchain::translator::Sizes;

    /// Whether a line of the text is `line`.
    fn shows(statistics: &Statistics, line: &str) -> Result<bool> {
        let text = CString::try_from_fmt(format_args!("{statistics}"))?;
        Ok(text.to_str()?.lines().any(|is| is == line))
    }

    #[test]
    fn each_number_has_a_line() -> Result {
        let statistics = Statistics::new();
        statistics.translated(&Stats {
            ccws: 3,
            ..Stats::default()
        });
        statistics.starting(Tod::from_bits(0x1000), Tod::from_bits(0x6000));
        // Unit check and program check.
        statistics.presented(&Scsw::from_words([0, 0, 0x0220_0000]));
        statistics.presented(&Scsw::default());

        for line in [
            "starts 0",
            "ccws 3",
            "irbs 2",
            "program_checks 1",
            "unit_checks 1",
            "crws 0",
            "errors_EBUSY 0",
            "errors_other 0",
            "last_translation_ns 5000",
        ] {
            assert!(shows(&statistics, line)?);
        }
        Ok(())
    }

    #[test]
    fn pages_count_as_pinned_before_they_are() -> Result {
        let statistics = Statistics::new();
        statistics.pinning();
        assert!(statistics.pages_pinned() > 0);
        statistics.translated(&Stats {
            pages: 6,
            ..Stats::default()
        });
        statistics.pinned(&Translator::<KernelStorage>::new(Sizes::DEFAULT, 1)?);
        assert!(shows(&statistics, "pages_pinned 0")?);
        assert!(shows(&statistics, "pages_pinned_ever 6")?);
        Ok(())
    }

    #[test]
    fn a_peak_stays() -> Result {
        let statistics = Statistics::new();
        for now in [1, 2, 1, 0, 1] {
            statistics.irbs_waiting_most.raise(now);
        }
        assert!(shows(&statistics, "irbs_waiting_most 2")?);
        Ok(())
    }

    #[test]
    fn errors_are_counted_by_name_and_strangers_together() -> Result {
        let statistics = Statistics::new();
        for error in [EBUSY, EAGAIN, EBUSY, EPERM, ENOENT] {
            statistics.refused(error);
        }
        assert!(shows(&statistics, "errors_EBUSY 2")?);
        assert!(shows(&statistics, "errors_EAGAIN 1")?);
        assert!(shows(&statistics, "errors_other 2")?);
        Ok(())
    }

    #[test]
    fn the_channels_time_is_zero_until_the_start_has_ended() -> Result {
        let statistics = Statistics::new();
        let start = Tod::from_bits(0x1000);
        statistics.starting(start, start);
        statistics.ended();
        assert!(!shows(&statistics, "last_channel_ns 0")?);
        statistics.starting(start, start);
        assert!(shows(&statistics, "last_channel_ns 0")?);
        Ok(())
    }
}
