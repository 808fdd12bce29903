// SPDX-License-Identifier: GPL-2.0

//! `ccw list`, `ccw bind` and `ccw release`: subchannels and their drivers.

use ccw::{
    sys,
    sysfs::{
        BusId,
        Subchannel, //
    }, //
};

use crate::failure::Failure;

pub(crate) fn list() -> Result<(), Failure> {
    let subchannels = Subchannel::all()?;
    println!(
        "{:10}  {:10}  {:12}  {:14}  {:36}  FILES IN /dev/vfio",
        "SUBCHANNEL", "DEVICE", "TYPE", "DRIVER", "MEDIATED DEVICE"
    );
    for subchannel in subchannels {
        let (mut uuid, mut files) = (String::new(), String::new());
        if let Some(mdev) = subchannel.mdev() {
            uuid = mdev.uuid().to_owned();
            let group = mdev.group().ok();
            let own = mdev.vfio_name().ok().map(|name| format!("devices/{name}"));
            files = group.into_iter().chain(own).collect::<Vec<_>>().join(" ");
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let line = format!(
            "{:10}  {:10}  {:12}  {:14}  {uuid:36}  {files}",
            subchannel.bus_id(),
            or_dash(subchannel.device_number()),
            or_dash(subchannel.device_type()),
            or_dash(subchannel.driver()),
        );
        println!("{}", line.trim_end());
    }
    Ok(())
}

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
