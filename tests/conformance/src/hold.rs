// SPDX-License-Identifier: GPL-2.0

//! The process of a [`User`], which holds a device until it is killed.

use std::{
    io::{
        self,
        Write, //
    },
    thread,
    time::Duration, //
};

use ccw::{
    channel::Channel,
    sysfs::Mdev, //
};

use crate::{
    fixtures::*,
    hercules, //
};

/// Opens a device, starts a program (suspended, endless, a storm of interruptions, one after the
/// other, or none), says so, and waits to be killed.
pub(crate) fn hold(what: &str, backend: &str, uuid: &str) -> TestResult {
    let backend = backend_of(backend).ok_or_else(|| "no such back end".to_owned())?;
    let mut channel = open(&Mdev::find(uuid)?, backend)?;
    match what {
        "endless" => hercules::start_endless(&mut channel)?,
        "storm" => hercules::start_storm(&mut channel)?,
        "idle" | "busy" => {}
        _ => drop(start_suspended(&mut channel)?),
    }
    println!("held");
    io::stdout().flush()?;
    if what == "busy" {
        start_all_the_time(&mut channel)?;
    }
    thread::sleep(TIMEOUT * 10);
    Ok(())
}

/// Starts one program after the other, whatever becomes of them: the host may go down.
fn start_all_the_time(channel: &mut Channel) -> TestResult {
    let program = nop(channel)?;
    loop {
        if channel.start(program.orb).is_ok() {
            let _ = channel.wait(SILENCE);
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
