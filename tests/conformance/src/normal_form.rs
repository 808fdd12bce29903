// SPDX-License-Identifier: GPL-2.0

//! Parts of a CCW that have no meaning lead no channel to do what the guest may not.
//!
//! The channels of the emulators read a CCW more simply than the architecture says: QEMU's does not
//! look at the flags CD and SKIP, Hercules' forgets CD where a device ends a command at once. A
//! page that is mapped read-only for the device stays as it is all the same.
//!
//! The cases test guarantees of our driver, and skip the C driver.

use crate::{
    case::*,
    fixtures::*, //
};

/// The address of the page, and the byte that fills it.
const PAGE: u64 = 0x3_0000;
const MARK: u8 = 0x5a;

/// The areas of programs. `page` is the whole page.
const AREAS: &str = "\
area one at 0x20000 size 1
area id at 0x20100 size 256
area page at 0x30000 size 4K readonly fill X'5A'
";

/// Runs a program with these CCWs, whatever comes of it. Returns whether the page is as it was.
fn keeps_page(devices: &Devices, device: &str, areas: &str, ccws: &str) -> TestResult<bool> {
    let mut channel = devices.open_named(device)?;
    let program = program(&format!("{areas}{ccws}"))?;
    let guest = map(&mut channel, &program)?;
    channel.start(program.orb)?;
    let end = channel.wait_end(TIMEOUT, &mut Vec::new())?;
    check(end.is_some(), "the program does not end")?;
    let keeps = guest.read(PAGE, 4096).iter().all(|byte| *byte == MARK);
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)?;
    Ok(keeps)
}

fn kept(devices: &Devices, device: &str, ccws: &str) -> TestResult {
    only_ours()?;
    let keeps = keeps_page(devices, device, AREAS, ccws)?;
    check(keeps, "the channel has stored into a page that it may read")
}

fn control(devices: &Devices) -> TestResult {
    only_ours()?;
    let writable = AREAS.replace(" readonly", "");
    let keeps = keeps_page(devices, "rng", &writable, "ccw senseid,page,sli,7")?;
    check_eq("whether the test sees no change", keeps, false)
}

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "CC beside CD, SENSE ID" =>
            |devices| kept(devices, "terminal", "ccw w,one,cd|cc,1\nccw senseid,page,sli,7");
        "CC beside CD, READ MODIFIED" =>
            |devices| kept(devices, "terminal", "ccw w,one,cd|cc,1\nccw rm,page,sli,64");
        "CC beside CD in format 0" => |devices| kept(devices, "terminal", "\
            orb format=0\nccw w,one,cd|cc,1\nccw senseid,page,sli,7");
        "CC beside CD, a transfer between them" => |devices| kept(devices, "terminal", "\
            ccw w,one,cd|cc,1\nccw tic,there\norg 0x11000\nthere: ccw senseid,page,sli,7");
        "CC beside CD of a no-operation" =>
            |devices| kept(devices, "rng", "ccw nop,one,cd|cc|sli,1\nccw senseid,page,sli,7");
        "CC beside CD of a command that stores" =>
            |devices| kept(devices, "rng", "ccw senseid,id,cd|cc|sli,7\nccw senseid,page,sli,7");
        "SKIP" => |devices| kept(devices, "rng", "ccw senseid,page,skip|sli,7");
        "control: the page changes if it may" => control;
    }
}

pub(crate) fn hercules_cases() -> Vec<Case> {
    cases! {
        "CC beside CD of a command that ends at once" => ends_at_once;
        "SKIP beside CD" => |devices| kept(devices, "tape", "\
            ccw rewind,one,cc|sli,1\nccw read,id,cd,7\nccw write,page,skip|sli,64");
    }
}

fn ends_at_once(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut channel = devices.open_named("tape")?;
    run_text(
        &mut channel,
        "area one at 0x20000 size 1\narea block at 0x20100 size 100 fill X'11'\n\
         ccw rewind,one,cc|sli,1\nccw write,block",
    )?;
    drop(channel);
    kept(
        devices,
        "tape",
        "ccw rewind,one,cd|cc|sli,1\nccw read,page,sli,64",
    )
}
