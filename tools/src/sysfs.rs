// SPDX-License-Identifier: GPL-2.0

//! Subchannels and mediated devices in sysfs.
//!
//! `drivers/s390/cio/css.c`, `Documentation/driver-api/vfio-mediated-device.rst`.

use std::{
    fmt,
    fs,
    io,
    path::{
        Path,
        PathBuf, //
    }, //
};

use crate::error::{
    Error,
    Result, //
};

/// The name of the driver.
pub const DRIVER: &str = "vfio_ccw";

const SUBCHANNELS: &str = "/sys/bus/css/devices";
const MDEVS: &str = "/sys/bus/mdev/devices";
const MDEV_TYPE: &str = "mdev_supported_types/vfio_ccw-io";

/// The number of an I/O subchannel, such as `0.0.0001`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusId(String);

impl BusId {
    /// Parses the number of a subchannel.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |part: &str, len| {
            (1..=len).contains(&part.len()) && part.chars().all(|c| c.is_ascii_hexdigit())
        };
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(css), Some(set), Some(number), None)
                if hex(css, 2) && hex(set, 1) && number.len() == 4 && hex(number, 4) =>
            {
                Some(Self(text.to_ascii_lowercase()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns whether `text` has the form of a UUID.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|source| {
        let help = match source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => "run as root",
            Some(libc::EBUSY) => "a program uses the device: end it first",
            _ => "the log of the kernel may say more: dmesg",
        };
        Error::io(
            format!("cannot write {text:?} to {}", path.display()),
            source,
        )
        .help(help)
    })
}

/// Returns the names in a directory, sorted.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Returns the last part of the target of a symbolic link.
fn link_name(path: &Path) -> io::Result<String> {
    let target = fs::read_link(path)?;
    let name = target.file_name().ok_or(io::ErrorKind::NotFound)?;
    Ok(name.to_string_lossy().into_owned())
}

/// An I/O subchannel.
#[derive(Debug)]
pub struct Subchannel {
    bus_id: BusId,
    path: PathBuf,
}

impl Subchannel {
    /// Lists all I/O subchannels of the machine.
    pub fn all() -> Result<Vec<Self>> {
        let names = names(Path::new(SUBCHANNELS)).map_err(|source| {
            Error::io(format!("cannot list {SUBCHANNELS}"), source)
                .help("only s390x machines have a channel subsystem")
        })?;
        Ok(names
            .iter()
            .filter_map(|name| BusId::parse(name))
            .map(Self::new)
            .filter(|subchannel| subchannel.attribute("type").as_deref() == Some("0"))
            .collect())
    }

    /// Finds the I/O subchannel of that number.
    pub fn find(bus_id: &BusId) -> Result<Self> {
        let subchannel = Self::new(bus_id.clone());
        match subchannel.attribute("type").as_deref() {
            Some("0") => Ok(subchannel),
            Some(_) => Err(Error::new(format!("{bus_id} is not an I/O subchannel"))
                .help("`ccw list` shows the I/O subchannels")),
            None => Err(Error::new(format!("there is no subchannel {bus_id}")).help(
                "give the number of the subchannel, not of the device: `ccw list` shows both",
            )),
        }
    }

    /// Finds the I/O subchannel of that number, or that of the mediated device of that UUID.
    pub fn of_device(device: &str) -> Result<Self> {
        match BusId::parse(device) {
            Some(bus_id) => Self::find(&bus_id),
            None => Mdev::find(device)?.subchannel(),
        }
    }

    fn new(bus_id: BusId) -> Self {
        let path = Path::new(SUBCHANNELS).join(&bus_id.0);
        Self { bus_id, path }
    }

    fn attribute(&self, name: &str) -> Option<String> {
        read(&self.path.join(name))
    }

    /// Returns the number of the subchannel.
    pub fn bus_id(&self) -> &BusId {
        &self.bus_id
    }

    /// Returns the number of its device, such as `0.0.0042`, if it has one.
    pub fn device_number(&self) -> Option<String> {
        self.attribute("dev_busid").filter(|id| id != "none")
    }

    /// Returns the types of control unit and device. Sysfs has them while the usual driver is bound.
    pub fn device_type(&self) -> Option<String> {
        let device = self.path.join(self.device_number()?);
        let control_unit = read(&device.join("cutype"))?;
        match read(&device.join("devtype")) {
            Some(kind) if kind != "n/a" => Some(format!("{control_unit} {kind}")),
            _ => Some(control_unit),
        }
    }

    /// Returns the name of the driver that is bound to the subchannel.
    pub fn driver(&self) -> Option<String> {
        link_name(&self.path.join("driver")).ok()
    }

    /// Returns the mediated device on the subchannel, if there is one.
    pub fn mdev(&self) -> Option<Mdev> {
        names(&self.path)
            .ok()?
            .into_iter()
            .find(|name| is_uuid(name))
            .map(|uuid| Mdev {
                path: self.path.join(&uuid),
                uuid,
            })
    }

    /// Binds the subchannel to vfio_ccw and creates a mediated device on it. Calls `tell` for each step.
    ///
    /// Without a UUID it takes a random one from the kernel.
    pub fn bind(&self, uuid: Option<&str>, tell: &mut dyn FnMut(String)) -> Result<Mdev> {
        let id = &self.bus_id;
        if let Some(mdev) = self.mdev() {
            if uuid.is_some_and(|uuid| uuid != mdev.uuid) {
                return Err(
                    Error::new(format!("{id} has mediated device {}", mdev.uuid)).help(format!(
                        "a subchannel can have only one; remove it: ccw release {id}"
                    )),
                );
            }
            tell(format!("{id} has mediated device {}", mdev.uuid));
            return Ok(mdev);
        }
        let driver = driver_path(DRIVER);
        if !driver.exists() {
            return Err(Error::new(format!("driver {DRIVER} is not loaded"))
                .help(format!("load it: modprobe {DRIVER}")));
        }
        match self.driver() {
            Some(name) if name == DRIVER => {}
            other => {
                write(&self.path.join("driver_override"), DRIVER)?;
                tell(format!("{id}: driver_override is {DRIVER}"));
                if let Some(name) = other {
                    write(&driver_path(&name).join("unbind"), &id.0)?;
                    tell(format!("{id} unbound from {name}"));
                }
                write(&driver.join("bind"), &id.0)?;
                tell(format!("{id} bound to {DRIVER}"));
            }
        }
        let uuid = match uuid {
            Some(uuid) => uuid.to_owned(),
            None => read(Path::new("/proc/sys/kernel/random/uuid"))
                .ok_or_else(|| Error::new("the kernel gave no random UUID"))?,
        };
        write(&self.path.join(MDEV_TYPE).join("create"), &uuid)?;
        tell(format!("{id}: mediated device {uuid} created"));
        Ok(Mdev {
            path: self.path.join(&uuid),
            uuid,
        })
    }

    /// Removes the mediated device and binds the subchannel to its usual driver again. Calls `tell` for
    /// each step.
    pub fn release(&self, tell: &mut dyn FnMut(String)) -> Result<()> {
        let id = &self.bus_id;
        if let Some(mdev) = self.mdev() {
            write(&mdev.path.join("remove"), "1")?;
            tell(format!("{id}: mediated device {} removed", mdev.uuid));
        }
        // A newline clears the attribute: sysfs ignores empty writes.
        write(&self.path.join("driver_override"), "\n")?;
        if self.driver().as_deref() == Some(DRIVER) {
            write(&driver_path(DRIVER).join("unbind"), &id.0)?;
            tell(format!("{id} unbound from {DRIVER}"));
        }
        if self.driver().is_none() {
            write(&driver_path("io_subchannel").join("bind"), &id.0)?;
            tell(format!("{id} bound to io_subchannel"));
        }
        Ok(())
    }
}

fn driver_path(name: &str) -> PathBuf {
    Path::new("/sys/bus/css/drivers").join(name)
}

/// A mediated device.
#[derive(Debug)]
pub struct Mdev {
    uuid: String,
    path: PathBuf,
}

impl Mdev {
    /// Finds a mediated device by its UUID or by the number of its subchannel.
    pub fn find(device: &str) -> Result<Self> {
        if is_uuid(device) {
            let path = Path::new(MDEVS).join(device);
            return if path.exists() {
                Ok(Self {
                    uuid: device.to_ascii_lowercase(),
                    path,
                })
            } else {
                Err(Error::new(format!("there is no mediated device {device}"))
                    .help("make it: ccw bind SUBCHANNEL UUID"))
            };
        }
        let bus_id = BusId::parse(device).ok_or_else(|| {
            Error::new(format!("{device:?} is not a device"))
                .help("give the UUID of a mediated device, or a subchannel such as 0.0.0001")
        })?;
        Subchannel::find(&bus_id)?.mdev().ok_or_else(|| {
            Error::new(format!("subchannel {bus_id} has no mediated device"))
                .help(format!("make one: ccw bind {bus_id}"))
        })
    }

    /// Returns the UUID, which is also its name in VFIO.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Returns its subchannel.
    pub fn subchannel(&self) -> Result<Subchannel> {
        let path = fs::canonicalize(&self.path).map_err(|source| {
            Error::io(
                format!("cannot look at mediated device {}", self.uuid),
                source,
            )
        })?;
        let parent = path.parent();
        let name = parent.and_then(Path::file_name);
        name.and_then(|name| BusId::parse(&name.to_string_lossy()))
            .map(Subchannel::new)
            .ok_or_else(|| Error::new(format!("{} is not on a subchannel", self.uuid)))
    }

    /// Returns how many pages may stay pinned for it between programs.
    pub fn pin_cache_pages(&self) -> u64 {
        let pages = read(&self.path.join("pin_cache_pages"));
        pages.and_then(|pages| pages.parse().ok()).unwrap_or(0)
    }

    /// Returns the number of its group, which is the name of a file in `/dev/vfio`.
    pub fn group(&self) -> Result<String> {
        link_name(&self.path.join("iommu_group")).map_err(|source| {
            Error::io(
                format!("cannot find the group of mediated device {}", self.uuid),
                source,
            )
        })
    }

    /// Returns its name in `/dev/vfio/devices`.
    pub fn vfio_name(&self) -> Result<String> {
        let names = names(&self.path.join("vfio-dev"));
        names
            .and_then(|names| Ok(names.into_iter().next().ok_or(io::ErrorKind::NotFound)?))
            .map_err(|source| {
                let has_none = source.kind() == io::ErrorKind::NotFound;
                let what = format!("cannot find the VFIO file of mediated device {}", self.uuid);
                let error = Error::io(what, source);
                match has_none {
                    true => error.help("this kernel has no VFIO_DEVICE_CDEV: use --container"),
                    false => error,
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_id_has_three_parts() {
        for good in ["0.0.0001", "0.3.abcd", "FE.0.000A"] {
            assert!(BusId::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "0001",
            "0.0.1",
            "0.0.00001",
            "0.0.000g",
            "0.0.0001.",
            "0..0001",
        ] {
            assert!(BusId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_uuid_has_dashes_at_its_places() {
        assert!(is_uuid("7e270a25-e163-4922-af60-757fc8ed48c6"));
        assert!(!is_uuid("7e270a25-e163-4922-af60-757fc8ed48c"));
        assert!(!is_uuid("7e270a25ae163-4922-af60-757fc8ed48c6"));
        assert!(!is_uuid("0.0.0001"));
    }
}
