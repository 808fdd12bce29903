// SPDX-License-Identifier: GPL-2.0

//! Programs as a boot loader runs them: at address 0, over which READ IPL reads, and then what was
//! read; and with one path after the other.

mod late;

use std::{
    io,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program, //
};
use ccwchain::{
    orb::Orb,
    scsw::{
        FunctionControl,
        Scsw,
        SubchannelStatus, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "READ IPL reads over its own CCW, and what it has read is run" => read_ipl;
        "boot records run as one program, which reads its own next CCWs" => boot_records;
        "a CCW over which the program reads is run as it is then" => read_over;
        "a CCW after a search over which the program reads is not run as it was" => after_search;
        "a program that changes itself in a loop ends at the bound" => bound;
        "a program that waits for its rest is ended at any moment" => ended;
        "a program whose rest comes late runs" => late::runs;
        "a program whose rest does not come ends" => late::ends;
        "a device is closed while the rest of a program does not come" => late::closes;
        "a path that is not there is EACCES, and the next is tried after a clear" =>
            one_path_after_the_other;
    }
}

/// Track 0 of the second disk: a PSW and two CCWs of format 0, which read the next record to 0x1000
/// and go on there; and that record, two CCWs.
pub(super) const TRACK: &str = "\
area where at 0x20000 X'0000 0000 0000'
area zero  at 0x20010 X'0000 0000 00'
area one   at 0x20100 X'0000 0000 01 00 0018' X'000A0000 00000000' X'06001000 60000010' X'08001000 00000000'
area two   at 0x20200 X'0000 0000 02 00 0010' X'03000000 60000001' X'03000000 20000001'
      ccw  seek,where,cc
find: ccw  searchid,zero,cc
      ccw  tic,find
      ccw  writeckd,one,cc
      ccw  writeckd,two";

/// A program with READ IPL, which reads over its own CCW and the next ones.
const LOADER: &str = "orb format=0 prefetch=no\norg 0\n\
    dc X'02000000 60000018'\ndc X'00000000 00000000'";

/// Maps the page to which the first record of [`TRACK`] reads the second one.
pub(super) fn map_page(disk: &mut Channel) -> TestResult<GuestMemory> {
    let page = program("area page at 0x1000 size 16\norg 0x8000\nccw nop")?;
    map(disk, &page)
}

fn run(channel: &mut Channel, orb: Orb) -> TestResult<u32> {
    channel.start(orb)?;
    let irb = channel.wait_end(TIMEOUT, &mut Vec::new())?;
    let scsw = irb.ok_or("no status came".to_owned())?.scsw();
    check(
        scsw.subchannel_status().bits() == 0,
        format!("subchannel status {}", scsw.subchannel_status()),
    )?;
    Ok(scsw.cpa())
}

fn read_ipl(devices: &Devices) -> TestResult {
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, TRACK)?;

    // READ IPL, with incorrect length suppressed: 24 bytes, to address 0.
    let loader: Program = program("orb format=0 prefetch=no\norg 0\ndc X'02000000 20000018'")?;
    let guest = map(&mut disk, &loader)?;
    let cpa = run(&mut disk, loader.orb)?;
    check_eq("address in the status", cpa, 8)?;
    let read = guest.read(0, 24);
    check_eq(
        "the PSW that was read",
        &read[..8],
        &[0, 0x0a, 0, 0, 0, 0, 0, 0],
    )?;

    // The CCW at 8 reads those at 0x1000 only when it is run, so the loader runs it by itself,
    // after SEEK and SEARCH ID for its record.
    let mut ccw = guest.read(8, 8);
    ccw[4] = 0x20;
    guest.write(8, &[0x07, 0, 1, 0, 0x40, 0, 0, 6]);
    guest.write(0x10, &[0x31, 0, 1, 8, 0x40, 0, 0, 5]);
    guest.write(0x18, &[0x08, 0, 0, 0x10, 0, 0, 0, 0]);
    guest.write(0x20, &ccw);
    guest.write(0x108, &[0, 0, 0, 0, 2]);
    let second = map_page(&mut disk)?;
    let cpa = run(&mut disk, loader.orb.with_cpa(8))?;
    check_eq("address in the status", cpa, 0x28)?;
    check_eq(
        "the CCWs that were read",
        second.read(0x1000, 2),
        vec![3, 0],
    )?;
    let cpa = run(&mut disk, loader.orb.with_cpa(0x1000))?;
    check_eq("address in the status", cpa, 0x1010)?;
    second.unmap(disk.device_mut())?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// Starts a program and returns its status when it has ended, and the number of statuses.
fn end_of(channel: &mut Channel, orb: Orb) -> TestResult<Scsw> {
    channel.start(orb)?;
    let mut before = Vec::new();
    let irb = channel.wait_end(TIMEOUT, &mut before)?;
    check(before.is_empty(), "the wait was shown to the guest")?;
    Ok(irb.ok_or("no status came".to_owned())?.scsw())
}

/// Runs the IPL of a disk as a machine does: READ IPL chains to the CCWs that it reads, which read
/// those at 0x1000. `old` is what is in their place before.
fn boot(devices: &Devices, old: &str) -> TestResult {
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, TRACK)?;

    let ccws = format!("dc X'02000000 60000018'\ndc {old}");
    let loader: Program = program(&format!("orb format=0 prefetch=no\norg 0\n{ccws}"))?;
    let guest = map(&mut disk, &loader)?;
    let second = map_page(&mut disk)?;
    for _ in 0..3 {
        guest.write(0, &[0x02, 0, 0, 0, 0x60, 0, 0, 0x18]);
        guest.write(8, &[0; 16]);
        second.write(0x1000, &[0; 16]);
        let scsw = end_of(&mut disk, loader.orb)?;
        let status = scsw.subchannel_status();
        check_eq("subchannel status", status, SubchannelStatus::empty())?;
        check_eq("address in the status", scsw.cpa(), 0x1010)?;
        check_eq(
            "the CCW that was read",
            guest.read(8, 8),
            vec![6, 0, 0x10, 0, 0x60, 0, 0, 0x10],
        )?;
        check_eq(
            "the CCWs that were read",
            second.read(0x1000, 2),
            vec![3, 0],
        )?;
    }
    second.unmap(disk.device_mut())?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

fn boot_records(devices: &Devices) -> TestResult {
    boot(devices, "X'00000000 00000000'")
}

/// Reads over a no-operation that was there when the program was started.
fn read_over(devices: &Devices) -> TestResult {
    boot(devices, "X'03000000 20000001'")
}

/// Reads over a CCW to which status modifier of a search leads: NO-OPERATION between both would
/// change what the CCW does.
fn after_search(devices: &Devices) -> TestResult {
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, TRACK)?;

    let loader: Program = program(
        "orb format=0 prefetch=no\norg 0\n\
         dc X'07000100 40000006'\ndc X'31000108 40000005'\ndc X'08000008 00000000'\n\
         dc X'06000030 60000018'\ndc X'31000110 40000005'\ndc X'08000020 00000000'\n\
         dc X'06000200 20000008'",
    )?;
    let guest = map(&mut disk, &loader)?;
    guest.write(0x100, &[0; 8]);
    guest.write(0x108, &[0, 0, 0, 0, 1]);
    guest.write(0x110, &[0, 0, 0, 0, 2]);
    let scsw = end_of(&mut disk, loader.orb)?;
    let status = scsw.subchannel_status();
    check_eq("subchannel status", status, SubchannelStatus::PROGRAM_CHECK)?;
    check_eq("address in the status", scsw.cpa(), 0x38)?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// A track with a record that is the CCW `SEEK`.
const LOOP: &str = "\
area where at 0x20000 X'0000 0000 0000'
area zero  at 0x20010 X'0000 0000 00'
area one   at 0x20100 X'0000 0000 01 00 0008' X'07000100 40000006'
      ccw  seek,where,cc
find: ccw  searchid,zero,cc
      ccw  tic,find
      ccw  writeckd,one";

/// Maps a program that reads over its first CCW again and again, to which a TIC leads back.
fn map_loop(disk: &mut Channel) -> TestResult<(Program, GuestMemory)> {
    let program = program(
        "orb format=0 prefetch=no\norg 0\n\
         dc X'07000100 40000006'\ndc X'31000108 40000005'\ndc X'08000008 00000000'\n\
         dc X'06000000 60000008'\ndc X'08000000 00000000'",
    )?;
    let guest = map(disk, &program)?;
    guest.write(0x100, &[0; 8]);
    guest.write(0x108, &[0, 0, 0, 0, 1]);
    Ok((program, guest))
}

/// A program of which the driver has translated the last rest ends with a program check.
fn bound(devices: &Devices) -> TestResult {
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, LOOP)?;
    let (program, guest) = map_loop(&mut disk)?;
    let scsw = end_of(&mut disk, program.orb)?;
    let status = scsw.subchannel_status();
    check_eq("subchannel status", status, SubchannelStatus::PROGRAM_CHECK)?;
    check_eq("address in the status", scsw.cpa(), 8)?;
    guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// Ends a program that waits most of the time, at many moments: by a halt, a clear, a reset, and by
/// unmapping its memory.
fn ended(devices: &Devices) -> TestResult {
    let statistics = Statistics::of(devices.named("disk2")?)?;
    let mut disk = devices.open_named("disk2")?;
    run_text(&mut disk, LOOP)?;
    let ends: [fn(&Channel) -> io::Result<()>; 4] =
        [halt, clear, |disk| disk.device().reset(), |_| Ok(())];
    for (round, end) in (0..12).zip(ends.iter().cycle()) {
        let (program, guest) = map_loop(&mut disk)?;
        let rereads = statistics.get("rereads")?;
        disk.start(program.orb)?;
        // Hercules keeps a device busy for ever if it has not begun the program that is halted.
        let started = Instant::now();
        while statistics.get("rereads")? == rereads {
            check(started.elapsed() < TIMEOUT, "the program does not wait")?;
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(8 * round));
        // The device is busy while it translates, and the program may have reached the bound.
        match retry(libc::EAGAIN, || end(&disk)) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            result => result?,
        }
        if round % 4 == 3 {
            guest.unmap(disk.device_mut())?;
            take_rest(&mut disk)?;
        } else {
            while let Some(irb) = disk.wait(SILENCE)? {
                let cpa = irb.scsw().cpa();
                check(cpa <= 0x30, format!("address in the status: {cpa:#x}"))?;
            }
            guest.unmap(disk.device_mut())?;
        }
        check_eq("pages pinned", statistics.get("pages_pinned")?, 0)?;
    }
    check_usable(&mut disk)
}

/// A loader of zipl allows one path, and clears the subchannel before it allows the next.
fn one_path_after_the_other(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let [_, available, _] = Schib::read(&channel)?.path_masks();
    for path in (0..8).map(|number| 0x80 >> number) {
        let nop = program(&format!("orb lpm={path:#x}\nccw nop"))?;
        let guest = map(&mut channel, &nop)?;
        if available & path != 0 {
            run(&mut channel, nop.orb)?;
        } else {
            check_errno("start", channel.start(nop.orb), libc::EACCES)?;
        }
        guest.unmap(channel.device_mut())?;
        clear(&channel)?;
        let irb = channel.wait(TIMEOUT)?;
        let scsw = irb.ok_or("no status of the clear came".to_owned())?.scsw();
        check_eq("function", scsw.fctl(), FunctionControl::CLEAR)?;
    }
    check_usable(&mut channel)
}
