// SPDX-License-Identifier: GPL-2.0

//! Errors for a person: what was wrong, and what to do about it.

use std::{
    fmt,
    io, //
};

/// What went wrong, and what helps.
#[derive(Debug)]
pub struct Error {
    what: String,
    help: Option<String>,
    source: Option<io::Error>,
}

/// A result that a person is told of.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that says what was wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: None,
            source: None,
        }
    }

    /// A failed call: what was to be done, and the system's answer.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(what)
        }
    }

    /// The same error with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The number of the system's answer, if it was one.
    pub fn errno(&self) -> Option<i32> {
        self.source.as_ref().and_then(io::Error::raw_os_error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  {}", help.replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
