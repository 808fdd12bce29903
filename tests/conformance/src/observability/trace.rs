// SPDX-License-Identifier: GPL-2.0

//! Trace points.

use std::{
    fs,
    io,
    path::{
        Path,
        PathBuf, //
    },
    process::Command, //
};

use crate::fixtures::*;

/// The events of the C driver, their fields, and the beginning of their text.
const EVENTS: [(&str, &[&str], &str); 4] = [
    (
        "vfio_ccw_chp_event",
        &["u8 cssid", "u8 ssid", "u16 sch_no", "int mask", "int event"],
        "schid=%x.%x.%04x mask=0x%x event=%d",
    ),
    (
        "vfio_ccw_fsm_async_request",
        &[
            "u8 cssid",
            "u8 ssid",
            "u16 sch_no",
            "int command",
            "int errno",
        ],
        "schid=%x.%x.%04x command=0x%x errno=%d",
    ),
    (
        "vfio_ccw_fsm_event",
        &["u8 cssid", "u8 ssid", "u16 schno", "int state", "int event"],
        "schid=%x.%x.%04x state=%d event=%d",
    ),
    (
        "vfio_ccw_fsm_io_request",
        &[
            "u8 cssid",
            "u8 ssid",
            "u16 sch_no",
            "int fctl",
            "int errno",
            "char* errstr",
        ],
        "schid=%x.%x.%04x fctl=0x%x errno=%d info=%s",
    ),
];

/// Returns the folder of the kernel's tracing.
fn tracing() -> TestResult<&'static Path> {
    let path = Path::new("/sys/kernel/tracing");
    if !path.join("events").exists() {
        let _ = Command::new("mount")
            .args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"])
            .status();
    }
    match path.join("events").exists() {
        true => Ok(path),
        false => Err(skip("there is no tracefs")),
    }
}

/// The events of the driver, in a buffer of their own.
struct Trace(PathBuf);

impl Trace {
    fn begin() -> TestResult<Self> {
        let path = tracing()?.join(format!("instances/conformance-{}", std::process::id()));
        fs::create_dir(&path)?;
        let trace = Self(path);
        trace.enable(true)?;
        Ok(trace)
    }

    fn enable(&self, on: bool) -> io::Result<()> {
        let file = self.0.join("events/vfio_ccw/enable");
        fs::write(file, if on { "1" } else { "0" })
    }

    /// The events of a subchannel that have come until now: name and what follows the subchannel.
    fn events(&self, id: &str) -> TestResult<Vec<String>> {
        let text = fs::read_to_string(self.0.join("trace"))?;
        let events = text.lines().filter_map(|line| {
            let (_, event) = line.split_once(": vfio_ccw_")?;
            let (name, rest) = event.split_once(": ")?;
            let fields = rest.strip_prefix(&format!("schid={id} "))?;
            Some(format!("{name} {fields}"))
        });
        Ok(events.collect())
    }

    /// Checks that each of these has come.
    fn check(&self, id: &str, wanted: &[&str]) -> TestResult {
        let events = self.events(id)?;
        for event in wanted {
            check(
                events.iter().any(|is| is == event),
                format!("no event {event:?} in:\n{}", events.join("\n")),
            )?;
        }
        Ok(())
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.enable(false);
        let _ = fs::remove_dir(&self.0);
    }
}

pub(super) fn trace_format(_: &Devices) -> TestResult {
    for (name, fields, text) in EVENTS {
        let file = tracing()?.join(format!("events/vfio_ccw/{name}/format"));
        let format = fs::read_to_string(file)?;
        let is: Vec<&str> = format
            .lines()
            .filter_map(|line| line.trim().strip_prefix("field:")?.split(';').next())
            .filter(|field| !field.contains(" common_"))
            .collect();
        check_eq(name, is.as_slice(), fields)?;
        let print = format!("print fmt: \"{text}\"");
        check(
            format.lines().any(|line| line.starts_with(&print)),
            format!("{name} is not printed as {text}:\n{format}"),
        )?;
    }
    Ok(())
}

pub(super) fn trace_start(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let trace = Trace::begin()?;
    run_text(&mut channel, "ccw nop")?;
    let id = bus_id(devices.first())?;
    // State 2 is idle; event 1 is a request, 2 an interrupt.
    trace.check(&id, &["fsm_event state=2 event=1"])?;
    let events = trace.events(&id)?;
    check(
        events
            .iter()
            .any(|event| event.starts_with("fsm_event") && event.ends_with("event=2")),
        format!("no interrupt in:\n{}", events.join("\n")),
    )
}

pub(super) fn trace_halt(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let trace = Trace::begin()?;
    halt(&channel)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    trace.check(
        &bus_id(devices.first())?,
        &[
            "fsm_event state=2 event=3",
            "fsm_async_request command=0x1 errno=0",
        ],
    )
}

pub(super) fn trace_refusal(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let trace = Trace::begin()?;
    check_errno("start", channel.start(transport()), libc::EOPNOTSUPP)?;
    trace.check(
        &bus_id(devices.first())?,
        &["fsm_io_request fctl=0x4 errno=-95 info=transport mode"],
    )
}

pub(super) fn trace_vary(devices: &Devices) -> TestResult {
    let _channel = devices.open_named("terminal")?;
    let mdev = devices.named("terminal")?;
    let (id, path) = (bus_id(mdev)?, ChannelPath::of(mdev)?);
    let trace = Trace::begin()?;
    path.vary_off()?;
    let off = trace.check(&id, &["chp_event mask=0x80 event=3"]);
    path.vary_on()?;
    off?;
    trace.check(&id, &["chp_event mask=0x80 event=2"])
}
