// SPDX-License-Identifier: GPL-2.0

//! Measures several devices at once, each with a process and a processor of its own.
//!
//! The clock counts the instructions of all processors. That includes what they do besides the work,
//! such as waiting for locks that others hold.

use std::{
    hint::black_box,
    io::{
        self,
        BufRead,
        BufReader,
        Read,
        Write, //
    },
    process::{
        Child,
        Command,
        Stdio, //
    },
    time::Instant, //
};

use ccw::{
    channel,
    guest::GuestMemory,
    sys, //
};
use ccwchain::scsw::FunctionControl;

use crate::{
    back_end,
    check,
    shapes,
    Channel,
    Result,
    WARM_UP, //
};

/// The shape of program that is run: sixteen CCWs of 4 KiB.
const SHAPE: &str = "3";

/// Prints how many instructions a round takes on 1, 2 and 4 of the devices at once.
pub(crate) fn all(what: &str, rounds: &str, devices: &[&str]) -> Result {
    let mut line = what.to_owned();
    for count in [1, 2, 4] {
        let devices = devices.get(..count).ok_or("too few devices")?;
        line += &format!(" {}", cost(what, rounds, devices)?);
    }
    println!("{line}");
    Ok(())
}

/// Returns how many instructions a round on one of these devices takes.
fn cost(what: &str, rounds: &str, devices: &[&str]) -> Result<u128> {
    let mut workers = Vec::new();
    for (cpu, device) in devices.iter().enumerate() {
        let worker = Command::new(std::env::current_exe()?)
            .args(["worker", what, rounds, device, &cpu.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        workers.push(Worker(worker));
    }
    workers.iter_mut().try_for_each(Worker::wait)?;
    let start = Instant::now();
    workers.iter_mut().try_for_each(Worker::start)?;
    workers.iter_mut().try_for_each(Worker::wait)?;
    let total = rounds.parse::<u128>()? * devices.len() as u128;
    Ok(start.elapsed().as_nanos() / total)
}

/// A process that reports when it is ready, and when its work is done.
struct Worker(Child);

impl Worker {
    fn wait(&mut self) -> Result {
        let mut line = [0; 1];
        let out = self.0.stdout.as_mut().ok_or("no output")?;
        out.read_exact(&mut line)?;
        Ok(())
    }

    fn start(&mut self) -> Result {
        Ok(self.0.stdin.as_mut().ok_or("no input")?.write_all(b"\n")?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The process has ended already, unless something failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does the work of one device, as a process of its own.
pub(crate) fn worker(what: &str, rounds: usize, device: &str, cpu: usize) -> Result {
    sys::run_on(cpu)?;
    sys::run_first()?;
    if what == "machine" {
        return measured(rounds, || {
            // This has about as many instructions as an I/O.
            (0..15_000_u64).for_each(|number| {
                black_box(number);
            });
            Ok(())
        });
    }
    let mut channel = Channel::open(device, back_end(what)?)?;
    let shapes = shapes::all();
    let text = shapes.iter().find(|(name, _)| *name == SHAPE);
    let program = shapes::program(&text.ok_or("no such shape")?.1)?;
    let guest = GuestMemory::map(&mut channel.device, &program.chunks)?;
    let request = channel::request(program.orb, FunctionControl::START);
    measured(rounds, || {
        let (_, irb) = channel.run(&request)?;
        check(&program, &guest, &irb)
    })
}

/// Runs rounds after a line on standard input.
fn measured(rounds: usize, mut round: impl FnMut() -> Result) -> Result {
    for _ in 0..WARM_UP {
        round()?;
    }
    say_so()?;
    BufReader::new(io::stdin()).read_line(&mut String::new())?;
    for _ in 0..rounds {
        round()?;
    }
    say_so()
}

fn say_so() -> Result {
    let mut out = io::stdout();
    out.write_all(b".")?;
    Ok(out.flush()?)
}
