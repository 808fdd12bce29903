// SPDX-License-Identifier: GPL-2.0

//! Commands about subchannels and their drivers: list, bind, release, watch and why.

use clap::{
    Arg,
    Command,
    ValueHint, //
};

use super::arguments::{
    flag,
    parse_uuid,
    subchannel, //
};

const BIND_EXAMPLES: &str = "\
Examples:
  ccw bind 0.0.0001
  ccw bind 0.0.0001 7e270a25-e163-4922-af60-757fc8ed48c6";

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
