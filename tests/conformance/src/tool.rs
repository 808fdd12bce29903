// SPDX-License-Identifier: GPL-2.0

//! The commands of `ccw`, run as a person runs them.

use std::{
    fs,
    io::{
        BufRead,
        BufReader,
        Read,
        Write, //
    },
    process::{
        self,
        Child,
        Command,
        Stdio, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "the list as JSON has the mediated device" => list, backends(Backends::One);
        "the table has the numbers of the statistics" => watch, backends(Backends::One);
        "the table has rates from the second sample on" => rates, backends(Backends::One);
        "Ctrl-C ends the table with success" => interrupted, backends(Backends::One);
        "a subchannel without a mediated device has no table" => no_device, backends(Backends::One);
        "a halt and a clear are performed" => functions;
        "who has the device open is told to others" => in_use;
        "a device that works has nothing wrong" => nothing_wrong, backends(Backends::One);
        "a refused start is explained" => refused, backends(Backends::One);
        "the sense data of a unit check are read" => sense;
    }
}

pub(crate) fn hercules_cases() -> Vec<Case> {
    cases! {
        "a halt and a clear are performed" => functions;
        "a refused start is explained" => refused, backends(Backends::One);
        "the sense data of a unit check are read" => sense;
        "a suspended program is resumed if that is wanted" => resumed;
        "a disk tells what it is" => disk;
        "a tape is no disk" => tape, backends(Backends::One);
    }
}

/// The output of a command, and its exit status.
struct Output {
    status: Option<i32>,
    text: String,
}

impl Output {
    /// Checks the exit status, and that the text has these words.
    fn check(&self, status: i32, words: &[&str]) -> TestResult {
        let text = &self.text;
        let what = format!(
            "exit status {:?} in place of {status}:\n{text}",
            self.status
        );
        check(self.status == Some(status), what)?;
        words.iter().try_for_each(|word| {
            let what = format!("no {word:?} in:\n{text}");
            check(text.contains(word), what)
        })
    }
}

/// Runs `ccw` with these words.
fn ccw(words: &[&str]) -> TestResult<Output> {
    let output = Command::new("ccw").args(words).output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Output {
        status: output.status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// Returns the option for the back end of a case.
fn backend(devices: &Devices) -> String {
    format!("--{}", backend_word(devices.backend()))
}

/// Checks that the driver has statistics. Returns the subchannel of the first device, and them.
fn statistics(devices: &Devices) -> TestResult<(String, Statistics)> {
    Ok((bus_id(devices.first())?, Statistics::of(devices.first())?))
}

fn list(devices: &Devices) -> TestResult {
    let subchannel = format!("\"subchannel\": \"{}\"", bus_id(devices.first())?);
    let uuid = format!("\"uuid\": \"{}\"", devices.first().uuid());
    ccw(&["list", "--json"])?.check(0, &[&subchannel, &uuid, "\"driver\": \"vfio_ccw\""])?;
    ccw(&["list"])?.check(0, &["SUBCHANNEL", devices.first().uuid()])
}

/// Returns the words of the last row of a table.
fn last_row(text: &str) -> Vec<&str> {
    let row = text.lines().last().unwrap_or("");
    row.split_whitespace().collect()
}

fn watch(devices: &Devices) -> TestResult {
    let (id, statistics) = statistics(devices)?;
    run_text(&mut devices.open()?, "ccw nop,,cc\nccw nop")?;
    let output = ccw(&["watch", "--once", &id])?;
    output.check(0, &["SUBCHANNEL", "STATE"])?;
    let row = last_row(&output.text);
    let number = |name| statistics.get(name).map(|number| number.to_string());
    check_eq("subchannel", row.first(), Some(&id.as_str()))?;
    check_eq("state", row.get(1), Some(&"closed"))?;
    check_eq(
        "starts",
        row.get(2).copied(),
        Some(number("starts")?.as_str()),
    )?;
    check_eq("CCWs", row.get(4).copied(), Some(number("ccws")?.as_str()))
}

fn rates(devices: &Devices) -> TestResult {
    statistics(devices)?;
    let output = ccw(&[
        "watch",
        "--interval",
        "0.1",
        "--count",
        "3",
        devices.first().uuid(),
    ])?;
    output.check(0, &["/s"])?;
    check_eq("lines", output.text.lines().count(), 4)?;
    check_eq(
        "rate of starts",
        last_row(&output.text).get(3),
        Some(&"0.0"),
    )
}

/// Starts `ccw` with these words, and waits for its first line.
fn start(words: &[&str]) -> TestResult<(Child, impl Read)> {
    let mut child = Command::new("ccw")
        .args(words)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or_else(|| "no output".to_owned())?;
    let mut out = BufReader::new(out);
    out.read_line(&mut String::new())?;
    Ok((child, out))
}

fn interrupted(devices: &Devices) -> TestResult {
    statistics(devices)?;
    let (mut child, _out) = start(&["watch"])?;
    let number = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &number]).status()?;
    check(killed.success(), "there is nothing to interrupt")?;
    check_eq("exit status", child.wait()?.code(), Some(0))
}

fn no_device(devices: &Devices) -> TestResult {
    statistics(devices)?;
    ccw(&["watch", "0.0.ffff"])?.check(3, &["ccw bind 0.0.ffff"])
}

fn functions(devices: &Devices) -> TestResult {
    let uuid = devices.first().uuid();
    ccw(&["halt", &backend(devices), uuid])?.check(0, &["halt function", "fctl halt"])?;
    ccw(&["clear", &backend(devices), uuid])?.check(0, &["clear function", "fctl clear"])?;
    check_usable(&mut devices.open()?)
}

fn in_use(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let user = format!("process {} (", process::id());
    for backend in ["--container", "--iommufd"] {
        let output = ccw(&["halt", backend, devices.first().uuid()])?;
        output.check(3, &[&user, "only once", "device_del"])?;
    }
    check_usable(&mut channel)
}

fn nothing_wrong(devices: &Devices) -> TestResult {
    let (id, _) = statistics(devices)?;
    // The statistics of a new device are 0.
    let uuid = devices.first().uuid().to_owned();
    let subchannel = subchannel(devices.first())?;
    fs::write(format!("/sys/bus/mdev/devices/{uuid}/remove"), "1")?;
    let bound = ccw(&["why", &id]);
    subchannel.bind(Some(&uuid), &mut |_| {})?;
    bound?.check(1, &["no mediated device", &format!("ccw bind {id}")])?;
    run_text(&mut devices.open()?, "ccw nop")?;
    ccw(&["why", &id])?.check(0, &["closed, programs started: 1", "nothing is wrong"])
}

fn refused(devices: &Devices) -> TestResult {
    let (id, _) = statistics(devices)?;
    let channel = devices.open()?;
    check_errno("start", channel.start(transport()), libc::EOPNOTSUPP)?;
    let words = [
        "refused with EOPNOTSUPP: ",
        "transport mode is not supported",
        "must consist of",
    ];
    ccw(&["why", &id])?.check(1, &words)
}

/// The sense data outlast the user: they are in the device.
fn sense(devices: &Devices) -> TestResult {
    statistics(devices)?;
    let mut channel = devices.open()?;
    let program = program(crate::sense::rejected())?;
    let guest = map(&mut channel, &program)?;
    channel.start(program.orb)?;
    expect_end(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    drop(channel);
    let output = ccw(&["why", "--sense", &backend(devices), devices.first().uuid()])?;
    output.check(1, &["unit checks: ", "\nsense 80", "command reject"])?;
    check_usable(&mut devices.open()?)
}

/// Runs `ccw run` on the second disk with a program, and these options.
fn run(devices: &Devices, options: &[&str], program: &str) -> TestResult<Output> {
    let mut child = Command::new("ccw")
        .arg("run")
        .args(options)
        .args([&backend(devices), devices.second().uuid(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let input = child.stdin.take();
    input
        .ok_or_else(|| "no input".to_owned())?
        .write_all(program.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Output {
        status: output.status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

fn resumed(devices: &Devices) -> TestResult {
    only_ours()?;
    let program = format!("program suspended\n{SUSPENDED}\nexpect cpa=0x10010\n");
    let output = run(devices, &["--resume"], &program)?;
    output.check(0, &["suspended at 00010008: resumed", "as expected"])?;
    check_usable(&mut devices.open_named("disk2")?)
}

fn disk(devices: &Devices) -> TestResult {
    let (backend, uuid) = (&backend(devices), devices.first().uuid());
    let info = ccw(&["dasd", "info", backend, uuid])?;
    info.check(
        0,
        &[
            "control unit 3990",
            "device 3390",
            "50 cylinders of 15 tracks",
            "serial number",
        ],
    )?;
    let label = ccw(&["dasd", "label", backend, uuid])?;
    label.check(0, &["volume LNX120", "label VOL1", "VTOC at cylinder"])?;
    let track = ccw(&["dasd", "read-track", backend, uuid])?;
    let record = "record 3: cylinder 0 head 0, key of 4 bytes, data of 80 bytes";
    track.check(0, &["record 0: ", record, "VOL1LNX120"])?;
    let beyond = ccw(&["dasd", "read-track", "--cylinder", "50", backend, uuid])?;
    beyond.check(2, &["50 cylinders of 15 tracks"])?;
    check_usable(&mut devices.open()?)
}

fn tape(devices: &Devices) -> TestResult {
    let tape = devices.named("tape")?.uuid();
    let output = ccw(&["dasd", "label", &backend(devices), tape])?;
    output.check(1, &["no ECKD disk", "control unit 3490"])
}
