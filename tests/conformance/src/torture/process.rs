// SPDX-License-Identifier: GPL-2.0

//! The process of a user, as the host sees it.

use std::{
    fs,
    io::Read,
    process::{
        Child,
        Command,
        Stdio, //
    },
    sync::{
        Arc,
        Condvar,
        Mutex,
        MutexGuard,
        PoisonError, //
    },
    thread::{
        self,
        JoinHandle, //
    },
    time::{
        Duration,
        Instant, //
    },
};

use ccw::sys;

use super::{
    tally::{
        Event,
        Tally, //
    },
    PATIENCE, //
};
use crate::fixtures::*;

/// The time between two looks at what a user tells: it tells of each program.
const BETWEEN_READS: Duration = Duration::from_millis(20);

/// Counts the events of which a user tells. Returns what else it says: why it fails.
fn read(mut out: impl Read, tally: &Tally, told: &Told) -> String {
    let mut failure = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = out.read(&mut bytes) {
        for &byte in &bytes[..len] {
            match Event::of_byte(byte) {
                Some(event) if failure.is_empty() => {
                    tally.count(event);
                    match event {
                        Event::Open => told.change(|progress| progress.has_opened = true),
                        Event::NotOpened => told.change(|progress| progress.has_failed = true),
                        _ => {}
                    }
                }
                _ => failure.push(byte),
            }
        }
        thread::sleep(BETWEEN_READS);
    }
    told.change(|progress| progress.is_silent = true);
    String::from_utf8_lossy(&failure).into_owned()
}

/// The state of a user, as far as it has told of it.
#[derive(Default)]
struct Progress {
    has_opened: bool,
    has_failed: bool,
    is_silent: bool,
}

/// The progress of a user, for those who wait for it.
#[derive(Default)]
struct Told {
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Told {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.changed.notify_all();
    }

    /// Waits until the progress is such, but not longer than [`PATIENCE`].
    fn wait_until(&self, is_so: impl Fn(&Progress) -> bool) {
        let is_not_so = |progress: &mut Progress| !is_so(progress);
        // The caller looks at the progress again.
        let _ = self
            .changed
            .wait_timeout_while(self.progress(), PATIENCE, is_not_so);
    }
}

/// A user at work: a process of its own.
pub(super) struct Process {
    child: Child,
    reader: Option<JoinHandle<String>>,
    told: Arc<Told>,
    may_fail_to_open: bool,
}

impl Process {
    /// Starts a user of a device. It `may_fail_to_open` the device if the host takes that away.
    pub(super) fn start(
        arguments: &[&str],
        tally: Arc<Tally>,
        may_fail_to_open: bool,
    ) -> TestResult<Self> {
        let mut child = Command::new("/proc/self/exe")
            .arg("user")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take();
        let out = out.ok_or_else(|| "the user has no standard output".to_owned())?;
        let told = Arc::new(Told::default());
        let also_told = Arc::clone(&told);
        let reader = thread::spawn(move || read(out, &tally, &also_told));
        Ok(Self {
            child,
            reader: Some(reader),
            told,
            may_fail_to_open,
        })
    }

    /// Returns whether it has opened the device.
    pub(super) fn has_opened(&self) -> bool {
        self.told.progress().has_opened
    }

    /// Waits until it has opened the device, or has failed to.
    pub(super) fn wait_opened(&self) {
        self.told.wait_until(|progress| {
            progress.has_opened || progress.has_failed || progress.is_silent
        });
    }

    /// Kills it. If it has ended before, it must have ended well.
    pub(super) fn kill(mut self) -> TestResult {
        if self.child.try_wait()?.is_none() {
            // Its files are closed at its priority, and with the lowest that waits for all others.
            sys::run_as_others(self.child.id())?;
            self.child.kill()?;
        }
        self.wait()
    }

    /// Waits until it is gone.
    pub(super) fn wait(mut self) -> TestResult {
        let end = Instant::now() + PATIENCE;
        self.told.wait_until(|progress| progress.is_silent);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > end {
                let stack = fs::read_to_string(format!("/proc/{}/stack", self.child.id()));
                let stack = stack.unwrap_or_default();
                return Err(format!("the user does not end; it is at\n{stack}").into());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let failure = self.reader.take().map(JoinHandle::join).transpose();
        let failure = failure.map_err(|_| "a reader has panicked".to_owned())?;
        let failure = failure.unwrap_or_default();
        check(failure.is_empty(), failure)?;
        let has_failed = self.told.progress().has_failed;
        check(!has_failed || self.may_fail_to_open, "it cannot be opened")?;
        // Without a status it was killed.
        let is_good = status.code().is_none_or(|code| code == 0);
        check(is_good, format!("the user ends with {status}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It must not outlive a failure; that it has ended is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
