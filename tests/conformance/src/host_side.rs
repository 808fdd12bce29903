// SPDX-License-Identifier: GPL-2.0

//! Requests to the host of L1: plugging devices, typing on the 3270, having a disk give an
//! attention.
//!
//! The host answers them one at a time (`tests/harness/host.py`). In QEMU they are left in the
//! shared folder, in Hercules they go over the console.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Read,
        Write, //
    },
    os::{
        fd::AsFd,
        unix::fs::OpenOptionsExt, //
    },
    path::Path,
    process,
    sync::atomic::{
        AtomicU32,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::sys;

use crate::{
    fixtures::*,
    machine, //
};

const FOLDER: &str = "/share/host";
const CONSOLE: &str = "/dev/console";

/// The time that the host may take for a request.
const PATIENCE: Duration = Duration::from_secs(40);

/// The far side.
pub(crate) enum Host {
    /// Requests and replies are files.
    Folder,
    /// Requests and replies are lines.
    Console,
}

impl Host {
    /// Meets the host; without one, the case is skipped.
    pub(crate) fn new() -> TestResult<Self> {
        match (machine::is_hercules(), Path::new(FOLDER).is_dir()) {
            (true, _) => Ok(Self::Console),
            (false, true) => Ok(Self::Folder),
            (false, false) => Err(skip("there is no host to be asked")),
        }
    }

    /// Asks for something, and returns what the host has to say.
    fn ask(&self, request: &str) -> TestResult<String> {
        self.begin(request)?.wait()
    }

    /// Asks for something that takes its time.
    fn begin(&self, request: &str) -> TestResult<Pending> {
        let console = match self {
            Self::Folder => {
                fs::write(format!("{FOLDER}/request.new"), request)?;
                fs::rename(format!("{FOLDER}/request.new"), format!("{FOLDER}/request"))?;
                None
            }
            Self::Console => {
                let mut options = File::options();
                options.read(true).write(true);
                let mut console = options.custom_flags(libc::O_NOCTTY).open(CONSOLE)?;
                let number = number();
                writeln!(console, "@host ask {number} {request}")?;
                Some((number, console))
            }
        };
        let request = request.to_owned();
        Ok(Pending { request, console })
    }

    /// Lets what the kernel complains about fail the run, or not.
    pub(crate) fn tolerate(&self, is_tolerant: bool) -> TestResult {
        let state = if is_tolerant { "on" } else { "off" };
        self.ask(&format!("tolerate {state}")).map(|_| ())
    }

    /// Has a disk give so many attentions, each as soon as it can.
    pub(crate) fn attentions(&self, device: &str, count: u32) -> TestResult<Pending> {
        self.begin(&format!("attention {device} {count}"))
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

    /// Unplugs a device, which has this name in QEMU.
    pub(crate) fn unplug(&self, name: &str) -> TestResult {
        self.ask(&format!("qmp {}", device_del(name))).map(|_| ())
    }

    /// Unplugs a device and plugs another, which has its subchannel before the kernel looks there.
    pub(crate) fn replace(&self, name: &str, by: &str, number: &str) -> TestResult {
        let commands = format!("[{}, {}]", device_del(name), device_add(by, number));
        self.ask(&format!("qmp {commands}")).map(|_| ())
    }

    /// Plugs a virtio-rng, with its name in QEMU and a number such as `0043`.
    pub(crate) fn plug(&self, name: &str, number: &str) -> TestResult {
        self.ask(&format!("qmp {}", device_add(name, number)))
            .map(|_| ())
    }
}

fn device_del(name: &str) -> String {
    format!(r#"{{"execute": "device_del", "arguments": {{"id": "{name}"}}}}"#)
}

fn device_add(name: &str, number: &str) -> String {
    let arguments =
        format!(r#""driver": "virtio-rng-ccw", "id": "{name}", "devno": "fe.0.{number}""#);
    format!(r#"{{"execute": "device_add", "arguments": {{{arguments}}}}}"#)
}

/// A request that is not answered yet.
pub(crate) struct Pending {
    request: String,
    /// The number of a request on the console.
    console: Option<(String, File)>,
}

impl Pending {
    /// Waits for the answer, and returns what the host has to say.
    pub(crate) fn wait(mut self) -> TestResult<String> {
        let end = Instant::now() + PATIENCE;
        let reply = match self.console.take() {
            Some((number, console)) => line(console, &number, end)?,
            None => file(end)?,
        };
        let request = &self.request;
        let reply = reply.ok_or_else(|| format!("the host does not answer `{request}`"))?;
        match reply.split_once('\n') {
            Some(("ok", payload)) => Ok(payload.to_owned()),
            _ => Err(format!("the host answers `{request}` with: {}", reply.trim()).into()),
        }
    }
}

/// A reply in the shared folder.
fn file(end: Instant) -> io::Result<Option<String>> {
    let path = format!("{FOLDER}/reply");
    loop {
        match fs::read_to_string(&path) {
            Ok(reply) => {
                fs::remove_file(&path)?;
                return Ok(Some(reply));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) if Instant::now() > end => return Ok(None),
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// A number that no other request has.
fn number() -> String {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}.{}",
        process::id(),
        ASKED.fetch_add(1, Ordering::Relaxed)
    )
}

/// A reply on the console: a line that begins with the number.
fn line(mut console: File, number: &str, end: Instant) -> io::Result<Option<String>> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if !sys::wait_readable(console.as_fd(), left)? {
            return Ok(None);
        }
        // The terminal gives one line at a time.
        let mut bytes = [0; 256];
        let len = console.read(&mut bytes)?;
        let line = String::from_utf8_lossy(&bytes[..len]);
        let reply = line.strip_prefix(number);
        if let Some(reply) = reply.and_then(|reply| reply.strip_prefix(' ')) {
            writeln!(console, "@host heard {number}")?;
            return Ok(Some(reply.to_owned()));
        }
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
