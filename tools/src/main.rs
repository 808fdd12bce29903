// SPDX-License-Identifier: GPL-2.0

//! `ccw`: channel programs through vfio-ccw, from the command line.

use std::process::ExitCode;

use ccw::error::Error;

mod commands;

const HELP: &str = "\
ccw - run channel programs through vfio-ccw, without a virtual machine

usage:
  ccw list                                  show the I/O subchannels
  ccw bind SUBCHANNEL [UUID]                give a subchannel to vfio_ccw, make a mediated device
  ccw release SUBCHANNEL                    undo that
  ccw run [OPTIONS] DEVICE PROGRAM...       run the programs of these files
  ccw check PROGRAM...                      read program files and show what is in them
  ccw decode KIND [HEX...]                  show what bytes mean; without HEX they come from stdin
  ccw help

SUBCHANNEL is a number such as 0.0.0001, as `ccw list` shows it.
DEVICE is a subchannel with a mediated device on it, or the UUID of one.
PROGRAM is a file as docs/program-format.md describes it; files that it names
are looked for in the current directory. KIND is orb, ccw0, ccw1, scsw, irb,
sense, senseid, characteristics or configuration.

options of run:
  --container      use /dev/vfio/vfio and the device's group (as without option)
  --iommufd        use /dev/iommu and the device's own file
  --timeout N      wait N seconds for an interrupt (10)

Programs print \"@host TEXT\" where their text has \"host TEXT\", for the machine
around this one.

exit status:
  0  all programs ended as they say they should
  1  a program did not
  2  the command line or a program's text is wrong
  3  the system or the device refused something

example:
  modprobe vfio_ccw
  ccw bind 0.0.0001
  ccw run 0.0.0001 sense-id.ccw
  ccw release 0.0.0001
";

/// What ends a command early.
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// The text of a program is wrong.
    Text(String),
    /// Something was refused.
    System(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}

fn usage<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(what.into()))
}

fn command(arguments: &[String]) -> Result<ExitCode, Failure> {
    let (name, arguments) = match arguments {
        [] => return usage("a command is missing"),
        [name, arguments @ ..] => (name.as_str(), arguments),
    };
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    match (name, arguments) {
        ("help" | "--help" | "-h", _) => print!("{HELP}"),
        ("list", []) => commands::bind::list()?,
        ("bind", [subchannel]) => commands::bind::bind(subchannel, None)?,
        ("bind", [subchannel, uuid]) => commands::bind::bind(subchannel, Some(uuid))?,
        ("release", [subchannel]) => commands::bind::release(subchannel)?,
        ("run", arguments) => return commands::run::run(arguments),
        ("check", [_, ..]) => commands::run::check(arguments)?,
        ("decode", [kind, hex @ ..]) => commands::decode::decode(kind, hex)?,
        ("list" | "bind" | "release" | "check" | "decode", _) => {
            return usage(format!("{name} takes other arguments"))
        }
        _ => return usage(format!("there is no command {name:?}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(code) => code,
        Err(Failure::Usage(what)) => {
            eprintln!("ccw: {what}\n  `ccw help` shows how it is used");
            ExitCode::from(2)
        }
        Err(Failure::Text(what)) => {
            eprintln!("ccw: {what}");
            ExitCode::from(2)
        }
        Err(Failure::System(error)) => {
            eprintln!("ccw: {error}");
            ExitCode::from(3)
        }
    }
}
