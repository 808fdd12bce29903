// SPDX-License-Identifier: GPL-2.0

//! The memory that the kernel has for devices.

use std::{
    fs,
    thread,
    time::Duration, //
};

use crate::fixtures::*;

/// The time after which the kernel has summed up what it has charged.
const SUMMING: Duration = Duration::from_millis(2500);

/// KiB of memory at a moment.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// The objects in slabs.
    slabs: u64,
    /// All that is not free.
    used: u64,
    /// The kernel memory that is charged to the cgroup of this process.
    charged: Option<u64>,
}

impl Memory {
    /// Measures after what is only cached was given back.
    pub(super) fn measure(cgroup: Option<&Cgroup>) -> TestResult<Self> {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        thread::sleep(SUMMING);
        Ok(Self {
            slabs: slabs()?,
            used: used()?,
            charged: cgroup.map(Cgroup::kernel_memory).transpose()?,
        })
    }

    /// Tells how much more there is for so many devices. Returns the KiB that are charged.
    pub(super) fn tell_growth(&self, what: &str, devices: u64, before: Self) -> Option<u64> {
        let [slabs, used] = [
            self.slabs.saturating_sub(before.slabs),
            self.used.saturating_sub(before.used),
        ];
        let charged = self.charged.zip(before.charged);
        let charged = charged.map(|(after, before)| after.saturating_sub(before));
        let told = charged.map_or("none".to_owned(), |kib| format!("{kib} KiB"));
        println!(
            "memory: {devices} {what}: {slabs} KiB in slabs, {used} KiB less free, {told} charged"
        );
        charged
    }

    /// Returns the KiB in slabs by which there is more than `before`.
    pub(super) fn slabs_since(&self, before: Self) -> u64 {
        self.slabs.saturating_sub(before.slabs)
    }
}

/// The KiB of all objects in slabs.
fn slabs() -> TestResult<u64> {
    let text = fs::read_to_string("/proc/slabinfo")?;
    // Two lines of headings, then: name, objects in use, all objects, size.
    let bytes = text.lines().skip(2).filter_map(|line| {
        let mut numbers = line.split_whitespace().skip(1);
        let in_use: u64 = numbers.next()?.parse().ok()?;
        let size: u64 = numbers.nth(1)?.parse().ok()?;
        Some(in_use * size)
    });
    Ok(bytes.sum::<u64>() / 1024)
}

/// The KiB that are not free.
fn used() -> TestResult<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let used = field("MemTotal:").zip(field("MemFree:"));
    let used = used.map(|(total, free)| total.saturating_sub(free));
    Ok(used.ok_or_else(|| "/proc/meminfo has no MemFree".to_owned())?)
}
