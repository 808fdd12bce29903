// SPDX-License-Identifier: GPL-2.0

//! Test cases, and the groups that they are in.

use std::{
    io,
    time::Duration, //
};

use ccw::program;

use crate::{
    fixtures::{
        check,
        pinned,
        Devices,
        Machine,
        TestResult, //
    },
    machine, //
};

/// The time limit of a case, for a busy machine; [`machine::patience`] multiplies it.
const LIMIT: Duration = Duration::from_secs(60);

/// The back ends (`container`, `iommufd`) through which a case is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backends {
    /// One of them, as the case does not depend on the back end.
    One,
    /// Both, but one only in a short run.
    Both,
    /// Both, even in a short run: the case is about what is mapped, pinned or unmapped.
    BothAlways,
}

/// A test case of a group.
pub(crate) struct Case {
    name: String,
    run: Box<dyn Fn(&Devices) -> TestResult>,
    limit: Duration,
    /// Those of the group if this is `None`.
    backends: Option<Backends>,
}

impl Case {
    /// Creates a case from its name within the group and what it does.
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn(&Devices) -> TestResult + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            limit: LIMIT,
            backends: None,
        }
    }

    /// Gives it another time limit.
    pub(crate) fn slow(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Gives it other back ends than its group has.
    pub(crate) fn backends(mut self, backends: Backends) -> Self {
        self.backends = Some(backends);
        self
    }
}

/// Makes a table of cases: the name of each, and the function that it runs.
///
/// Behind the function are settings, which are methods of [`Case`]. A function in front of the name
/// makes several cases of the line; it takes the name and the function.
macro_rules! cases {
    (@line; $name:literal, $run:expr) => {
        [$crate::case::Case::new($name, $run)]
    };
    (@line $several:ident; $name:literal, $run:expr) => {
        $several($name, $run)
    };
    ($($($several:ident)? $name:literal => $run:expr $(, $setting:ident($value:expr))*;)*) => {{
        let mut cases: Vec<$crate::case::Case> = Vec::new();
        $(cases.extend(
            cases!(@line $($several)?; $name, $run)
                .into_iter()
                .map(|case| case$(.$setting($value))*),
        );)*
        cases
    }};
}
pub(crate) use cases;

/// A group of cases: its name, the back ends of its cases, and the cases.
pub(crate) type Group = (&'static str, Backends, fn() -> Vec<Case>);

/// A group of cases that are programs, in the text form of `docs/program-format.md`.
pub(crate) type ProgramGroup = (&'static str, Backends, &'static str);

/// A case with all that the runner must know of it.
pub(crate) struct Test {
    /// The name of the group and of the case.
    pub(crate) name: String,
    pub(crate) machine: Machine,
    run: Box<dyn Fn(&Devices) -> TestResult>,
    limit: Duration,
    backends: Backends,
}

impl Test {
    fn new(machine: Machine, group: &str, backends: Backends, case: Case) -> Self {
        Self {
            name: format!("{group}: {}", case.name),
            machine,
            run: case.run,
            limit: case.limit,
            backends: case.backends.unwrap_or(backends),
        }
    }

    /// Returns how long it may take on this machine.
    pub(crate) fn limit(&self) -> Duration {
        self.limit * machine::patience()
    }

    /// Returns whether it is run through both back ends.
    pub(crate) fn needs_backend(&self) -> bool {
        match self.backends {
            Backends::One => false,
            Backends::Both => !machine::is_in_a_hurry(),
            Backends::BothAlways => true,
        }
    }

    /// Runs it in this process, and checks that it leaves nothing pinned.
    pub(crate) fn run(&self, devices: &Devices) -> TestResult {
        let before = pinned()?;
        (self.run)(devices)?;
        let after = pinned()?;
        let what = format!("{before} KiB were pinned before the test, {after} KiB after it");
        check(after == before, what)
    }
}

/// Returns the cases of one machine's groups, of those that are wanted.
pub(crate) fn of_groups<'a>(
    machine: Machine,
    groups: &'a [Group],
    is_wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Test> + 'a {
    let wanted = groups.iter().filter(move |(group, ..)| is_wanted(group));
    wanted.flat_map(move |&(group, backends, cases)| {
        cases()
            .into_iter()
            .map(move |case| Test::new(machine, group, backends, case))
    })
}

/// Returns the programs of one machine's groups, of those that are wanted.
pub(crate) fn of_programs<'a>(
    machine: Machine,
    groups: &'a [ProgramGroup],
    is_wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Test> + 'a {
    let wanted = groups.iter().filter(move |(group, ..)| is_wanted(group));
    wanted.flat_map(move |&(group, backends, text)| {
        let no_files = |_: &str| Err(io::ErrorKind::NotFound.into());
        let programs = program::read(group, text, &no_files);
        let programs = programs.unwrap_or_else(|error| panic!("{error}"));
        programs.into_iter().map(move |program| {
            let title = program.title.clone();
            let run = move |devices: &Devices| devices.run_program(&program);
            Test::new(machine, group, backends, Case::new(title, run))
        })
    })
}
