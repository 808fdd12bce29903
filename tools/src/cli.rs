// SPDX-License-Identifier: GPL-2.0

//! The command line of `ccw`: its subcommands, arguments and help texts.

use clap::{
    parser::ValuesRef,
    ArgMatches,
    Command, //
};

mod arguments;
mod dasd;
mod programs;
mod subchannels;

const EXIT_STATUS: &str = "\
Exit status:
  0  Success. All programs ended as they expect.
  1  A program did not end as it expects, or the device answered with an error.
     `ccw why`: something is wrong with the device.
  2  The command line or the text of a program is wrong.
  3  The system or the driver refused something.";

const EXAMPLES: &str = "\
Examples:
  modprobe vfio_ccw
  ccw list
  ccw bind 0.0.0001
  ccw run 0.0.0001 demo/sense-id.ccw
  ccw why 0.0.0001
  ccw release 0.0.0001

`ccw help COMMAND` describes a command.";

/// Describes the command line.
pub(crate) fn command() -> Command {
    Command::new("ccw")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run channel programs through vfio-ccw, without a virtual machine")
        .after_help(format!("{EXIT_STATUS}\n\n{EXAMPLES}"))
        .subcommand_required(true)
        .max_term_width(80)
        .subcommands([
            subchannels::list(),
            subchannels::bind(),
            subchannels::release(),
            programs::run(),
            programs::check(),
            programs::decode(),
            programs::halt(),
            programs::clear(),
            dasd::dasd(),
            subchannels::watch(),
            subchannels::why(),
        ])
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
            "ccw list --json",
            "ccw bind 0.0.0001",
            "ccw bind 0.0.0001 7e270a25-e163-4922-af60-757fc8ed48c6",
            "ccw release 0.0.0001",
            "ccw run 0.0.0001 a.ccw b.ccw",
            "ccw run --iommufd --timeout 60 0.0.0001 a.ccw",
            "ccw run --container --iommufd 0.0.0001 a.ccw",
            "ccw run --resume 0.0.0001 a.ccw",
            "ccw check a.ccw b.ccw",
            "ccw halt 0.0.0001",
            "ccw clear --iommufd 0.0.0001",
            "ccw dasd info 0.0.0001",
            "ccw dasd label --timeout 60 0.0.0001",
            "ccw dasd read-track --cylinder 3 --head 14 --output a.bin 0.0.0001",
            "ccw watch",
            "ccw watch --once 0.0.0001 0.0.0002",
            "ccw watch --interval 0.5 --count 3",
            "ccw why --sense 0.0.0001",
            "ccw decode sense 80 00",
            "ccw decode irb",
            "ccw decode ccw1 --device 3390/0c 63400010 00020000",
        ] {
            let matches = command().try_get_matches_from(line.split(' '));
            assert!(matches.is_ok(), "{line}: {matches:?}");
        }
    }

    #[test]
    fn lines_of_the_document_are_understood() {
        let document = include_str!("../../docs/ccw.md").lines();
        let lines = document.filter_map(|line| line.strip_prefix("    ")?.strip_prefix(['#', '$']));
        let lines: Vec<_> = lines.map(str::trim_start).collect();
        assert!(lines.len() > 5);
        for line in lines {
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
        assert_eq!(
            error("ccw watch --interval 0 0.0.0001"),
            ErrorKind::ValueValidation
        );
        assert_eq!(
            error("ccw watch --once --count 3"),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(error("ccw dasd"), ErrorKind::MissingSubcommand);
        assert_eq!(error("ccw resume 0.0.0001"), ErrorKind::InvalidSubcommand);
        assert_eq!(error("ccw decode cpa 00"), ErrorKind::InvalidValue);
        assert_eq!(
            error("ccw decode ccw1 --device 9999"),
            ErrorKind::ValueValidation
        );
        assert_eq!(error("ccw help"), ErrorKind::DisplayHelp);
        assert_eq!(error("ccw run --help"), ErrorKind::DisplayHelp);
    }
}
