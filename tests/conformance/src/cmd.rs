// SPDX-License-Identifier: GPL-2.0

//! The cmd region: HALT and CLEAR SUBCHANNEL.

use std::{
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::{
        Channel,
        IO_IRQ, //
    },
    guest::GuestMemory,
    program::Program, //
};
use ccwchain::{
    irb::Irb,
    scsw::{
        DeviceStatus,
        FunctionControl,
        StatusControl,
        SubchannelStatus, //
    }, //
};

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

mod region;
mod storm;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "halting an idle device gives a device end" => halt_idle;
        "clearing an idle device gives status of the clear function alone" => clear_idle;
        both "a halt ends a suspended program" => ends;
        both "the pins of a halted program go with its status" => pins_go;
        both "halting twice gives status twice" => twice;
        "halts whose status nobody takes give all of it in order" =>
            |devices| not_taken(devices, &[HALT, HALT, HALT]);
        "a halt and a clear whose status nobody takes give it in order" =>
            |devices| not_taken(devices, &[HALT, CLEAR, HALT, CLEAR]);
        both "a halt leaves the status of an ended program to be read first" => behind_status;
        both "a halt before a start does it no harm" => before_start;
        both "a start right after the status of a halt is not busy" => start_after;
        both "the status of a halt does not end a program started behind it" => late;
        both "a halt and a start at once give both statuses, and the data" => at_once;
        "a second halt of a program ends what is left" => halt_halted;
        both "a halted program can be started again" => again;
        "the status of a halted program has an address in the program" => halted_address;
        "the status of a halt behind a program has no address of the host's" => idle_address;
        "a halt without an eventfd has its status read" => no_eventfd;
        "a command that nobody knows is EINVAL" => region::unknown;
        "a command that nobody knows leaves a suspended program alone" => region::unknown_in_flight;
        "commands beyond the region are EINVAL" => region::beyond;
        "a command from a bad pointer is EFAULT" => region::bad_pointer;
        "command and result can be read back" => region::read_back;
        "the command word alone is a request" => region::word_alone;
        "a command leaves the result of the last start alone" => region::results_apart;
        "a command and a reset leave a usable device" => with_reset;
        "status of a command on a closed device is gone when it is opened" => closed;
        both "a halt of one device leaves the other's program alone" => other_device;
        both "a halt is EBUSY while 15 statuses wait and no program runs" => full_queue;
        both "halts in the midst of starts lose no end" => storm::storm;
    }
}

/// Makes two cases, for HALT and for CLEAR, of the name of the first.
fn both(name: &str, run: fn(&Devices, u32) -> TestResult) -> Vec<Case> {
    let clear = name.replace("halt", "clear");
    [(name, HALT), (&clear, CLEAR)]
        .map(|(name, command)| Case::new(name, move |devices| run(devices, command)))
        .into()
}

/// Returns how often a case tries what goes wrong now and then.
fn rounds() -> u32 {
    machine::rounds(100)
}

/// Asks for a command; again while a status is in its way that the host has not taken yet.
fn command_soon(channel: &Channel, what: u32) -> TestResult {
    Ok(retry(libc::EBUSY, || command(channel, what))?)
}

fn function(command: u32) -> FunctionControl {
    match command {
        HALT => FunctionControl::HALT,
        _ => FunctionControl::CLEAR,
    }
}

/// Waits for the status of a command, with nothing in front of it.
fn expect(channel: &mut Channel, command: u32) -> TestResult<Irb> {
    let irb = channel.wait(TIMEOUT)?;
    let irb = irb.ok_or_else(|| "no status of the command came".to_owned())?;
    check_eq(
        "functions in the status",
        irb.scsw().fctl(),
        function(command),
    )?;
    check(
        irb.scsw().stctl().contains(StatusControl::PENDING),
        format!("no status is pending: {}", irb.scsw()),
    )?;
    Ok(irb)
}

fn halt_idle(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    halt(&channel)?;
    let scsw = expect(&mut channel, HALT)?.scsw();
    check_eq("status control", scsw.stctl(), StatusControl::PENDING)?;
    check_eq(
        "device status",
        scsw.device_status(),
        DeviceStatus::DEVICE_END,
    )?;
    check_eq("cc", scsw.cc(), 0)?;
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

fn clear_idle(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    clear(&channel)?;
    let scsw = expect(&mut channel, CLEAR)?.scsw();
    check_eq("status control", scsw.stctl(), StatusControl::PENDING)?;
    check_eq("device status", scsw.device_status(), DeviceStatus::empty())?;
    check_eq(
        "subchannel status",
        scsw.subchannel_status(),
        SubchannelStatus::empty(),
    )?;
    check_eq("cc", scsw.cc(), 0)?;
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

fn ends(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let (_, guest) = start_suspended(&mut channel)?;
    command(&channel, what)?;
    expect(&mut channel, what)?;
    expect_silence(&mut channel)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn pins_go(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    for _ in 0..3 {
        let (_, guest) = start_suspended(&mut channel)?;
        command(&channel, what)?;
        expect(&mut channel, what)?;
        check_eq("KiB pinned after the status was taken", pinned()?, before)?;
        guest.unmap(channel.device_mut())?;
    }
    Ok(())
}

fn twice(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..2 {
        command_soon(&channel, what)?;
        expect(&mut channel, what)?;
    }
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

fn not_taken(devices: &Devices, commands: &[u32]) -> TestResult {
    let mut channel = devices.open()?;
    for &what in commands {
        command_soon(&channel, what)?;
        // A clear takes away what the host has not seen yet.
        thread::sleep(SILENCE);
    }
    for &what in commands {
        expect(&mut channel, what)?;
    }
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}

fn behind_status(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let nop = nop(&mut channel)?;
    channel.start(nop.orb)?;
    thread::sleep(SILENCE);
    command(&channel, what)?;
    thread::sleep(SILENCE);
    expect_end(&mut channel)?;
    expect(&mut channel, what)?;
    expect_silence(&mut channel)
}

fn before_start(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    for _ in 0..10 {
        command(&channel, what)?;
        expect(&mut channel, what)?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn start_after(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let nop = nop(&mut channel)?;
    for round in 0..rounds() {
        command_soon(&channel, what)?;
        expect(&mut channel, what)?;
        let started = channel.start(nop.orb);
        started.map_err(|error| format!("start {round}: {error}"))?;
        expect_end(&mut channel)?;
    }
    Ok(())
}

fn late(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    for round in 0..rounds() {
        let in_round = |what: &str| format!("round {round}: {what}");
        command_soon(&channel, what)?;
        let (program, guest) = suspended_soon(&mut channel)?;
        expect(&mut channel, what)?;
        check(pinned()? > before, in_round("its pages were let go"))?;
        check_errno(
            &in_round("second start"),
            channel.start(program.orb),
            libc::EBUSY,
        )?;
        command_soon(&channel, CLEAR)?;
        expect(&mut channel, CLEAR)?;
        check_eq(&in_round("KiB pinned at the end"), pinned()?, before)?;
        guest.unmap(channel.device_mut())?;
    }
    Ok(())
}

/// A suspended program, started as soon as it can be.
fn suspended_soon(channel: &mut Channel) -> TestResult<(Program, GuestMemory)> {
    let program = program(SUSPENDED)?;
    let guest = map(channel, &program)?;
    start_soon(channel, &program)?;
    Ok((program, guest))
}

fn at_once(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let before = pinned()?;
    for round in 0..rounds() {
        let guest = map(&mut channel, &sense_id)?;
        command_soon(&channel, what)?;
        start_soon(&channel, &sense_id)?;
        expect(&mut channel, what)?;
        expect_end(&mut channel)?;
        check_eq(
            &format!("round {round}: data"),
            guest.read(0x2_0000, 3),
            vec![0xff, 0x38, 0x32],
        )?;
        check_eq(&format!("round {round}: KiB pinned"), pinned()?, before)?;
        guest.unmap(channel.device_mut())?;
    }
    expect_silence(&mut channel)
}

fn halt_halted(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    start_suspended(&mut channel)?;
    for what in [HALT, HALT, CLEAR] {
        command_soon(&channel, what)?;
        expect(&mut channel, what)?;
        check_eq("KiB pinned", pinned()?, before)?;
    }
    expect_silence(&mut channel)
}

fn again(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let (program, _guest) = start_suspended(&mut channel)?;
    for _ in 0..20 {
        command_soon(&channel, what)?;
        expect(&mut channel, what)?;
        channel.start(program.orb)?;
        check(pinned()? > before, "nothing is pinned")?;
    }
    Ok(())
}

fn halted_address(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let (program, _guest) = start_suspended(&mut channel)?;
    halt(&channel)?;
    let cpa = expect(&mut channel, HALT)?.scsw().cpa();
    let start = program.orb.cpa();
    check(
        (start..=start + 16).contains(&cpa),
        format!("address in the status: {cpa:#x}"),
    )
}

fn idle_address(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_usable(&mut channel)?;
    for what in [HALT, CLEAR] {
        command(&channel, what)?;
        let cpa = expect(&mut channel, what)?.scsw().cpa();
        check_eq("address in the status", cpa, 0)?;
    }
    Ok(())
}

fn no_eventfd(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    channel.device().set_trigger(IO_IRQ, None)?;
    halt(&channel)?;
    let end = Instant::now() + TIMEOUT;
    while channel.irb()?.scsw().fctl() != FunctionControl::HALT {
        check(Instant::now() < end, "the status never came")?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn with_reset(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for what in [HALT, CLEAR] {
        for _ in 0..20 {
            command_soon(&channel, what)?;
            channel.device().reset()?;
            while channel.wait(Duration::from_millis(2))?.is_some() {}
        }
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn closed(devices: &Devices) -> TestResult {
    for what in [HALT, CLEAR] {
        let channel = devices.open()?;
        command(&channel, what)?;
        drop(channel);
        let mut channel = devices.open()?;
        check_eq("status after opening", *channel.irb()?.as_bytes(), [0; 64])?;
        check_eq("result after opening", result(&channel)?, 0)?;
        expect_silence(&mut channel)?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn other_device(devices: &Devices, what: u32) -> TestResult {
    let mut channel = devices.open()?;
    let mut other = devices.open_named("terminal")?;
    let in_flight = InFlight::start(&mut other)?;
    start_suspended(&mut channel)?;
    command(&channel, what)?;
    expect(&mut channel, what)?;
    in_flight.check_stays(&other)?;
    expect_silence(&mut other)
}

fn full_queue(devices: &Devices, what: u32) -> TestResult {
    const QUEUED: usize = 15;
    let mut channel = devices.open()?;
    for i in 0..QUEUED {
        command_soon(&channel, HALT).map_err(|failure| format!("halt {i}: {failure}"))?;
    }
    // The status of the last one may take a while on a machine that has much else to do.
    thread::sleep(4 * SILENCE);
    for _ in 0..3 {
        check_errno("the next command", command(&channel, what), libc::EBUSY)?;
    }
    expect(&mut channel, HALT)?;
    command(&channel, what)?;
    for _ in 1..QUEUED {
        expect(&mut channel, HALT)?;
    }
    expect(&mut channel, what)?;
    expect_silence(&mut channel)?;
    check_usable(&mut channel)
}
