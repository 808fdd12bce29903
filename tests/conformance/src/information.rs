// SPDX-License-Identifier: GPL-2.0

//! What the device says of itself.

use ccw::{
    channel::IO_REGION_SIZE,
    sys::{
        self,
        uapi, //
    }, //
};

use crate::bench::{
    check,
    check_eq,
    check_errno,
    Case,
    Devices,
    TestResult, //
};

pub(crate) const TESTS: &[Case] = &[
    ("a channel device with reset is shown", device),
    ("both devices can be open at once", two_devices),
    ("a short argument of GET_INFO is EINVAL", short_info),
    ("a bad pointer of GET_INFO is EFAULT", null_info),
    ("region 0 can be read and written", region_0),
    ("regions beyond the last one are EINVAL", regions_beyond),
    (
        "a short argument of GET_REGION_INFO is EINVAL",
        short_region,
    ),
    ("a bad pointer of GET_REGION_INFO is EFAULT", null_region),
    ("the interrupt is one eventfd", irq_0),
    ("interrupts beyond the last one are EINVAL", irqs_beyond),
    ("a short argument of GET_IRQ_INFO is EINVAL", short_irq),
    ("a bad pointer of GET_IRQ_INFO is EFAULT", null_irq),
    ("a request that nobody knows is ENOTTY", unknown_request),
];

fn device(devices: &Devices) -> TestResult {
    let info = devices.open()?.device().info()?;
    let flags = uapi::DEVICE_CCW | uapi::DEVICE_RESET_SUPPORTED;
    check_eq("flags", info.flags, flags)?;
    check_eq("argsz", info.argsz, sys::size_of::<uapi::DeviceInfo>())?;
    check(info.num_regions >= 1, "there is no region")?;
    check(info.num_irqs >= 1, "there is no interrupt")
}

fn two_devices(devices: &Devices) -> TestResult {
    let mut rng = devices.open()?;
    let mut terminal = devices.open_terminal()?;
    for (channel, id) in [(&mut rng, "FF3832"), (&mut terminal, "FF3270")] {
        let text =
            format!("area id at 0x20000 size 256\nccw senseid,id,sli\nexpect data id X'{id}'");
        crate::bench::run_text(channel, &text)?;
    }
    Ok(())
}

fn short_info(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for argsz in [0, 4, 15] {
        let mut info = uapi::DeviceInfo {
            argsz,
            ..Default::default()
        };
        let result = sys::ioctl(channel.device().file(), uapi::DEVICE_GET_INFO, &mut info);
        check_errno(&format!("argsz {argsz}"), result, libc::EINVAL)?;
    }
    Ok(())
}

fn null_info(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_INFO);
    check_errno("null", result, libc::EFAULT)
}

fn region_0(devices: &Devices) -> TestResult {
    let info = devices.open()?.device().region_info(0)?;
    check_eq("size", info.size, IO_REGION_SIZE as u64)?;
    check_eq("offset", info.offset, 0)?;
    check_eq("flags", info.flags, 3)
}

fn regions_beyond(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let first = channel.device().info()?.num_regions;
    for index in [first, first + 1, 1 << 10, 1 << 22, u32::MAX] {
        let result = channel.device().region_info(index);
        check_errno(&format!("region {index}"), result, libc::EINVAL)?;
    }
    Ok(())
}

fn short_region(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for argsz in [0, 12, 31] {
        let mut info = uapi::RegionInfo {
            argsz,
            ..Default::default()
        };
        let file = channel.device().file();
        let result = sys::ioctl(file, uapi::DEVICE_GET_REGION_INFO, &mut info);
        check_errno(&format!("argsz {argsz}"), result, libc::EINVAL)?;
    }
    Ok(())
}

fn null_region(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_REGION_INFO);
    check_errno("null", result, libc::EFAULT)
}

fn irq_0(devices: &Devices) -> TestResult {
    let info = devices.open()?.device().irq_info(0)?;
    check_eq("flags", info.flags, uapi::IRQ_EVENTFD)?;
    check_eq("count", info.count, 1)
}

fn irqs_beyond(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let first = channel.device().info()?.num_irqs;
    for index in [first, first + 1, u32::MAX] {
        let result = channel.device().irq_info(index);
        check_errno(&format!("interrupt {index}"), result, libc::EINVAL)?;
    }
    Ok(())
}

fn short_irq(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for argsz in [0, 12, 15] {
        let mut info = uapi::IrqInfo {
            argsz,
            ..Default::default()
        };
        let file = channel.device().file();
        let result = sys::ioctl(file, uapi::DEVICE_GET_IRQ_INFO, &mut info);
        check_errno(&format!("argsz {argsz}"), result, libc::EINVAL)?;
    }
    Ok(())
}

fn null_irq(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_IRQ_INFO);
    check_errno("null", result, libc::EFAULT)
}

fn unknown_request(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let result = sys::ioctl_number(channel.device().file(), uapi::DEVICE_NOTHING, 0);
    check_errno("request", result, libc::ENOTTY)
}
