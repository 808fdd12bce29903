// SPDX-License-Identifier: GPL-2.0

//! Status of the device's own initiative: keys on the 3270, and its display going and coming.

use std::{
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::channel::Channel;
use ccwchain::scsw::{
    DeviceStatus,
    FunctionControl, //
};

use crate::{
    case::*,
    fixtures::*,
    host_side::Host,
    machine, //
};

mod full_queue;
mod storm;
mod typist;

pub(crate) use typist::read_all;
use typist::{
    Typist,
    ENTER, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "an attention comes to an idle device" => idle;
        "an attention is announced once and stays to be read" => once;
        "attentions that are read one by one all come" => one_by_one;
        "what was typed can be read after its attention" => typed;
        "a device end comes when the display goes, and when it comes" => display;
        "the status of an ended program is read before an attention" => behind_end;
        "an attention is not announced until status before it has had time to reach the guest" =>
            time_to_reach_guest;
        "a guest that is slow to answer one attention has as much time for other status" =>
            slow_guest;
        "an attention is read before the status of a program" => before_end;
        "an attention does not end a suspended program" => suspended;
        "a suspended program is halted behind an attention" =>
            |devices| end_behind(devices, |channel| command_taken(channel, HALT));
        "a suspended program is cleared behind an attention" =>
            |devices| end_behind(devices, |channel| command_taken(channel, CLEAR));
        "a reset ends a suspended program behind an attention" =>
            |devices| end_behind(devices, |channel| Ok(channel.device().reset()?));
        "a start right after an attention is taken is not busy" => start_after;
        "an attention keeps no start from ending" => start_with, slow(120);
        "an attention behind a halt is read behind its status" => behind_halt;
        "an attention to a closed device is not kept" => closed;
        "attentions during resets leave a usable device" => resets;
        "a reset drops no attention that comes behind it" => after_reset;
        "an attention to one device is not announced by the other" => other_device;
        "many attentions without a reader leave the last one to be read" => full_queue::many;
        "an attention comes after many were not read" => full_queue::after_many;
        "status that does not fit is added to the last of its kind" => full_queue::accumulated;
        "a program can be started and ends behind attentions" => full_queue::start_behind;
        "a full queue lets a suspended program be halted" => full_queue::halt_with_full_queue;
        "starts in a storm of attentions have one end each" =>
            storm::storms, slow(180 * u64::from(machine::attention_rounds()));
    }
}

fn idle(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    typist.press()?;
    let irb = typist.expect(DeviceStatus::ATTENTION)?;
    check_eq("functions", irb.scsw().fctl(), FunctionControl::empty())?;
    typist.silence()?;
    typist.done()
}

fn once(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    typist.press()?;
    check(typist.channel.wait_signal(TIMEOUT)?, "no signal came")?;
    check(
        !typist.channel.wait_signal(SILENCE)?,
        "a second signal came",
    )?;
    for _ in 0..2 {
        typist.check_attention()?;
    }
    typist.done()
}

fn one_by_one(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    for _ in 0..20 {
        typist.press_and_take()?;
    }
    typist.silence()?;
    typist.done()
}

fn typed(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    read_all(&mut typist.channel)?;
    for text in [[ENTER, 0x40, 0x41], [ENTER, 0xff, 0x01]] {
        typist.host.type_in(&text)?;
        typist.attention()?;
        let [a, b, c] = text;
        let program = format!(
            "area keys at 0x200000 size 1000\nccw rm,keys,sli\n\
             expect residual=997\nexpect data keys X'{a:02x}{b:02x}{c:02x}'"
        );
        run_text(&mut typist.channel, &program)?;
    }
    Ok(())
}

fn display(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    for _ in 0..3 {
        let host = Host::new()?;
        let hung_up = host.hang_up()?;
        typist.expect(DeviceStatus::DEVICE_END)?;
        hung_up.connect()?;
        typist.expect(DeviceStatus::DEVICE_END)?;
    }
    typist.silence()?;
    check_usable(&mut typist.channel)
}

/// Takes the status of a program while an attention waits. Returns the time before that.
fn take_end(typist: &mut Typist) -> TestResult<Instant> {
    let nop = nop(&mut typist.channel)?;
    typist.channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    typist.press()?;
    thread::sleep(SILENCE);
    let before = Instant::now();
    typist.expect_end()?;
    Ok(before)
}

fn behind_end(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    take_end(&mut typist)?;
    typist.attention()?;
    typist.silence()?;
    typist.done()
}

/// Takes the status of a program while an attention waits, which must not be announced before this
/// time has passed.
fn check_held_off(typist: &mut Typist, least: Duration) -> TestResult {
    let before = take_end(typist)?;
    check(typist.channel.wait_signal(TIMEOUT)?, "no signal came")?;
    let pause = before.elapsed();
    check(pause >= least, format!("it came after {pause:?}"))?;
    typist.check_attention()
}

pub(crate) fn time_to_reach_guest(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    check_held_off(&mut typist, Duration::from_millis(100))?;
    typist.done()
}

/// A guest that answers after 300 ms has four times as long for the status of a program, at the
/// least.
fn slow_guest(devices: &Devices) -> TestResult {
    const ANSWER: Duration = Duration::from_millis(300);
    let mut typist = Typist::new(devices)?;
    typist.press_and_take()?;
    thread::sleep(ANSWER);
    check_held_off(&mut typist, 4 * ANSWER)?;
    typist.done()
}

fn before_end(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let nop = nop(&mut typist.channel)?;
    typist.press()?;
    thread::sleep(SILENCE);
    typist.channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    typist.attention()?;
    typist.expect_end()?;
    typist.silence()?;
    typist.done()
}

fn suspended(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let in_flight = InFlight::start(&mut typist.channel)?;
    for _ in 0..3 {
        typist.press()?;
        let status = expect_status(&mut typist.channel)?.scsw().device_status();
        check_eq("device status", status, DeviceStatus::ATTENTION)?;
        in_flight.check_stays(&typist.channel)?;
    }
    typist.channel.device().reset()?;
    typist.done()
}

/// Gives a command, and takes its status.
fn command_taken(channel: &mut Channel, what: u32) -> TestResult {
    retry(libc::EBUSY, || command(channel, what))?;
    expect_status(channel).map(drop)
}

/// Ends a suspended program after an attention.
fn end_behind(devices: &Devices, end: fn(&mut Channel) -> TestResult) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let before = pinned()?;
    let (_, guest) = start_suspended(&mut typist.channel)?;
    typist.press()?;
    expect_status(&mut typist.channel)?;
    end(&mut typist.channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(typist.channel.device_mut())?;
    check_usable(&mut typist.channel)?;
    typist.done()
}

fn start_after(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let nop = nop(&mut typist.channel)?;
    for round in 0..30 {
        typist.press_and_take()?;
        let started = typist.channel.start(nop.orb);
        started.map_err(|error| format!("start {round}: {error}"))?;
        wait_end(&mut typist.channel)?;
    }
    typist.done()
}

/// The end of a program and an attention, which come about at the same time.
fn start_with(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let nop = nop(&mut typist.channel)?;
    for round in 0..10 {
        let mut seen = (0, 0);
        thread::scope(|scope| -> TestResult {
            let pressed = scope.spawn(|| Host::new()?.type_in(&[ENTER]));
            while !pressed.is_finished() && seen.0 < 10_000 {
                start_soon(&typist.channel, &nop)?;
                seen.0 += 1;
                wait_all(&mut typist.channel, &mut seen, round)?;
            }
            join(pressed)?
        })?;
        // QEMU keeps no attention that comes while the subchannel has status.
        let late = take_rest(&mut typist.channel)?.len();
        let attentions = seen.1 + late;
        check(
            attentions <= 1,
            format!("{attentions} attentions came for one"),
        )?;
    }
    typist.done()
}

/// Waits for the end of a program; counts the attentions on the way.
fn wait_all(channel: &mut Channel, seen: &mut (usize, usize), round: usize) -> TestResult {
    let mut others = Vec::new();
    let end = channel.wait_end(TIMEOUT, &mut others)?;
    check(
        end.is_some(),
        format!("round {round}: a program has no end"),
    )?;
    seen.1 += others.len();
    Ok(())
}

fn behind_halt(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    halt(&typist.channel)?;
    thread::sleep(SILENCE);
    typist.press()?;
    thread::sleep(SILENCE);
    let irb = typist.channel.wait(TIMEOUT)?;
    let functions = irb.map(|irb| irb.scsw().fctl());
    check_eq("functions", functions, Some(FunctionControl::HALT))?;
    typist.attention()?;
    typist.done()
}

fn closed(devices: &Devices) -> TestResult {
    let typist = Typist::new(devices)?;
    let Typist { host, channel } = typist;
    drop(channel);
    host.type_in(&[ENTER])?;
    thread::sleep(SILENCE);
    let mut typist = Typist::new(devices)?;
    typist.silence()?;
    typist.press_and_take()?;
    typist.done()
}

fn resets(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    thread::scope(|scope| -> TestResult {
        let pressed = scope.spawn(|| -> TestResult {
            let host = Host::new()?;
            (0..30).try_for_each(|_| host.type_in(&[ENTER]))
        });
        while !pressed.is_finished() {
            typist.channel.device().reset()?;
        }
        join(pressed)?
    })?;
    // The host has typed all of it, but QEMU may not have read it yet on a machine that has much
    // else to do.
    while typist.channel.wait(Duration::from_secs(2))?.is_some() {}
    typist.press_and_take()?;
    check_usable(&mut typist.channel)?;
    typist.done()
}

fn after_reset(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    for _ in 0..10 {
        typist.channel.device().reset()?;
        typist.press_and_take()?;
    }
    typist.done()
}

fn other_device(devices: &Devices) -> TestResult {
    let mut typist = Typist::new(devices)?;
    let mut other = devices.open()?;
    typist.press_and_take()?;
    check(!other.wait_signal(SILENCE)?, "the other one is signalled")?;
    typist.done()
}
