// SPDX-License-Identifier: GPL-2.0

//! Channel programs in text form: docs/program-format.md.

use std::io;

mod assemble;
mod cursor;
mod idals;
mod lexer;
mod model;
mod names;
mod parser;
mod source;
mod symbols;

pub use model::{
    Chunk,
    Ending,
    Error,
    Expected,
    Part,
    PlacedCcw,
    Position,
    Program,
    Step, //
};

/// Returns the name of an error number, as programs use it.
pub fn errno_name(errno: i32) -> Option<&'static str> {
    names::errno_name(errno)
}

/// Reads the programs of a text. `load` reads the files that the text names.
pub fn read(
    file: &str,
    text: &str,
    load: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<Vec<Program>, Error> {
    let named = |(at, what)| Error {
        file: file.to_owned(),
        at,
        what,
    };
    parser::parse(text, load)
        .map_err(named)?
        .into_iter()
        .map(|source| assemble::assemble(source).map_err(named))
        .collect()
}

#[cfg(test)]
mod tests;
