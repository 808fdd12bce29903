// SPDX-License-Identifier: GPL-2.0

//! Memory that is unmapped while devices of the same address space pin it again and again.
//!
//! type1 asks the drivers of all devices for it ten times, and then it is a BUG; so it is not asked
//! of the C driver.

use std::{
    sync::{
        atomic::{
            AtomicBool,
            AtomicU32,
            Ordering, //
        },
        Arc,
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use ccw::{
    channel::Channel,
    program::Program,
    sys::Memory,
    vfio::{
        Access,
        Backend, //
    }, //
};

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "one device pins it again" => |devices| unmap(devices, 1);
        "two devices pin it again" => |devices| unmap(devices, 2);
        "a device that has it pinned is closed meanwhile" => close;
        "a program can be started as soon as memory is mapped again" => start_soon;
    }
}

/// The address and the size of the memory.
const DATA: u64 = 0x20_0000;
const SIZE: usize = 0x1000;

/// Returns how often the memory is unmapped.
fn rounds() -> u32 {
    machine::rounds(300)
}

/// The number of programs to be started in the meantime, and the time that they may take on a slow
/// machine.
const PROGRAMS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(40);

/// A program that stores into the memory.
fn stores() -> TestResult<Program> {
    program("area data at 0x200000 size 256 unmapped\nccw senseid,data,sli,7")
}

/// Starts one program after the other until then, whatever becomes of them, and counts those that
/// were accepted.
fn start_all_the_time(
    channel: &mut Channel,
    program: &Program,
    started: &AtomicU32,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        if channel.start(program.orb).is_ok() {
            started.fetch_add(1, Ordering::Relaxed);
            // A program whose memory is gone gives a program check.
            let _ = channel.wait_end(TIMEOUT, &mut Vec::new());
        }
    }
}

/// Maps the memory, and unmaps it soon. Returns how long that took.
fn once(owner: &mut Channel, memory: &Arc<Memory>) -> TestResult<Duration> {
    owner.device_mut().map(DATA, memory, Access::ReadWrite)?;
    // Time for some programs.
    thread::sleep(Duration::from_millis(2));
    let began = Instant::now();
    owner.device_mut().unmap(DATA)?;
    Ok(began.elapsed())
}

fn unmap(devices: &Devices, others: usize) -> TestResult {
    only_ours()?;
    let before = pinned()?;
    let mut owner = devices.open()?;
    let program = stores()?;
    let guest = map(&mut owner, &program)?;
    let mut pinning = vec![devices.open_beside(&owner, devices.second())?];
    if others > 1 {
        let third = devices.named("spare").or_else(|_| devices.named("tape"))?;
        pinning.push(devices.open_beside(&owner, third)?);
    }

    let memory = Arc::new(Memory::anonymous(SIZE)?);
    let stop = AtomicBool::new(false);
    let started = AtomicU32::new(0);
    let mut longest = Duration::ZERO;
    thread::scope(|scope| {
        for channel in &mut pinning {
            scope.spawn(|| start_all_the_time(channel, &program, &started, &stop));
        }
        let end = Instant::now() + PATIENCE;
        let mut round = 0;
        let result = loop {
            let few = started.load(Ordering::Relaxed) < PROGRAMS && Instant::now() < end;
            if round >= rounds() && !few {
                break Ok(());
            }
            round += 1;
            match once(&mut owner, &memory) {
                Ok(took) => longest = longest.max(took),
                Err(failure) => break Err(failure),
            }
        };
        stop.store(true, Ordering::Relaxed);
        result
    })?;

    let started = started.into_inner();
    println!("# {started} programs, the longest unmap {longest:?}");
    check(
        started >= PROGRAMS,
        format!("{started} programs were started"),
    )?;
    check(longest < TIMEOUT, format!("an unmap took {longest:?}"))?;
    for channel in &mut pinning {
        channel.device().reset()?;
    }
    guest.unmap(owner.device_mut())?;
    check_eq("KiB pinned", pinned()?, before)?;
    drop(pinning);
    check_usable(&mut owner)
}

/// Closes a device with a program in flight while memory of the program is unmapped.
///
/// In Linux 7.3 iommufd wakes those that sleep interruptibly when it is done with the unmap
/// (`iommufd_put_object`), but closing waits for that uninterruptibly (`iommufd_object_dec_wait`):
/// it is over after a minute only.
fn close(devices: &Devices) -> TestResult {
    only_ours()?;
    if devices.backend() == Backend::Iommufd {
        let why = "closing waits a minute for iommufd's unmap";
        return Err(skip(why));
    }
    let before = pinned()?;
    let mut owner = devices.open()?;
    let program = program(
        "orb suspend=yes\n\
         area data at 0x200000 size 256 unmapped\n\
         ccw nop,,cc\n\
         ccw senseid,data,suspend|sli,7",
    )?;
    let guest = map(&mut owner, &program)?;
    let memory = Arc::new(Memory::anonymous(SIZE)?);
    for _ in 0..rounds() / 3 {
        owner.device_mut().map(DATA, &memory, Access::ReadWrite)?;
        let closing = devices.open_beside(&owner, devices.second())?;
        closing.start(program.orb)?;
        check(pinned()? > before, "no page is pinned")?;
        thread::scope(|scope| {
            scope.spawn(|| drop(closing));
            owner.device_mut().unmap(DATA)
        })?;
    }
    guest.unmap(owner.device_mut())?;
    check_eq("KiB pinned", pinned()?, before)?;
    check_usable(&mut owner)
}

/// A thread that has unmapped memory holds up nobody when it is back.
fn start_soon(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut owner = devices.open()?;
    let program = stores()?;
    let guest = map(&mut owner, &program)?;
    let memory = Arc::new(Memory::anonymous(SIZE)?);
    for _ in 0..50 {
        owner.device_mut().map(DATA, &memory, Access::ReadWrite)?;
        owner.start(program.orb)?;
        let end = owner.wait_end(TIMEOUT, &mut Vec::new())?;
        check(end.is_some(), "the program does not end")?;
        // The status of the program was taken; a page of it is pinned again.
        owner.start(program.orb)?;
        owner.device_mut().unmap(DATA)?;
        owner.device().reset()?;
        while owner.wait(Duration::from_millis(1))?.is_some() {}
    }
    guest.unmap(owner.device_mut())?;
    check_usable(&mut owner)
}
