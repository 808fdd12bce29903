// SPDX-License-Identifier: GPL-2.0

//! `ccw completions` and `ccw man`, for those who package `ccw`.

use std::{
    fs,
    io::{
        self,
        Write, //
    },
    path::{
        Path,
        PathBuf, //
    }, //
};

use ccw::error::{
    Error,
    Result, //
};
use clap::{
    value_parser,
    Arg,
    Command,
    ValueHint, //
};
use clap_complete::Shell;
use clap_mangen::{
    roff::{
        roman,
        Roff, //
    },
    Man, //
};

use crate::cli;

/// Describes the commands of this module, which the help does not show.
pub(crate) fn commands() -> [Command; 2] {
    [
        Command::new("completions")
            .about("Print what a shell needs to complete command lines of ccw")
            .hide(true)
            .arg(
                Arg::new("SHELL")
                    .required(true)
                    .value_parser(value_parser!(Shell)),
            ),
        Command::new("man")
            .about("Write the manual pages ccw.1, ccw-run.1 and so on")
            .hide(true)
            .arg(
                Arg::new("DIRECTORY")
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .value_hint(ValueHint::DirPath),
            ),
    ]
}

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) {
    // Generation wants a writer of a known size.
    let mut buffer = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "ccw", &mut buffer);
    // A shell that reads no more needs no more.
    let _ = out.write_all(&buffer);
}

/// Writes the manual pages to a directory.
pub(crate) fn man(directory: &Path) -> Result<()> {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, directory)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    let (name, page) =
        page(command).map_err(|source| Error::io("cannot make a manual page", source))?;
    let path = directory.join(name);
    fs::write(&path, page).map_err(|source| {
        Error::io(format!("cannot write {}", path.display()), source)
            .help("make the directory first, or give another one")
    })?;
    let mut commands = command.get_subcommands();
    commands.try_for_each(|command| write_pages(command, directory))
}

/// Makes a manual page. Returns the name of its file, and its text.
fn page(command: &Command) -> io::Result<(String, Vec<u8>)> {
    let help = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone())
        .source(concat!("ccw ", env!("CARGO_PKG_VERSION")))
        .manual("vfio-ccw");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;

    // Parts of the help text that have a heading are sections here.
    let is_section = |part: &&str| part.lines().next().is_some_and(|line| line.ends_with(':'));
    let parts = help.as_deref().unwrap_or_default().split("\n\n");
    let (sections, paragraphs): (Vec<_>, Vec<_>) = parts.partition(is_section);
    for paragraph in paragraphs {
        let mut roff = Roff::new();
        roff.control("PP", []).text([roman(paragraph)]);
        roff.to_writer(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for section in sections {
        let (heading, lines) = section.split_once(":\n").unwrap_or((section, ""));
        let mut roff = Roff::new();
        roff.control("SH", [heading.to_uppercase().as_str()])
            .control("nf", [])
            .text([roman(lines)])
            .control("fi", []);
        roff.to_writer(&mut page)?;
    }
    Ok((man.get_filename(), page))
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        process, //
    };

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn completions_name_the_commands() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            completions(*shell, &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}");
            }
        }
    }

    #[test]
    fn manual_pages_have_sections() {
        let directory = env::temp_dir().join(format!("ccw-man-{}", process::id()));
        man(&directory).unwrap_err();
        fs::create_dir(&directory).unwrap();
        man(&directory).unwrap();
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        let (page, run) = (read("ccw.1"), read("ccw-run.1"));
        let (track, why) = (read("ccw-dasd-read-track.1"), read("ccw-why.1"));
        fs::remove_dir_all(&directory).unwrap();
        assert!(run.contains("timeout"), "{run}");
        assert!(track.contains("cylinder"), "{track}");
        assert!(why.contains(".SH \"EXIT STATUS\"\n"), "{why}");
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "\"EXIT STATUS\"",
        ] {
            assert!(
                page.contains(&format!(".SH {section}\n")),
                "{section}: {page}"
            );
        }
    }

    #[test]
    fn the_description_has_no_contradictions() {
        cli::command().subcommands(commands()).debug_assert();
    }
}
