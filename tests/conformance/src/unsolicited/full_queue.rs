// SPDX-License-Identifier: GPL-2.0

//! More attentions than the driver queues.

use std::{
    thread,
    time::Duration, //
};

use ccwchain::scsw::{
    DeviceStatus,
    FunctionControl, //
};

use super::Typist;
use crate::{
    fixtures::*,
    host_side::Host, //
};

/// The number of statuses that wait for the user at most.
const QUEUED: usize = 15;

fn press_often(typist: &Typist, times: usize) -> TestResult {
    (0..times).try_for_each(|_| {
        typist.press()?;
        // The next one is a status of its own only if the host has taken this one.
        thread::sleep(Duration::from_millis(5));
        Ok(())
    })
}

pub(super) fn many(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    press_often(&typist, QUEUED + 20)?;
    let taken = take_rest(&mut typist.channel)?;
    check_eq("statuses", taken.len(), QUEUED)?;
    for irb in taken {
        let status = irb.scsw().device_status();
        check_eq("device status", status, DeviceStatus::ATTENTION)?;
    }
    typist.done()
}

pub(super) fn after_many(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    for _ in 0..2 {
        press_often(&typist, QUEUED + 5)?;
        take_rest(&mut typist.channel)?;
        typist.press_and_take()?;
        typist.silence()?;
    }
    typist.done()
}

pub(super) fn accumulated(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    press_often(&typist, QUEUED)?;
    let host = Host::new()?;
    let hung_up = host.hang_up()?;
    thread::sleep(SILENCE);
    hung_up.connect()?;
    thread::sleep(SILENCE);
    let taken = take_rest(&mut typist.channel)?;
    check_eq("statuses", taken.len(), QUEUED)?;
    let last = taken.last().map(|irb| irb.scsw().device_status());
    check_eq(
        "device status of the last one",
        last,
        Some(DeviceStatus::ATTENTION.union(DeviceStatus::DEVICE_END)),
    )?;
    check_usable(&mut typist.channel)
}

pub(super) fn start_behind(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let nop = nop(&mut typist.channel)?;
    press_often(&typist, QUEUED - 1)?;
    typist.channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    let taken = take_rest(&mut typist.channel)?;
    check_eq("statuses", taken.len(), QUEUED)?;
    let last_ends = taken.last().is_some_and(|irb| irb.scsw().ends_start());
    check(last_ends, "the end of the program is not the last status")?;
    typist.done()
}

pub(super) fn halt_with_full_queue(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let before = pinned()?;
    start_suspended(&mut typist.channel)?;
    press_often(&typist, QUEUED + 5)?;
    retry(libc::EBUSY, || halt(&typist.channel))?;
    thread::sleep(SILENCE);
    let taken = take_rest(&mut typist.channel)?;
    let last = taken.last().map(|irb| irb.scsw().fctl());
    check_eq(
        "functions of the last status",
        last,
        Some(FunctionControl::HALT),
    )?;
    check_eq("KiB pinned", pinned()?, before)?;
    clear(&typist.channel)?;
    typist.done()
}
