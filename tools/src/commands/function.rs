// SPDX-License-Identifier: GPL-2.0

//! `ccw halt` and `ccw clear`: functions other than the start function.

use std::process::ExitCode;

use ccw::{
    decode,
    error::Error,
    regions::Command, //
};
use ccwchain::{
    irb::Irb,
    scsw::DeviceStatus, //
};
use clap::ArgMatches;

use super::open::{
    open,
    timeout, //
};
use crate::failure::Failure;

/// Returns whether the status tells of no error.
fn is_good(irb: &Irb) -> bool {
    let scsw = irb.scsw();
    scsw.cc() == 0
        && scsw.subchannel_status().is_empty()
        && !scsw.device_status().contains(DeviceStatus::UNIT_CHECK)
}

/// Performs a function, and prints the status that answers it.
pub(crate) fn perform(matches: &ArgMatches, command: Command) -> Result<ExitCode, Failure> {
    let mut channel = open(matches)?;
    let name = format!("{command:?}").to_lowercase();
    channel
        .device()
        .command(command)
        .map_err(|source| Error::io(format!("cannot {name} the subchannel"), source))?;
    let (timeout, mut others) = (timeout(matches), Vec::new());
    let irb = channel
        .wait_until(timeout, &mut others, |irb| irb.scsw().ends_halt_or_clear())
        .map_err(|source| Error::io("cannot wait for an interrupt", source))?;
    for other in others {
        println!("  other interrupt: {}", decode::summary(&other));
    }
    let Some(irb) = irb else {
        let seconds = timeout.as_secs();
        let what = format!("the {name} function has not ended within {seconds} s");
        return Err(Failure::Device(what));
    };
    println!("{name} function performed");
    print!("{}", decode::irb(&irb, ""));
    Ok(ExitCode::from(u8::from(!is_good(&irb))))
}

#[cfg(test)]
mod tests {
    use ccwchain::scsw::Scsw;

    use super::*;

    #[test]
    fn status_tells_of_errors() {
        for (words, good) in [
            ([0x0000_2001, 0, 0], true),
            ([0x0000_2001, 0, 0x0c00_0000], true),
            ([0x0300_2001, 0, 0], false),
            ([0x0000_2011, 0, 0x0200_0000], false),
            ([0x0000_2011, 0, 0x0002_0000], false),
        ] {
            let mut irb = Irb::default();
            irb.set_scsw(Scsw::from_words(words));
            assert_eq!(is_good(&irb), good, "{words:x?}");
        }
    }
}
