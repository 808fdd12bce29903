// SPDX-License-Identifier: GPL-2.0

//! What only the host of L1 can do: plugging devices, typing on the 3270.
//!
//! The host answers requests that are left in the shared folder, one at a time
//! (`tests/harness/host.py`).

use std::{
    fs,
    io,
    path::Path,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use crate::bench::{
    Failure,
    TestResult, //
};

const FOLDER: &str = "/share/host";

/// How long the host may take for anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// The far side.
pub(crate) struct Host(());

impl Host {
    /// Meets the host; without one, the case is skipped.
    pub(crate) fn new() -> TestResult<Self> {
        match Path::new(FOLDER).is_dir() {
            true => Ok(Self(())),
            false => Err(Failure::Skip("there is no host to be asked".to_owned())),
        }
    }

    /// Asks for something, and returns what the host has to say.
    fn ask(&self, request: &str) -> TestResult<String> {
        let file = |name: &str| format!("{FOLDER}/{name}");
        fs::write(file("request.new"), request)?;
        fs::rename(file("request.new"), file("request"))?;
        let end = Instant::now() + PATIENCE;
        let reply = loop {
            match fs::read_to_string(file("reply")) {
                Ok(reply) => break reply,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Err(_) if Instant::now() > end => {
                    return Err(format!("the host does not answer `{request}`").into());
                }
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        };
        fs::remove_file(file("reply"))?;
        match reply.split_once('\n') {
            Some(("ok", payload)) => Ok(payload.to_owned()),
            _ => Err(format!("the host answers `{request}` with: {}", reply.trim()).into()),
        }
    }

    /// Types on the 3270: as many bytes, and ENTER in front. There is an attention for it.
    ///
    /// The terminal holds 1000 bytes until they are read.
    pub(crate) fn type_in(&self, bytes: &[u8]) -> TestResult {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.ask(&format!("terminal send {digits}")).map(|_| ())
    }

    /// Hangs up the display of the 3270. There is a device end for it.
    pub(crate) fn hang_up(&self) -> TestResult<HungUp<'_>> {
        self.ask("terminal close")?;
        Ok(HungUp(self))
    }

    /// Unplugs the spare virtio-rng.
    pub(crate) fn unplug(&self) -> TestResult {
        let command = r#"{"execute": "device_del", "arguments": {"id": "spare"}}"#;
        self.ask(&format!("qmp {command}")).map(|_| ())
    }

    /// Plugs the spare virtio-rng.
    pub(crate) fn plug(&self) -> TestResult {
        let command = r#"{"execute": "device_add", "arguments": {"driver": "virtio-rng-ccw",
            "id": "spare", "devno": "fe.0.0043"}}"#;
        let command = command.replace('\n', " ");
        self.ask(&format!("qmp {command}")).map(|_| ())
    }
}

/// A 3270 without a display, which is connected again when this goes.
pub(crate) struct HungUp<'a>(&'a Host);

impl HungUp<'_> {
    /// Connects the display. There is a device end for it.
    pub(crate) fn connect(self) -> TestResult {
        let host = self.0;
        std::mem::forget(self);
        host.ask("terminal connect").map(|_| ())
    }
}

impl Drop for HungUp<'_> {
    fn drop(&mut self) {
        // The next case sees that it is not.
        let _ = self.0.ask("terminal connect");
    }
}
