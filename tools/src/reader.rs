// SPDX-License-Identifier: GPL-2.0

//! Runs programs that read from a device into one area, named `data`.

use std::{
    io,
    time::Duration, //
};

use crate::{
    channel::Channel,
    error::{
        Error,
        Result, //
    },
    guest::GuestMemory,
    outcome::Outcome,
    program::{
        self,
        Program, //
    },
    run, //
};

/// An open device that programs read from.
pub struct Reader {
    channel: Channel,
    timeout: Duration,
}

impl Reader {
    /// Takes an open device, whose answers come within `timeout` each.
    pub fn new(channel: Channel, timeout: Duration) -> Self {
        Self { channel, timeout }
    }

    /// Runs a program. Returns its outcome, and the bytes that the area `data` has then.
    pub fn run(&mut self, program: &Program) -> Result<(Outcome, Vec<u8>)> {
        let failed = |source| Error::io(format!("cannot run {}", program.title), source);
        let guest = GuestMemory::map(self.channel.device_mut(), &program.chunks).map_err(failed)?;
        // Status from before the start does not answer it.
        while self.channel.wait(Duration::ZERO).map_err(failed)?.is_some() {}
        let outcome = run::start(&mut self.channel, program, self.timeout, &mut Vec::new());
        let outcome = outcome.map_err(failed)?;
        if matches!(outcome, Outcome::Nothing) {
            self.channel.device().reset().map_err(failed)?;
        }
        let mut chunks = program.chunks.iter();
        let data = chunks.find(|chunk| chunk.name == "data");
        let data = data.map(|chunk| guest.read(chunk.address, chunk.bytes.len()));
        guest.unmap(self.channel.device_mut()).map_err(failed)?;
        Ok((outcome, data.unwrap_or_default()))
    }

    /// Reads the sense data of the last unit check.
    pub fn sense(&mut self) -> Result<(Outcome, Vec<u8>)> {
        self.run(&assemble(
            "SENSE",
            "area data at 0x30000 size 32\nccw sense,data,sli",
        ))
    }

    /// Reads what the device is.
    pub fn sense_id(&mut self) -> Result<(Outcome, Vec<u8>)> {
        self.run(&assemble("SENSE ID", SENSE_ID))
    }
}

/// A program that reads what a device is.
pub const SENSE_ID: &str = "area data at 0x30000 size 256\nccw senseid,data,sli";

/// Assembles a program of this crate.
///
/// # Panics
///
/// Panics if the text is wrong.
pub fn assemble(title: &str, text: &str) -> Program {
    let no_files = |_: &str| Err(io::ErrorKind::NotFound.into());
    let programs = program::read("ccw", &format!("program {title}\n{text}"), &no_files);
    let mut programs = programs.unwrap_or_else(|error| unreachable!("{error}"));
    programs.remove(0)
}
