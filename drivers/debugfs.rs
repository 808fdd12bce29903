// SPDX-License-Identifier: GPL-2.0

//! The file `statistics` of a device in debugfs. `docs/observability.md` describes its lines.

use crate::{
    pin_gate::PinGate,
    stats::{
        Counts,
        Statistics, //
    },
    subchannel::SubchannelData, //
};
use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    str::CString,
    sync::Arc, //
};
use mdev::css::Subchannel;
use state::State;

/// The file `statistics` of a device.
pub(crate) struct StatsFile {
    statistics: Arc<Statistics>,
    pins: Arc<PinGate>,
    sch: Arc<Subchannel<SubchannelData>>,
}

impl StatsFile {
    /// Creates the file in a directory below `parent` that is named after the subchannel.
    ///
    /// Both are removed when the result is dropped, which waits for readers.
    pub(crate) fn new(
        statistics: Arc<Statistics>,
        pins: Arc<PinGate>,
        sch: Arc<Subchannel<SubchannelData>>,
        parent: &Dir,
    ) -> Result<Pin<KBox<File<Self>>>> {
        let id = sch.device().id();
        let name = CString::try_from_fmt(format_args!("{id}"))?;
        let dir = parent.subdir(&name);
        let file = Self {
            statistics,
            pins,
            sch,
        };

        KBox::pin_init(
            dir.read_callback_file(c"statistics", file, &Self::write),
            GFP_KERNEL,
        )
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self
            .sch
            .lock()
            .map(|mut sch| (sch.state(), sch.irbs().len(), sch.notifier.counts));

        // It fails only when the device is about to be removed, and this file with it.
        let Ok((state, waiting, counts)) = now else {
            return Ok(());
        };
        writeln!(f, "state {}", state_name(state))?;
        writeln!(f, "irbs_waiting {waiting}")?;
        let lines = Lines {
            counts: &counts,
            statistics: &self.statistics,
            pages_pinned: self.pins.pinned(),
        };
        write!(f, "{lines}")
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

/// The lines of the counters, each with its name and its value.
struct Lines<'a> {
    counts: &'a Counts,
    statistics: &'a Statistics,
    pages_pinned: usize,
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self {
            counts,
            statistics,
            pages_pinned,
        } = self;

        writeln!(f, "starts {}", counts.starts)?;
        writeln!(f, "halts {}", counts.halts)?;
        writeln!(f, "clears {}", counts.clears)?;
        writeln!(f, "resumes {}", counts.resumes)?;
        writeln!(f, "resets {}", statistics.resets.get())?;
        writeln!(f, "unmaps {}", statistics.unmaps.get())?;
        writeln!(f, "ccws {}", counts.ccws)?;
        let prefetches = statistics.unasked_prefetches.get();
        writeln!(f, "unasked_prefetches {prefetches}")?;
        writeln!(f, "overwritten_ccws {}", counts.overwritten_ccws)?;
        writeln!(f, "rereads {}", counts.rereads)?;
        writeln!(f, "shortages {}", statistics.shortages.get())?;
        writeln!(f, "pages_pinned {pages_pinned}")?;
        writeln!(f, "pages_pinned_ever {}", counts.pages_pinned_ever)?;
        writeln!(f, "irbs {}", counts.irbs)?;
        writeln!(f, "program_checks {}", counts.program_checks)?;
        writeln!(f, "unit_checks {}", counts.unit_checks)?;
        writeln!(f, "irbs_accumulated {}", counts.irbs_accumulated)?;
        writeln!(f, "irbs_waiting_most {}", counts.irbs_waiting_most)?;
        writeln!(f, "irbs_held_off {}", counts.irbs_held_off)?;
        writeln!(f, "longest_hold_off_ns {}", counts.longest_hold_off_ns)?;
        writeln!(f, "crws {}", counts.crws)?;
        for (name, count) in statistics.errors() {
            writeln!(f, "errors_{name} {count}")?;
        }
        writeln!(f, "errors_other {}", statistics.errors_other())?;

        if let Some(start) = counts.last_start {
            writeln!(f, "last_start_ago_ns {}", start.elapsed().as_nanos())?;
        }
        writeln!(f, "last_translation_ns {}", counts.last_translation_ns())?;
        writeln!(f, "last_channel_ns {}", counts.last_channel_ns())
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_statistics)]
mod tests {
    use super::*;
    use ccwchain::{
        scsw::Scsw,
        translator::Stats, //
    };
    use kernel::time::Delta;
    use mdev::clock::Tod;

    /// Returns whether `line` is a line of the text.
    fn shows(counts: &Counts, statistics: &Statistics, line: &str) -> Result<bool> {
        let lines = Lines {
            counts,
            statistics,
            pages_pinned: 7,
        };
        let text = CString::try_from_fmt(format_args!("{lines}"))?;
        Ok(text.to_str()?.lines().any(|is| is == line))
    }

    #[test]
    fn each_number_has_a_line() -> Result {
        let statistics = Statistics::new();
        let mut counts = Counts::default();
        let program = Stats {
            ccws: 3,
            pages: 6,
            overwritten: 2,
            ..Stats::default()
        };
        counts.starting(Tod::from_bits(0x1000), Tod::from_bits(0x6000), &program);
        // Unit check and program check.
        counts.continued(&program);
        counts.presented(&Scsw::from_words([0, 0, 0x0220_0000]), 2);
        counts.presented(&Scsw::default(), 1);
        counts.held_off(Delta::from_micros(2));
        counts.held_off(Delta::from_micros(1));

        for line in [
            "starts 0",
            "ccws 6",
            "overwritten_ccws 4",
            "rereads 1",
            "pages_pinned 7",
            "pages_pinned_ever 12",
            "irbs 2",
            "program_checks 1",
            "unit_checks 1",
            "irbs_waiting_most 2",
            "irbs_held_off 2",
            "longest_hold_off_ns 2000",
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
    fn known_errors_are_counted_by_name_and_all_others_together() -> Result {
        let counts = Counts::default();
        let statistics = Statistics::new();
        for error in [EBUSY, EAGAIN, EBUSY, EPERM, ENOENT] {
            statistics.write_failed(error);
        }
        assert!(shows(&counts, &statistics, "errors_EBUSY 2")?);
        assert!(shows(&counts, &statistics, "errors_EAGAIN 1")?);
        assert!(shows(&counts, &statistics, "errors_other 2")?);
        Ok(())
    }

    #[test]
    fn the_time_of_the_channel_is_zero_until_the_start_has_ended() -> Result {
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
