// SPDX-License-Identifier: GPL-2.0

//! `ccw`: runs channel programs through vfio-ccw, from the command line.

#![forbid(unsafe_code)]

use std::{
    fmt::Display,
    process::ExitCode,
    sync::{
        atomic::AtomicBool,
        Arc, //
    }, //
};

use ccw::regions::Command;
use clap::{
    error::ErrorKind,
    ArgMatches, //
};
use signal_hook::{
    consts::SIGPIPE,
    flag, //
};

use cli::required;
use failure::Failure;

mod cli;
mod commands;
mod failure;
#[cfg(any(test, feature = "generate"))]
mod generate;

fn execute(name: &str, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    match name {
        "list" => commands::list::list(matches)?,
        "bind" => {
            let uuid: Option<&String> = matches.get_one("UUID");
            commands::bind::bind(required(matches, "SUBCHANNEL"), uuid.map(String::as_str))?;
        }
        "release" => commands::bind::release(required(matches, "SUBCHANNEL"))?,
        "run" => return commands::run::run(matches),
        "check" => commands::run::check(matches)?,
        "decode" => commands::decode::decode(matches)?,
        "halt" => return commands::function::perform(matches, Command::Halt),
        "clear" => return commands::function::perform(matches, Command::Clear),
        "dasd" => commands::dasd::dasd(matches)?,
        "watch" => commands::watch::watch(matches)?,
        "why" => return commands::why::why(matches),
        #[cfg(feature = "generate")]
        "completions" => generate::completions(*required(matches, "SHELL"), &mut std::io::stdout()),
        #[cfg(feature = "generate")]
        "man" => {
            let directory: &std::path::PathBuf = required(matches, "DIRECTORY");
            generate::man(directory)?;
        }
        _ => unreachable!("{name} is not a command"),
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(status: u8, what: impl Display) -> ExitCode {
    eprintln!("ccw: {what}");
    ExitCode::from(status)
}

/// Ends this process without a word when nobody reads its output any more, as `head` does.
fn end_with_reader() {
    let always = Arc::new(AtomicBool::new(true));
    // Without this `println!` panics there, so a failure changes nothing else.
    let _ = flag::register_conditional_default(SIGPIPE, always);
}

fn main() -> ExitCode {
    end_with_reader();
    let mut command = cli::command();
    #[cfg(feature = "generate")]
    {
        command = command.subcommands(generate::commands());
    }
    let matches = command.get_matches_mut();
    let Some((name, matches)) = matches.subcommand() else {
        unreachable!("a command is required");
    };
    match execute(name, matches) {
        Ok(code) => code,
        Err(Failure::Usage(what)) => {
            let command = command.find_subcommand_mut(name);
            let command = command.unwrap_or_else(|| unreachable!("{name} is a command"));
            command.error(ErrorKind::ValueValidation, what).exit()
        }
        Err(Failure::Device(what)) => failed(1, what),
        Err(Failure::Text(what)) => failed(2, what),
        Err(Failure::System(error)) => failed(3, error),
    }
}
