// SPDX-License-Identifier: GPL-2.0

//! A program that stores until it is stopped, by itself or in a storm of interruptions.

use std::{
    fs,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory, //
};

use crate::{
    fixtures::*,
    host,
    machine, //
};

/// A program that reads the same record again and again.
pub(super) const STORING: &str = "\
area where at 0x20000 X'0000 0000 0000'
area which at 0x21000 X'0000 0000 03'
area label at 0x30000 size 80
loop: ccw  seek,where,cc
find: ccw  searchid,which,cc
      ccw  tic,find
      ccw  readdata,label,cc
      ccw  tic,loop";
/// The address that it stores to.
pub(super) const STORED: u64 = 0x3_0000;
/// A byte that the record does not have.
const MARK: [u8; 80] = [0xee; 80];

/// Starts a program that stores, and waits until it has done so several times.
fn start_storing(channel: &mut Channel, text: &str) -> TestResult<GuestMemory> {
    let program = program(text)?;
    let guest = map(channel, &program)?;
    channel.start(program.orb)?;
    for _ in 0..3 {
        guest.write(STORED, &MARK);
        let end = Instant::now() + TIMEOUT;
        while guest.read(STORED, MARK.len()) == MARK {
            check(Instant::now() < end, "the program does not store")?;
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(guest)
}

/// Checks that nothing is stored any more.
fn check_untouched(guest: &GuestMemory) -> TestResult {
    guest.write(STORED, &MARK);
    thread::sleep(SILENCE * 4);
    let is_untouched = guest.read(STORED, MARK.len()) == MARK;
    check(
        is_untouched,
        "the device has stored into the guest's memory",
    )
}

pub(super) fn stores_until(
    devices: &Devices,
    text: &str,
    stop: fn(&mut Channel) -> TestResult,
) -> TestResult {
    let mut channel = devices.open()?;
    let guest = start_storing(&mut channel, text)?;
    stop(&mut channel)?;
    check_untouched(&guest)?;
    while channel.wait(Duration::ZERO)?.is_some() {}
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

pub(super) fn stores_until_close(devices: &Devices, text: &str) -> TestResult {
    let mut channel = devices.open()?;
    let guest = start_storing(&mut channel, text)?;
    drop(channel);
    check_untouched(&guest)?;
    check_usable(&mut devices.open()?)
}

/// [`STORING`] with a program-controlled interruption at each CCW, and CCWs that do nothing else.
fn storm() -> String {
    const NOTHING: &str = "ccw  nop,,cc|pci\n";

    STORING
        .replace(",cc", ",cc|pci")
        .replace("loop: ", &format!("loop: {NOTHING}{NOTHING}{NOTHING}"))
}

/// Starts [`storm`], and leaves it to itself: nobody takes its status.
pub(crate) fn start_storm(channel: &mut Channel) -> TestResult {
    start_storing(channel, &storm()).map(drop)
}

pub(super) fn storms(devices: &Devices) -> TestResult {
    let storm = storm();
    for round in 0..4 * machine::storm_rounds() {
        let (how, ended) = match round % 4 {
            0 => (
                "unmap",
                stores_until(devices, &storm, |channel| {
                    Ok(channel.device_mut().unmap(STORED)?)
                }),
            ),
            1 => (
                "reset",
                stores_until(devices, &storm, |channel| Ok(channel.device().reset()?)),
            ),
            2 => ("close", stores_until_close(devices, &storm)),
            _ => ("death", storm_until_death(devices)),
        };
        ended.map_err(|failure| format!("round {round}, {how}: {failure}"))?;
    }
    Ok(())
}

fn storm_until_death(devices: &Devices) -> TestResult {
    User::hold_storm(devices)?.kill()?;
    check_usable(&mut devices.open()?)
}

pub(super) fn unbind_storm(devices: &Devices) -> TestResult {
    for round in 0..machine::storm_rounds() {
        host::take_from(devices, User::hold_storm, |subchannel, _| {
            fs::write("/sys/bus/css/drivers/vfio_ccw/unbind", subchannel)
        })
        .map_err(|failure| format!("round {round}: {failure}"))?;
    }
    Ok(())
}
