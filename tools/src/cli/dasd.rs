// SPDX-License-Identifier: GPL-2.0

//! Commands about disks: `ccw dasd`.

use clap::{
    value_parser,
    Arg,
    Command,
    ValueHint, //
};

use super::arguments::{
    flag,
    opening, //
};

const HELP: &str = "\
Only commands that read are sent to the disk. It must be bound (`ccw bind`), and
nobody else may have it open.

Examples:
  ccw dasd info 0.0.0001
  ccw dasd label 0.0.0001
  ccw dasd read-track --cylinder 3 --head 14 0.0.0001";

const READ_TRACK_HELP: &str = "\
The records are printed with their count fields, and the first 32 bytes of each
key and data field in hexadecimal, EBCDIC and ASCII.

The file has what READ TRACK gives: record 0 and all other records of the track,
each as a count field of 8 bytes, key and data; 8 bytes of FF end it.

Examples:
  ccw dasd read-track 0.0.0001
  ccw dasd read-track --cylinder 3 --head 14 --output track.bin 0.0.0001";

/// Describes `ccw dasd` and its commands.
pub(super) fn dasd() -> Command {
    Command::new("dasd")
        .about("Look at an ECKD disk")
        .subcommand_required(true)
        .subcommands([info(), label(), read_track()])
        .after_help(HELP)
}

fn info() -> Command {
    Command::new("info")
        .about("Show what a disk is, and its size")
        .args(opening())
}

fn label() -> Command {
    Command::new("label")
        .about("Show the volume label")
        .args(opening())
}

fn read_track() -> Command {
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .default_value("0")
            .help(help)
    };
    Command::new("read-track")
        .about("Show the records of a track, or write them to a file")
        .arg(number("cylinder", "Number of the cylinder").value_parser(value_parser!(u32)))
        .arg(number("head", "Number of the head").value_parser(value_parser!(u8)))
        .arg(flag("all", "Print all bytes of each record"))
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .help("Write the track to this file, instead of printing its records"),
        )
        .args(opening())
        .after_help(READ_TRACK_HELP)
}
