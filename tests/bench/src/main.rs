// SPDX-License-Identifier: GPL-2.0

//! `bench`: measures the cost of an I/O. Runs a program many times, and prints how long it took.
//!
//! It runs in QEMU with a clock that advances by one nanosecond with each instruction of the guest
//! (`-icount shift=0,sleep=off`, `scripts/bench`), so that times are numbers of instructions.

use std::{
    error::Error,
    fs::File,
    io::Read,
    os::fd::AsFd,
    time::Instant, //
};

use ccw::{
    channel::{
        self,
        IO_IRQ,
        IO_REGION_SIZE,
        IRB_OFFSET, //
    },
    guest::GuestMemory,
    program::Program,
    sys,
    sysfs::Mdev,
    vfio::{
        Backend,
        Device, //
    }, //
};
use ccwchain::{
    irb::{
        self,
        Irb, //
    },
    scsw::{
        DeviceStatus,
        FunctionControl, //
    },
};

mod many;
mod profile;
mod shapes;

/// The number of runs before those that are measured. After them all caches are filled.
const WARM_UP: usize = 30;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// An open device and the eventfd of its interrupt.
struct Channel {
    device: Device,
    eventfd: File,
}

impl Channel {
    fn open(device: &str, backend: Backend) -> Result<Self> {
        let device = Device::open(&Mdev::find(device)?, backend)?;
        let eventfd = sys::blocking_eventfd()?;
        device.set_trigger(IO_IRQ, Some(eventfd.as_fd()))?;
        Ok(Self { device, eventfd })
    }

    /// Runs an I/O. Returns how many nanoseconds it took, and its status.
    fn run(&mut self, request: &[u8]) -> Result<(u128, Irb)> {
        let mut region = [0; IO_REGION_SIZE];
        let mut count = [0; 8];
        let start = Instant::now();
        self.device.pwrite(request, 0)?;
        self.eventfd.read_exact(&mut count)?;
        self.device.pread(&mut region, 0)?;
        let time = start.elapsed().as_nanos();

        let mut irb = [0; irb::SIZE];
        let offset = usize::try_from(IRB_OFFSET)?;
        irb.copy_from_slice(&region[offset..offset + irb::SIZE]);
        Ok((time, Irb::from_bytes(&irb)))
    }
}

/// Fails unless the I/O ended normally and has stored its data.
fn check(program: &Program, guest: &GuestMemory, irb: &Irb) -> Result {
    let scsw = irb.scsw();
    let good = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
    if scsw.device_status() != good || scsw.subchannel_status().bits() != 0 {
        return Err(format!("status: {scsw:?}").into());
    }
    let data = program
        .chunks
        .iter()
        .filter(|chunk| chunk.name.starts_with('d'));
    for chunk in data {
        let first = guest.read(chunk.address, 1);
        if first != [0xff] {
            return Err(format!("{}: {first:x?} was stored", chunk.name).into());
        }
        guest.write(chunk.address, &[0]);
    }
    Ok(())
}

/// Returns the times of the runs of a program, sorted.
fn times(channel: &mut Channel, text: &str, rounds: usize) -> Result<Vec<u128>> {
    let program = shapes::program(text)?;
    let guest = GuestMemory::map(&mut channel.device, &program.chunks)?;
    let request = channel::request(program.orb, FunctionControl::START);
    let mut run = || {
        let (time, irb) = channel.run(&request)?;
        check(&program, &guest, &irb)?;
        Ok(time)
    };
    for _ in 0..WARM_UP {
        run()?;
    }
    profile::begin();
    let times: Result<Vec<u128>> = (0..rounds).map(|_| run()).collect();
    profile::end();
    let mut times = times?;
    times.sort_unstable();
    guest.unmap(&mut channel.device)?;
    Ok(times)
}

/// Measures each shape of program on one device.
fn one(backend: &str, device: &str, rounds: usize) -> Result {
    let mut channel = Channel::open(device, back_end(backend)?)?;
    sys::run_first()?;
    for (shape, text) in shapes::all() {
        let times =
            times(&mut channel, &text, rounds).map_err(|error| format!("{shape}: {error}"))?;
        let [first, last] =
            [times.first(), times.last()].map(|time| time.copied().unwrap_or_default());
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        println!("{shape} {median} {first} {last}");
    }
    Ok(())
}

fn back_end(word: &str) -> Result<Backend> {
    match word {
        "container" => Ok(Backend::Container),
        "iommufd" => Ok(Backend::Iommufd),
        other => Err(format!("no back end {other}").into()),
    }
}

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["many", what, rounds, devices @ ..] => many::all(what, rounds, devices),
        ["worker", what, rounds, device, cpu] => {
            many::worker(what, rounds.parse()?, device, cpu.parse()?)
        }
        [backend, device, rounds] => one(backend, device, rounds.parse()?),
        _ => Err("usage: bench container|iommufd SUBCHANNEL ROUNDS\n       \
                  bench many container|iommufd|machine ROUNDS SUBCHANNEL..."
            .into()),
    }
}
