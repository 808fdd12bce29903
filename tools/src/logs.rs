// SPDX-License-Identifier: GPL-2.0

//! Lines about a device in the debug log of the driver and in the log of the kernel.
//!
//! `Documentation/arch/s390/s390dbf.rst`, `Documentation/ABI/testing/dev-kmsg`.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Read, //
    },
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{
        Duration,
        SystemTime,
        UNIX_EPOCH, //
    }, //
};

use crate::{
    error::{
        Error,
        Result, //
    },
    statistics::Debugfs,
    sysfs::BusId, //
};

/// The debug log of events.
const MESSAGES: &str = "s390dbf/vfio_ccw_msg/sprintf";
const KERNEL_LOG: &str = "/dev/kmsg";

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The age of the entry.
    pub age: Duration,
    /// The text, without the name of the device.
    pub text: String,
}

/// Reads the entries of the debug log about a device, the oldest first.
pub fn messages(debugfs: &Debugfs, device: &BusId) -> Result<Vec<Entry>> {
    let path = debugfs.path(MESSAGES);
    let text = fs::read_to_string(&path).map_err(|source| debugfs.error(&path, source))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let entries = text.lines().filter_map(|line| message(line, device, now));
    Ok(entries.collect())
}

/// Parses a line of the debug log: an area, the time of day, four more columns, and the text.
fn message(line: &str, device: &BusId, now: Duration) -> Option<Entry> {
    let (columns, text) = line.split_once(&format!("sch {device}: "))?;
    let (seconds, microseconds) = columns.split_whitespace().nth(1)?.split_once(':')?;
    let time = Duration::from_secs(seconds.parse().ok()?)
        + Duration::from_micros(microseconds.parse().ok()?);
    Some(Entry {
        age: now.saturating_sub(time),
        text: text.trim_end().to_owned(),
    })
}

/// Reads the entries of the kernel log about a device, the oldest first.
pub fn kernel_log(device: &BusId) -> Result<Vec<Entry>> {
    let failed =
        |source| Error::io(format!("cannot read {KERNEL_LOG}"), source).help("run as root");
    let uptime = fs::read_to_string("/proc/uptime").map_err(failed)?;
    let uptime = uptime.split(' ').next().and_then(|text| text.parse().ok());
    let uptime = Duration::from_secs_f64(uptime.unwrap_or(0.0));
    let records = records(Path::new(KERNEL_LOG)).map_err(failed)?;
    let entries = records
        .iter()
        .filter_map(|record| kernel_message(record, device, uptime));
    Ok(entries.collect())
}

/// Reads all records that the kernel log has now.
fn records(path: &Path) -> io::Result<Vec<String>> {
    /// The most that the kernel gives for one record (`PRINTK_MESSAGE_MAX`).
    const MOST: usize = 8192;

    let mut log: File = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let mut records = Vec::new();
    let mut record = [0; MOST];
    loop {
        match log.read(&mut record) {
            Ok(0) => return Ok(records),
            Ok(len) => records.push(String::from_utf8_lossy(&record[..len]).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(records),
            // The kernel has overwritten the next record, and goes on with the oldest one.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
}

/// Parses a record: priority, number and time in microseconds before the `;`, then the text, then
/// lines about the device.
fn kernel_message(record: &str, device: &BusId, uptime: Duration) -> Option<Entry> {
    let (prefix, text) = record.split_once(';')?;
    let text = text.lines().next()?;
    let (_, text) = text.split_once(&format!("vfio_ccw {device}: "))?;
    let time = prefix.split(',').nth(2)?.parse().ok()?;
    Some(Entry {
        age: uptime.saturating_sub(Duration::from_micros(time)),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> BusId {
        BusId::parse("0.0.0002").unwrap()
    }

    #[test]
    fn a_line_of_the_debug_log_has_a_time_and_a_text() {
        let now = Duration::from_secs(1_795_253_650);
        let line = "00 01795253645:500000 2 - 0000 000003ff6007ba92  sch 0.0.0002: \
                    transport mode is not supported (ORB bit 13)";
        assert_eq!(
            message(line, &device(), now),
            Some(Entry {
                age: Duration::from_millis(4500),
                text: "transport mode is not supported (ORB bit 13)".to_owned(),
            })
        );
        for other in [
            "00 01795253645:500000 2 - 0000 000003ff6007ba92  sch 0.0.0001: create",
            "00 01795253645 2 - 0000 000003ff6007ba92  sch 0.0.0002: create",
            "",
        ] {
            assert_eq!(message(other, &device(), now), None, "{other}");
        }
    }

    #[test]
    fn a_record_of_the_kernel_log_has_a_time_and_a_text() {
        let record = "4,339,5140900,-;vfio_ccw 0.0.0002: refusing a virtio device\n \
                      SUBSYSTEM=css\n DEVICE=+css:0.0.0002\n";
        assert_eq!(
            kernel_message(record, &device(), Duration::from_secs(7)),
            Some(Entry {
                age: Duration::from_micros(1_859_100),
                text: "refusing a virtio device".to_owned(),
            })
        );
        let other = "6,340,5140901,-;dasd-eckd 0.0.0120: vfio_ccw\n";
        assert_eq!(kernel_message(other, &device(), Duration::ZERO), None);
    }

    #[test]
    fn records_end_where_the_file_ends() {
        assert_eq!(records(Path::new("/dev/null")).unwrap(), [""; 0]);
        records(Path::new("/no/such/file")).unwrap_err();
    }
}
