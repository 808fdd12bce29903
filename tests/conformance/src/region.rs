// SPDX-License-Identifier: GPL-2.0

//! Reading and writing region 0.

use ccw::{
    channel::{
        request,
        Channel,
        IO_REGION_SIZE,
        RET_CODE_OFFSET, //
    },
    sys, //
};
use ccwchain::{
    orb::Orb,
    scsw::FunctionControl, //
};

use crate::bench::{
    check,
    check_eq,
    check_errno,
    check_usable,
    Case,
    Devices,
    TestResult,
    SILENCE, //
};

pub(crate) const TESTS: &[Case] = &[
    ("reads beyond the region are EINVAL", reads_beyond),
    ("writes beyond the region are EINVAL", writes_beyond),
    ("accesses at far offsets are EINVAL", far_offsets),
    ("a read to a bad pointer is EFAULT", read_null),
    ("a write from a bad pointer is EFAULT", write_null),
    ("any part of the region can be read", partial_reads),
    ("what is written can be read", reads_what_was_written),
    ("reading or writing nothing is no error", nothing),
    ("a request without a function does nothing", no_function),
    ("the halt function is EOPNOTSUPP here", halt),
    ("the clear function is EOPNOTSUPP here", clear),
    ("the result of a request can be read", result_code),
];

const BEYOND: [(u64, usize); 6] = [
    (0, IO_REGION_SIZE + 1),
    (0, 4096),
    (1, IO_REGION_SIZE),
    (120, 5),
    (124, 1),
    (1000, 24),
];

const FAR: [u64; 6] = [
    1 << 12,
    1 << 20,
    1 << 32,
    1 << 42,
    (1 << 42) + 24,
    (1 << 62) + 1024,
];

fn reads_beyond(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for (offset, len) in BEYOND {
        let result = channel.device().pread(&mut vec![0; len], offset);
        check_errno(&format!("{len} bytes at {offset}"), result, libc::EINVAL)?;
    }
    check_usable(&mut channel)
}

fn writes_beyond(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for (offset, len) in BEYOND {
        let result = channel.device().pwrite(&vec![0xff; len], offset);
        check_errno(&format!("{len} bytes at {offset}"), result, libc::EINVAL)?;
    }
    check_usable(&mut channel)
}

fn far_offsets(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for offset in FAR {
        let result = channel.device().pread(&mut [0; 4], offset);
        check_errno(&format!("read at {offset:#x}"), result, libc::EINVAL)?;
        let result = channel.device().pwrite(&[0; 4], offset);
        check_errno(&format!("write at {offset:#x}"), result, libc::EINVAL)?;
    }
    check_usable(&mut channel)
}

fn read_null(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let result = sys::pread_null(channel.device().file(), IO_REGION_SIZE, 0);
    check_errno("null", result, libc::EFAULT)?;
    check_usable(&mut channel)
}

fn write_null(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let result = sys::pwrite_null(channel.device().file(), IO_REGION_SIZE, 0);
    check_errno("null", result, libc::EFAULT)?;
    check_usable(&mut channel)
}

fn partial_reads(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    for (offset, len) in [(0, 124), (0, 1), (7, 3), (24, 12), (119, 5), (123, 1)] {
        let read = channel.device().pread(&mut vec![0; len], offset)?;
        check_eq(&format!("bytes read at {offset}"), read, len)?;
    }
    Ok(())
}

fn reads_what_was_written(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let intparm = [0xde, 0xad, 0xbe, 0xef];
    check_eq("bytes written", channel.device().pwrite(&intparm, 0)?, 4)?;
    let mut read = [0; 8];
    channel.device().pread(&mut read, 0)?;
    check_eq("bytes", read, [0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0])
}

fn nothing(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    check_eq("bytes read", channel.device().pread(&mut [], 0)?, 0)?;
    check_eq("bytes written", channel.device().pwrite(&[], 0)?, 0)
}

fn no_function(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let region = request(Orb::default(), FunctionControl::empty());
    let written = channel.device().pwrite(&region, 0)?;
    check_eq("bytes written", written, IO_REGION_SIZE)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")
}

fn refused(devices: &Devices, function: FunctionControl) -> TestResult {
    let mut channel = devices.open()?;
    let region = request(Orb::default(), function);
    let result = channel.device().pwrite(&region, 0);
    check_errno(&format!("function {function}"), result, libc::EOPNOTSUPP)?;
    check_eq("result", result_of(&channel)?, -libc::EOPNOTSUPP)?;
    check_usable(&mut channel)
}

fn halt(devices: &Devices) -> TestResult {
    refused(devices, FunctionControl::HALT)
}

fn clear(devices: &Devices) -> TestResult {
    refused(devices, FunctionControl::CLEAR)
}

fn result_of(channel: &Channel) -> TestResult<i32> {
    let mut code = [0; 4];
    channel.device().pread(&mut code, RET_CODE_OFFSET)?;
    Ok(i32::from_ne_bytes(code))
}

fn result_code(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    check_eq("result at first", result_of(&channel)?, 0)?;
    let region = request(Orb::default(), FunctionControl::HALT);
    let result = channel.device().pwrite(&region, 0);
    check_errno("halt", result, libc::EOPNOTSUPP)?;
    check_eq(
        "result of a failure",
        result_of(&channel)?,
        -libc::EOPNOTSUPP,
    )?;
    check_usable(&mut channel)?;
    check_eq("result of a success", result_of(&channel)?, 0)
}
