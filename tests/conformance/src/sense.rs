// SPDX-License-Identifier: GPL-2.0

//! Sense data. They stay in the device until the user reads them with SENSE, as nobody has asked
//! for concurrent sense: boot loaders and stand-alone programs look for them there.

use ccw::{
    channel::Channel,
    outcome::Outcome,
    run, //
};
use ccwchain::scsw::DeviceStatus;

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a unit check comes without sense data, and SENSE reads them" => unit_check;
    }
}

pub(crate) fn fault_cases() -> Vec<Case> {
    cases! {
        "a fault that the program does not get to is none" => fault_behind;
    }
}

/// A program that ends with a unit check of the first device's, for a command that it rejects.
pub(crate) fn rejected() -> &'static str {
    match machine::is_hercules() {
        true => "area where at 0x20000 X'0000 FFFF 0000'\nccw seek,where",
        false => "area data at 0x20000 size 1\nccw X'7B',data",
    }
}

/// Runs a program that ends with a unit check, whose status must have no sense data. Returns the
/// address in the status.
fn check_unit_check(channel: &mut Channel, text: &str) -> TestResult<u32> {
    let program = program(text)?;
    let guest = map(channel, &program)?;
    let mut others = Vec::new();
    let outcome = run::start(channel, &program, TIMEOUT, &mut others)?;
    guest.unmap(channel.device_mut())?;
    let Outcome::Ended(irb) = outcome else {
        return Err(outcome.summary().into());
    };
    let status = irb.scsw().device_status();
    check(
        status.contains(DeviceStatus::UNIT_CHECK),
        format!("no unit check: {status}"),
    )?;
    check(irb.sense().is_none(), "the status has sense data")?;
    Ok(irb.scsw().cpa())
}

/// Reads the sense data, which must be those of a command reject.
fn check_sense(channel: &mut Channel) -> TestResult {
    let sense = "area sense at 0x20000 size 32\n\
                 last: ccw sense,sense,sli\n\
                 expect at=last\n\
                 expect data sense X'80'";
    run_text(channel, sense)
}

fn unit_check(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_unit_check(&mut channel, rejected())?;
    check_sense(&mut channel)?;
    check_usable(&mut channel)
}

/// The command that is rejected comes before one with data where there is no memory.
fn fault_behind(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let text = "area id   at 0x20000 size 256\n\
                area gone at 0x50000 size 256 unmapped\n\
                ccw X'7B',id,cc,1\n\
                ccw senseid,gone,sli";
    let cpa = check_unit_check(&mut channel, text)?;
    check_eq("address in the status", cpa, 0x1_0008)?;
    check_sense(&mut channel)?;
    check_usable(&mut channel)
}
