// SPDX-License-Identifier: GPL-2.0

//! Processes that run a part of the suite: what hangs or dies there leaves the runner alive.

use std::{
    io::{
        self,
        Read, //
    },
    os::unix::process::{
        CommandExt,
        ExitStatusExt, //
    },
    process::{
        Child,
        Command,
        ExitStatus,
        Stdio, //
    },
    sync::{
        mpsc,
        Arc,
        Mutex,
        PoisonError, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::sys;

use crate::machine;

/// The exit status of a case that passes.
pub(crate) const PASSED: u8 = 0;
/// The exit status of a case that fails; it has printed the reason.
pub(crate) const FAILED: u8 = 1;
/// The exit status of a case that this machine cannot show; it has printed the reason.
pub(crate) const SKIPPED: u8 = 4;

/// The time that a killed process may take to be gone.
const DEATH: Duration = Duration::from_secs(5);
/// The time that its output may take to come.
const OUTPUT: Duration = Duration::from_secs(1);

/// The result of a process.
#[derive(Debug)]
pub(crate) enum Ending {
    /// All was as it should be.
    Passed,
    /// Something was not.
    Failed(String),
    /// The machine cannot show it.
    Skipped(String),
    /// The process did not end, and cannot be killed.
    Stuck(String),
}

/// Runs this program once more, in a group of processes that is killed when the time is over.
pub(crate) fn run(arguments: &[&str], limit: Duration) -> io::Result<Ending> {
    let mut child = Command::new("/proc/self/exe")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let output = Output::of(&mut child);
    let status = match wait(&mut child, limit)? {
        Some(status) => status,
        None => {
            sys::kill_group(child.id())?;
            let seconds = limit.as_secs();
            let what = output.with(&format!("it hangs: no end within {seconds} s"));
            return Ok(match wait(&mut child, DEATH * machine::patience())? {
                Some(_) => Ending::Failed(what),
                None => Ending::Stuck(format!("{what}, and it cannot be killed")),
            });
        }
    };
    // Processes that it has started and left must not disturb the next case.
    match sys::kill_group(child.id()) {
        Err(error) if error.raw_os_error() != Some(libc::ESRCH) => return Err(error),
        _ => {}
    }
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(PASSED) => Ending::Passed,
        (Some(code), _) if code == i32::from(SKIPPED) => Ending::Skipped(output.text()),
        (Some(code), _) if code == i32::from(FAILED) => Ending::Failed(output.text()),
        (Some(code), _) => Ending::Failed(output.with(&format!("it exits with {code}"))),
        (None, signal) => {
            let signal = signal.map_or("a signal".to_owned(), |signal| format!("signal {signal}"));
            Ending::Failed(output.with(&format!("it dies of {signal}")))
        }
    })
}

/// Waits for the end of a process; `None` when it takes longer than `limit`.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            None if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            status => return Ok(status),
        }
    }
}

/// The output of a process, as it comes. The pipe may stay open, if the process leaves another one.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (close, closed) = mpsc::channel();
        if let Some(mut pipe) = child.stdout.take() {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(len @ 1..) = pipe.read(&mut part) {
                    let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                    bytes.extend_from_slice(&part[..len]);
                }
                // The receiver may be gone.
                let _ = close.send(());
            });
        }
        Self { bytes, closed }
    }

    /// Returns the output until now.
    fn text(&self) -> String {
        // Output that comes later is left out.
        let _ = self.closed.recv_timeout(OUTPUT);
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }

    /// A line, and then what has come.
    fn with(&self, line: &str) -> String {
        format!("{line}\n{}", self.text()).trim_end().to_owned()
    }
}
