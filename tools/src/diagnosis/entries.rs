// SPDX-License-Identifier: GPL-2.0

//! Entries of the logs that tell of something wrong.

use super::Finding;
use crate::logs::Entry;

/// Parts of entries, and advice.
const KNOWN: &[(&str, &str)] = &[
    (
        "open=",
        "The device cannot be opened: there is no device or no path to it (-19), or no memory \
         (-12). See `lscss`.",
    ),
    (
        "transport mode",
        "Transport mode (zHPF) is not supported: the program must consist of CCWs.",
    ),
    (
        "cp_init=",
        "The ORB has reserved bits, or the program is too large.",
    ),
    (
        "cp_prefetch=-12",
        "The host is short of memory or pins: see `ulimit -l`, and the memory limit of the cgroup \
         of the user.",
    ),
    (
        "cp_prefetch=-14",
        "The process that writes region 0 has not mapped the memory of the guest.",
    ),
    (
        "cp_prefetch=-2",
        "The device is in no address space of its iommufd: a fault of the user.",
    ),
    (
        "the rest of a program cannot be read again",
        "The program has changed itself to something that cannot be run: there is no memory (-12), \
         it is too large (-22), or has MIDAWs without permission (-95); or a reset came (-16).",
    ),
    (
        "fsm_io_helper=",
        "START SUBCHANNEL failed: busy (-16), no path (-13, -19), or a reset came first (-11).",
    ),
    (
        "halt on io_region",
        "The user asks region 0 for a halt function. That is for region 1.",
    ),
    (
        "clear on io_region",
        "The user asks region 0 for a clear function. That is for region 1.",
    ),
    (
        "(VaryOff)",
        "Paths were varied off: `lscss` shows those that are there, and `chchp` varies them on.",
    ),
    (
        "(Offline)",
        "Paths are gone: `lscss` shows those that are there.",
    ),
    ("notoper", "The device is gone: see `lscss`."),
    ("status lost", "This must not happen: please report it."),
    (
        "QDIO subchannels cannot",
        "Devices with queues, such as OSA and zFCP, cannot be passed through: bind another one.",
    ),
    (
        "refusing a virtio device",
        "No vfio-ccw can contain virtio devices: bind another device, or read docs/qemu.md about \
         allow_unsafe_virtio.",
    ),
    (
        "the device cannot be opened",
        "There is no device or no path to it (ENODEV): see `lscss`. For ENOMEM see the memory \
         limit of the cgroup of the user.",
    ),
    (
        "No device request channel",
        "The host wants the device back: end its user, or unplug it from the guest.",
    ),
    (
        "the device is gone after memory",
        "The user has unmapped memory of a program in progress, and the device did not come back.",
    ),
    (
        "could not end I/O",
        "The device has ignored each clear function. The memory of its program stays out of use.",
    ),
    (
        "pages of memory are lost",
        "The device may still use these pages. They stay out of use until the next boot.",
    ),
];

/// Explains the entries that are known to tell of something wrong, each of them once.
pub(super) fn findings(entries: &[Entry]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for entry in entries {
        let text = &entry.text;
        let mut known = KNOWN.iter();
        let advice = known.find_map(|&(part, advice)| text.contains(part).then_some(advice));
        if let Some(advice) = advice {
            let finding = Finding::new(text.clone(), advice);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}
