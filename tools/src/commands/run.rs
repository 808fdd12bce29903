// SPDX-License-Identifier: GPL-2.0

//! `ccw run` and `ccw check`: the programs of files.

use std::{
    fs,
    io::{
        self,
        IsTerminal, //
    },
    process::ExitCode,
    time::Duration, //
};

use ccw::{
    channel::Channel,
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
        Report, //
    },
    sysfs::Mdev,
    vfio::{
        Backend,
        Device, //
    }, //
};

use crate::{
    usage,
    Failure, //
};

struct Arguments<'a> {
    backend: Backend,
    timeout: Duration,
    device: &'a str,
    files: &'a [String],
}

impl<'a> Arguments<'a> {
    fn parse(mut arguments: &'a [String]) -> Result<Self, Failure> {
        let mut backend = Backend::Container;
        let mut timeout = Duration::from_secs(10);
        loop {
            match arguments {
                [option, rest @ ..] if option == "--container" => {
                    backend = Backend::Container;
                    arguments = rest;
                }
                [option, rest @ ..] if option == "--iommufd" => {
                    backend = Backend::Iommufd;
                    arguments = rest;
                }
                [option, seconds, rest @ ..] if option == "--timeout" => {
                    let Ok(seconds) = seconds.parse() else {
                        return usage(format!("--timeout takes seconds, not {seconds:?}"));
                    };
                    timeout = Duration::from_secs(seconds);
                    arguments = rest;
                }
                [option, ..] if option.starts_with('-') => {
                    return usage(format!("run has no option {option:?}"));
                }
                [device, files @ ..] if !files.is_empty() => {
                    return Ok(Self {
                        backend,
                        timeout,
                        device,
                        files,
                    });
                }
                _ => return usage("run takes a device and files with programs"),
            }
        }
    }
}

/// The programs of all files, each with the name of its file.
fn read(files: &[String]) -> Result<Vec<(&str, Program)>, Failure> {
    let mut programs = Vec::new();
    for file in files {
        let text = match fs::read_to_string(file) {
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

pub(crate) fn check(files: &[String]) -> Result<(), Failure> {
    for (file, program) in &read(files)? {
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

/// Colours on a terminal, unless the user wants none (https://no-color.org).
fn style() -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: !unwanted && io::stdout().is_terminal(),
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(arguments)?;
    let programs = read(arguments.files)?;
    let style = style();
    let mdev = Mdev::find(arguments.device)?;
    let mut channel = Channel::new(Device::open(&mdev, arguments.backend)?)?;
    let mut reports = Vec::new();
    for (file, program) in &programs {
        println!("{}", heading(style, file, program));
        let report = run::run(&mut channel, program, arguments.timeout, &mut io::stdout())?;
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
