// SPDX-License-Identifier: GPL-2.0

//! Programs among attentions.

use std::{
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
use ccwchain::irb::Irb;

use super::typist::{
    Typist,
    ENTER, //
};
use crate::{
    fixtures::*,
    machine, //
};

/// Storms of 10,000 programs each, as many as [`machine::attention_rounds`] says. Tells of each if they
/// are many.
pub(super) fn storms(devices: &Devices) -> TestResult {
    let (rounds, begun) = (machine::attention_rounds(), Instant::now());
    // The way of a key to the host takes more of the machine than many programs.
    let pause = match rounds {
        1 => Duration::ZERO,
        _ => Duration::from_millis(100),
    };
    for round in 1..=rounds {
        let attentions = storm(devices, pause)?;
        if rounds > 1 {
            let seconds = begun.elapsed().as_secs();
            eprintln!("round {round} of {rounds}, {seconds} s: {attentions} attentions");
        }
    }
    Ok(())
}

/// Starts, each of which has one end, while somebody types, with pauses; only status may keep one
/// waiting. Returns how many attentions came.
fn storm(devices: &Devices, pause: Duration) -> TestResult<usize> {
    let Typist { host, mut channel } = Typist::new(devices)?;
    let nop = program("ccw nop")?;
    let guest = map(&mut channel, &nop)?;
    let mut pressed = 0;
    let press = || {
        // The terminal holds what was typed until all is over.
        if pressed < 900 {
            host.type_in(&[ENTER])?;
            pressed += 1;
        }
        thread::sleep(pause);
        Ok(())
    };
    let (attentions, _) = beside(press, || {
        starts(&mut channel, &nop, machine::rounds(10_000))
    })?;
    let late = take_rest(&mut channel)?.len();
    // QEMU keeps no attention that comes while the subchannel has status.
    check(
        (1..=pressed).contains(&(attentions + late)),
        format!("{pressed} attentions given, {attentions} and then {late} came"),
    )?;
    guest.unmap(channel.device_mut())?;
    Typist { host, channel }.done()?;
    Ok(attentions + late)
}

/// Starts programs; returns how many attentions came in the meantime.
fn starts(channel: &mut Channel, program: &Program, count: u32) -> TestResult<usize> {
    let mut attentions = 0;
    for i in 0..count {
        let end = Instant::now() + TIMEOUT;
        while !start_unless_busy(channel, program).map_err(|error| format!("start {i}: {error}"))? {
            // An attention that the host is about to take is in the way.
            let irb = channel.wait(TIMEOUT)?;
            let is_attention = irb.is_some_and(|irb| !irb.scsw().is_solicited());
            check(
                is_attention && Instant::now() < end,
                format!("start {i} is busy without an attention"),
            )?;
            attentions += 1;
        }
        let mut others = Vec::new();
        let irb = channel.wait_end(TIMEOUT, &mut others)?;
        check(irb.is_some(), format!("start {i} has no end"))?;
        let is_attention = |irb: &Irb| !irb.scsw().is_solicited();
        check(
            others.iter().all(is_attention),
            format!("start {i} has more than one end"),
        )?;
        attentions += others.len();
    }
    Ok(attentions)
}
