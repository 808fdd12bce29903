// SPDX-License-Identifier: GPL-2.0

//! Commands about channel programs: run, check, decode, halt and clear.

use ccw::device_data::DataFormat;
use clap::{
    builder::PossibleValuesParser,
    Arg,
    Command,
    ValueHint, //
};

use super::arguments::{
    flag,
    opening,
    parse_device_type, //
};

/// The formats that `ccw decode` knows besides those of [`DataFormat`].
const CHANNEL_FORMATS: [&str; 5] = ["orb", "ccw0", "ccw1", "scsw", "irb"];

const RUN_HELP: &str = "\
Each program is printed in decoded form, with its status and data. Where a
program has the line \"host TEXT\", \"@host TEXT\" is printed for the machine
that this one runs in.

With --resume a program that suspends itself is resumed each time, after the
suspend flag of its CCW was cleared in the memory of the program. The device
must present status when a program suspends; QEMU's devices do not.

Examples:
  ccw run 0.0.0001 demo/sense-id.ccw demo/chain.ccw
  ccw run --iommufd --timeout 60 0.0.0001 demo/read.ccw";

const CHECK_EXAMPLES: &str = "\
Examples:
  ccw check demo/chain.ccw";

const DECODE_HELP: &str = "\
Blanks, colons, commas, underscores and 0x among the digits are ignored.

Formats:
  orb              operation-request block
  ccw0, ccw1       channel-command words of format 0 or 1
  scsw             subchannel-status word
  irb              interruption-response block; words that are missing are zero
  sense            sense data
  senseid          answer to SENSE ID
  characteristics  answer of an ECKD disk to READ DEVICE CHARACTERISTICS
  configuration    answer to READ CONFIGURATION DATA

Examples:
  ccw decode ccw1 E4200100 00020000
  ccw decode ccw1 --device 3390 63400010 00020000
  ccw decode irb <irb.txt";

const FUNCTION_HELP: &str = "\
Opens the device, asks for the function, and prints the status that answers it.
A device of VFIO can be opened only once: while a guest or another program has
it, only that one can ask for the function.

There is no `ccw resume`: closing a device ends its program, so that one that
was just opened has no suspended program. See `ccw run --resume`.

Exit status:
  0  The function was performed.
  1  Its status tells of an error, or none came.
  2  The command line is wrong.
  3  The system or the driver refused something.";

pub(super) fn run() -> Command {
    Command::new("run")
        .about("Run the channel programs of files on a device")
        .arg(flag("resume", "Resume a program that suspends itself"))
        .args(opening())
        .arg(programs())
        .after_help(RUN_HELP)
}

pub(super) fn check() -> Command {
    Command::new("check")
        .about("Show what is in files of channel programs, without a device")
        .arg(programs())
        .after_help(CHECK_EXAMPLES)
}

pub(super) fn decode() -> Command {
    let formats = CHANNEL_FORMATS.into_iter();
    let formats = formats.chain(DataFormat::NAMES.map(|(name, _)| name));
    Command::new("decode")
        .about("Show what bytes mean")
        .arg(
            Arg::new("FORMAT")
                .required(true)
                .value_parser(PossibleValuesParser::new(formats))
                .hide_possible_values(true)
                .help("What the bytes are, one of the formats below"),
        )
        .arg(
            Arg::new("device")
                .long("device")
                .value_name("TYPE")
                .value_parser(parse_device_type)
                .value_hint(ValueHint::Other)
                .help("Name commands as a device of this type has them, such as 3390"),
        )
        .arg(
            Arg::new("HEX")
                .num_args(0..)
                .value_hint(ValueHint::Other)
                .help("The bytes as hexadecimal digits [default: read from standard input]"),
        )
        .after_help(DECODE_HELP)
}

pub(super) fn halt() -> Command {
    Command::new("halt")
        .about("Perform the halt function at a device: end what it does, at a safe point")
        .args(opening())
        .after_help(FUNCTION_HELP)
}

pub(super) fn clear() -> Command {
    Command::new("clear")
        .about("Perform the clear function at a device: end what it does, and all status")
        .args(opening())
        .after_help(FUNCTION_HELP)
}

fn programs() -> Arg {
    Arg::new("PROGRAM")
        .required(true)
        .num_args(1..)
        .value_hint(ValueHint::FilePath)
        .help("Files of channel programs (docs/program-format.md), or - for standard input")
}
