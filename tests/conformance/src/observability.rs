// SPDX-License-Identifier: GPL-2.0

//! Trace points, debug logs, statistics, and the kernel's log.

use std::{
    fs::{
        self,
        File, //
    },
    io::Read,
    process::Command,
    time::Duration, //
};

use ccw::sysfs::{
    Mdev,
    Subchannel, //
};

use crate::{
    case::*,
    fixtures::*,
    unsolicited, //
};

mod trace;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "the trace points have the fields that scripts know" => trace::trace_format;
        "a start and its interrupt are traced" => trace::trace_start;
        "a halt is traced, with its answer" => trace::trace_halt;
        "a refused start is traced, with its reason" => trace::trace_refusal;
        "varying a path off and on is traced" => trace::trace_vary;
        "the logs tell of a start and its interrupt" => log_start;
        "the logs tell of a halt" => log_halt;
        "the logs tell why a start was refused" => log_refusal;
        "statistics count what is done" => statistics_count;
        "statistics show what is pinned and waits" => statistics_now;
        "statistics tell how long status is held off" => statistics_hold_off;
        "statistics count errors by name" => statistics_errors;
        "statistics go with the device" => statistics_go;
        "a user cannot flood the kernel's log" => flood;
    }
}

/// An entry of a condition code of zero.
const CC_0: &str = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

fn log_start(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let log = Log::trace()?;
    check_eq("level of the log", log.level.as_str(), "2")?;
    run_text(&mut channel, "ccw nop")?;
    let id = bus_id(devices.first())?;
    log.check(&["stIO", &id, CC_0])?;
    log.check(&["IRQ", &id])
}

fn log_halt(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let log = Log::trace()?;
    halt(&channel)?;
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    log.check(&["haltIO", &bus_id(devices.first())?, CC_0])
}

fn log_refusal(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let log = Log::msg()?;
    check_eq("level of the log", log.level.as_str(), "2")?;
    check_errno("start", channel.start(transport()), libc::EOPNOTSUPP)?;
    let entry = format!("{}: transport mode", bus_id(devices.first())?);
    log.check(&[&entry])
}

fn statistics_count(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.first())?;
    let mut channel = devices.open()?;

    let names = ["starts", "ccws", "irbs", "program_checks", "resets"];
    let done = growth(&statistics, &names, || {
        run_text(&mut channel, "ccw nop,,cc\nccw nop,,cc\nccw nop")?;
        run_text(&mut channel, "ccw nop")
    })?;
    check_eq("starts, CCWs, IRBs", done, vec![2, 4, 2, 0, 0])?;

    let faults = growth(&statistics, &["program_checks"], || {
        run_text(
            &mut channel,
            "     ccw  nop,,cc\n\
             bad: ccw  tic,0x500000\n\
             expect device=0 subchannel=prog at=bad",
        )
    })?;
    check_eq("program checks", faults, vec![1])?;

    for name in [
        "last_translation_ns",
        "last_channel_ns",
        "last_start_ago_ns",
    ] {
        check(statistics.get(name)? > 0, format!("{name} is zero"))?;
    }

    let pages = growth(&statistics, &["pages_pinned_ever"], || {
        run_text(
            &mut channel,
            "area id at 0x20000 size 256\nccw senseid,id,sli",
        )
    })?;
    check_eq("pages pinned for 256 bytes in one page", pages, vec![1])?;

    let halts = growth(&statistics, &["halts", "irbs", "starts"], || {
        halt(&channel)?;
        expect_status(&mut channel).map(drop)
    })?;
    check_eq("halts, IRBs, starts", halts, vec![1, 1, 0])
}

fn statistics_now(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.first())?;
    let mut channel = devices.open()?;

    let (_, guest) = start_suspended(&mut channel)?;
    check(
        statistics.get("pages_pinned")? > 0,
        "no page is pinned while a program is in flight",
    )?;
    check_eq("time of the channel", statistics.get("last_channel_ns")?, 0)?;
    check_eq("state", statistics.text("state")?.as_str(), "running")?;
    let resets = growth(&statistics, &["resets"], || Ok(channel.device().reset()?))?;
    check_eq("resets", resets, vec![1])?;
    check_eq("state", statistics.text("state")?.as_str(), "idle")?;
    guest.unmap(channel.device_mut())?;
    check_eq("pages pinned", statistics.get("pages_pinned")?, 0)?;

    let nop = program("ccw nop")?;
    map(&mut channel, &nop)?;
    for waiting in 1..=3 {
        channel.start(nop.orb)?;
        check(channel.wait_signal(TIMEOUT)? || waiting > 1, "no signal")?;
        check_eq("waiting", statistics.get("irbs_waiting")?, waiting)?;
    }
    check(
        statistics.get("irbs_waiting_most")? >= 3,
        "fewer at most than there were",
    )?;
    for _ in 0..3 {
        channel.irb()?;
    }
    check_eq("waiting", statistics.get("irbs_waiting")?, 0)
}

fn statistics_hold_off(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.named("terminal")?)?;
    let held_off = growth(&statistics, &["irbs_held_off"], || {
        unsolicited::time_to_reach_guest(devices)
    })?;
    check_eq("IRBs held off", held_off, vec![1])?;
    let longest = Duration::from_nanos(statistics.get("longest_hold_off_ns")?);
    check(
        longest >= Duration::from_millis(50),
        format!("at most for {longest:?}"),
    )
}

fn statistics_errors(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.first())?;
    let mut channel = devices.open()?;

    let names = ["errors_EBUSY", "errors_EOPNOTSUPP", "starts"];
    let done = growth(&statistics, &names, || {
        check_errno("start", channel.start(transport()), libc::EOPNOTSUPP)?;
        let (program, _guest) = start_suspended(&mut channel)?;
        for _ in 0..3 {
            check_errno("start", channel.start(program.orb), libc::EBUSY)?;
        }
        Ok(())
    })?;
    check_eq("EBUSY, EOPNOTSUPP, starts", done, vec![3, 1, 1])
}

fn statistics_go(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.first())?;
    let directory = statistics.path().with_file_name("");
    let uuid = devices.first().uuid().to_owned();
    let subchannel: Subchannel = subchannel(devices.first())?;
    check_usable(&mut devices.open()?)?;

    let mut reader = File::open(statistics.path())?;
    fs::write(format!("/sys/bus/mdev/devices/{uuid}/remove"), "1")?;
    check(
        !directory.exists(),
        "the directory is still there without its device",
    )?;
    let mut text = String::new();
    check_errno(
        "reading what was removed",
        reader.read_to_string(&mut text),
        libc::EIO,
    )?;

    subchannel.bind(Some(&uuid), &mut |_| {})?;
    check_eq("starts of a new device", statistics.get("starts")?, 0)?;
    check_usable(&mut open(&Mdev::find(&uuid)?, devices.backend())?)
}

/// Returns the number of lines about the driver in the kernel's log.
fn lines_in_log() -> TestResult<usize> {
    let output = Command::new("dmesg").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter(|line| line.contains("vfio_ccw") || line.contains("vfio-ccw"))
        .count())
}

fn flood(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let nop = program("orb prefetch=no\nccw nop")?;
    let guest = map(&mut channel, &nop)?;
    let before = lines_in_log()?;
    for _ in 0..100 {
        let _ = channel.start(transport());
        let _ = channel.device().pwrite(&[0xff; 8], CMD_REGION);
        // A start is refused while the status of the last one waits.
        let _ = channel.start(nop.orb);
        let _ = channel.irb();
        let _ = devices.open();
    }
    let lines = lines_in_log()? - before;
    check(lines <= 2, format!("{lines} lines for 100 rounds"))?;
    channel.device().reset()?;
    guest.unmap(channel.device_mut()).map_err(Failure::from)
}
