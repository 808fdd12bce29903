// SPDX-License-Identifier: GPL-2.0

//! Arguments that several commands have, and parsers of their values.

use std::time::Duration;

use ccw::{
    device_kind::DeviceKind,
    sysfs::{
        is_uuid,
        BusId, //
    }, //
};
use clap::{
    Arg,
    ArgAction,
    ValueHint, //
};

/// Returns the argument that is the number of a subchannel.
pub(super) fn subchannel() -> Arg {
    Arg::new("SUBCHANNEL")
        .required(true)
        .value_parser(parse_bus_id)
        .value_hint(ValueHint::Other)
        .help("Number of an I/O subchannel, as `ccw list` shows it")
}

/// Returns the argument that is a mediated device.
pub(super) fn device() -> Arg {
    Arg::new("DEVICE")
        .required(true)
        .value_hint(ValueHint::Other)
        .help("Number of a subchannel with a mediated device, or UUID of such a device")
}

/// Returns the arguments of a command that opens a device: the interface, how long to wait, and the
/// device.
pub(super) fn opening() -> [Arg; 4] {
    let container = flag(
        "container",
        "Use /dev/vfio/vfio and the group of the device [default]",
    );
    let iommufd = flag("iommufd", "Use /dev/iommu and the file of the device");
    let timeout = Arg::new("timeout")
        .long("timeout")
        .value_name("SECONDS")
        .value_parser(parse_seconds)
        .default_value("10")
        .help("How long to wait for an interrupt");
    [
        container.overrides_with("iommufd"),
        iommufd.overrides_with("container"),
        timeout,
        device(),
    ]
}

/// Returns an option without a value.
pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn parse_bus_id(text: &str) -> Result<BusId, &'static str> {
    BusId::parse(text).ok_or("a subchannel has a number such as 0.0.0001; `ccw list` shows them")
}

pub(super) fn parse_device_type(text: &str) -> Result<DeviceKind, &'static str> {
    DeviceKind::of_type(text).ok_or(
        "give the type of a device whose commands are known, such as 3390, 3490, 3270, 1403, \
         3505, 3215 or 3832 (virtio)",
    )
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: Option<u32> = text.parse().ok();
    let seconds = seconds.ok_or("give a whole number of seconds, such as 60")?;
    Ok(Duration::from_secs(u64::from(seconds)))
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds >= 0.01);
    let interval = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    interval.ok_or("give a number of seconds, such as 2 or 0.5")
}

pub(super) fn parse_uuid(text: &str) -> Result<String, &'static str> {
    match is_uuid(text) {
        true => Ok(text.to_owned()),
        false => Err("this is not a UUID; `uuidgen` makes one"),
    }
}
