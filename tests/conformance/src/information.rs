// SPDX-License-Identifier: GPL-2.0

//! GET_INFO, GET_IRQ_INFO, and requests that the device does not know.

use std::{
    fs::File,
    os::fd::AsFd, //
};

use ccw::{
    sys::{
        self,
        uapi::{
            self,
            DeviceInfo,
            Feature,
            IrqInfo, //
        },
        Edge, //
    },
    vfio::Backend, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a channel device with reset is shown" => |devices| {
            let flags = uapi::DEVICE_CCW | uapi::DEVICE_RESET_SUPPORTED;
            check_eq("flags", devices.open()?.device().info()?.flags, flags)
        };
        "there are four regions" =>
            |devices| check_eq("regions", devices.open()?.device().info()?.num_regions, 4);
        "there are three interrupts" =>
            |devices| check_eq("interrupts", devices.open()?.device().info()?.num_irqs, 3);
        "a 3270 has the same as a virtio-rng" => |devices| {
            let rng = devices.open()?.device().info()?;
            check_eq(
                "information",
                devices.open_named("terminal")?.device().info()?,
                rng,
            )
        };
        "both devices can be open at once" => two_devices;
        "three devices can be open at once" => three_devices;
        "GET_INFO with argsz 0 is EINVAL" => |devices| info_argsz(devices, 0, Some(libc::EINVAL));
        "GET_INFO with argsz 15 is EINVAL" => |devices| info_argsz(devices, 15, Some(libc::EINVAL));
        "GET_INFO with argsz 16 succeeds" => |devices| info_argsz(devices, 16, None);
        "GET_INFO with argsz 17 succeeds" => |devices| info_argsz(devices, 17, None);
        "GET_INFO with argsz 24 succeeds" => |devices| info_argsz(devices, 24, None);
        "GET_INFO with the largest argsz succeeds" => |devices| info_argsz(devices, u32::MAX, None);
        "GET_INFO changes nothing behind 16 bytes" => info_behind;
        "GET_INFO ignores the flags it is given" => info_flags;
        "GET_INFO at a null pointer is EFAULT" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_INFO);
            check_errno("null", result, libc::EFAULT)
        };
        "GET_INFO at the last 16 bytes of memory succeeds" =>
            |devices| info_edge(devices, 16, None);
        "GET_INFO at the last 15 bytes of memory is EFAULT" =>
            |devices| info_edge(devices, 15, Some(libc::EFAULT));
        "GET_INFO at the last 4 bytes of memory is EFAULT" =>
            |devices| info_edge(devices, 4, Some(libc::EFAULT));
        "the I/O interrupt is one eventfd" => |devices| irq(devices, 0);
        "the CRW interrupt is one eventfd" => |devices| irq(devices, 1);
        "the REQ interrupt is one eventfd" => |devices| irq(devices, 2);
        "GET_IRQ_INFO with index 3 is EINVAL" => |devices| irq_beyond(devices, 3);
        "GET_IRQ_INFO with index 4 is EINVAL" => |devices| irq_beyond(devices, 4);
        "GET_IRQ_INFO with index 2^31 is EINVAL" => |devices| irq_beyond(devices, 1 << 31);
        "GET_IRQ_INFO with the largest index is EINVAL" => |devices| irq_beyond(devices, u32::MAX);
        "GET_IRQ_INFO with argsz 0 is EINVAL" =>
            |devices| irq_argsz(devices, 0, Some(libc::EINVAL));
        "GET_IRQ_INFO with argsz 15 is EINVAL" =>
            |devices| irq_argsz(devices, 15, Some(libc::EINVAL));
        "GET_IRQ_INFO with argsz 16 succeeds" => |devices| irq_argsz(devices, 16, None);
        "GET_IRQ_INFO with argsz 17 succeeds" => |devices| irq_argsz(devices, 17, None);
        "GET_IRQ_INFO with the largest argsz succeeds" =>
            |devices| irq_argsz(devices, u32::MAX, None);
        "GET_IRQ_INFO ignores the flags and count it is given" => irq_flags;
        "GET_IRQ_INFO at a null pointer is EFAULT" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_IRQ_INFO);
            check_errno("null", result, libc::EFAULT)
        };
        "GET_IRQ_INFO at the last 16 bytes of memory succeeds" =>
            |devices| irq_edge(devices, 16, None);
        "GET_IRQ_INFO at the last 15 bytes of memory is EFAULT" =>
            |devices| irq_edge(devices, 15, Some(libc::EFAULT));
        "a request that nobody knows is ENOTTY" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_number(channel.device().file(), uapi::DEVICE_NOTHING, 0);
            check_errno("request", result, libc::ENOTTY)
        };
        "a request of containers is ENOTTY" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_number(channel.device().file(), uapi::GET_API_VERSION, 0);
            check_errno("request", result, libc::ENOTTY)
        };
        "there is no migration" =>
            |devices| feature(devices, 8, 1 | uapi::FEATURE_GET, libc::ENOTTY);
        "there is no feature of the device's own" =>
            |devices| feature(devices, 8, 0xffff | uapi::FEATURE_PROBE, libc::ENOTTY);
        "FEATURE with argsz 7 is EINVAL" =>
            |devices| feature(devices, 7, 1 | uapi::FEATURE_PROBE, libc::EINVAL);
        "FEATURE with an unknown flag is EINVAL" =>
            |devices| feature(devices, 8, 1 | uapi::FEATURE_PROBE | 1 << 19, libc::EINVAL);
        "FEATURE that gets and sets is EINVAL" =>
            |devices| { let both = uapi::FEATURE_GET | uapi::FEATURE_SET; feature(devices, 8, 1 | both, libc::EINVAL) };
        "FEATURE at a null pointer is EFAULT" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_FEATURE);
            check_errno("null", result, libc::EFAULT)
        };
        "the device's file cannot be mapped" => |devices| map(devices, 0);
        "no page of the device's file can be mapped" => |devices| map(devices, 4096);
        "a device that is open cannot be opened again" => open_twice;
        "a device that is not bound to an iommufd tells nothing" => unbound;
    }
}

fn two_devices(devices: &Devices) -> TestResult {
    let mut rng = devices.open()?;
    let mut terminal = devices.open_named("terminal")?;
    for (channel, id) in [(&mut rng, "FF3832"), (&mut terminal, "FF3270")] {
        let text =
            format!("area id at 0x20000 size 256\nccw senseid,id,sli\nexpect data id X'{id}'");
        run_text(channel, &text)?;
    }
    Ok(())
}

fn three_devices(devices: &Devices) -> TestResult {
    let mut spare = open(devices.named("spare")?, devices.backend())?;
    let _rng = devices.open()?;
    let _terminal = devices.open_named("terminal")?;
    check_usable(&mut spare)
}

/// Checks that a request succeeds, or fails with this error number.
fn check_result(result: std::io::Result<i32>, errno: Option<i32>) -> TestResult {
    match errno {
        Some(errno) => check_errno("result", result, errno),
        None => check_eq("result", result?, 0),
    }
}

fn info_argsz(devices: &Devices, argsz: u32, errno: Option<i32>) -> TestResult {
    let channel = devices.open()?;
    let mut info = DeviceInfo {
        argsz,
        ..Default::default()
    };
    let result = sys::ioctl(channel.device().file(), uapi::DEVICE_GET_INFO, &mut info);
    check_result(result, errno)?;
    let regions = if errno.is_some() { 0 } else { 4 };
    check_eq("argsz afterwards", info.argsz, argsz)?;
    check_eq("regions", info.num_regions, regions)
}

fn info_behind(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let mut info = DeviceInfo {
        argsz: 24,
        cap_offset: 0x1234_5678,
        pad: 0x9abc_def0,
        ..Default::default()
    };
    sys::ioctl(channel.device().file(), uapi::DEVICE_GET_INFO, &mut info)?;
    check_eq("bytes 16 to 19", info.cap_offset, 0x1234_5678)?;
    check_eq("bytes 20 to 23", info.pad, 0x9abc_def0)
}

fn info_flags(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let mut info = DeviceInfo {
        argsz: 16,
        flags: u32::MAX,
        num_regions: u32::MAX,
        num_irqs: u32::MAX,
        ..Default::default()
    };
    sys::ioctl(channel.device().file(), uapi::DEVICE_GET_INFO, &mut info)?;
    let flags = uapi::DEVICE_CCW | uapi::DEVICE_RESET_SUPPORTED;
    check_eq("flags", info.flags, flags)?;
    check_eq("regions", info.num_regions, 4)?;
    check_eq("interrupts", info.num_irqs, 3)
}

fn info_edge(devices: &Devices, room: usize, errno: Option<i32>) -> TestResult {
    let channel = devices.open()?;
    let edge = Edge::new(&words(&[16, 0, 0, 0])[..room])?;
    let result = sys::ioctl_edge(channel.device().file(), uapi::DEVICE_GET_INFO, &edge);
    check_result(result, errno)
}

fn irq(devices: &Devices, index: u32) -> TestResult {
    let info = devices.open()?.device().irq_info(index)?;
    check_eq("flags", info.flags, uapi::IRQ_EVENTFD)?;
    check_eq("index", info.index, index)?;
    check_eq("count", info.count, 1)
}

fn irq_beyond(devices: &Devices, index: u32) -> TestResult {
    let result = devices.open()?.device().irq_info(index);
    check_errno("result", result, libc::EINVAL)
}

fn irq_argsz(devices: &Devices, argsz: u32, errno: Option<i32>) -> TestResult {
    let channel = devices.open()?;
    let mut info = IrqInfo {
        argsz,
        ..Default::default()
    };
    let file = channel.device().file();
    let result = sys::ioctl(file, uapi::DEVICE_GET_IRQ_INFO, &mut info);
    check_result(result, errno)?;
    check_eq("argsz afterwards", info.argsz, argsz)?;
    check_eq("count", info.count, u32::from(errno.is_none()))
}

fn irq_flags(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let mut info = IrqInfo {
        argsz: 16,
        flags: u32::MAX,
        index: 0,
        count: u32::MAX,
    };
    let file = channel.device().file();
    sys::ioctl(file, uapi::DEVICE_GET_IRQ_INFO, &mut info)?;
    check_eq("flags", info.flags, uapi::IRQ_EVENTFD)?;
    check_eq("count", info.count, 1)
}

fn irq_edge(devices: &Devices, room: usize, errno: Option<i32>) -> TestResult {
    let channel = devices.open()?;
    let edge = Edge::new(&words(&[16, 0, 0, 0])[..room])?;
    let result = sys::ioctl_edge(channel.device().file(), uapi::DEVICE_GET_IRQ_INFO, &edge);
    check_result(result, errno)
}

fn feature(devices: &Devices, argsz: u32, flags: u32, errno: i32) -> TestResult {
    let channel = devices.open()?;
    let mut feature = Feature {
        argsz,
        flags,
        ..Default::default()
    };
    let file = channel.device().file();
    let result = sys::ioctl(file, uapi::DEVICE_FEATURE, &mut feature);
    check_errno("result", result, errno)
}

fn map(devices: &Devices, offset: i64) -> TestResult {
    let mut channel = devices.open()?;
    let result = sys::map_page(channel.device().file(), offset);
    check_errno("mmap", result, libc::EINVAL)?;
    check_usable(&mut channel)
}

fn open_twice(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check(devices.open().is_err(), "it can be opened a second time")?;
    check_usable(&mut channel)
}

fn unbound(devices: &Devices) -> TestResult {
    if devices.backend() == Backend::Container {
        let why = "a container gives only devices that it has";
        return Err(skip(why));
    }
    let path = format!("/dev/vfio/devices/{}", devices.first().vfio_name()?);
    let file = File::options().read(true).write(true).open(path)?;
    let mut info = DeviceInfo {
        argsz: 16,
        ..Default::default()
    };
    let result = sys::ioctl(file.as_fd(), uapi::DEVICE_GET_INFO, &mut info);
    check_errno("GET_INFO", result, libc::EINVAL)?;
    let result = std::os::unix::fs::FileExt::read_at(&file, &mut [0; 4], 0);
    check_errno("read", result, libc::EINVAL)
}
