// SPDX-License-Identifier: GPL-2.0

//! Opens the device of a command line.

use std::time::Duration;

use ccw::{
    channel::Channel,
    error::Result,
    sysfs::Mdev,
    vfio::{
        Backend,
        Device, //
    }, //
};
use clap::ArgMatches;

use crate::cli::required;

/// Opens the mediated device that the arguments name, through the interface that they name.
pub(super) fn open(matches: &ArgMatches) -> Result<Channel> {
    let backend = match matches.get_flag("iommufd") {
        true => Backend::Iommufd,
        false => Backend::Container,
    };
    let mdev = Mdev::find(required::<String>(matches, "DEVICE"))?;
    Channel::new(Device::open(&mdev, backend)?)
}

/// Returns how long to wait for an interrupt.
pub(super) fn timeout(matches: &ArgMatches) -> Duration {
    *required(matches, "timeout")
}
