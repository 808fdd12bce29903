// SPDX-License-Identifier: GPL-2.0

//! `ccw bind` and `ccw release`: subchannels and their drivers.

use ccw::{
    sys,
    sysfs::{
        BusId,
        Subchannel, //
    }, //
};

use crate::failure::Failure;

fn tell(line: String) {
    println!("{line}");
}

fn check_root() {
    if !sys::is_root() {
        eprintln!("ccw: without root rights this will probably fail; run it as root");
    }
}

pub(crate) fn bind(bus_id: &BusId, uuid: Option<&str>) -> Result<(), Failure> {
    let subchannel = Subchannel::find(bus_id)?;
    check_root();
    let mdev = subchannel.bind(uuid, &mut tell)?;
    println!("run programs: ccw run {} PROGRAM", mdev.uuid());
    Ok(())
}

pub(crate) fn release(bus_id: &BusId) -> Result<(), Failure> {
    let subchannel = Subchannel::find(bus_id)?;
    check_root();
    Ok(subchannel.release(&mut tell)?)
}
