// SPDX-License-Identifier: GPL-2.0

//! `ccw run` and `ccw check`: programs in files.

use std::{
    fs,
    io::{
        self,
        IsTerminal, //
    },
    process::ExitCode, //
};

use ccw::{
    decode::{
        self,
        Style, //
    },
    program::{
        self,
        Program, //
    },
    run::{
        self,
        Options,
        Report, //
    },
};

use clap::ArgMatches;

use super::open::{
    open,
    timeout, //
};
use crate::{
    cli::{
        required,
        texts, //
    },
    failure::Failure, //
};

/// Reads a file, or standard input if its name is `-`.
fn text_of(file: &str) -> io::Result<String> {
    match file {
        "-" => io::read_to_string(io::stdin()),
        file => fs::read_to_string(file),
    }
}

/// Reads the programs of all files. Returns each with the name of its file.
fn read<'a>(files: impl Iterator<Item = &'a String>) -> Result<Vec<(&'a str, Program)>, Failure> {
    let mut programs = Vec::new();
    for file in files {
        let text = match text_of(file) {
            Ok(text) => text,
            Err(error) => return Err(Failure::Text(format!("cannot read {file}: {error}"))),
        };
        match program::read(file, &text, &|name| fs::read(name)) {
            Ok(read) => programs.extend(read.into_iter().map(|program| (file.as_str(), program))),
            Err(error) => return Err(Failure::Text(error.to_string())),
        }
    }
    Ok(programs)
}

fn heading(style: Style, file: &str, program: &Program) -> String {
    let title = style.heading(&program.title);
    format!("{title}  ({file}:{})", program.line)
}

pub(crate) fn check(matches: &ArgMatches) -> Result<(), Failure> {
    for (file, program) in &read(texts(matches, "PROGRAM"))? {
        println!("{}", heading(style(), file, program));
        print!("{}", decode::program(program));
        for chunk in &program.chunks {
            println!(
                "  {:08x}  {} bytes  {}",
                chunk.address,
                chunk.bytes.len(),
                chunk.name
            );
        }
        println!();
    }
    Ok(())
}

/// Returns the style for standard output: colours on a terminal, unless the environment variable
/// `NO_COLOR` is set (https://no-color.org).
fn style() -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: !unwanted && io::stdout().is_terminal(),
    }
}

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let options = Options {
        timeout: timeout(matches),
        resume: matches.get_flag("resume"),
    };
    let programs = read(texts(matches, "PROGRAM"))?;
    let style = style();
    let mut channel = open(matches)?;
    let mut reports = Vec::new();
    for (file, program) in &programs {
        println!("{}", heading(style, file, program));
        let report = run::run(&mut channel, program, options, &mut io::stdout())?;
        if report.faults.is_empty() {
            println!("  {}\n", style.good("as expected"));
        } else {
            for fault in &report.faults {
                println!("  {}", style.bad(&format!("NOT as expected: {fault}")));
            }
            println!();
        }
        reports.push(report);
    }
    if programs.len() > 1 {
        table(&programs, &reports, style);
    }
    let all_held = reports.iter().all(|report| report.faults.is_empty());
    if !all_held {
        println!(
            "more about it: ccw why {}",
            required::<String>(matches, "DEVICE")
        );
    }
    Ok(ExitCode::from(u8::from(!all_held)))
}

fn table(programs: &[(&str, Program)], reports: &[Report], style: Style) {
    let titles = programs.iter().map(|(_, program)| program.title.as_str());
    let width = titles.clone().map(str::len).max().unwrap_or(0);
    for (title, report) in titles.zip(reports) {
        let verdict = match report.faults.is_empty() {
            true => style.good("ok    "),
            false => style.bad("FAILED"),
        };
        println!("{verdict}  {title:width$}  {}", report.summary);
    }
}
