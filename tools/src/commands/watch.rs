// SPDX-License-Identifier: GPL-2.0

//! `ccw watch`: statistics of devices, again and again.

use std::{
    io::{
        self,
        Write, //
    },
    os::fd::AsFd,
    sync::{
        atomic::AtomicBool,
        Arc, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    error::{
        Error,
        Result, //
    },
    statistics::{
        Debugfs,
        Statistics, //
    },
    sys,
    sysfs::{
        BusId,
        Subchannel, //
    }, //
};
use clap::ArgMatches;
use signal_hook::{
    consts::SIGINT,
    flag, //
};

use crate::{
    cli::{
        required,
        texts, //
    },
    failure::Failure, //
};

/// The statistics of devices at one time. Those of a device that is gone are missing.
struct Sample {
    at: Instant,
    devices: Vec<(BusId, Option<Statistics>)>,
}

impl Sample {
    /// Reads the statistics of these devices, or of all if there are none.
    fn read(debugfs: &Debugfs, wanted: &[BusId]) -> Result<Self> {
        let devices = match wanted {
            [] => debugfs.devices()?,
            wanted => wanted.to_vec(),
        };
        let read = |device| {
            let statistics = debugfs.statistics(&device).ok();
            (device, statistics)
        };
        Ok(Self {
            at: Instant::now(),
            devices: devices.into_iter().map(read).collect(),
        })
    }

    fn of(&self, device: &BusId) -> Option<&Statistics> {
        let mut devices = self.devices.iter();
        devices.find_map(|(known, statistics)| (known == device).then_some(statistics.as_ref())?)
    }

    /// Returns a line for each device, with rates since the sample before.
    fn rows(&self, before: Option<&Self>) -> Vec<String> {
        let row = |(device, now): &(BusId, Option<Statistics>)| match now {
            Some(now) => {
                let before = before.and_then(|sample| {
                    let time = self.at.saturating_duration_since(sample.at);
                    Some((sample.of(device)?, time))
                });
                row(device, now, before)
            }
            None => format!("{device:10}  gone"),
        };
        self.devices.iter().map(row).collect()
    }
}

fn heading() -> String {
    format!(
        "{:10}  {:15}  {:>9} {:>7}  {:>9} {:>7}  {:>9} {:>7}  {:>7}  {:>6}  {:>6}  {:>6}  {:>9}",
        "SUBCHANNEL",
        "STATE",
        "STARTS",
        "/s",
        "CCWS",
        "/s",
        "IRBS",
        "/s",
        "WAITING",
        "CHECKS",
        "ERRORS",
        "PINNED",
        "CHANNEL"
    )
}

/// Returns the line of a device. Rates are those since `before`, which is so long ago.
fn row(device: &BusId, now: &Statistics, before: Option<(&Statistics, Duration)>) -> String {
    let rate = |name: &str| {
        let growth = before.and_then(|(before, time)| {
            // A device that was made anew begins with 0 again.
            let growth = now.number(name).checked_sub(before.number(name))?;
            Some(per_second(growth, time))
        });
        growth.unwrap_or_else(|| "-".to_owned())
    };
    let errors: u64 = now.errors().map(|(_, count)| count).sum();
    let channel = now.time("last_channel_ns");
    format!(
        "{device:10}  {:15}  {:>9} {:>7}  {:>9} {:>7}  {:>9} {:>7}  {:>7}  {:>6}  {:>6}  {:>6}  {:>9}",
        now.state(),
        now.number("starts"),
        rate("starts"),
        now.number("ccws"),
        rate("ccws"),
        now.number("irbs"),
        rate("irbs"),
        now.number("irbs_waiting"),
        now.number("program_checks") + now.number("unit_checks"),
        errors,
        now.number("pages_pinned"),
        channel.map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}")),
    )
}

fn per_second(count: u64, time: Duration) -> String {
    let tenths = u128::from(count) * 10_000 / time.as_millis().max(1);
    match tenths {
        1000.. => format!("{}", tenths / 10),
        _ => format!("{}.{}", tenths / 10, tenths % 10),
    }
}

/// Lets Ctrl-C end this process with exit status 0.
fn end_when_interrupted() -> Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    flag::register_conditional_shutdown(SIGINT, 0, always)
        .map(drop)
        .map_err(|source| Error::io("cannot set a handler for Ctrl-C", source))
}

fn bus_id(device: &str) -> Result<BusId> {
    // A subchannel can come and go while it is watched.
    match BusId::parse(device) {
        Some(bus_id) => Ok(bus_id),
        None => Ok(Subchannel::of_device(device)?.bus_id().clone()),
    }
}

pub(crate) fn watch(matches: &ArgMatches) -> std::result::Result<(), Failure> {
    let wanted = texts(matches, "DEVICE").map(|device| bus_id(device));
    let wanted = wanted.collect::<Result<Vec<_>>>()?;
    let interval: Duration = *required(matches, "interval");
    let count: Option<u32> = match matches.get_flag("once") {
        true => Some(1),
        false => matches.get_one("count").copied(),
    };
    end_when_interrupted()?;
    let debugfs = Debugfs::default();
    for device in &wanted {
        debugfs.statistics(device)?;
    }
    let mut table = Table::default();
    let mut before: Option<Sample> = None;
    let mut taken = 0;
    loop {
        let sample = Sample::read(&debugfs, &wanted)?;
        if sample.devices.is_empty() && before.is_none() {
            return Err(
                Error::new("no subchannel has a mediated device of vfio_ccw")
                    .help("make one: ccw bind SUBCHANNEL")
                    .into(),
            );
        }
        table
            .print(&sample, before.as_ref())
            .map_err(|source| Error::io("cannot write the table", source))?;
        taken += 1;
        if Some(taken) == count {
            return Ok(());
        }
        before = Some(sample);
        thread::sleep(interval);
    }
}

/// Returns how many lines of a terminal a text of several lines takes.
fn height(text: &str, width: usize) -> usize {
    let lines = text.lines().map(|line| line.chars().count());
    lines.map(|len| len.div_ceil(width).max(1)).sum()
}

/// A table that is printed again and again, on a terminal in place of the one before.
#[derive(Default)]
struct Table {
    printed: String,
}

impl Table {
    fn print(&mut self, sample: &Sample, before: Option<&Sample>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let rows = sample.rows(before).join("\n");
        let text = format!("{}\n{rows}\n", heading());
        match (before, sys::terminal_width(out.as_fd())) {
            (None, _) => write!(out, "{text}")?,
            (Some(_), None) => writeln!(out, "{rows}")?,
            (Some(_), Some(width)) => {
                // Up to the heading, and clear from there on.
                let height = height(&self.printed, width);
                write!(out, "\x1b[{height}A\x1b[J{text}")?;
            }
        }
        self.printed = text;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "state idle\nstarts 10\nccws 30\nirbs 10\n";
    const NOW: &str =
        "state running\nirbs_waiting 1\nstarts 15\nccws 5030\nirbs 9\nunit_checks 2\n\
        program_checks 1\nerrors_EBUSY 3\nerrors_other 1\npages_pinned 4\nlast_channel_ns 151477\n";

    fn sample(at: Instant, text: Option<&str>) -> Sample {
        let device = BusId::parse("0.0.0002").unwrap();
        Sample {
            at,
            devices: vec![(device, text.map(Statistics::parse))],
        }
    }

    fn words(row: &str) -> Vec<&str> {
        row.split_whitespace().collect()
    }

    #[test]
    fn a_row_has_totals_and_rates() {
        let start = Instant::now();
        let before = sample(start, Some(BEFORE));
        let now = sample(start + Duration::from_secs(2), Some(NOW));
        let rows = now.rows(Some(&before));
        assert_eq!(
            words(&rows[0]),
            [
                "0.0.0002", "running", "15", "2.5", "5030", "2500", "9", "-", "1", "3", "4", "4",
                "151.5µs"
            ]
        );
        assert_eq!(words(&heading()).len(), words(&rows[0]).len());
        assert_eq!(heading().chars().count(), rows[0].chars().count());
    }

    #[test]
    fn the_first_sample_has_no_rates() {
        let rows = sample(Instant::now(), Some(BEFORE)).rows(None);
        assert_eq!(
            words(&rows[0]),
            ["0.0.0002", "idle", "10", "-", "30", "-", "10", "-", "0", "0", "0", "0", "-"]
        );
    }

    #[test]
    fn a_device_can_go_and_come() {
        let start = Instant::now();
        let (gone, here) = (sample(start, None), sample(start, Some(BEFORE)));
        assert_eq!(gone.rows(Some(&here)), ["0.0.0002    gone"]);
        assert!(here.rows(Some(&gone))[0].contains(" - "));
    }

    #[test]
    fn long_lines_take_several_lines_of_a_terminal() {
        assert_eq!(height("1234\n\n123456789\n", 4), 1 + 1 + 3);
    }

    #[test]
    fn small_rates_have_a_fraction() {
        assert_eq!(per_second(1, Duration::from_secs(4)), "0.2");
        assert_eq!(per_second(99, Duration::from_secs(1)), "99.0");
        assert_eq!(per_second(1000, Duration::from_millis(500)), "2000");
        assert_eq!(per_second(0, Duration::ZERO), "0.0");
    }
}
