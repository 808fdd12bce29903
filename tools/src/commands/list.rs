// SPDX-License-Identifier: GPL-2.0

//! `ccw list`: subchannels, their drivers and mediated devices.

use ccw::{
    error::Error,
    sysfs::Subchannel, //
};
use clap::ArgMatches;
use serde::Serialize;

use crate::failure::Failure;

/// The output of `ccw list --json`. docs/ccw.md describes it: names stay, new ones may come.
#[derive(Serialize)]
struct Listing {
    subchannels: Vec<Row>,
}

/// An I/O subchannel.
#[derive(Serialize)]
struct Row {
    subchannel: String,
    device: Option<String>,
    #[serde(rename = "type")]
    device_type: Option<String>,
    driver: Option<String>,
    mdev: Option<MediatedDevice>,
}

/// A mediated device, with the names of its files in `/dev/vfio` and `/dev/vfio/devices`.
#[derive(Serialize)]
struct MediatedDevice {
    uuid: String,
    group: Option<String>,
    vfio_device: Option<String>,
}

impl Row {
    fn of(subchannel: &Subchannel) -> Self {
        Self {
            subchannel: subchannel.bus_id().to_string(),
            device: subchannel.device_number(),
            device_type: subchannel.device_type(),
            driver: subchannel.driver(),
            mdev: subchannel.mdev().map(|mdev| MediatedDevice {
                uuid: mdev.uuid().to_owned(),
                group: mdev.group().ok(),
                vfio_device: mdev.vfio_name().ok(),
            }),
        }
    }

    /// Returns the row as a line of the table.
    fn line(&self) -> String {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (mut uuid, mut files) = ("", String::new());
        if let Some(mdev) = &self.mdev {
            uuid = &mdev.uuid;
            let own = mdev.vfio_device.as_ref();
            let own = own.map(|name| format!("devices/{name}"));
            let both: Vec<_> = mdev.group.iter().cloned().chain(own).collect();
            files = both.join(" ");
        }
        let line = format!(
            "{:10}  {:10}  {:15}  {:14}  {uuid:36}  {files}",
            self.subchannel,
            or_dash(&self.device),
            or_dash(&self.device_type),
            or_dash(&self.driver),
        );
        line.trim_end().to_owned()
    }
}

pub(crate) fn list(matches: &ArgMatches) -> Result<(), Failure> {
    let subchannels: Vec<_> = Subchannel::all()?.iter().map(Row::of).collect();
    if matches.get_flag("json") {
        println!("{}", json(&Listing { subchannels })?);
        return Ok(());
    }
    println!(
        "{:10}  {:10}  {:15}  {:14}  {:36}  FILES IN /dev/vfio",
        "SUBCHANNEL", "DEVICE", "TYPE", "DRIVER", "MEDIATED DEVICE"
    );
    for row in subchannels {
        println!("{}", row.line());
    }
    Ok(())
}

fn json(listing: &Listing) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(listing);
    text.map_err(|error| Error::new(format!("cannot write the list as JSON: {error}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            Row {
                subchannel: "0.0.0000".to_owned(),
                device: None,
                device_type: None,
                driver: None,
                mdev: None,
            },
            Row {
                subchannel: "0.0.0002".to_owned(),
                device: Some("0.0.0120".to_owned()),
                device_type: Some("3990/c2 3390/02".to_owned()),
                driver: Some("vfio_ccw".to_owned()),
                mdev: Some(MediatedDevice {
                    uuid: "7e270a25-e163-4922-af60-757fc8ed48c6".to_owned(),
                    group: Some("0".to_owned()),
                    vfio_device: Some("vfio0".to_owned()),
                }),
            },
        ]
    }

    #[test]
    fn a_row_is_a_line() {
        let lines: Vec<_> = rows().iter().map(Row::line).collect();
        assert_eq!(
            lines,
            [
                "0.0.0000    -           -                -",
                "0.0.0002    0.0.0120    3990/c2 3390/02  vfio_ccw        \
                 7e270a25-e163-4922-af60-757fc8ed48c6  0 devices/vfio0",
            ]
        );
    }

    #[test]
    fn the_shape_of_the_json_is_stable() {
        let listing = Listing {
            subchannels: rows(),
        };
        let Ok(text) = json(&listing) else {
            panic!("no JSON");
        };
        assert_eq!(
            text,
            r#"{
  "subchannels": [
    {
      "subchannel": "0.0.0000",
      "device": null,
      "type": null,
      "driver": null,
      "mdev": null
    },
    {
      "subchannel": "0.0.0002",
      "device": "0.0.0120",
      "type": "3990/c2 3390/02",
      "driver": "vfio_ccw",
      "mdev": {
        "uuid": "7e270a25-e163-4922-af60-757fc8ed48c6",
        "group": "0",
        "vfio_device": "vfio0"
      }
    }
  ]
}"#
        );
    }
}
