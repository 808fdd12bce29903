// SPDX-License-Identifier: GPL-2.0

//! Processes that have a device open.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    },
    process, //
};

use crate::{
    error::Error,
    sysfs::Mdev, //
};

/// Adds to an error of opening a device who has it open. The group of a device gives `EBUSY` then,
/// its own file also `EINVAL`.
pub(super) fn explain(error: Error, mdev: &Mdev) -> Error {
    if !matches!(error.errno(), Some(libc::EBUSY | libc::EINVAL)) {
        return error;
    }
    let group = mdev.group().map(|group| format!("/dev/vfio/{group}"));
    let own = mdev
        .vfio_name()
        .map(|name| format!("/dev/vfio/devices/{name}"));
    let files: Vec<_> = group.into_iter().chain(own).map(PathBuf::from).collect();
    match users(Path::new("/proc"), &files).as_slice() {
        [] => error,
        users => {
            let users = users.join(" and ");
            error.help(format!(
                "{users} has the device open, and a device of VFIO can be opened only once:\n\
                 end that process, or unplug the device from its guest (device_del, \
                 virsh detach-device)"
            ))
        }
    }
}

/// Returns the other processes that have one of these files open, as far as this one may see that.
fn users(proc: &Path, files: &[PathBuf]) -> Vec<String> {
    let entries = fs::read_dir(proc).into_iter().flatten();
    let processes = entries.filter_map(|entry| {
        let number = entry.ok()?.file_name().into_string().ok()?;
        let is_other = number.parse::<u32>().ok()? != process::id();
        is_other.then_some(number)
    });
    let has_open = |number: &String| {
        let descriptors = fs::read_dir(proc.join(number).join("fd"));
        let mut descriptors = descriptors.into_iter().flatten().flatten();
        descriptors.any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| files.contains(&target))
        })
    };
    let name = |number: String| {
        let name = fs::read_to_string(proc.join(&number).join("comm")).unwrap_or_default();
        format!("process {number} ({})", name.trim())
    };
    processes.filter(has_open).map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        os::unix::fs::symlink, //
    };

    use super::*;

    #[test]
    fn users_are_those_with_an_open_file() {
        let proc = env::temp_dir().join(format!("ccw-proc-{}", process::id()));
        for (number, name, target) in [
            ("1", "init", "/dev/null"),
            ("12", "qemu", "/dev/vfio/0"),
            ("self", "me", "/dev/vfio/0"),
        ] {
            let directory = proc.join(number).join("fd");
            fs::create_dir_all(&directory).unwrap();
            symlink(target, directory.join("3")).unwrap();
            fs::write(proc.join(number).join("comm"), format!("{name}\n")).unwrap();
        }
        let found = users(&proc, &["/dev/vfio/0".into()]);
        fs::remove_dir_all(&proc).unwrap();
        assert_eq!(found, ["process 12 (qemu)"]);
        assert_eq!(users(&proc, &[]), [""; 0]);
    }
}
