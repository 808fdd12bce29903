// SPDX-License-Identifier: GPL-2.0

//! Commands in the midst of starts.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    program::Program, //
};

use crate::fixtures::*;

/// Commands and starts from two threads, with each program's end or the command's for an answer.
pub(super) fn storm(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let nop = program("ccw nop")?;
    let guest = map(&mut channel, &nop)?;
    let before = pinned()?;
    let file = File::from(channel.device().file().try_clone_to_owned()?);
    let mut region = [0; CMD_REGION_SIZE];
    region[..4].copy_from_slice(&what.to_ne_bytes());
    let (started, commands) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let give_command = || {
        // The driver refuses it while another request or status is in its way.
        let _ = file.write_at(&region, CMD_REGION);
        commands.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_micros(500));
        Ok(())
    };
    let begun = Instant::now();
    beside(give_command, || {
        let goes_on = || overlap(begun, [&started, &commands]);
        starts(&mut channel, &nop, &started, goes_on)
    })?;
    check_overlap([("programs", &started), ("commands", &commands)])?;
    take_rest(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// Starts one program after the other until it is stopped, and counts them. After each one, status
/// of it or of a command comes.
fn starts(
    channel: &mut Channel,
    program: &Program,
    started: &AtomicUsize,
    goes_on: impl Fn() -> bool,
) -> TestResult {
    while goes_on() {
        let patience = Instant::now() + TIMEOUT;
        while !start_unless_busy(channel, program)? {
            check(Instant::now() < patience, "the device stays busy")?;
            while channel.wait(Duration::ZERO)?.is_some() {}
        }
        started.fetch_add(1, Ordering::Relaxed);
        let irb = channel.wait(TIMEOUT)?;
        check(irb.is_some(), "no status comes after a start")?;
    }
    Ok(())
}
