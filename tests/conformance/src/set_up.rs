// SPDX-License-Identifier: GPL-2.0

//! Memory of a program that exists, but that the process that starts it, or the device, cannot
//! access, which is no fault of the guest; and a fault of the guest that looks like it.

use std::{
    fs::File,
    io::{
        self,
        Write, //
    },
    os::{
        fd::AsFd,
        unix::fs::FileExt, //
    },
    process::{
        Command,
        Stdio, //
    }, //
};

use ccw::{
    channel::{
        self,
        Channel, //
    },
    guest::GuestMemory,
    program::Program,
    sys::{
        self,
        uapi,
        uapi::DetachIommufd,
        PAGE_SIZE, //
    },
    vfio::Backend, //
};
use ccwchain::{
    orb::Orb,
    scsw::{
        FunctionControl,
        SubchannelStatus, //
    }, //
};

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a start by a process that has not mapped the memory" => other_process;
        "a start without an address space is ENOENT" => detached;
    }
}

pub(crate) fn fault_cases() -> Vec<Case> {
    cases! {
        "memory that its process may not read" => forbidden;
    }
}

/// The address that the program stores to, and the program.
const DATA: u64 = 0x2_0000;
const SENSE_ID: &str = "area id at 0x20000 size 256\nccw senseid,id,sli";

/// Runs in another process: writes the given request to the device, which is its standard input,
/// and prints the error number, or zero.
pub(crate) fn request(bytes: &str) -> TestResult {
    let digits: Vec<char> = bytes.chars().collect();
    let byte = |digits: &[char]| u8::from_str_radix(&String::from_iter(digits), 16);
    let bytes: Result<Vec<u8>, _> = digits.chunks(2).map(byte).collect();
    let bytes = bytes.map_err(|error| error.to_string())?;
    let device = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let written = device.write_at(&bytes, 0);
    let errno = written.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |_| 0);
    println!("{errno}");
    Ok(io::stdout().flush()?)
}

/// Has another process start a program, which has an address space of its own.
fn start_elsewhere(channel: &Channel, orb: Orb) -> TestResult<io::Result<()>> {
    let request = channel::request(orb, FunctionControl::START);
    let digits: String = request.iter().map(|byte| format!("{byte:02x}")).collect();
    let device = channel.device().file().try_clone_to_owned()?;
    let output = Command::new("/proc/self/exe")
        .args(["request", &digits])
        .stdin(Stdio::from(device))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match said.trim().parse() {
        Ok(0) => Ok(Ok(())),
        Ok(errno) => Ok(Err(io::Error::from_raw_os_error(errno))),
        Err(_) => Err(format!("the other process says {said:?}").into()),
    }
}

/// Waits for the end of [`SENSE_ID`].
fn check_ends(channel: &mut Channel, guest: &GuestMemory) -> TestResult {
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    check_eq("data", guest.read(DATA, 3), sense_id())
}

fn other_process(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    let guest = map(&mut channel, &program)?;
    let before = pinned()?;
    let started = start_elsewhere(&channel, program.orb)?;
    match devices.backend() {
        // type1 reads for nobody else, and pins for anybody.
        Backend::Container => check_errno("start elsewhere", started, libc::EFAULT)?,
        Backend::Iommufd => {
            started?;
            check_ends(&mut channel, &guest)?;
        }
    }
    check_eq("KiB pinned", pinned()?, before)?;

    channel.start(program.orb)?;
    check_ends(&mut channel, &guest)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

fn detached(devices: &Devices) -> TestResult {
    if devices.backend() == Backend::Container {
        let why = "a device in a container has its address space";
        return Err(skip(why));
    }
    let mut channel = devices.open()?;
    let program = program(SENSE_ID)?;
    map(&mut channel, &program)?;
    let mut detach = DetachIommufd {
        argsz: sys::size_of::<DetachIommufd>(),
        ..Default::default()
    };
    let device = channel.device().file();
    sys::ioctl(device, uapi::DEVICE_DETACH_IOMMUFD_PT, &mut detach)?;
    check_errno("start", channel.start(program.orb), libc::ENOENT)
}

/// Starts a program, which must have a program check at its first CCW.
fn check_program_check(channel: &mut Channel, program: &Program) -> TestResult {
    channel.start(program.orb)?;
    let scsw = channel
        .wait(TIMEOUT)?
        .ok_or("no status came".to_owned())?
        .scsw();
    check_eq(
        "status",
        scsw.subchannel_status(),
        SubchannelStatus::PROGRAM_CHECK,
    )?;
    check_eq("address in the status", scsw.cpa(), program.orb.cpa() + 8)
}

fn forbidden(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    for address in [DATA, 0x1_0000] {
        let program = program(SENSE_ID)?;
        let guest = map(&mut channel, &program)?;
        let (memory, offset) = guest.memory(address);
        check_eq("offset in a page", offset as u64 % PAGE_SIZE, 0)?;
        memory.forbid(offset)?;
        let before = pinned()?;
        check_program_check(&mut channel, &program)?;
        check_eq("KiB pinned", pinned()?, before)?;
        guest.unmap(channel.device_mut())?;
    }
    check_usable(&mut channel)
}
