// SPDX-License-Identifier: GPL-2.0

//! The process of a [`User`], which holds a device until it is killed.

use std::{
    io::{
        self,
        Write, //
    },
    thread, //
};

use ccw::sysfs::Mdev;

use crate::{
    fixtures::*,
    hercules, //
};

/// Opens a device, starts a program (suspended, endless, a storm of
/// interruptions, or none), says so, and waits to be killed.
pub(crate) fn hold(what: &str, backend: &str, uuid: &str) -> TestResult {
    let backend = backend_of(backend).ok_or_else(|| "no such back end".to_owned())?;
    let mut channel = open(&Mdev::find(uuid)?, backend)?;
    match what {
        "endless" => hercules::start_endless(&mut channel)?,
        "storm" => hercules::start_storm(&mut channel)?,
        "idle" => {}
        _ => drop(start_suspended(&mut channel)?),
    }
    println!("held");
    io::stdout().flush()?;
    thread::sleep(TIMEOUT * 10);
    Ok(())
}
