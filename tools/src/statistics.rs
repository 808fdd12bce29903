// SPDX-License-Identifier: GPL-2.0

//! Statistics of devices, which the driver shows in debugfs.
//!
//! `Documentation/ABI/testing/debugfs-vfio-ccw`.

use std::{
    fs,
    io,
    path::{
        Path,
        PathBuf, //
    },
    time::Duration, //
};

use crate::{
    error::{
        Error,
        Result, //
    },
    sysfs::{
        BusId,
        DRIVER, //
    }, //
};

/// The directory where debugfs is mounted.
pub const DEBUGFS: &str = "/sys/kernel/debug";

/// Statistics of a device at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics(Vec<(String, String)>);

impl Statistics {
    /// Parses the file of the driver: a name and a value in each line.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Self(
            lines
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> Option<&str> {
        let mut entries = self.0.iter();
        entries.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// Returns the state of the device, such as `idle`.
    pub fn state(&self) -> &str {
        self.text("state").unwrap_or("-")
    }

    /// Returns a number; 0 if the driver does not show it.
    pub fn number(&self, name: &str) -> u64 {
        let value = self.text(name).and_then(|value| value.parse().ok());
        value.unwrap_or(0)
    }

    /// Returns a time in nanoseconds; `None` if it is 0, or the driver does not show it.
    pub fn time(&self, name: &str) -> Option<Duration> {
        let nanoseconds = self.number(name);
        (nanoseconds != 0).then(|| Duration::from_nanos(nanoseconds))
    }

    /// Returns the errors that were given to the user: the name of each, and how often.
    pub fn errors(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("errors_")?;
            Some((name, value.parse().ok()?))
        })
    }
}

/// The files of the driver in debugfs.
#[derive(Debug)]
pub struct Debugfs(PathBuf);

impl Default for Debugfs {
    fn default() -> Self {
        Self(DEBUGFS.into())
    }
}

impl Debugfs {
    /// Returns the files below another directory, for tests.
    pub fn at(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Returns the path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Lists the subchannels whose mediated devices have statistics.
    pub fn devices(&self) -> Result<Vec<BusId>> {
        let path = self.path(DRIVER);
        let entries = fs::read_dir(&path).map_err(|source| self.error(&path, source))?;
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut devices: Vec<_> = names
            .filter_map(|name| BusId::parse(&name.to_string_lossy()))
            .collect();
        devices.sort();
        Ok(devices)
    }

    /// Reads the statistics of the mediated device on a subchannel.
    pub fn statistics(&self, device: &BusId) -> Result<Statistics> {
        let path = self.path(&format!("{DRIVER}/{device}/statistics"));
        let text = fs::read_to_string(&path).map_err(|source| {
            let is_listed = self.devices().is_ok();
            match source.kind() {
                io::ErrorKind::NotFound if is_listed => {
                    Error::new(format!("subchannel {device} has no mediated device"))
                        .help(format!("make one: ccw bind {device}"))
                }
                _ => self.error(&path, source),
            }
        })?;
        Ok(Statistics::parse(&text))
    }

    /// Returns why a file in debugfs cannot be read, and what helps.
    pub(crate) fn error(&self, path: &Path, source: io::Error) -> Error {
        let is_empty = || fs::read_dir(&self.0).is_ok_and(|mut entries| entries.next().is_none());
        let help = match source.kind() {
            io::ErrorKind::PermissionDenied => "only root can read debugfs: run as root".to_owned(),
            io::ErrorKind::NotFound if !self.0.exists() => {
                "this kernel has no debugfs (CONFIG_DEBUG_FS)".to_owned()
            }
            io::ErrorKind::NotFound if is_empty() => {
                let root = self.0.display();
                format!("debugfs is not mounted: mount -t debugfs debugfs {root}")
            }
            io::ErrorKind::NotFound => format!(
                "the driver is not loaded (modprobe {DRIVER}), or it is that of the kernel tree, \
                 which has no statistics"
            ),
            _ => return Error::io(format!("cannot read {}", path.display()), source),
        };
        Error::io(format!("cannot read {}", path.display()), source).help(help)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        process, //
    };

    use super::*;

    const TEXT: &str = "\
state idle
irbs_waiting 1
starts 3
errors_EBUSY 2
errors_other 0
last_channel_ns 151477
";

    #[test]
    fn statistics_are_names_and_values() {
        let statistics = Statistics::parse(TEXT);
        assert_eq!(statistics.state(), "idle");
        assert_eq!(statistics.number("starts"), 3);
        assert_eq!(statistics.number("halts"), 0);
        let errors: Vec<_> = statistics.errors().collect();
        assert_eq!(errors, [("EBUSY", 2), ("other", 0)]);
        let channel = statistics.time("last_channel_ns");
        assert_eq!(channel, Some(Duration::from_nanos(151_477)));
        assert_eq!(statistics.time("last_start_ago_ns"), None);
        assert_eq!(Statistics::parse("").state(), "-");
    }

    #[test]
    fn an_error_tells_what_is_missing() {
        let directory = env::temp_dir().join(format!("ccw-debugfs-{}", process::id()));
        let debugfs = Debugfs::at(&directory);
        let device = BusId::parse("0.0.0002").unwrap();
        let help = || debugfs.statistics(&device).unwrap_err().to_string();
        let has = |words: &str| assert!(help().contains(words), "{}", help());

        has("CONFIG_DEBUG_FS");
        fs::create_dir(&directory).unwrap();
        has("mount -t debugfs");
        fs::create_dir(directory.join("s390dbf")).unwrap();
        has("modprobe vfio_ccw");
        debugfs.devices().unwrap_err();
        fs::create_dir(directory.join("vfio_ccw")).unwrap();
        has("ccw bind 0.0.0002");
        let own = directory.join("vfio_ccw/0.0.0002");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("statistics"), TEXT).unwrap();
        assert_eq!(
            debugfs.statistics(&device).unwrap(),
            Statistics::parse(TEXT)
        );
        let devices = debugfs.devices().unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(devices, [device]);
    }
}
