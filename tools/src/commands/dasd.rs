// SPDX-License-Identifier: GPL-2.0

//! `ccw dasd`: what is on an ECKD disk.

use std::fs;

use ccw::{
    dasd::{
        label,
        track::{
            self,
            Shown, //
        },
        Answer,
        Disk, //
    },
    device_data::{
        self,
        DataFormat, //
    },
    device_kind::DeviceKind,
    error::Error, //
};
use clap::ArgMatches;

use super::open::{
    open,
    timeout, //
};
use crate::{
    cli::required,
    failure::Failure, //
};

/// The number of bytes that are shown of a field without `--all`.
const SHOWN: usize = 32;

pub(crate) fn dasd(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("info", matches)) => info(matches),
        Some(("label", matches)) => label(matches),
        Some(("read-track", matches)) => read_track(matches),
        _ => unreachable!("a command is required"),
    }
}

/// Returns the data that the disk gave, or a failure.
fn given<T>(answer: Answer<T>) -> Result<T, Failure> {
    answer?.map_err(Failure::Device)
}

/// Opens a disk. Returns it with its answer to SENSE ID. Fails if it is another device.
fn disk(matches: &ArgMatches) -> Result<(Disk, Vec<u8>), Failure> {
    let mut disk = Disk::new(open(matches)?, timeout(matches));
    let id = given(disk.sense_id())?;
    match device_data::device_kind(&id) {
        Some(DeviceKind::Disk) => Ok((disk, id)),
        _ => {
            let what = DataFormat::SenseId.decode(&id).join(", ");
            let what = format!("the device is no ECKD disk: {what}");
            Err(Failure::Device(what))
        }
    }
}

fn info(matches: &ArgMatches) -> Result<(), Failure> {
    let (mut disk, id) = disk(matches)?;
    let mut lines = DataFormat::SenseId.decode(&id);
    let characteristics = given(disk.characteristics())?;
    lines.extend(
        DataFormat::Characteristics
            .decode(&characteristics)
            .into_iter()
            .skip(1),
    );
    if let Some((command, count)) = device_data::configuration_command(&id) {
        let configuration = given(disk.configuration(command, count))?;
        lines.extend(DataFormat::Configuration.decode(&configuration));
    }
    println!("{}", lines.join("\n"));
    Ok(())
}

fn label(matches: &ArgMatches) -> Result<(), Failure> {
    let (mut disk, _) = disk(matches)?;
    let data = given(disk.label())?;
    let lines = label::decode(&data).map_err(Failure::Device)?;
    println!("{}", lines.join("\n"));
    Ok(())
}

fn read_track(matches: &ArgMatches) -> Result<(), Failure> {
    let (cylinder, head) = (*required(matches, "cylinder"), *required(matches, "head"));
    let (mut disk, _) = disk(matches)?;
    let (cylinders, heads) = device_data::disk_size(&given(disk.characteristics())?);
    if cylinder >= cylinders || u32::from(head) >= heads {
        return Err(Failure::Text(format!(
            "there is no cylinder {cylinder} head {head}: the disk has {cylinders} cylinders \
             of {heads} tracks, which count from 0"
        )));
    }
    let track = given(disk.track(cylinder, head))?;
    if let Some(file) = matches.get_one::<String>("output") {
        fs::write(file, &track)
            .map_err(|source| Error::io(format!("cannot write {file}"), source))?;
        println!("{} bytes of the track are in {file}", track.len());
        return Ok(());
    }
    let limit = match matches.get_flag("all") {
        true => usize::MAX,
        false => SHOWN,
    };
    for record in track::records(&track).map_err(Failure::Device)? {
        let record = &record;
        print!("{}", Shown { record, limit });
    }
    Ok(())
}
