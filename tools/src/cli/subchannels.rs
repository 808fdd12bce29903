// SPDX-License-Identifier: GPL-2.0

//! Commands about subchannels and their drivers: list, bind, release, watch and why.

use clap::{
    value_parser,
    Arg,
    Command,
    ValueHint, //
};

use super::arguments::{
    device,
    flag,
    opening,
    parse_interval,
    parse_uuid,
    subchannel, //
};

const BIND_EXAMPLES: &str = "\
Examples:
  ccw bind 0.0.0001
  ccw bind 0.0.0001 7e270a25-e163-4922-af60-757fc8ed48c6";

const WATCH_HELP: &str = "\
On a terminal the table is redrawn in its place; otherwise the rows of each
sample follow those before. Ctrl-C ends the command, with exit status 0.

Columns:
  STATE    state of the device, as in docs/observability.md
  STARTS   channel programs that were started, and how many in a second
  CCWS     their CCWs, and how many in a second
  IRBS     statuses that the subchannel has presented, and how many in a second
  WAITING  statuses that the user has not read
  CHECKS   statuses with a program check or a unit check
  ERRORS   requests that the driver has refused
  PINNED   pages of the user that are pinned now
  CHANNEL  how long the channel took for the last program

Examples:
  ccw watch
  ccw watch --interval 0.5 --count 20 0.0.0001
  ccw watch --once";

const WHY_HELP: &str = "\
Looks at the statistics of the device, at the debug log of the driver and at
the log of the kernel. Nothing of this needs the device, which QEMU can have
open meanwhile.

Exit status:
  0  Nothing is wrong.
  1  Something is wrong, and the output tells what.
  2  The command line is wrong.
  3  The system or the driver refused something.

Examples:
  ccw why 0.0.0001
  ccw why --sense 0.0.0001";

pub(super) fn list() -> Command {
    Command::new("list")
        .about("List the I/O subchannels, their drivers and mediated devices")
        .arg(flag("json", "Print JSON, which docs/ccw.md describes"))
}

pub(super) fn bind() -> Command {
    Command::new("bind")
        .about("Bind a subchannel to vfio_ccw and create a mediated device on it")
        .arg(subchannel())
        .arg(
            Arg::new("UUID")
                .value_parser(parse_uuid)
                .value_hint(ValueHint::Other)
                .help("UUID of the mediated device [default: a random one]"),
        )
        .after_help(BIND_EXAMPLES)
}

pub(super) fn release() -> Command {
    Command::new("release")
        .about("Remove the mediated device and give the subchannel back to its usual driver")
        .arg(subchannel())
}

pub(super) fn watch() -> Command {
    Command::new("watch")
        .about("Show what devices do, with rates")
        .arg(
            Arg::new("interval")
                .long("interval")
                .value_name("SECONDS")
                .value_parser(parse_interval)
                .default_value("1")
                .help("Time from one sample to the next"),
        )
        .arg(
            Arg::new("count")
                .long("count")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..))
                .help("End after so many samples [default: when interrupted]"),
        )
        .arg(flag("once", "Take one sample, which has no rates").conflicts_with("count"))
        .arg(
            device()
                .required(false)
                .num_args(0..)
                .help("Subchannels or UUIDs of mediated devices [default: all]"),
        )
        .after_help(WATCH_HELP)
}

pub(super) fn why() -> Command {
    Command::new("why")
        .about("Tell why programs of a device have failed, and what to do")
        .arg(flag(
            "sense",
            "Open the device, and read its sense data with SENSE",
        ))
        .args(opening())
        .mut_arg("DEVICE", |argument| {
            argument.help("Number of a subchannel, or UUID of a mediated device")
        })
        .after_help(WHY_HELP)
}
