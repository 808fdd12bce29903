// SPDX-License-Identifier: GPL-2.0

//! The command line of `ccw`: its subcommands, arguments and help texts.

use std::time::Duration;

use ccw::{
    device_data::DataFormat,
    device_kind::DeviceKind,
    sysfs::{
        is_uuid,
        BusId, //
    }, //
};
use clap::{
    builder::PossibleValuesParser,
    parser::ValuesRef,
    Arg,
    ArgAction,
    ArgMatches,
    Command,
    ValueHint, //
};

/// The formats that `ccw decode` knows besides those of [`DataFormat`].
const CHANNEL_FORMATS: [&str; 5] = ["orb", "ccw0", "ccw1", "scsw", "irb"];

const EXIT_STATUS: &str = "\
Exit status:
  0  All programs ended as they expect.
  1  A program did not end as it expects.
  2  The command line or the text of a program is wrong.
  3  The system or the device refused something.";

const EXAMPLES: &str = "\
Examples:
  modprobe vfio_ccw
  ccw list
  ccw bind 0.0.0001
  ccw run 0.0.0001 demo/sense-id.ccw
  ccw release 0.0.0001

`ccw help COMMAND` describes a command.";

const BIND_EXAMPLES: &str = "\
Examples:
  ccw bind 0.0.0001
  ccw bind 0.0.0001 7e270a25-e163-4922-af60-757fc8ed48c6";

const RUN_HELP: &str = "\
Each program is printed in decoded form, with its status and data. Where a
program has the line \"host TEXT\", \"@host TEXT\" is printed for the machine
that this one runs in.

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

/// Describes the command line.
pub(crate) fn command() -> Command {
    Command::new("ccw")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run channel programs through vfio-ccw, without a virtual machine")
        .after_help(format!("{EXIT_STATUS}\n\n{EXAMPLES}"))
        .subcommand_required(true)
        .max_term_width(80)
        .subcommands([list(), bind(), release(), run(), check(), decode()])
}

fn list() -> Command {
    Command::new("list").about("List the I/O subchannels, their drivers and mediated devices")
}

fn bind() -> Command {
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

fn release() -> Command {
    Command::new("release")
        .about("Remove the mediated device and give the subchannel back to its usual driver")
        .arg(subchannel())
}

fn run() -> Command {
    let backend = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("run")
        .about("Run the channel programs of files on a device")
        .arg(
            backend(
                "container",
                "Use /dev/vfio/vfio and the group of the device [default]",
            )
            .overrides_with("iommufd"),
        )
        .arg(
            backend("iommufd", "Use /dev/iommu and the file of the device")
                .overrides_with("container"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(parse_seconds)
                .default_value("10")
                .help("How long to wait for an interrupt"),
        )
        .arg(
            Arg::new("DEVICE")
                .required(true)
                .value_hint(ValueHint::Other)
                .help("Number of a subchannel with a mediated device, or UUID of such a device"),
        )
        .arg(programs())
        .after_help(RUN_HELP)
}

fn check() -> Command {
    Command::new("check")
        .about("Show what is in files of channel programs, without a device")
        .arg(programs())
        .after_help(CHECK_EXAMPLES)
}

fn decode() -> Command {
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

fn subchannel() -> Arg {
    Arg::new("SUBCHANNEL")
        .required(true)
        .value_parser(parse_bus_id)
        .value_hint(ValueHint::Other)
        .help("Number of an I/O subchannel, as `ccw list` shows it")
}

fn programs() -> Arg {
    Arg::new("PROGRAM")
        .required(true)
        .num_args(1..)
        .value_hint(ValueHint::FilePath)
        .help("Files of channel programs, described in docs/program-format.md")
}

fn parse_bus_id(text: &str) -> Result<BusId, &'static str> {
    BusId::parse(text).ok_or("a subchannel has a number such as 0.0.0001; `ccw list` shows them")
}

fn parse_device_type(text: &str) -> Result<DeviceKind, &'static str> {
    DeviceKind::of_type(text).ok_or(
        "give the type of a device whose commands are known, such as 3390, 3490, 3270, 1403, \
         3505, 3215 or 3832 (virtio)",
    )
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: Option<u32> = text.parse().ok();
    let seconds = seconds.ok_or("give a whole number of seconds, such as 60")?;
    Ok(Duration::from_secs(u64::from(seconds)))
}

fn parse_uuid(text: &str) -> Result<String, &'static str> {
    match is_uuid(text) {
        true => Ok(text.to_owned()),
        false => Err("this is not a UUID; `uuidgen` makes one"),
    }
}

/// Returns the value of an argument that is described here as a required one of this type.
pub(crate) fn required<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &str,
) -> &'a T {
    let value = matches.get_one(name);
    value.unwrap_or_else(|| unreachable!("{name} is a required argument"))
}

/// Returns the values of an argument, none if it was not given.
pub(crate) fn texts<'a>(matches: &'a ArgMatches, name: &str) -> ValuesRef<'a, String> {
    matches.get_many(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn error(line: &str) -> ErrorKind {
        command()
            .try_get_matches_from(line.split(' '))
            .unwrap_err()
            .kind()
    }

    #[test]
    fn the_description_has_no_contradictions() {
        command().debug_assert();
    }

    #[test]
    fn lines_that_are_in_use_are_understood() {
        for line in [
            "ccw list",
            "ccw bind 0.0.0001",
            "ccw bind 0.0.0001 7e270a25-e163-4922-af60-757fc8ed48c6",
            "ccw release 0.0.0001",
            "ccw run 0.0.0001 a.ccw b.ccw",
            "ccw run --iommufd --timeout 60 0.0.0001 a.ccw",
            "ccw run --container --iommufd 0.0.0001 a.ccw",
            "ccw check a.ccw b.ccw",
            "ccw decode sense 80 00",
            "ccw decode irb",
            "ccw decode ccw1 --device 3390/0c 63400010 00020000",
        ] {
            let matches = command().try_get_matches_from(line.split(' '));
            assert!(matches.is_ok(), "{line}: {matches:?}");
        }
    }

    #[test]
    fn the_last_of_two_interfaces_counts() {
        let line = "ccw run --container --iommufd 0.0.0001 a.ccw";
        let matches = command().get_matches_from(line.split(' '));
        let (_, matches) = matches.subcommand().unwrap();
        assert!(matches.get_flag("iommufd") && !matches.get_flag("container"));
    }

    #[test]
    fn other_lines_are_errors() {
        assert_eq!(error("ccw"), ErrorKind::MissingSubcommand);
        assert_eq!(error("ccw bnid 0.0.0001"), ErrorKind::InvalidSubcommand);
        assert_eq!(error("ccw list all"), ErrorKind::UnknownArgument);
        assert_eq!(error("ccw bind 0001"), ErrorKind::ValueValidation);
        assert_eq!(error("ccw bind 0.0.0001 x"), ErrorKind::ValueValidation);
        assert_eq!(
            error("ccw run 0.0.0001"),
            ErrorKind::MissingRequiredArgument
        );
        assert_eq!(error("ccw run --fast 1 a.ccw"), ErrorKind::UnknownArgument);
        assert_eq!(
            error("ccw run --timeout soon 0.0.0001 a.ccw"),
            ErrorKind::ValueValidation
        );
        assert_eq!(error("ccw decode cpa 00"), ErrorKind::InvalidValue);
        assert_eq!(
            error("ccw decode ccw1 --device 9999"),
            ErrorKind::ValueValidation
        );
        assert_eq!(error("ccw help"), ErrorKind::DisplayHelp);
        assert_eq!(error("ccw run --help"), ErrorKind::DisplayHelp);
    }
}
