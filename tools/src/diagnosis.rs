// SPDX-License-Identifier: GPL-2.0

//! Explains what is wrong with a device, from its statistics and the logs: the tables of
//! docs/observability.md.

use std::time::Duration;

use crate::{
    logs::Entry,
    statistics::Statistics, //
};

mod entries;
mod errors;

/// The entry of the debug log about the creation of a mediated device.
const CREATED: &str = "create";

/// The time that a device may take for a program before that is remarkable.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that is wrong, or was since the mediated device exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A message about what is wrong.
    pub what: String,
    /// Advice.
    pub advice: String,
}

impl Finding {
    fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
        }
    }
}

/// Returns the entries since the mediated device was created, or all if that is not in the log.
/// The age of those that are from the log of the kernel is compared with that of its creation.
pub fn since_creation(messages: Vec<Entry>, kernel_log: Vec<Entry>) -> Vec<Entry> {
    let creation = messages.iter().rev().find(|entry| entry.text == CREATED);
    let limit = creation.map_or(Duration::MAX, |entry| entry.age);
    let entries = messages.into_iter().chain(kernel_log);
    entries.filter(|entry| entry.age <= limit).collect()
}

/// Returns what is wrong with a device, whose pin cache has room for so many pages.
pub fn findings(statistics: &Statistics, entries: &[Entry], pin_cache_pages: u64) -> Vec<Finding> {
    let mut findings: Vec<Finding> = state(statistics, pin_cache_pages).into_iter().collect();
    findings.extend(counts(statistics));
    findings.extend(errors::findings(statistics));
    findings.extend(entries::findings(entries));
    findings
}

/// Explains what is wrong now.
fn state(statistics: &Statistics, pin_cache_pages: u64) -> Option<Finding> {
    let waiting = statistics.number("irbs_waiting");
    let pinned = statistics.number("pages_pinned");
    let since = statistics.time("last_start_ago_ns").unwrap_or_default();
    match statistics.state() {
        "not_operational" => Some(Finding::new(
            "the device is gone, or it did not end a program",
            "`lscss` shows whether the device and its paths are there. Closing the device and \
             opening it again may help.",
        )),
        "running" if since > PATIENCE => Some(Finding::new(
            format!(
                "the channel has had a program for {since:.1?}, and the device has not answered"
            ),
            "A terminal or a tape can take long. Otherwise look at the device and its paths \
             (`lscss`). The program ends when its user halts or clears it, resets or closes the \
             device.",
        )),
        "idle" if waiting > 0 => Some(Finding::new(
            format!("statuses that the user has not read: {waiting}"),
            "The user, such as QEMU, is busy, stopped or stuck: look at it.",
        )),
        "idle" if pinned > pin_cache_pages => Some(Finding::new(
            format!("pages pinned while no program is in progress: {pinned}"),
            "They are more than the pin cache may have: please report it, as the driver has a fault.",
        )),
        _ => None,
    }
}

/// Explains what has happened since the mediated device exists.
fn counts(statistics: &Statistics) -> Vec<Finding> {
    const REMARKABLE: [(&str, &str, &str); 5] = [
        (
            "program_checks",
            "program checks",
            "The channel program is wrong: `ccw run` and the driver of the guest show where it \
             ended. Memory that is not mapped for the device gives a program check, too.",
        ),
        (
            "unit_checks",
            "unit checks",
            "The device has rejected a command, or could not perform it. The sense data tell why: \
             the user reads them; for `ccw why` see the option --sense.",
        ),
        (
            "overwritten_ccws",
            "overwritten CCWs",
            "Programs that change themselves while they run, and cannot be followed there: they \
             end with a program check at such a CCW.",
        ),
        (
            "shortages",
            "starts without enough memory",
            "The host is short of memory, or the user may lock too little: see `ulimit -l`, and \
             the memory limit of its cgroup.",
        ),
        (
            "unmaps",
            "programs in progress whose memory was unmapped",
            "The user has unmapped memory that the device was using, which ended the program.",
        ),
    ];
    let count = |&(name, what, advice): &(&str, &str, &str)| match statistics.number(name) {
        0 => None,
        count => Some(Finding::new(format!("{what}: {count}"), advice)),
    };
    REMARKABLE.iter().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let findings = findings(&Statistics::parse(text), &[], 1);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_device_that_does_its_work_has_no_findings() {
        let text = "state running\nstarts 5\nirbs 4\npages_pinned 1\nlast_start_ago_ns 1000\n";
        assert_eq!(messages(text), [""; 0]);
        assert_eq!(messages("state closed\n"), [""; 0]);
    }

    #[test]
    fn the_state_tells_of_programs_that_do_not_end() {
        assert_eq!(
            messages("state running\nlast_start_ago_ns 12000000000\n"),
            ["the channel has had a program for 12.0s, and the device has not answered"]
        );
        assert_eq!(
            messages("state idle\nirbs_waiting 2\npages_pinned 3\n"),
            ["statuses that the user has not read: 2"]
        );
        assert_eq!(
            messages("state idle\npages_pinned 2\n"),
            ["pages pinned while no program is in progress: 2"]
        );
        assert_eq!(messages("state idle\npages_pinned 1\n"), [""; 0]);
        assert_eq!(messages("state not_operational\n").len(), 1);
    }

    #[test]
    fn counts_and_errors_are_explained() {
        assert_eq!(
            messages(
                "state closed\nprogram_checks 1\nunit_checks 2\nerrors_EBUSY 3\nerrors_EIO 0\n"
            ),
            [
                "program checks: 1",
                "unit checks: 2",
                "requests refused with EBUSY: 3",
            ]
        );
    }

    fn entry(age: u64, text: &str) -> Entry {
        Entry {
            age: Duration::from_secs(age),
            text: text.to_owned(),
        }
    }

    #[test]
    fn entries_from_before_the_creation_do_not_count() {
        let (old, new) = (entry(9, "open=-19"), entry(3, "open=-12"));
        let (first, last) = (entry(10, "create"), entry(5, "create"));
        let kernel_log = vec![entry(7, "old"), entry(4, "new")];
        let messages = vec![first, old.clone(), last.clone(), new.clone()];
        assert_eq!(
            since_creation(messages, kernel_log),
            [last, new, entry(4, "new")]
        );
        assert_eq!(since_creation(vec![old.clone()], Vec::new()), [old]);
    }

    #[test]
    fn entries_of_the_log_are_explained_once() {
        let entries = [
            entry(5, "create"),
            entry(4, "open=-19"),
            entry(3, "open=-19"),
            entry(2, "transport mode is not supported (ORB bit 13)"),
        ];
        let findings = findings(&Statistics::default(), &entries, 0);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| finding.what.as_str())
            .collect();
        assert_eq!(
            found,
            ["open=-19", "transport mode is not supported (ORB bit 13)"]
        );
    }
}
