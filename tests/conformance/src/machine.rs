// SPDX-License-Identifier: GPL-2.0

//! The state of the machine before and after a case, which must leave nothing.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Read,
        Seek,
        SeekFrom, //
    },
    os::{
        fd::AsRawFd,
        unix::fs::OpenOptionsExt, //
    },
    path::Path,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::sys;

/// The time that the kernel may take to release the resources of a process.
const SETTLING: Duration = Duration::from_secs(1);

/// Words in the kernel's log that tell of a fault in the kernel, or of a device that the driver has
/// given up.
const TROUBLE: [&str; 19] = [
    "WARNING:",
    "BUG",
    "UBSAN:",
    "Oops",
    "Unable to handle kernel",
    "rust_kernel: panicked",
    "Call Trace",
    "cut here",
    "possible circular",
    "possible recursive",
    "inconsistent lock state",
    "bad unlock balance",
    "lock held when returning",
    "suspicious RCU",
    "rcu: INFO",
    "blocked for more than",
    "refcount_t:",
    "corruption",
    "could not end I/O",
];

/// Counters that are compared before and after a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    references: u32,
    eventfd: u32,
}

impl Counts {
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            references: references()?,
            eventfd: eventfd_number()?,
        })
    }

    /// Returns the counters that are higher than `before`, and stay so.
    pub(crate) fn leaks_since(before: Self) -> io::Result<Vec<String>> {
        let end = Instant::now() + SETTLING;
        let now = loop {
            let now = Self::take()?;
            let is_settled = now.references == before.references && now.eventfd <= before.eventfd;
            if is_settled || Instant::now() >= end {
                break now;
            }
            thread::sleep(Duration::from_millis(10));
        };
        let mut leaks = Vec::new();
        if now.references != before.references {
            let Self { references, .. } = before;
            let after = now.references;
            leaks.push(format!(
                "{references} references to the module before, {after} after it"
            ));
        }
        if now.eventfd > before.eventfd {
            leaks.push("an eventfd is left in the kernel".to_owned());
        }
        Ok(leaks)
    }
}

/// Returns the factor for time limits on this machine; it is 1 in QEMU with the plain kernel.
pub(crate) fn patience() -> u32 {
    // The debug kernel and the KASAN kernel.
    let mut slow = ["kmemleak", "kcov"].into_iter();
    let is_slow = slow.any(|name| Path::new("/sys/kernel/debug").join(name).exists());
    match (is_hercules(), is_slow) {
        // A program in flight takes as much of the host's processors as the kernel does.
        (true, _) => 3,
        (_, true) => 4,
        _ => 1,
    }
}

/// Returns whether this is L1 in Hercules, where the shared folder is a copy (`scripts/l1/init`).
pub(crate) fn is_hercules() -> bool {
    Path::new("/job").exists()
}

/// Returns whether the driver is ours: the kernel marks a module that is not from its own tree.
pub(crate) fn is_our_driver() -> io::Result<bool> {
    Ok(fs::read_to_string("/sys/module/vfio_ccw/taint")?.contains('O'))
}

/// Returns how often a case repeats something: `all` times, or a tenth of it if the variable
/// `SHORT` is set.
pub(crate) fn rounds(all: u32) -> u32 {
    match is_in_a_hurry() {
        true => all.div_ceil(10),
        false => all,
    }
}

/// Returns whether long cases are to be shortened: the variable `SHORT` is set.
pub(crate) fn is_in_a_hurry() -> bool {
    std::env::var_os("SHORT").is_some()
}

/// Returns how many storms a case has for each way to end one: the variable `STORM_ROUNDS`.
pub(crate) fn storm_rounds() -> u32 {
    variable("STORM_ROUNDS").unwrap_or_else(|| rounds(50))
}

/// Returns how many times 10,000 programs are started among attentions: the variable
/// `ATTENTION_ROUNDS`, as a rule 1.
pub(crate) fn attention_rounds() -> u32 {
    variable("ATTENTION_ROUNDS").unwrap_or(1)
}

fn variable(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

/// Returns the number of references to the module.
pub(crate) fn references() -> io::Result<u32> {
    number(&fs::read_to_string("/sys/module/vfio_ccw/refcnt")?)
}

fn number(text: &str) -> io::Result<u32> {
    let text = text.trim();
    text.parse()
        .map_err(|_| io::Error::other(format!("{text:?} is no number")))
}

/// The number of the last one of several new eventfds.
///
/// The kernel gives the lowest numbers that are free. So this is larger when there are more
/// eventfds than before, whichever numbers these have.
pub(crate) fn eventfd_number() -> io::Result<u32> {
    const SEVERAL: usize = 16;

    let eventfds = (0..SEVERAL)
        .map(|_| sys::eventfd())
        .collect::<io::Result<Vec<_>>>()?;
    let last = eventfds.last().map_or(-1, AsRawFd::as_raw_fd);
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{last}"))?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("eventfd-id:"));
    number(line.ok_or_else(|| io::Error::other("fdinfo has no eventfd-id"))?)
}

/// The kernel's log, from when it was opened on.
pub(crate) struct KernelLog(File);

impl KernelLog {
    pub(crate) fn open() -> io::Result<Self> {
        let mut file = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(file))
    }

    /// Returns the first line of trouble since the last call.
    pub(crate) fn trouble(&mut self) -> io::Result<Option<String>> {
        Ok(self.all_trouble()?.into_iter().next())
    }

    /// Returns the lines of trouble since the last call.
    pub(crate) fn all_trouble(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(len) => {
                    let record = String::from_utf8_lossy(&record[..len]).into_owned();
                    lines.extend(trouble(&record));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(lines),
                // Records were lost; the next read gives the oldest there is.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The text of a record of the kernel's own, if it tells of trouble.
fn trouble(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let is_kernel = priority >> 3 == 0;
    let text = text.lines().next()?;
    let lock = text.contains("INFO:") && text.contains("lock");
    (is_kernel && (lock || TROUBLE.iter().any(|word| text.contains(word))))
        .then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_the_kernel_is_seen() {
        let seen = trouble("4,339,5140900,-;WARNING: mm/slub.c:1 at free\n SUBSYSTEM=x\n");
        assert_eq!(seen.as_deref(), Some("WARNING: mm/slub.c:1 at free"));
        assert!(trouble("3,1,2,-;BUG: sleeping function called").is_some());
        assert!(trouble("3,1,2,-;UBSAN: shift-out-of-bounds in css.c:1").is_some());
        assert!(trouble("4,1,2,-;INFO: possible lock mess").is_some());
        assert!(trouble("3,1,2,-;vfio_ccw 0.0.0001: could not end I/O; the").is_some());
    }

    #[test]
    fn what_is_no_trouble_of_the_kernel_is_not() {
        assert_eq!(trouble("6,339,5140900,-;vfio_ccw: loading\n"), None);
        assert_eq!(trouble("12,339,5140900,-;WARNING: of a program\n"), None);
        assert_eq!(trouble("nonsense"), None);
    }
}
