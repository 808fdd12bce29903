// SPDX-License-Identifier: GPL-2.0

//! The bounds of programs, from both sides.

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "255 CCWs in a row" => |devices| accepted(devices, 255);
        "256 CCWs in a row" => |devices| accepted(devices, 256);
        "257 CCWs in a row" => |devices| accepted(devices, 257);
        "4095 CCWs are a program" => |devices| accepted(devices, 4095);
        "4096 CCWs are a program" => |devices| accepted(devices, 4096);
        "4097 CCWs are EINVAL" => |devices| refused(devices, 4097);
        "100000 CCWs are EINVAL" => |devices| refused(devices, 100_000), slow(240);
        "15 segments" => |devices| segments(devices, 15);
        "16 segments" => |devices| segments(devices, 16);
        "17 segments" => |devices| segments(devices, 17);
        "200 segments" => |devices| segments(devices, 200);
        "data in 1000 pages" => pages;
        "8192 IDAWs are a program" => |devices| idaws(devices, 482);
        "68000 IDAWs are a program" => |devices| idaws(devices, 4000);
    }
}

/// A chain of so many commands. They have data, since QEMU takes only 255 CCWs without an address.
fn chain(count: usize) -> String {
    let mut text = "area data at 0x8 size 8\norg 0x100000\n".to_owned();
    text.push_str(&"ccw senseid,data,cc|sli\n".repeat(count - 1));
    text.push_str("last: ccw senseid,data,sli\n");
    text
}

fn accepted(devices: &Devices, count: usize) -> TestResult {
    let text = chain(count) + "expect at=last";
    run_text(&mut devices.open()?, &text)
}

/// Checks that such a chain is refused. It is written as bytes, which is faster than text.
fn refused(devices: &Devices, count: usize) -> TestResult {
    const SENSE_ID_CHAINED: [u8; 8] = [0xe4, 0x60, 0, 8, 0, 0, 0, 8];
    let mut channel = devices.open()?;
    let program = program(&format!(
        "area data at 0x8 size 8\narea rest at 0x100000 size {}\n\
         org 0xffff8\nccw senseid,data,cc|sli,8",
        (count - 1) * SENSE_ID_CHAINED.len()
    ))?;
    let guest = map(&mut channel, &program)?;
    guest.write(0x10_0000, &SENSE_ID_CHAINED.repeat(count - 1));
    check_errno("the start", channel.start(program.orb), libc::EINVAL)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

/// A command and a TIC to the next page, again and again.
fn segments(devices: &Devices, count: u32) -> TestResult {
    let mut text = "area data at 0x8 size 8\n".to_owned();
    let last = count - 1;
    for i in 0..last {
        let next = i + 1;
        text.push_str(&format!(
            "org {}\ns{i}: ccw senseid,data,cc|sli\nccw tic,s{next}\n",
            0x10_0000 + i * 0x1000
        ));
    }
    text.push_str(&format!(
        "org 0x800000\ns{last}: ccw nop\nexpect at=s{last}"
    ));
    run_text(&mut devices.open()?, &text)
}

/// A few bytes in each of many pages, in no order.
fn pages(devices: &Devices) -> TestResult {
    const PAGES: u32 = 1000;
    // The step has no factor in common with the number of pages, so that each page comes up once.
    const STEP: u32 = 387;
    let mut text = format!("area data at 0x1000000 size {}\n", PAGES * 4096);
    for i in 0..PAGES {
        let offset = i * STEP % PAGES * 4096;
        text.push_str(&format!("ccw senseid,data+{offset},cc|sli,4\n"));
    }
    text.push_str("last: ccw nop\nexpect at=last\n");
    for page in [0, 1, PAGES / 2, PAGES - 1] {
        text.push_str(&format!("expect data data+{} X'FF3832'\n", page * 4096));
    }
    run_text(&mut devices.open()?, &text)
}

/// Runs so many CCWs of 17 IDAWs each, in segments of 250.
fn idaws(devices: &Devices, ccws: u32) -> TestResult {
    let mut text = "area data at 0x800fff size 65535\norg 0x100000\n".to_owned();
    for i in 1..ccws {
        text.push_str("ccw senseid,data,cc|sli,65535\n");
        if i % 250 == 0 {
            let next = 0x10_0000 + i / 250 * 0x1000;
            text.push_str(&format!("ccw tic,s{i}\norg {next}\ns{i}: "));
        }
    }
    text.push_str("last: ccw senseid,data,sli,65535\nexpect at=last");
    let mut channel = devices.open()?;
    run_text(&mut channel, &text)?;
    check_usable(&mut channel)
}
