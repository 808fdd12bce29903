// SPDX-License-Identifier: GPL-2.0

//! Runs a program, and shows its outcome.

use std::{
    fs,
    io::{
        self,
        Write, //
    },
    time::Duration, //
};

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    irb::Irb, //
};

use crate::{
    channel::Channel,
    decode,
    device_data::DataFormat,
    error::{
        Error,
        Result, //
    },
    guest::GuestMemory,
    outcome::{
        data_faults,
        Outcome, //
    },
    program::{
        Part,
        Program,
        Step, //
    },
    regions::Command,
    text::Dump, //
};

/// A report on a program that was run.
#[derive(Debug)]
pub struct Report {
    /// The outcome in a few words.
    pub summary: String,
    /// The differences from what is expected. A success has none.
    pub faults: Vec<String>,
}

struct Run<'a> {
    channel: &'a mut Channel,
    program: &'a Program,
    guest: &'a GuestMemory,
    options: Options,
    out: &'a mut dyn Write,
    report: Report,
}

/// Options for running programs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The longest time to wait for an interrupt.
    pub timeout: Duration,
    /// Resumes programs that suspend themselves.
    pub resume: bool,
}

/// Runs a program and shows it on `out`.
///
/// Returns an error only if the program could not be run. Its outcome is in the report.
pub fn run(
    channel: &mut Channel,
    program: &Program,
    options: Options,
    out: &mut dyn Write,
) -> Result<Report> {
    let guest = GuestMemory::map(channel.device_mut(), &program.chunks)
        .map_err(|source| Error::io("cannot map the program's memory for the device", source))?;
    let mut run = Run {
        channel,
        program,
        guest: &guest,
        options,
        out,
        report: Report {
            summary: "not started".to_owned(),
            faults: Vec::new(),
        },
    };
    let result = run.steps();
    let report = run.report;
    guest
        .unmap(channel.device_mut())
        .map_err(|source| Error::io("cannot take the program's memory back", source))?;
    result.map(|()| report)
}

/// Starts a program and waits for its end. Status that comes earlier goes to `others`.
pub fn start(
    channel: &mut Channel,
    program: &Program,
    timeout: Duration,
    others: &mut Vec<Irb>,
) -> io::Result<Outcome> {
    if let Err(error) = channel.start(program.orb) {
        return error.raw_os_error().map(Outcome::Refused).ok_or(error);
    }
    Ok(match channel.wait_end(timeout, others)? {
        Some(irb) => Outcome::Ended(irb),
        None => Outcome::Nothing,
    })
}

fn waiting(source: io::Error) -> Error {
    Error::io("cannot wait for an interrupt", source)
}

impl Run<'_> {
    fn print(&mut self, text: &str) -> Result<()> {
        let written = self.out.write_all(text.as_bytes());
        written
            .and_then(|()| self.out.flush())
            .map_err(|source| Error::io("cannot write the output", source))
    }

    fn steps(&mut self) -> Result<()> {
        self.print(&decode::program(self.program))?;
        for step in &self.program.steps {
            match step {
                Step::Host(text) => self.print(&format!("@host {text}\n"))?,
                Step::Wait(status) => {
                    let mut others = Vec::new();
                    let irb = self
                        .channel
                        .wait_unsolicited(self.options.timeout, *status, &mut others)
                        .map_err(waiting)?;
                    others.extend(irb);
                    self.print_unsolicited(&others)?;
                    if irb.is_none() {
                        let fault = format!("the device did not give {status}");
                        self.report.faults.push(fault);
                    }
                }
                Step::Start => self.start()?,
                Step::Show(part) => self.show(part)?,
                Step::Decode(format, part) => self.decode(*format, part)?,
                Step::Save(part, file) => {
                    let bytes = self.guest.read(part.address, part.len);
                    fs::write(file, bytes)
                        .map_err(|source| Error::io(format!("cannot write {file}"), source))?;
                    let Part { name, len, .. } = part;
                    self.print(&format!("  saved {len} bytes of {name} to {file}\n"))?;
                }
            }
        }
        Ok(())
    }

    fn show(&mut self, part: &Part) -> Result<()> {
        let bytes = self.guest.read(part.address, part.len);
        let dump = Dump {
            address: part.address,
            bytes: &bytes,
            indent: "        ",
        };
        self.print(&format!("  {}\n{dump}", part.name))
    }

    fn decode(&mut self, format: DataFormat, part: &Part) -> Result<()> {
        self.print(&format!("  {}\n", part.name))?;
        for line in format.decode(&self.guest.read(part.address, part.len)) {
            self.print(&format!("        {line}\n"))?;
        }
        Ok(())
    }

    fn print_unsolicited(&mut self, irbs: &[Irb]) -> Result<()> {
        for irb in irbs {
            let status = irb.scsw().device_status();
            self.print(&format!("  unsolicited interrupt: {status}\n"))?;
        }
        Ok(())
    }

    /// Starts the program, and waits for its end. Other status goes to `others`.
    fn outcome(&mut self, others: &mut Vec<Irb>) -> Result<Outcome> {
        if let Err(source) = self.channel.start(self.program.orb) {
            let errno = source.raw_os_error().map(Outcome::Refused);
            return errno.ok_or_else(|| Error::io("cannot start the program", source));
        }
        loop {
            let timeout = self.options.timeout;
            let irb = self.channel.wait_until(timeout, others, |irb| {
                irb.scsw().ends_start() || irb.scsw().suspended_at().is_some()
            });
            let Some(irb) = irb.map_err(waiting)? else {
                return Ok(Outcome::Nothing);
            };
            match irb.scsw().suspended_at() {
                Some(address) if !irb.scsw().ends_start() => self.suspended(address)?,
                _ => return Ok(Outcome::Ended(irb)),
            }
        }
    }

    /// Shows that the program is suspended before the CCW at an address, and resumes it if it may.
    fn suspended(&mut self, address: u32) -> Result<()> {
        if !self.options.resume {
            let what =
                format!("  suspended at {address:08x}: `ccw run --resume` would resume it\n");
            return self.print(&what);
        }
        // The channel fetches the CCW again, and would suspend the program again.
        let format = Format::of(&self.program.orb);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.guest.read(address.into(), 8));
        let mut ccw = Ccw::parse(format, bytes);
        ccw.flags = ccw.flags.difference(Flags::SUSPEND);
        self.guest.write(address.into(), &ccw.to_bytes(format));
        self.channel
            .device()
            .command(Command::Resume)
            .map_err(|source| Error::io("cannot resume the program", source))?;
        self.print(&format!("  suspended at {address:08x}: resumed\n"))
    }

    fn start(&mut self) -> Result<()> {
        // Status from before the start does not answer it.
        let mut others = Vec::new();
        while let Some(irb) = self.channel.wait(Duration::ZERO).map_err(waiting)? {
            others.push(irb);
        }
        let outcome = self.outcome(&mut others)?;
        self.print_unsolicited(&others)?;

        match &outcome {
            Outcome::Ended(irb) => {
                let place = decode::place(self.program, irb.scsw().cpa());
                self.print(&decode::irb(irb, &place))?;
            }
            Outcome::Refused(_) => self.print(&format!("  {}\n", outcome.summary()))?,
            Outcome::Nothing => {
                let seconds = self.options.timeout.as_secs();
                self.print(&format!(
                    "  no status within {seconds} s: resetting the device\n"
                ))?;
                self.channel
                    .device()
                    .reset()
                    .map_err(|source| Error::io("cannot reset the device", source))?;
            }
        }
        let expected = &self.program.expected;
        self.report.summary = outcome.summary();
        self.report.faults.extend(outcome.faults(&expected.ending));
        let data_faults = data_faults(expected, self.guest);
        if data_faults.is_empty() {
            for (part, bytes) in &expected.data {
                let len = bytes.len();
                self.print(&format!("  {}: {len} bytes as expected\n", part.name))?;
            }
        }
        self.report.faults.extend(data_faults);
        Ok(())
    }
}
