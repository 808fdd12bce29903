// SPDX-License-Identifier: GPL-2.0

//! The tests of vfio-ccw in L1: on real subchannels, through the user interface.
//!
//! Each case is named after what it defends, and runs in a process of its own, so that the suite
//! survives one that hangs or dies. After each, the kernel is as before: as many pages are pinned,
//! as many references to the module and eventfds are there, the log has no trouble, the devices
//! answer. The results are printed as KTAP (`Documentation/dev-tools/ktap.rst`).

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode, //
};

use ccw::{
    sysfs::{
        BusId,
        Mdev,
        Subchannel, //
    },
    vfio::Backend, //
};

use case::Test;
use fixtures::{
    backend_of,
    Devices,
    Failure,
    Machine,
    TestResult, //
};
use groups::tests;
use runner::Turn;

mod access;
mod blocked;
mod case;
mod channel_reports;
mod child;
mod cmd;
mod contended;
mod corpus;
mod descriptors;
mod fail_nth;
mod fixtures;
mod fuzz;
mod give_back;
mod groups;
mod guest;
mod hercules;
mod hold;
mod host;
mod host_side;
mod information;
mod interrupt_arguments;
mod interrupts;
mod kexec;
mod lifecycle;
mod limits;
mod machine;
mod many_devices;
mod normal_form;
mod observability;
mod paths;
mod pin_cache;
mod random;
mod region;
mod region_information;
mod resume;
mod runner;
mod schib;
mod sense;
mod set_up;
mod shortage;
mod status;
mod tool;
mod torture;
mod unplug;
mod unsolicited;

const HELP: &str = "\
conformance - tests of vfio-ccw on real subchannels

usage: conformance [OPTIONS] container|iommufd|both [FILTER]

FILTER runs only the cases whose names have it in them.

options:
  --list             print the names of the cases, run none
  --only-backend     leave out the cases in which the back end has no part
  --output FILE      write the results to FILE, too, each line at once
  --after NAME       run only the cases after NAME, and add to FILE: for a
                     machine that NAME has brought down
  --rng DEVICE, --terminal DEVICE, --spare DEVICE
                     in QEMU the virtio-rng, the 3270, a virtio-rng that can be
                     unplugged: subchannels or UUIDs of mediated devices; as a
                     rule those of the devices 0.0.0042, 0.0.000a and, if it has
                     a mediated device, 0.0.0043
  --disk DEVICE, --disk2 DEVICE, --tape DEVICE
                     in Hercules two 3390 and a 3490, as a rule 0.0.0120,
                     0.0.0121 and 0.0.0581: what they hold is lost

The mediated devices must exist (ccw bind). Results go to stdout as KTAP; the
exit status is 0 if all cases passed, 1 if one failed or the machine is of no
use any more, 2 if none could be run.
";

/// The subchannel of a device number.
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
    only_backend: bool,
    output: Option<PathBuf>,
    after: Option<String>,
    devices: BTreeMap<&'static str, String>,
    words: Vec<String>,
}

/// The name of a device as an option has it.
fn device_name(option: &str) -> Option<&'static str> {
    let wanted = option.strip_prefix("--")?;
    let machines = [Machine::Qemu, Machine::Hercules].into_iter();
    let mut names = machines.flat_map(Machine::devices).map(|(name, _)| name);
    names.find(|name| *name == wanted)
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--list" => parsed.list = true,
                "--only-backend" => parsed.only_backend = true,
                "--output" => parsed.output = Some(value()?.into()),
                "--after" => parsed.after = Some(value()?),
                "--help" | "-h" => {
                    print!("{HELP}");
                    std::process::exit(0);
                }
                option if option.starts_with('-') => match device_name(option) {
                    Some(name) => drop(parsed.devices.insert(name, value()?)),
                    None => return Err(format!("no option {option}")),
                },
                _ => parsed.words.push(argument),
            }
        }
        Ok(parsed)
    }

    /// The devices: those that are named, or those of the usual numbers.
    fn devices(&self, backend: Backend) -> Result<Devices, String> {
        let device = |(name, number): (&'static str, &str)| -> Result<_, String> {
            let given = self.devices.get(name);
            let device = given.cloned().map_or_else(|| find(number), Ok)?;
            let mdev = Mdev::find(&device).map_err(|error| error.to_string())?;
            Ok((name, mdev))
        };
        let [first, second, third] = Machine::this().devices();
        let last = match device(third) {
            Ok(third) => Some(third),
            // The spare device is optional, and may just be unplugged.
            Err(_) if third.0 == "spare" && !self.devices.contains_key(third.0) => None,
            Err(error) => return Err(error),
        };
        Ok(Devices::new(device(first)?, device(second)?, last, backend))
    }
}

/// What the processes do that the runner starts: `case BACKEND NAME` runs a case and then sees
/// whether the devices answer, `probe BACKEND` does only that, `rebind SUBCHANNEL UUID` takes a
/// device from the driver and gives it back.
///
/// `hold WHAT BACKEND UUID` and `block WHAT BACKEND UUID` are for the tests of dying users,
/// `request BYTES` for one of a user with two processes; `user` is one of `torture SEED SECONDS
/// NUMBER...`, which tortures the devices of these numbers (`scripts/l1/torture`). `many-devices
/// NUMBER...` uses them all at once, and `kexec KERNEL INITRD` boots another kernel.
fn part(words: &[&str], arguments: &Arguments) -> Option<TestResult> {
    // The runner shows the output of these processes.
    std::panic::set_hook(Box::new(|info| println!("{info}")));
    let devices = |backend| -> TestResult<Devices> {
        let backend = backend_of(backend).ok_or_else(|| format!("no back end {backend}"))?;
        Ok(arguments.devices(backend)?)
    };
    let case = |backend, name: &str| {
        // Reading the programs takes its time in an emulated machine.
        let group = name.split(':').next().unwrap_or("");
        let mut tests = tests(|known| known == group).into_iter();
        let test = tests.find(|test| test.name == name);
        let test = test.ok_or_else(|| format!("no case is named {name:?}"))?;
        let devices = devices(backend)?;
        test.run(&devices)?;
        devices.probe_opened()
    };
    match words {
        ["case", backend, name] => Some(case(backend, name)),
        ["probe", backend] => Some(devices(backend).and_then(|devices| devices.probe())),
        ["rebind", subchannel, uuid] => Some(host::rebind(subchannel, uuid)),
        ["block", missing, backend, uuid] => Some(blocked::hold(missing, backend, uuid)),
        ["hold", what, backend, uuid] => Some(hold::hold(what, backend, uuid)),
        ["request", bytes] => Some(set_up::request(bytes)),
        ["fail-nth", number] => Some(fail_nth::fail_nth(number)),
        ["fuzz", words @ ..] => Some(devices("container").and_then(|all| fuzz::fuzz(&all, words))),
        ["torture", seed, seconds, numbers @ ..] => Some(torture::torture(seed, seconds, numbers)),
        ["many-devices", numbers @ ..] => Some(many_devices::many_devices(numbers)),
        ["kexec", kernel, initrd] => Some(kexec::kexec(kernel, initrd)),
        ["user", seed, actions, backend, uuid] => Some(torture::user(seed, actions, backend, uuid)),
        _ => None,
    }
}

/// Ends a process that the runner has started.
fn report(result: TestResult) -> ExitCode {
    match result {
        Ok(()) => ExitCode::from(child::PASSED),
        Err(Failure::Fault(what)) => {
            println!("{what}");
            ExitCode::from(child::FAILED)
        }
        Err(Failure::Skip(why)) => {
            println!("{why}");
            ExitCode::from(child::SKIPPED)
        }
    }
}

fn turns(backends: &[&str], tests: &[Test], arguments: &Arguments) -> Result<Vec<Turn>, String> {
    let mut turns = Vec::new();
    for name in backends {
        let backend = backend_of(name).ok_or_else(|| format!("no back end {name}"))?;
        let devices = arguments.devices(backend)?;
        let options = devices.options();
        let rebind = devices.places().map_err(|failure| failure.to_string())?;
        for test in tests {
            turns.push(Turn {
                name: match backends.len() {
                    1 => test.name.clone(),
                    _ => format!("{name}: {}", test.name),
                },
                case: [
                    &["case".into(), (*name).into(), test.name.clone()],
                    &*options,
                ]
                .concat(),
                probe: [&["probe".into(), (*name).into()], &*options].concat(),
                rebind: rebind
                    .iter()
                    .map(|(subchannel, uuid)| {
                        vec!["rebind".into(), subchannel.clone(), uuid.clone()]
                    })
                    .collect(),
                limit: test.limit(),
            });
        }
    }
    Ok(turns)
}

fn command(words: &[&str], arguments: &Arguments) -> Result<bool, String> {
    let backends: &[_] = match words.first() {
        Some(&"container") => &["container"],
        Some(&"iommufd") => &["iommufd"],
        Some(&"both") => &["container", "iommufd"],
        None if arguments.list => &[],
        _ => return Err("the first word is container, iommufd or both; see --help".to_owned()),
    };
    let filter = words.get(1).unwrap_or(&"");
    let machine = Machine::this();
    let tests: Vec<Test> = tests(|_| true)
        .into_iter()
        .filter(|test| arguments.list || test.machine == machine)
        .filter(|test| test.name.contains(filter))
        .filter(|test| !arguments.only_backend || test.needs_backend())
        .collect();
    if arguments.list {
        tests.iter().for_each(|test| println!("{}", test.name));
        return Ok(true);
    }
    if tests.is_empty() {
        return Err(format!("no case has {filter:?} in its name; see --list"));
    }
    runner::run(
        &turns(backends, &tests, arguments)?,
        arguments.after.as_deref(),
        arguments.output.as_deref(),
    )
    .map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let result = Arguments::parse().and_then(|arguments| {
        let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
        match part(&words, &arguments) {
            Some(result) => Ok(report(result)),
            None => command(&words, &arguments).map(|passed| ExitCode::from(u8::from(!passed))),
        }
    });
    result.unwrap_or_else(|what| {
        eprintln!("conformance: {what}");
        ExitCode::from(2)
    })
}
