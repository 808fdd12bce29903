// SPDX-License-Identifier: GPL-2.0

//! The tests of vfio-ccw in L1: on real subchannels, through the user interface.
//!
//! Each test is named after what it defends. After each, as many pages are pinned as before. The
//! results are printed as KTAP (`Documentation/dev-tools/ktap.rst`).

use std::{
    io::{
        self,
        Write, //
    },
    process::ExitCode, //
};

use ccw::{
    program::{
        self,
        Program, //
    },
    sysfs::{
        BusId,
        Mdev,
        Subchannel, //
    },
    vfio::Backend, //
};

use bench::{
    pinned,
    Devices,
    TestResult, //
};

mod bench;
mod host;
mod information;
mod interrupts;
mod lifecycle;
mod limits;
mod region;
mod status;

const HELP: &str = "\
conformance - tests of vfio-ccw on real subchannels

usage: conformance [OPTIONS] container|iommufd|both [FILTER]

FILTER runs only the tests whose names have it in them.

options:
  --list             print the names of the tests, run none
  --rng DEVICE       the virtio-rng: a subchannel or the UUID of a mediated
                     device; as a rule the subchannel of device 0.0.0042
  --terminal DEVICE  the 3270, as a rule that of device 0.0.000a

The mediated devices must exist (ccw bind). Results go to stdout as KTAP; the
exit status is 0 if all tests passed, 1 if one failed, 2 if none could be run.
";

/// Programs that are tests: what they have in common, and their text.
const PROGRAMS: [(&str, &str); 3] = [
    ("good", include_str!("programs/good.ccw")),
    ("fault", include_str!("programs/faults.ccw")),
    ("refused", include_str!("programs/refused.ccw")),
];

enum Body {
    Function(fn(&Devices) -> TestResult),
    Program(Program),
}

struct Test {
    name: String,
    body: Body,
}

fn tests() -> Vec<Test> {
    let functions = [
        ("information", information::TESTS),
        ("interrupt", interrupts::TESTS),
        ("region", region::TESTS),
        ("status", status::TESTS),
        ("limit", limits::TESTS),
        ("lifecycle", lifecycle::TESTS),
        ("host", host::TESTS),
    ];
    let mut tests: Vec<Test> = functions
        .iter()
        .flat_map(|(group, tests)| {
            tests.iter().map(move |(name, function)| Test {
                name: format!("{group}: {name}"),
                body: Body::Function(*function),
            })
        })
        .collect();
    for (group, text) in PROGRAMS {
        let no_files = |_: &str| Err(io::ErrorKind::NotFound.into());
        match program::read(group, text, &no_files) {
            Ok(programs) => tests.extend(programs.into_iter().map(|program| Test {
                name: format!("{group}: {}", program.title),
                body: Body::Program(program),
            })),
            Err(error) => panic!("{error}"),
        }
    }
    tests
}

fn run(test: &Test, devices: &Devices) -> TestResult {
    let before = pinned()?;
    match &test.body {
        Body::Function(function) => function(devices)?,
        Body::Program(program) => devices.run_program(program)?,
    }
    let after = pinned()?;
    if after != before {
        return Err(
            format!("{before} KiB were pinned before the test, {after} KiB after it").into(),
        );
    }
    Ok(())
}

/// Runs tests, with their results on stdout; whether all passed.
fn run_all(tests: &[(&Test, &Devices, String)]) -> io::Result<bool> {
    let mut out = io::stdout();
    let mut all_passed = true;
    writeln!(out, "KTAP version 1\n1..{}", tests.len())?;
    for ((test, devices, name), number) in tests.iter().zip(1..) {
        match run(test, devices) {
            Ok(()) => writeln!(out, "ok {number} {name}")?,
            Err(failure) => {
                all_passed = false;
                for line in failure.to_string().lines() {
                    writeln!(out, "# {line}")?;
                }
                writeln!(out, "not ok {number} {name}")?;
            }
        }
        out.flush()?;
    }
    Ok(all_passed)
}

/// The mediated device on the subchannel of a device number.
fn find(device_number: &str) -> Result<String, String> {
    let subchannels = Subchannel::all().map_err(|error| error.to_string())?;
    let found = subchannels
        .iter()
        .find(|subchannel| subchannel.device_number().as_deref() == Some(device_number))
        .map(Subchannel::bus_id);
    found
        .map(BusId::to_string)
        .ok_or_else(|| format!("there is no device {device_number}"))
}

#[derive(Default)]
struct Arguments {
    list: bool,
    rng: Option<String>,
    terminal: Option<String>,
    words: Vec<String>,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a device"));
            match argument.as_str() {
                "--list" => parsed.list = true,
                "--rng" => parsed.rng = Some(value()?),
                "--terminal" => parsed.terminal = Some(value()?),
                "--help" | "-h" => return Err(HELP.to_owned()),
                option if option.starts_with('-') => return Err(format!("no option {option}")),
                _ => parsed.words.push(argument),
            }
        }
        Ok(parsed)
    }
}

fn command() -> Result<bool, String> {
    let arguments = Arguments::parse()?;
    let mut words = arguments.words.iter().map(String::as_str);
    let word = words.next();
    if word == Some("hold") {
        return lifecycle::hold(words.next().unwrap_or(""), words.next().unwrap_or(""))
            .map_err(|failure| failure.to_string());
    }
    let backends: &[_] = match word {
        Some("container") => &[("container", Backend::Container)],
        Some("iommufd") => &[("iommufd", Backend::Iommufd)],
        Some("both") => &[
            ("container", Backend::Container),
            ("iommufd", Backend::Iommufd),
        ],
        None if arguments.list => &[],
        _ => return Err("the first word is container, iommufd or both; see --help".to_owned()),
    };
    let filter = words.next().unwrap_or("");
    let tests: Vec<Test> = tests()
        .into_iter()
        .filter(|test| test.name.contains(filter))
        .collect();
    if arguments.list {
        tests.iter().for_each(|test| println!("{}", test.name));
        return Ok(true);
    }

    let device = |given: &Option<String>, number| -> Result<Mdev, String> {
        let device = given.clone().map_or_else(|| find(number), Ok)?;
        Mdev::find(&device).map_err(|error| error.to_string())
    };
    let devices = backends
        .iter()
        .map(|&(name, backend)| {
            let rng = device(&arguments.rng, "0.0.0042")?;
            let terminal = device(&arguments.terminal, "0.0.000a")?;
            Ok((name, Devices::new(rng, terminal, backend)))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let prefix = devices.len() > 1;
    let plan: Vec<_> = devices
        .iter()
        .flat_map(|(backend, devices)| {
            tests.iter().map(move |test| {
                let name = match prefix {
                    true => format!("{backend}: {}", test.name),
                    false => test.name.clone(),
                };
                (test, devices, name)
            })
        })
        .collect();
    run_all(&plan).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match command() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(what) => {
            eprintln!("conformance: {what}");
            ExitCode::from(2)
        }
    }
}
