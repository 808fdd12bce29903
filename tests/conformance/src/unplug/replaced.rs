// SPDX-License-Identifier: GPL-2.0

//! Another device that gets the subchannel of one that is gone, before the kernel has looked there.

use std::{
    sync::atomic::{
        AtomicBool,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use ccw::{
    channel::Channel,
    sys, //
};

use super::{
    fails,
    wait_for,
    with_number,
    NoAutoprobe,
    Spare, //
};
use crate::fixtures::*;

/// The time for which the kernel is held off: less than that after which it lets no thread run
/// before all others any more.
const HELD_OFF: Duration = Duration::from_millis(600);

/// The number of the device that takes the place.
const OTHER: &str = "0049";

/// Has another device take the place of the spare one under its user, who does `meanwhile` until
/// that is true.
fn replace(
    devices: &Devices,
    begin: impl FnOnce(&mut Channel) -> TestResult,
    meanwhile: impl Fn(&Channel) -> bool + Sync,
) -> TestResult {
    let mut spare = Spare::new(devices)?;
    let before = pinned()?;
    let mut channel = spare.open()?;
    begin(&mut channel)?;
    let no_autoprobe = NoAutoprobe::new()?;
    hold_off_kernel(
        || spare.host.replace("spare", "another", OTHER),
        || meanwhile(&channel),
    )?;
    spare.is_plugged = false;
    let known = wait_for("another device is driven in its place", || {
        meanwhile(&channel)
    });
    let closed = within("close", move || drop(channel));
    let gone = known
        .and(closed)
        .and_then(|()| wait_for("the mediated device stays", || !spare.is_bound()));
    let found = gone.and_then(|()| {
        let is_there = || matches!(with_number(&format!("0.0.{OTHER}")), Ok(Some(_)));
        wait_for("the other device is not found", is_there)
    });
    // A subchannel without a driver stays when its device goes.
    let bound = found.and_then(|()| match with_number(&format!("0.0.{OTHER}"))? {
        Some(another) => Ok(another.bind(None, &mut |_| {}).map(drop)?),
        None => Err("the other device is gone again".to_owned().into()),
    });
    spare.host.unplug("another")?;
    drop(no_autoprobe);
    bound?;
    check_eq("KiB pinned", pinned()?, before)?;
    spare.check_comes_back()
}

/// Does `change` while the user is at work with `meanwhile`, until that is true or some time has
/// passed. The kernel's thread that handles channel reports gets no processor in that time.
fn hold_off_kernel(
    change: impl FnOnce() -> TestResult + Send,
    meanwhile: impl Fn() -> bool + Sync,
) -> TestResult {
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let occupy = |cpu| -> TestResult {
        sys::run_on(cpu)?;
        sys::run_first()?;
        while !is_over.load(Ordering::Relaxed) {
            // The thread that does `change` is of the same priority.
            thread::yield_now();
            if cpu == 0 && (meanwhile() || begun.elapsed() > HELD_OFF) {
                is_over.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let changing = scope.spawn(|| {
            sys::run_first()?;
            change()
        });
        let occupying = [0, 1].map(|cpu| scope.spawn(move || occupy(cpu)));
        let results = occupying.map(join);
        join(changing)??;
        results.into_iter().try_for_each(|result| result?)
    })
}

pub(super) fn idle(devices: &Devices) -> TestResult {
    let nop = program("ccw nop")?;
    let begin = |channel: &mut Channel| map(channel, &nop).map(drop);
    let is_driven = AtomicBool::new(false);
    replace(devices, begin, |channel| {
        // A reset enables the subchannel.
        let _ = channel.device().reset();
        let is_other = Schib::read(channel)
            .is_ok_and(|schib| format!("{:04x}", schib.device_number()) == OTHER);
        let started = channel.start(nop.orb);
        is_driven.fetch_or(is_other && started.is_ok(), Ordering::Relaxed);
        fails(started, libc::EIO)
    })?;
    let is_driven = is_driven.load(Ordering::Relaxed);
    check(!is_driven, "another device has executed a program")
}

pub(super) fn in_flight(devices: &Devices) -> TestResult {
    let program = program(SUSPENDED)?;
    let begin = |channel: &mut Channel| start_suspended(channel).map(drop);
    replace(devices, begin, |channel| {
        fails(channel.start(program.orb), libc::EIO)
    })
}
