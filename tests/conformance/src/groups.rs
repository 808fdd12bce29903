// SPDX-License-Identifier: GPL-2.0

//! The groups of cases.

use crate::{
    access,
    blocked,
    case::{
        self,
        Backends::{
            Both,
            BothAlways,
            One, //
        },
        Group,
        ProgramGroup,
        Test, //
    },
    channel_reports,
    cmd,
    contended,
    corpus,
    descriptors,
    fixtures::Machine,
    give_back,
    hercules,
    host,
    information,
    interrupt_arguments,
    interrupts,
    lifecycle,
    limits,
    normal_form,
    observability,
    paths,
    pin_cache,
    region,
    region_information,
    resume,
    schib,
    sense,
    set_up,
    shortage,
    status,
    tool,
    unplug,
    unsolicited, //
};

/// The cases that are functions and run in QEMU, by how their names begin.
const GROUPS: &[Group] = &[
    ("information", Both, information::cases),
    ("regions", One, region_information::cases),
    ("interrupt", One, interrupts::cases),
    ("interrupt", One, interrupts::index_cases),
    ("interrupt", One, interrupt_arguments::cases),
    ("access", One, access::cases),
    ("access", One, access::writable_cases),
    ("access", One, access::far_cases),
    ("region", Both, region::cases),
    ("status", Both, status::cases),
    ("limit", Both, limits::cases),
    ("lifecycle", BothAlways, lifecycle::cases),
    ("resume", Both, resume::cases),
    ("asynchronous", Both, cmd::cases),
    ("schib", One, schib::cases),
    ("channel report", One, channel_reports::cases),
    ("unsolicited", Both, unsolicited::cases),
    ("blocked", Both, blocked::cases),
    ("pin cache", BothAlways, pin_cache::cases),
    ("contended", BothAlways, contended::cases),
    ("normal form", Both, normal_form::cases),
    ("host", Both, host::cases),
    ("observability", Both, observability::cases),
    ("give back", Both, give_back::cases),
    ("descriptor", Both, descriptors::cases),
    ("unplug", BothAlways, unplug::cases),
    ("path", One, paths::cases),
    ("sense", One, sense::cases),
    ("fault", BothAlways, sense::fault_cases),
    ("fault", BothAlways, set_up::fault_cases),
    ("set-up", Both, set_up::cases),
    ("shortage", Both, shortage::cases),
    ("tool", Both, tool::cases),
    ("corpus", Both, corpus::cases),
];

/// Programs that are cases: what they have in common, and their text.
const PROGRAMS: &[ProgramGroup] = &[
    ("good", Both, include_str!("programs/good.ccw")),
    ("fault", BothAlways, include_str!("programs/faults.ccw")),
    ("refused", Both, include_str!("programs/refused.ccw")),
];

/// Returns the cases of the groups that are wanted.
pub(crate) fn tests(is_wanted: impl Fn(&str) -> bool + Copy) -> Vec<Test> {
    case::of_groups(Machine::Qemu, GROUPS, is_wanted)
        .chain(case::of_groups(
            Machine::Hercules,
            hercules::GROUPS,
            is_wanted,
        ))
        .chain(case::of_programs(Machine::Qemu, PROGRAMS, is_wanted))
        .chain(case::of_programs(
            Machine::Hercules,
            hercules::PROGRAMS,
            is_wanted,
        ))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_cases_of_a_machine_have_one_name() {
        let mut names = BTreeSet::new();
        for test in tests(|_| true) {
            let key = (test.machine == Machine::Qemu, test.name);
            assert!(names.insert(key.clone()), "{key:?}");
        }
    }
}
