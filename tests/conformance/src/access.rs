// SPDX-License-Identifier: GPL-2.0

//! Reading and writing at the borders of each region.

use std::io;

use ccw::{
    channel::{
        Channel,
        IO_REGION_SIZE, //
    },
    regions::{
        ASYNC_REGION_SIZE,
        CRW_REGION_SIZE,
        SCHIB_SIZE, //
    },
    sys::{
        self,
        Edge, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

/// The cases, once for each region.
macro_rules! for_each_region {
    ($($name:literal => $case:ident;)*) => {
        vec![
            $(Case::new(concat!("region 0: ", $name), $case::<0>),)*
            $(Case::new(concat!("region 1: ", $name), $case::<1>),)*
            $(Case::new(concat!("region 2: ", $name), $case::<2>),)*
            $(Case::new(concat!("region 3: ", $name), $case::<3>),)*
        ]
    };
}

pub(crate) fn cases() -> Vec<Case> {
    for_each_region! {
        "all of it can be read" => read_all;
        "the first byte can be read" => read_first;
        "the last byte can be read" => read_last;
        "bytes across words can be read" => read_unaligned;
        "parts that are read are those of the whole" => read_parts;
        "a byte more than it has is EINVAL" => read_longer;
        "as many bytes from the second one on are EINVAL" => read_shifted;
        "a byte behind it is EINVAL" => read_behind;
        "the last byte and one behind are EINVAL" => read_over_end;
        "the last byte of its place in the file is EINVAL" => read_place_end;
        "a read that ends in the next region is EINVAL" => read_into_next;
        "a page is EINVAL" => read_page;
        "the largest count is EINVAL" => read_largest;
        "reading nothing at its start is no error" => read_nothing;
        "reading nothing at its end is no error" => read_nothing_at_end;
        "reading nothing behind its end is EINVAL" => read_nothing_behind;
        "reading nothing to a null pointer is no error" => read_nothing_null;
        "a read to a null pointer is EFAULT" => read_null;
        "a read to a pointer of which the second half is bad is EFAULT" => read_half;
        "a read to the end of memory succeeds" => read_edge;
        "a read does not change it" => read_twice;
        "a write of a byte more than it has is EINVAL" => write_longer;
        "a write of a byte behind it is EINVAL" => write_behind;
        "a write over its end is EINVAL" => write_over_end;
        "a write at the end of its place in the file is EINVAL" => write_place_end;
        "a write of a page is EINVAL" => write_page;
        "a write of nothing behind its end is EINVAL" => write_nothing_behind;
    }
}

/// The cases that are of the regions that can be written.
pub(crate) fn writable_cases() -> Vec<Case> {
    cases! {
        "region 0: a write from a null pointer is EFAULT" => write_null::<0>;
        "region 1: a write from a null pointer is EFAULT" => write_null::<1>;
        "region 0: a write of which the second half is bad is EFAULT" => write_half::<0>;
        "region 1: a write of which the second half is bad is EFAULT" => write_half::<1>;
        "region 0: a write that is EFAULT leaves all as it was" => write_half_changes_nothing::<0>;
        "region 1: a write that is EFAULT leaves all as it was" => write_half_changes_nothing::<1>;
        "region 2: a write is EINVAL" => read_only::<2>;
        "region 3: a write is EINVAL" => read_only::<3>;
        "region 2: a write of one byte is EINVAL" => read_only_byte::<2>;
        "region 3: a write of one byte is EINVAL" => read_only_byte::<3>;
        "region 2: a write of nothing is EINVAL" => read_only_nothing::<2>;
        "region 3: a write of nothing is EINVAL" => read_only_nothing::<3>;
        "region 2: a write from a null pointer is EINVAL" => read_only_null::<2>;
        "region 3: a write from a null pointer is EINVAL" => read_only_null::<3>;
    }
}

/// Offsets at which there is no region.
pub(crate) fn far_cases() -> Vec<Case> {
    cases! {
        "region 4 is EINVAL" => |devices| far(devices, 4 << 10);
        "region 5 is EINVAL" => |devices| far(devices, 5 << 10);
        "an offset of 2^20 is EINVAL" => |devices| far(devices, 1 << 20);
        "an offset of 2^31 is EINVAL" => |devices| far(devices, 1 << 31);
        "an offset of 2^32 is EINVAL" => |devices| far(devices, 1 << 32);
        "the last offset before 2^42 is EINVAL" => |devices| far(devices, (1 << 42) - 4);
        "an offset of 2^42 is EINVAL" => |devices| far(devices, 1 << 42);
        "an offset of 2^42 and region 1 is EINVAL" => |devices| far(devices, (1 << 42) + 1024);
        "an offset of 2^62 is EINVAL" => |devices| far(devices, 1 << 62);
        "the last offset of all is EINVAL" => |devices| far(devices, (1 << 63) - 5);
    }
}

const SIZES: [usize; 4] = [
    IO_REGION_SIZE,
    ASYNC_REGION_SIZE,
    SCHIB_SIZE,
    CRW_REGION_SIZE,
];

/// Returns the offset of a byte of a region in the device's file.
fn at<const REGION: usize>(offset: usize) -> u64 {
    (REGION as u64) << 10 | offset as u64
}

fn position<const REGION: usize>(offset: usize) -> i64 {
    (REGION as i64) << 10 | offset as i64
}

fn read<const REGION: usize>(
    devices: &Devices,
    offset: usize,
    len: usize,
) -> TestResult<io::Result<usize>> {
    let mut channel = devices.open()?;
    let result = channel
        .device()
        .pread(&mut vec![0xee; len], at::<REGION>(offset));
    check_usable(&mut channel)?;
    Ok(result)
}

fn check_reads<const REGION: usize>(devices: &Devices, offset: usize, len: usize) -> TestResult {
    check_eq("bytes", read::<REGION>(devices, offset, len)??, len)
}

fn check_invalid<const REGION: usize>(devices: &Devices, offset: usize, len: usize) -> TestResult {
    let result = read::<REGION>(devices, offset, len)?;
    check_errno("result", result, libc::EINVAL)
}

/// Checks that a write is refused, and nothing of the region is different then.
fn check_refused<const REGION: usize>(devices: &Devices, offset: usize, len: usize) -> TestResult {
    let mut channel = devices.open()?;
    let before = contents::<REGION>(&channel)?;
    let result = channel
        .device()
        .pwrite(&vec![0xff; len], at::<REGION>(offset));
    check_errno("result", result, libc::EINVAL)?;
    check_eq("contents", contents::<REGION>(&channel)?, before)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")?;
    check_usable(&mut channel)
}

fn contents<const REGION: usize>(channel: &Channel) -> TestResult<Vec<u8>> {
    let mut bytes = vec![0; SIZES[REGION]];
    channel.device().pread(&mut bytes, at::<REGION>(0))?;
    Ok(bytes)
}

fn read_all<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, 0, SIZES[REGION])
}

fn read_first<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, 0, 1)
}

fn read_last<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, SIZES[REGION] - 1, 1)
}

fn read_unaligned<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, 3, 3)
}

fn read_parts<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let whole = contents::<REGION>(&channel)?;
    for (offset, expected) in whole.iter().enumerate() {
        let mut byte = [0xee];
        channel.device().pread(&mut byte, at::<REGION>(offset))?;
        check_eq(&format!("byte {offset}"), byte[0], *expected)?;
    }
    Ok(())
}

fn read_longer<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, 0, SIZES[REGION] + 1)
}

fn read_shifted<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, 1, SIZES[REGION])
}

fn read_behind<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, SIZES[REGION], 1)
}

fn read_over_end<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, SIZES[REGION] - 1, 2)
}

fn read_place_end<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, 1023, 1)
}

fn read_into_next<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, 0, 1024 + 4)
}

fn read_page<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, 0, 4096)
}

fn read_largest<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let file = channel.device().file();
    let result = sys::pread_null(file, 0x7fff_f000, position::<REGION>(0));
    check_errno("result", result, libc::EINVAL)
}

fn read_nothing<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, 0, 0)
}

fn read_nothing_at_end<const REGION: usize>(devices: &Devices) -> TestResult {
    check_reads::<REGION>(devices, SIZES[REGION], 0)
}

fn read_nothing_behind<const REGION: usize>(devices: &Devices) -> TestResult {
    check_invalid::<REGION>(devices, SIZES[REGION] + 1, 0)
}

fn read_nothing_null<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let file = channel.device().file();
    let read = sys::pread_null(file, 0, position::<REGION>(0))?;
    check_eq("bytes", read, 0)
}

fn read_null<const REGION: usize>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let file = channel.device().file();
    let result = sys::pread_null(file, SIZES[REGION], position::<REGION>(0));
    check_errno("result", result, libc::EFAULT)?;
    check_usable(&mut channel)
}

fn read_half<const REGION: usize>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let edge = Edge::new(&vec![0; SIZES[REGION] / 2])?;
    let file = channel.device().file();
    let result = sys::pread_edge(file, &edge, SIZES[REGION], position::<REGION>(0));
    check_errno("result", result, libc::EFAULT)?;
    check_usable(&mut channel)
}

fn read_edge<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let edge = Edge::new(&vec![0xee; SIZES[REGION]])?;
    let file = channel.device().file();
    let read = sys::pread_edge(file, &edge, SIZES[REGION], position::<REGION>(0))?;
    check_eq("bytes", read, SIZES[REGION])?;
    check_eq("contents", edge.bytes(), contents::<REGION>(&channel)?)
}

fn read_twice<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let first = contents::<REGION>(&channel)?;
    check_eq("contents", contents::<REGION>(&channel)?, first)
}

fn write_longer<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, 0, SIZES[REGION] + 1)
}

fn write_behind<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, SIZES[REGION], 1)
}

fn write_over_end<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, SIZES[REGION] - 1, 2)
}

fn write_place_end<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, 1023, 1)
}

fn write_page<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, 0, 4096)
}

fn write_nothing_behind<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, SIZES[REGION] + 1, 0)
}

fn write_null<const REGION: usize>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let file = channel.device().file();
    let result = sys::pwrite_null(file, SIZES[REGION], position::<REGION>(0));
    check_errno("result", result, libc::EFAULT)?;
    check_usable(&mut channel)
}

/// Writes bytes, of which all but the first half are where there is no memory.
fn torn_write<const REGION: usize>(channel: &Channel) -> TestResult {
    // As requests, these bytes have no function or command that exists.
    let edge = Edge::new(&vec![0x80; SIZES[REGION] / 2])?;
    let file = channel.device().file();
    let result = sys::pwrite_edge(file, &edge, SIZES[REGION], position::<REGION>(0));
    check_errno("result", result, libc::EFAULT)
}

fn write_half<const REGION: usize>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    torn_write::<REGION>(&channel)?;
    check(channel.wait(SILENCE)?.is_none(), "an interrupt came")?;
    check_usable(&mut channel)
}

fn write_half_changes_nothing<const REGION: usize>(devices: &Devices) -> TestResult {
    let channel = devices.open()?;
    let before = contents::<REGION>(&channel)?;
    torn_write::<REGION>(&channel)?;
    check_eq("contents", contents::<REGION>(&channel)?, before)
}

fn read_only<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, 0, SIZES[REGION])
}

fn read_only_byte<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, SIZES[REGION] - 1, 1)
}

fn read_only_nothing<const REGION: usize>(devices: &Devices) -> TestResult {
    check_refused::<REGION>(devices, 0, 0)
}

fn read_only_null<const REGION: usize>(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let file = channel.device().file();
    let result = sys::pwrite_null(file, SIZES[REGION], position::<REGION>(0));
    check_errno("result", result, libc::EINVAL)?;
    check_usable(&mut channel)
}

fn far(devices: &Devices, at: u64) -> TestResult {
    let mut channel = devices.open()?;
    let result = channel.device().pread(&mut [0; 4], at);
    check_errno("read", result, libc::EINVAL)?;
    let result = channel.device().pwrite(&[0; 4], at);
    check_errno("write", result, libc::EINVAL)?;
    check_usable(&mut channel)
}
