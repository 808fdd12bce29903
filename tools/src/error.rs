// SPDX-License-Identifier: GPL-2.0

//! Errors for people: what went wrong, and what helps.

use std::{
    fmt,
    io, //
};

/// An error, with advice if there is some.
#[derive(Debug)]
pub struct Error {
    what: String,
    help: Option<String>,
    source: Option<io::Error>,
}

/// The result of a call that can fail with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error that says what went wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: None,
            source: None,
        }
    }

    /// Creates an error from a failed call and the answer of the system.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(what)
        }
    }

    /// Adds advice to an error.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the error number of the system, if it gave one.
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
