// SPDX-License-Identifier: GPL-2.0

//! GET_REGION_INFO.

use ccw::{
    channel::IO_REGION_SIZE,
    regions::{
        Kind,
        ASYNC_REGION_SIZE,
        CRW_REGION_SIZE,
        SCHIB_SIZE, //
    },
    sys::{
        self,
        uapi::{
            self,
            RegionCapability,
            RegionInfo, //
        },
        Edge, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

const READ: u32 = uapi::REGION_READ;
const WRITE: u32 = uapi::REGION_WRITE;
const CAPS: u32 = uapi::REGION_CAPS;

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "region 0 is for programs and can be written" =>
            |devices| region(devices, 0, IO_REGION_SIZE, READ | WRITE);
        "region 1 is for commands and can be written" =>
            |devices| region(devices, 1, ASYNC_REGION_SIZE, READ | WRITE | CAPS);
        "region 2 is for the SCHIB and can be read" =>
            |devices| region(devices, 2, SCHIB_SIZE, READ | CAPS);
        "region 3 is for channel reports and can be read" =>
            |devices| region(devices, 3, CRW_REGION_SIZE, READ | CAPS);
        "region 0 has no capability" => |devices| {
            let info = ask(devices, 48, 0)?;
            check_eq("cap_offset", info.cap_offset, 0)?;
            check_eq("capability", info.capability, UNTOUCHED)
        };
        "region 1 says that it is for commands" => |devices| capability(devices, 1);
        "region 2 says that it is for the SCHIB" => |devices| capability(devices, 2);
        "region 3 says that it is for channel reports" => |devices| capability(devices, 3);
        "the region for commands is found by its capability" =>
            |devices| found(devices, Kind::Async, 1);
        "the region for the SCHIB is found by its capability" =>
            |devices| found(devices, Kind::Schib, 2);
        "the region for channel reports is found by its capability" =>
            |devices| found(devices, Kind::Crw, 3);
        "region 4 is EINVAL" => |devices| beyond(devices, 4);
        "region 5 is EINVAL" => |devices| beyond(devices, 5);
        "region 1024 is EINVAL" => |devices| beyond(devices, 1 << 10);
        "region 2^22 is EINVAL" => |devices| beyond(devices, 1 << 22);
        "the last region of all is EINVAL" => |devices| beyond(devices, u32::MAX);
        "argsz 0 is EINVAL" => |devices| short(devices, 0);
        "argsz 31 is EINVAL" => |devices| short(devices, 31);
        "argsz 32 is enough for a region without capability" => |devices| {
                let info = ask(devices, 32, 0)?;
                check_eq("argsz", info.argsz, 32)?;
                check_eq("size", info.size, IO_REGION_SIZE as u64)
            };
        "argsz 32 tells that a capability needs 48" => |devices| no_room(devices, 32);
        "argsz 47 tells that a capability needs 48" => |devices| no_room(devices, 47);
        "argsz 49 gives the capability" => |devices| {
            let info = ask(devices, 49, 1)?;
            check_eq("argsz", info.argsz, 49)?;
            check_eq("capability", info.capability, expected(1))
        };
        "the largest argsz gives the capability" => |devices| {
            let info = ask(devices, u32::MAX, 3)?;
            check_eq("argsz", info.argsz, u32::MAX)?;
            check_eq("capability", info.capability, expected(3))
        };
        "what a caller puts into the other fields is ignored" => ignored;
        "a null pointer is EFAULT" => |devices| {
            let channel = devices.open()?;
            let result = sys::ioctl_null(channel.device().file(), uapi::DEVICE_GET_REGION_INFO);
            check_errno("null", result, libc::EFAULT)
        };
        "32 bytes at the end of memory are enough without capability" =>
            |devices| edge(devices, 0, 32, 32, None);
        "31 bytes at the end of memory are EFAULT" =>
            |devices| edge(devices, 0, 32, 31, Some(libc::EFAULT));
        "16 bytes at the end of memory are EFAULT" =>
            |devices| edge(devices, 1, 48, 16, Some(libc::EFAULT));
        "48 bytes at the end of memory are enough for the capability" =>
            |devices| edge(devices, 1, 48, 48, None);
        "a capability that does not fit into memory is EFAULT" =>
            |devices| edge(devices, 1, 48, 47, Some(libc::EFAULT));
        "a capability for which there is no memory is EFAULT" =>
            |devices| edge(devices, 2, 48, 32, Some(libc::EFAULT));
        "a region index beyond is EINVAL before a missing capability is EFAULT" =>
            |devices| edge(devices, 4, 48, 32, Some(libc::EINVAL));
    }
}

/// The byte that fills the room for the capability before a request.
const UNTOUCHED: RegionCapability = RegionCapability {
    id: 0xeeee,
    version: 0xeeee,
    next: 0xeeee_eeee,
    kind: 0xeeee_eeee,
    subtype: 0xeeee_eeee,
};

/// The capability of a region.
fn expected(subtype: u32) -> RegionCapability {
    RegionCapability {
        id: 2,
        version: 1,
        next: 0,
        kind: 2,
        subtype,
    }
}

fn ask(devices: &Devices, argsz: u32, index: u32) -> TestResult<RegionInfo> {
    let channel = devices.open()?;
    let mut info = RegionInfo {
        argsz,
        index,
        capability: UNTOUCHED,
        ..Default::default()
    };
    let file = channel.device().file();
    let result = sys::ioctl(file, uapi::DEVICE_GET_REGION_INFO, &mut info)?;
    check_eq("result", result, 0)?;
    Ok(info)
}

fn region(devices: &Devices, index: u32, size: usize, flags: u32) -> TestResult {
    let info = devices.open()?.device().region_info(index)?;
    check_eq("size", info.size, size as u64)?;
    check_eq("offset", info.offset, u64::from(index) << 10)?;
    check_eq("flags", info.flags, flags)?;
    check_eq("index", info.index, index)
}

fn capability(devices: &Devices, index: u32) -> TestResult {
    let info = ask(devices, 48, index)?;
    check_eq("argsz", info.argsz, 48)?;
    check_eq("cap_offset", info.cap_offset, 32)?;
    check_eq("capability", info.capability, expected(index))
}

fn found(devices: &Devices, kind: Kind, index: u32) -> TestResult {
    let info = devices.open()?.device().region(kind)?;
    check_eq("index", info.index, index)
}

fn beyond(devices: &Devices, index: u32) -> TestResult {
    let result = devices.open()?.device().region_info(index);
    check_errno("result", result, libc::EINVAL)
}

fn short(devices: &Devices, argsz: u32) -> TestResult {
    let channel = devices.open()?;
    let mut info = RegionInfo {
        argsz,
        ..Default::default()
    };
    let file = channel.device().file();
    let result = sys::ioctl(file, uapi::DEVICE_GET_REGION_INFO, &mut info);
    check_errno("result", result, libc::EINVAL)
}

fn no_room(devices: &Devices, argsz: u32) -> TestResult {
    let info = ask(devices, argsz, 1)?;
    check_eq("argsz", info.argsz, 48)?;
    check_eq("cap_offset", info.cap_offset, 0)?;
    check_eq("flags", info.flags, READ | WRITE | CAPS)?;
    check_eq("size", info.size, ASYNC_REGION_SIZE as u64)?;
    check_eq("what is behind", info.capability, UNTOUCHED)
}

fn ignored(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let mut info = RegionInfo {
        argsz: 32,
        flags: u32::MAX,
        index: 0,
        cap_offset: 0,
        size: u64::MAX,
        offset: u64::MAX,
        capability: UNTOUCHED,
    };
    let file = channel.device().file();
    sys::ioctl(file, uapi::DEVICE_GET_REGION_INFO, &mut info)?;
    check_eq("flags", info.flags, READ | WRITE)?;
    check_eq("size", info.size, IO_REGION_SIZE as u64)?;
    check_eq("offset", info.offset, 0)
}

/// A request at the last `room` bytes of memory.
fn edge(devices: &Devices, index: u32, argsz: u32, room: usize, errno: Option<i32>) -> TestResult {
    let channel = devices.open()?;
    let mut argument = words(&[argsz, 0, index]);
    argument.resize(48, 0);
    let edge = Edge::new(&argument[..room])?;
    let file = channel.device().file();
    let result = sys::ioctl_edge(file, uapi::DEVICE_GET_REGION_INFO, &edge);
    match errno {
        Some(errno) => check_errno("result", result, errno),
        None => check_eq("result", result?, 0),
    }
}
