// SPDX-License-Identifier: GPL-2.0

//! Pages that stay pinned when programs are over, on a device that was set to keep them.

use std::{
    fmt::Write,
    fs,
    io,
    path::PathBuf, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program::Program,
    sys::Memory,
    sysfs::Mdev, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "pages stay pinned and are used again" => stay;
        "only a device that was set to keeps pages" => set;
        "a page that its owner has discarded is not used again" =>
            |devices| not_used_again(devices, Memory::discard);
        "a page that another has replaced is not used again" =>
            |devices| not_used_again(devices, Memory::replace);
        "a page that has moved away is not used again" =>
            |devices| { not_used_again(devices, |memory, offset| { memory.move_page(offset, offset + PAGE) }) };
        "a page that has moved here is used" =>
            |devices| { not_used_again(devices, |memory, offset| { memory.move_page(offset + PAGE, offset) }) };
        "a page that its owner has discarded is not used by another device" =>
            |devices| not_used_beside(devices, Behind::Read);
        "nor when the program that used it was not over" =>
            |devices| not_used_beside(devices, Behind::NotRead);
        "two devices of an address space keep pages while others are discarded" => two_storm;
        "data comes to where it belongs while pages are discarded" => storm;
        "no more pages stay pinned than were allowed" => bounded;
        "pages that are unmapped do not stay pinned" => unmapped;
        "no page stays pinned behind a reset" => reset;
        "a number of pages that cannot be is refused" => numbers;
    }
}

/// The address of data, and the size of a page.
const DATA: u64 = 0x20_0000;
const PAGE: usize = 0x1000;

/// The setting of a device; it is zero again when this is dropped.
struct Setting(PathBuf);

impl Setting {
    fn new(devices: &Devices, pages: u32) -> TestResult<Self> {
        Self::of(devices.first(), pages)
    }

    fn of(mdev: &Mdev, pages: u32) -> TestResult<Self> {
        only_ours()?;
        let uuid = mdev.uuid();
        let setting = Self(format!("/sys/bus/mdev/devices/{uuid}/pin_cache_pages").into());
        setting.set(&pages.to_string())?;
        Ok(setting)
    }

    fn set(&self, text: &str) -> io::Result<()> {
        fs::write(&self.0, text)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // The next case would tell.
        let _ = self.set("0");
    }
}

/// A program that stores into so many pages, with a page between them.
fn stores(pages: u64) -> TestResult<Program> {
    let mut text = String::new();
    for number in 0..pages {
        let chain = if number + 1 < pages { "cc|sli" } else { "sli" };
        let address = DATA + number * 2 * PAGE as u64;
        let behind = address + PAGE as u64;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "area d{number} at {address:#x} size 16\narea e{number} at {behind:#x} size 16\n\
             ccw senseid,d{number},{chain}"
        );
    }
    program(&text)
}

/// The first byte that a program has stored into a page, which is taken away.
fn take(guest: &GuestMemory, page: u64) -> u8 {
    let address = DATA + page * 2 * PAGE as u64;
    let byte = guest.read(address, 1).first().copied().unwrap_or_default();
    guest.write(address, &[0]);
    byte
}

/// Runs a program, which must store into so many pages.
fn run(channel: &mut Channel, program: &Program, guest: &GuestMemory, pages: u64) -> TestResult {
    retry(libc::EAGAIN, || channel.start(program.orb))?;
    let end = channel.wait_end(TIMEOUT, &mut Vec::new())?;
    let end = end.ok_or_else(|| "the program does not end".to_owned())?;
    check_eq(
        "subchannel status",
        end.scsw().subchannel_status().bits(),
        0,
    )?;
    for page in 0..pages {
        check_eq(&format!("data in page {page}"), take(guest, page), 0xff)?;
    }
    Ok(())
}

fn stay(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let before = pinned()?;
    let mut channel = devices.open()?;
    let program = stores(3)?;
    let guest = map(&mut channel, &program)?;
    run(&mut channel, &program, &guest, 3)?;
    check_eq("KiB pinned behind it", pinned()? - before, 12)?;
    let statistics = Statistics::of(devices.first())?;
    check_eq("pages pinned", statistics.get("pages_pinned")?, 3)?;
    let ever = statistics.get("pages_pinned_ever")?;
    for _ in 0..20 {
        run(&mut channel, &program, &guest, 3)?;
    }
    check_eq(
        "pages pinned ever",
        statistics.get("pages_pinned_ever")?,
        ever,
    )?;
    check_eq("KiB pinned behind all", pinned()? - before, 12)
}

fn set(devices: &Devices) -> TestResult {
    let setting = Setting::new(devices, 0)?;
    let before = pinned()?;
    for pages in [0, 8, 0] {
        setting.set(&pages.to_string())?;
        let text = fs::read_to_string(&setting.0)?;
        check_eq("the setting", text, format!("{pages}\n"))?;
        let mut channel = devices.open()?;
        // This is for the next time that it is opened.
        setting.set("4")?;
        let program = stores(1)?;
        let guest = map(&mut channel, &program)?;
        run(&mut channel, &program, &guest, 1)?;
        let kept = if pages > 0 { 4 } else { 0 };
        check_eq("KiB pinned", pinned()? - before, kept)?;
    }
    Ok(())
}

/// Has a page kept, does something to it, and sees where the next program stores.
fn not_used_again(devices: &Devices, change: fn(&Memory, usize) -> io::Result<()>) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let mut channel = devices.open()?;
    let program = stores(3)?;
    let guest = map(&mut channel, &program)?;
    for _ in 0..10 {
        run(&mut channel, &program, &guest, 3)?;
        let (memory, offset) = guest.memory(DATA + 2 * PAGE as u64);
        change(memory, offset)?;
        check_eq("the byte in the page that is there now", take(&guest, 1), 0)?;
    }
    run(&mut channel, &program, &guest, 3)
}

/// The state of the first device's program when its owner discards a page of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// The status of the program is read.
    Read,
    /// The status of the program waits, so that the owner cannot know that it is over.
    NotRead,
}

/// Has the first device keep a page, discards it, and sees where the program of another device,
/// which keeps none, stores.
fn not_used_beside(devices: &Devices, behind: Behind) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let mut first = devices.open()?;
    let mut second = devices.open_beside(&first, devices.second())?;
    let program = stores(3)?;
    let guest = map(&mut first, &program)?;
    for _ in 0..10 {
        run(&mut first, &program, &guest, 3)?;
        if behind == Behind::NotRead {
            retry(libc::EAGAIN, || first.start(program.orb))?;
            check(first.wait_signal(TIMEOUT)?, "no signal came")?;
        }
        let (memory, offset) = guest.memory(DATA + 2 * PAGE as u64);
        memory.discard(offset)?;
        if behind == Behind::NotRead {
            // The device has the page still, which is so without any that are kept.
            check(first.irb()?.scsw().ends_start(), "the program does not end")?;
            for page in [0, 2] {
                take(&guest, page);
            }
        }
        check_eq("the byte in the page that is there now", take(&guest, 1), 0)?;
        run(&mut second, &program, &guest, 3)?;
    }
    run(&mut first, &program, &guest, 3)
}

/// Two devices run programs in turn, both of which keep pages, while other pages of the process go.
fn two_storm(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let _other_setting = Setting::of(devices.second(), 16)?;
    let mut first = devices.open()?;
    let mut second = devices.open_beside(&first, devices.second())?;
    let program = stores(3)?;
    let guest = map(&mut first, &program)?;
    for round in 0..100 {
        let (memory, offset) = guest.memory(DATA + round % 3 * 2 * PAGE as u64);
        memory.discard(offset)?;
        run(&mut first, &program, &guest, 3)?;
        if round % 2 == 0 {
            memory.discard(offset)?;
        }
        run(&mut second, &program, &guest, 3)?;
    }
    Ok(())
}

fn storm(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let mut channel = devices.open()?;
    let program = stores(3)?;
    let guest = map(&mut channel, &program)?;
    let other = Memory::anonymous(PAGE)?;
    // Another page of the same process goes all the time.
    let discard = || {
        other.write(0, &[1]);
        Ok(other.discard(0)?)
    };
    beside(discard, || {
        (0..300).try_for_each(|round| {
            let (memory, offset) = guest.memory(DATA + round % 3 * 2 * PAGE as u64);
            memory.discard(offset)?;
            run(&mut channel, &program, &guest, 3)
        })
    })?;
    Ok(())
}

fn bounded(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 4)?;
    let before = pinned()?;
    let mut channel = devices.open()?;
    let program = stores(10)?;
    let guest = map(&mut channel, &program)?;
    for _ in 0..5 {
        run(&mut channel, &program, &guest, 10)?;
        check_eq("KiB pinned", pinned()? - before, 16)?;
    }
    Ok(())
}

fn unmapped(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let before = pinned()?;
    let mut channel = devices.open()?;
    for _ in 0..3 {
        let program = stores(3)?;
        let guest = map(&mut channel, &program)?;
        run(&mut channel, &program, &guest, 3)?;
        check(pinned()? > before, "no page is kept")?;
        guest.unmap(channel.device_mut())?;
        check_eq("KiB pinned", pinned()?, before)?;
    }
    Ok(())
}

fn reset(devices: &Devices) -> TestResult {
    let _setting = Setting::new(devices, 16)?;
    let before = pinned()?;
    let mut channel = devices.open()?;
    let program = stores(3)?;
    let guest = map(&mut channel, &program)?;
    for _ in 0..3 {
        run(&mut channel, &program, &guest, 3)?;
        check(pinned()? > before, "no page is kept")?;
        channel.device().reset()?;
        check_eq("KiB pinned", pinned()?, before)?;
    }
    Ok(())
}

fn numbers(devices: &Devices) -> TestResult {
    let setting = Setting::new(devices, 7)?;
    for wrong in [" ", "-1", "many", "0x10", "262145", "99999999999999999999"] {
        check_errno(wrong, setting.set(wrong), libc::EINVAL)?;
    }
    let text = fs::read_to_string(&setting.0)?;
    check_eq("the setting", text, "7\n".to_owned())?;
    setting.set("262144\n")?;
    let mut channel = devices.open()?;
    let program = stores(3)?;
    let guest = map(&mut channel, &program)?;
    run(&mut channel, &program, &guest, 3)
}
