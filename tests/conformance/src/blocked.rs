// SPDX-License-Identifier: GPL-2.0

//! A user whose memory does not come: nobody else may have to wait for it.
//!
//! The memory is that of a program, of its data, of a request, or what status is read to. Whoever
//! touches it waits until it is served, or for ever.

use std::{
    io::{
        self,
        Write, //
    },
    process::{
        Command,
        Stdio, //
    },
    thread, //
};

use ccw::{
    channel::IO_REGION_SIZE,
    sysfs::Mdev, //
};
use ccwchain::{
    irb::{
        self,
        Irb, //
    },
    scsw::{
        DeviceStatus,
        FunctionControl, //
    }, //
};

use crate::{
    case::*,
    fixtures::*,
    host_side::Host, //
};

mod page;

use page::{
    Blocked,
    Missing::{
        self,
        *, //
    }, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a program that comes late runs" => |devices| served(devices, Program);
        "a program whose data come late runs" => |devices| served(devices, Data);
        "a request that comes late is carried out" => |devices| served(devices, Request);
        "a read to memory that comes late gives the status" => |devices| served(devices, Status);
        for_each "another device is used while a program does not come" => other_device;
        for_each "an attention is announced while a program does not come" => attention;
        for_each "a reset returns while a program does not come" => reset;
        for_each "another device is taken away while a program does not come" => other_unbound;
        for_each "the death of who waits for a program frees the device" => death;
        "a second start is refused at once while a program does not come" => second_start;
        "a halt and a clear are answered while a program does not come" => halted;
        "the SCHIB is read while a program does not come" => |devices| schib(devices, Program);
        "the SCHIB is read while a read does not end" => |devices| schib(devices, Status);
        "status is read while a request does not come" => read_beside_request;
        "a start is made while a read does not end" => start_beside_read;
        "a start that comes late after a reset is not made" => late_after_reset;
        "the device is free when a write ends that was blocked at close" => closed_beside;
    }
}

/// Makes a case for each that may be missing, of the name of that for a program.
fn for_each(name: &str, run: fn(&Devices, Missing) -> TestResult) -> Vec<Case> {
    let case = |(_, missing): (&str, Missing)| {
        let [does_not_come, waits_for] = match missing {
            Program => ["a program does not come", "waits for a program"],
            Data => ["data do not come", "waits for data"],
            Request => ["a request does not come", "waits for a request"],
            Status => ["a read does not end", "waits in a read"],
        };
        let name = name
            .replace("a program does not come", does_not_come)
            .replace("waits for a program", waits_for);
        Case::new(name, move |devices| run(devices, missing))
    };
    Missing::ALL.map(case).into()
}

fn served(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    if missing == Status {
        halt(&channel)?;
        check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    }
    let blocked = Blocked::on(&mut channel, missing)?;
    thread::sleep(SILENCE);
    blocked.check_blocked()?;
    let result = blocked.serve()?;
    let bytes = blocked.read();
    if missing == Status {
        check_eq("bytes read", result?, irb::SIZE)?;
        let functions = Irb::from_bytes(&bytes).scsw().fctl();
        check_eq("functions in the status", functions, FunctionControl::HALT)?;
    } else {
        check_eq("bytes written", result?, IO_REGION_SIZE)?;
        let status = match missing {
            // The data of this program are not mapped.
            Program => DeviceStatus::empty(),
            _ => DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END),
        };
        let irb = wait_end(&mut channel)?;
        check_eq("device status", irb.scsw().device_status(), status)?;
    }
    if missing == Data {
        check_eq("data", &bytes[..3], &[0xff, 0x38, 0x32])?;
    }
    blocked.clean_up(&mut channel)?;
    check_usable(&mut channel)
}

fn other_device(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let other = devices.open_named("terminal")?;
    let (result, other) = within_on("another device's I/O", other, |other| {
        (0..20).try_for_each(|_| check_usable(other))
    })?;
    result?;
    blocked.check_blocked()?;
    drop(other);
    blocked.end(&mut channel)
}

fn attention(devices: &Devices, missing: Missing) -> TestResult {
    let host = Host::new()?;
    let mut channel = devices.open_named("terminal")?;
    let blocked = Blocked::on(&mut channel, missing)?;
    host.type_in(&[0x7d])?;
    check(channel.wait_signal(TIMEOUT)?, "it is not announced")?;
    blocked.check_blocked()?;
    // A thread that reads status had taken none before it came to wait.
    let result = match missing {
        Status => None,
        _ => Some(blocked.serve()?),
    };
    let status = channel.irb()?.scsw().device_status();
    check_eq("device status", status, DeviceStatus::ATTENTION)?;
    match result {
        Some(Ok(_)) => drop(wait_end(&mut channel)?),
        Some(Err(_)) => {}
        // The thread has the device open until its read ends.
        None => drop(blocked.serve()??),
    }
    take_rest(&mut channel)?;
    blocked.clean_up(&mut channel)?;
    crate::unsolicited::read_all(&mut channel)
}

fn reset(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let (result, mut channel) = within_on("the reset", channel, |channel| {
        (0..3).try_for_each(|_| channel.device().reset())
    })?;
    result?;
    blocked.check_blocked()?;
    blocked.end(&mut channel)
}

fn other_unbound(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let uuid = devices.named("terminal")?.uuid().to_owned();
    let other = subchannel(devices.named("terminal")?)?;
    let blocked = Blocked::on(&mut channel, missing)?;
    within("taking another device away", move || -> TestResult {
        unbind(&other)?;
        other.bind(Some(&uuid), &mut |_| {})?;
        Ok(())
    })??;
    blocked.check_blocked()?;
    check_usable(&mut devices.open_named("terminal")?)?;
    blocked.end(&mut channel)
}

/// Waits for a page, and says so: what the process of [`death`] does, until it is killed.
pub(crate) fn hold(missing: &str, backend: &str, uuid: &str) -> TestResult {
    let backend = backend_of(backend).ok_or_else(|| "no such back end".to_owned())?;
    let mut all = Missing::ALL.iter();
    let missing = all.find(|(word, _)| *word == missing);
    let (_, missing) = missing.ok_or_else(|| "nothing is missing".to_owned())?;
    let mut channel = open(&Mdev::find(uuid)?, backend)?;
    let blocked = match Blocked::on(&mut channel, *missing) {
        Err(Failure::Skip(why)) => {
            println!("skip {why}");
            return Ok(());
        }
        blocked => blocked?,
    };
    println!("held");
    io::stdout().flush()?;
    thread::sleep(TIMEOUT * 10);
    blocked.check_blocked()
}

fn death(devices: &Devices, missing: Missing) -> TestResult {
    for _ in 0..3 {
        let mut user = Command::new("/proc/self/exe")
            .args(["block", missing.word()])
            .arg(backend_word(devices.backend()))
            .arg(devices.first().uuid())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = first_line(&mut user);
        user.kill()?;
        within("the death of the user", move || user.wait())??;
        match said?.trim() {
            "held" => {}
            said => match said.strip_prefix("skip ") {
                Some(why) => return Err(skip(why)),
                None => return Err(format!("the user said {said:?}").into()),
            },
        }
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

fn second_start(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, Program)?;
    let orb = blocked.program.orb;
    let (result, mut channel) =
        within_on("a second start", channel, move |channel| channel.start(orb))?;
    check_errno("second start", result, libc::EAGAIN)?;
    blocked.end(&mut channel)
}

fn halted(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, Program)?;
    // They may be refused or not.
    let (results, mut channel) = within_on("a halt and a clear", channel, |channel| {
        [HALT, CLEAR].map(|command| {
            let bytes = command.to_ne_bytes();
            channel.device().pwrite(&bytes, CMD_REGION)
        })
    })?;
    for result in results {
        let errno = result.err().map(|error| error.raw_os_error());
        let is_known = matches!(errno, None | Some(Some(libc::EAGAIN | libc::EBUSY)));
        check(is_known, format!("they fail with {errno:?}"))?;
    }
    blocked.end(&mut channel)
}

fn schib(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let (schib, mut channel) =
        within_on("reading the SCHIB", channel, |channel| Schib::read(channel))?;
    check(schib?.is_enabled(), "the device is not enabled")?;
    blocked.end(&mut channel)
}

fn read_beside_request(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    halt(&channel)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    let blocked = Blocked::on(&mut channel, Request)?;
    let (irb, mut channel) = within_on("reading status", channel, |channel| channel.irb())?;
    check_eq("functions", irb?.scsw().fctl(), FunctionControl::HALT)?;
    blocked.end(&mut channel)
}

fn start_beside_read(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let blocked = Blocked::on(&mut channel, Status)?;
    let orb = blocked.program.orb;
    let (result, mut channel) = within_on("a start", channel, move |channel| channel.start(orb))?;
    result?;
    blocked.check_blocked()?;
    wait_end(&mut channel)?;
    blocked.end(&mut channel)
}

fn late_after_reset(devices: &Devices) -> TestResult {
    for missing in [Program, Data] {
        let mut channel = devices.open()?;
        let blocked = match Blocked::on(&mut channel, missing) {
            Err(Failure::Skip(_)) => continue,
            blocked => blocked?,
        };
        let (result, mut channel) =
            within_on("the reset", channel, |channel| channel.device().reset())?;
        result?;
        check_errno("the late start", blocked.serve()?, libc::EAGAIN)?;
        expect_silence(&mut channel)?;
        blocked.clean_up(&mut channel)?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn closed_beside(devices: &Devices) -> TestResult {
    for missing in [Program, Request] {
        let mut channel = devices.open()?;
        let blocked = Blocked::on(&mut channel, missing)?;
        within("close", move || drop(channel))?;
        blocked.check_blocked()?;
        // The write may fail or not.
        let _ = blocked.serve()?;
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}
