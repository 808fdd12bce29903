// SPDX-License-Identifier: GPL-2.0

//! `ccw why`: what is wrong with a device, and what to do.

use std::process::ExitCode;

use ccw::{
    device_data,
    device_kind::DeviceKind,
    diagnosis::{
        self,
        Finding, //
    },
    logs::{
        self,
        Entry, //
    },
    outcome::Outcome,
    reader::Reader,
    statistics::{
        Debugfs,
        Statistics, //
    },
    sysfs::{
        Subchannel,
        DRIVER, //
    }, //
};
use ccwchain::scsw::DeviceStatus;
use clap::ArgMatches;

use super::open::{
    open,
    timeout, //
};
use crate::{
    cli::required,
    failure::Failure, //
};

/// The number of entries of each log that are shown, the last ones.
const SHOWN: usize = 8;

pub(crate) fn why(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let subchannel = Subchannel::of_device(required::<String>(matches, "DEVICE"))?;
    let id = subchannel.bus_id();
    let debugfs = Debugfs::default();
    let mut findings = Vec::new();
    let mut statistics = Statistics::default();
    if let Some(finding) = unbound(&subchannel) {
        println!("{id}");
        findings.push(finding);
    } else {
        statistics = debugfs.statistics(id)?;
        println!("{id}: {}", summary(&statistics));
    }
    let messages = logs::messages(&debugfs, id)?;
    let kernel_log = logs::kernel_log(id)?;
    show_log("debug log of the driver", &messages);
    show_log("log of the kernel", &kernel_log);
    let entries = diagnosis::since_creation(messages, kernel_log);
    let pin_cache_pages = subchannel.mdev().map_or(0, |mdev| mdev.pin_cache_pages());
    findings.extend(diagnosis::findings(&statistics, &entries, pin_cache_pages));

    match findings.as_slice() {
        [] => println!("\nnothing is wrong"),
        findings => show(findings),
    }
    if matches.get_flag("sense") {
        println!("\n{}", sense(matches)?);
    }
    Ok(ExitCode::from(u8::from(!findings.is_empty())))
}

/// Explains that a device is not ready to be used by programs.
fn unbound(subchannel: &Subchannel) -> Option<Finding> {
    let id = subchannel.bus_id();
    let what = match subchannel.driver() {
        Some(driver) if driver == DRIVER && subchannel.mdev().is_some() => return None,
        Some(driver) if driver == DRIVER => "the subchannel has no mediated device".to_owned(),
        Some(driver) => format!("the subchannel is bound to {driver}"),
        None => "the subchannel is bound to no driver".to_owned(),
    };
    let advice = format!("To use it: ccw bind {id}");
    Some(Finding { what, advice })
}

/// Returns the state of a device and its last program in a few words.
fn summary(statistics: &Statistics) -> String {
    let mut words = vec![
        statistics.state().to_owned(),
        format!("programs started: {}", statistics.number("starts")),
    ];
    let times = [
        ("last_start_ago_ns", "the last one ", " ago"),
        ("last_channel_ns", "in the channel for ", ""),
    ];
    for (name, before, after) in times {
        if let Some(time) = statistics.time(name) {
            words.push(format!("{before}{time:.1?}{after}"));
        }
    }
    words.join(", ")
}

fn show_log(name: &str, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    println!("\n{name}");
    let skipped = entries.len().saturating_sub(SHOWN);
    if skipped > 0 {
        println!("  ({skipped} older entries)");
    }
    for Entry { age, text } in entries.iter().skip(skipped) {
        println!("  {:>8} ago  {text}", format!("{:.1} s", age.as_secs_f64()));
    }
}

fn show(findings: &[Finding]) {
    println!("\nwhat is wrong, since the mediated device was made");
    for Finding { what, advice } in findings {
        println!("  {what}\n{}", folded(advice, "      ", 76));
    }
}

/// Returns text in lines of at most `width` characters, each with an indent.
fn folded(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() == indent.len() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

/// Reads the sense data of a device. Returns a line about them.
fn sense(matches: &ArgMatches) -> Result<String, Failure> {
    let mut reader = Reader::new(open(matches)?, timeout(matches));
    // What reads them must be the first program, as the next one loses them.
    let (outcome, sense) = reader.sense()?;
    let is_good = |outcome: &Outcome| match outcome {
        Outcome::Ended(irb) => !irb
            .scsw()
            .device_status()
            .contains(DeviceStatus::UNIT_CHECK),
        _ => false,
    };
    if !is_good(&outcome) {
        let what = format!("the device gives no sense data: {}", outcome.summary());
        return Err(Failure::Device(what));
    }
    let (outcome, id) = reader.sense_id()?;
    let kind = is_good(&outcome)
        .then(|| device_data::device_kind(&id))
        .flatten();
    let line = match kind {
        Some(DeviceKind::Disk) => device_data::disk_sense(&sense),
        _ => device_data::sense(&sense).trim().to_owned(),
    };
    // Both bytes are 0 also for a few conditions that later bytes tell of.
    let is_good = sense.iter().take(2).all(|&byte| byte == 0);
    let remark = "\n  no error, unless later bytes tell of one: no unit check came last, or its \
                  sense data were read";
    Ok(if is_good { line + remark } else { line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_folded() {
        assert_eq!(folded("one two three", "  ", 9), "  one two\n  three");
        assert_eq!(folded("incomprehensible", "  ", 9), "  incomprehensible");
        assert_eq!(folded("", "  ", 9), "  ");
    }

    #[test]
    fn the_summary_has_the_last_program() {
        let text = "state idle\nstarts 3\nlast_start_ago_ns 365342626\nlast_channel_ns 151477\n";
        assert_eq!(
            summary(&Statistics::parse(text)),
            "idle, programs started: 3, the last one 365.3ms ago, in the channel for 151.5µs"
        );
        assert_eq!(
            summary(&Statistics::parse("state closed\nstarts 0\n")),
            "closed, programs started: 0"
        );
    }
}
