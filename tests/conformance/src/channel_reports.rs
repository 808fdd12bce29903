// SPDX-License-Identifier: GPL-2.0

//! Channel reports, which region 3 gives out and interrupt 1 announces.
//!
//! They are injected into this kernel (`drivers/s390/cio/cio_inject.c`): what it makes of them is
//! as if the machine had reported them.

use std::os::fd::AsFd;

use ccw::sys;

use crate::{
    case::*,
    fixtures::*, //
};

mod listener;

use listener::{
    back_word,
    gone_word,
    take_signal,
    Listener,
    OVERFLOW, //
};

pub(crate) use listener::Injection;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "there is none at first" => none;
        "a path that is gone is reported" => gone;
        "a path that is back is reported" => back;
        "reports are given in order, each once" => in_order;
        "reports are announced as long as there are any" => announced;
        "all reports can be read after one signal" => one_signal;
        "a reader who was announced none gets none" => each_once;
        "a read without the first byte takes no report" => part_takes_none;
        "a read to a bad pointer takes no report" => fault_takes_none;
        "a read of the first byte takes the report" => first_byte_takes;
        "a read without an announcement takes the report" => without_eventfd;
        "of more than 16 reports 16 are kept, with overflow" => overflow;
        "reports after an overflow are as before" => after_overflow;
        "nothing is reported of the paths of others" => of_others;
        "reports of one device are not those of another" => two_devices;
        "nothing is kept for a device that is closed" => while_closed;
        "what was not read is gone after close" => unread_at_close;
        "a reset leaves reports to be read" => over_reset;
        "a report leaves status and its interrupt alone" => apart;
        "a solicited report is not passed on" => solicited;
        "a look at a subchannel that is there reports nothing" => evaluated;
        "varying a path off and on reports nothing" => varied;
        "the eventfd can be replaced" => replaced;
        "the eventfd can be taken away" => taken_away;
        "a path that is gone ends a suspended program" => ends_program;
        "a device is usable after its path was gone and is back" => usable;
        "reads beyond the reports are EINVAL" => beyond;
        "reports cannot be written" => written;
        "many reports leave nothing behind" => many;
    }
}

/// The number of reports that are kept.
const KEPT: usize = 16;

fn none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..3 {
        listener.expect_none()?;
    }
    Ok(())
}

fn gone(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_gone()?;
    listener.expect_gone()?;
    listener.report_back()
}

fn back(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.expect_back()
}

fn in_order(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..4 {
        listener.report_gone()?;
        listener.report_back()?;
    }
    for _ in 0..4 {
        listener.expect_gone()?;
        listener.expect_back()?;
    }
    listener.expect_none()
}

fn announced(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = listener.path;
    listener.report_gone()?;
    listener.report_back()?;
    listener.report_back()?;
    listener.settle()?;
    for word in [gone_word(path), back_word(path), back_word(path)] {
        listener.expect_announced()?;
        check_eq("report", take_crw(&listener.channel)?, word)?;
    }
    listener.expect_none()
}

fn one_signal(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = listener.path;
    listener.report_gone()?;
    listener.report_back()?;
    listener.settle()?;
    listener.expect_announced()?;
    check_eq("first", take_crw(&listener.channel)?, gone_word(path))?;
    check_eq("second", take_crw(&listener.channel)?, back_word(path))?;
    check_eq("third", take_crw(&listener.channel)?, 0)
}

fn each_once(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.expect_back()?;
    for _ in 0..3 {
        listener.expect_none()?;
    }
    Ok(())
}

fn part_takes_none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.settle()?;
    for (offset, len) in [(4, 4), (1, 7), (7, 1), (8, 0), (0, 0)] {
        let device = listener.channel.device();
        let read = device.pread(&mut vec![0; len], CRW + offset)?;
        check_eq(&format!("bytes read at {offset}"), read, len)?;
    }
    listener.expect_back()
}

fn fault_takes_none(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.settle()?;
    check_read_null(&listener.channel, CRW, CRW_SIZE)?;
    listener.expect_back()
}

fn first_byte_takes(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.expect_announced()?;
    let mut byte = [0];
    listener.channel.device().pread(&mut byte, CRW)?;
    check_eq("first byte", byte, [0x04])?;
    listener.expect_none()
}

fn without_eventfd(devices: &Devices) -> TestResult {
    let listener = Listener::open(devices)?;
    listener.channel.device().set_trigger(CRW_IRQ, None)?;
    listener.report_back()?;
    listener.settle()?;
    let word = back_word(listener.path);
    check_eq("report", take_crw(&listener.channel)?, word)
}

fn overflow(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = listener.path;
    for _ in 0..KEPT + 4 {
        listener.report_back()?;
    }
    listener.settle()?;
    for _ in 1..KEPT {
        listener.expect_back()?;
    }
    listener.expect(back_word(path) | OVERFLOW)?;
    listener.expect_none()
}

fn after_overflow(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..KEPT + 1 {
        listener.report_back()?;
    }
    listener.settle()?;
    for _ in 0..KEPT {
        listener.next()?;
    }
    listener.expect_none()?;
    listener.report_back()?;
    listener.expect_back()?;
    listener.expect_none()
}

fn of_others(devices: &Devices) -> TestResult {
    let mut listener = Listener::on(devices.open()?)?;
    let terminal = Listener::open(devices)?.path;
    check(listener.path != terminal, "both devices have one path")?;
    let injection = Injection::new()?;
    injection.gone(terminal)?;
    injection.back(terminal)?;
    injection.settle()?;
    listener.expect_none()
}

fn two_devices(devices: &Devices) -> TestResult {
    let mut terminal = Listener::open(devices)?;
    let mut rng = Listener::on(devices.open()?)?;
    Injection::new()?.back(terminal.path)?;
    terminal.expect(back_word(terminal.path))?;
    rng.expect_none()
}

fn while_closed(devices: &Devices) -> TestResult {
    let path = Listener::open(devices)?.path;
    let injection = Injection::new()?;
    injection.gone(path)?;
    injection.back(path)?;
    injection.settle()?;
    Listener::on(devices.open_named("terminal")?)?.expect_none()
}

fn unread_at_close(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.expect_announced()?;
    drop(listener);
    Listener::on(devices.open_named("terminal")?)?.expect_none()
}

fn over_reset(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.report_back()?;
    listener.expect_announced()?;
    listener.channel.device().reset()?;
    let word = back_word(listener.path);
    check_eq("report", take_crw(&listener.channel)?, word)
}

fn apart(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let status = *listener.channel.irb()?.as_bytes();
    listener.report_back()?;
    listener.expect_back()?;
    check(
        !listener.channel.wait_signal(SILENCE)?,
        "status is announced",
    )?;
    check_eq("status", *listener.channel.irb()?.as_bytes(), status)
}

fn solicited(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = listener.path;
    listener
        .injection
        .report(&format!("1 0 0 4 0 2 {path:x}"))?;
    listener.settle()?;
    listener.expect_none()
}

fn evaluated(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let bus_id = subchannel(devices.named("terminal")?)?.bus_id().to_string();
    let number = bus_id.rsplit('.').next().unwrap_or("").to_owned();
    for _ in 0..5 {
        listener
            .injection
            .report(&format!("0 0 0 3 0 4 {number}"))?;
    }
    listener.settle()?;
    listener.expect_none()?;
    check_usable(&mut listener.channel)
}

fn varied(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let path = ChannelPath::of(devices.named("terminal")?)?;
    path.vary_off()?;
    path.vary_on()?;
    listener.expect_none()?;
    check_usable(&mut listener.channel)
}

fn replaced(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let mut other = sys::eventfd()?;
    let device = listener.channel.device();
    device.set_trigger(CRW_IRQ, Some(other.as_fd()))?;
    listener.report_back()?;
    check(
        take_signal(&mut other, TIMEOUT * 6)?,
        "the new one is silent",
    )?;
    check(!listener.signalled(SILENCE)?, "the old one is signalled")
}

fn taken_away(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    listener.channel.device().set_trigger(CRW_IRQ, None)?;
    listener.report_back()?;
    check(!listener.signalled(SILENCE * 2)?, "it is still signalled")
}

fn ends_program(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    let before = pinned()?;
    let (_, guest) = start_suspended(&mut listener.channel)?;
    listener.report_gone()?;
    listener.expect_gone()?;
    let status = listener.channel.wait(TIMEOUT)?;
    check(status.is_some(), "the program does not end")?;
    check_eq("KiB pinned", pinned()?, before)?;
    listener.report_back()?;
    listener.expect_back()?;
    guest.unmap(listener.channel.device_mut())?;
    check_usable(&mut listener.channel)
}

fn usable(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..5 {
        listener.report_gone()?;
        listener.expect_gone()?;
        listener.report_back()?;
        listener.expect_back()?;
        check_usable(&mut listener.channel)?;
    }
    Ok(())
}

fn beyond(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for (offset, len) in [(0, CRW_SIZE + 1), (4, 5), (8, 1), (0, 4096), (1000, 4)] {
        check_read_beyond(&channel, CRW, offset, len)?;
    }
    Ok(())
}

fn written(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for len in [1, 4, CRW_SIZE] {
        check_write_beyond(&channel, CRW, 0, len)?;
    }
    Ok(())
}

fn many(devices: &Devices) -> TestResult {
    let mut listener = Listener::open(devices)?;
    for _ in 0..200 {
        listener.report_back()?;
        listener.expect_back()?;
    }
    listener.expect_none()
}
