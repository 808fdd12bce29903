// SPDX-License-Identifier: GPL-2.0

//! What L2, a guest of an unmodified QEMU, does with a device that is passed through to it.
//!
//! The scenarios (`tests/scenarios`) call it there. The 3270 is used through the full-screen device
//! of Linux's tn3270 driver (`drivers/s390/char/fs3270.c`): each write and each read is a channel
//! program.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    fs::File,
    io::{
        Read,
        Write, //
    },
    iter,
    os::fd::AsFd,
    process::ExitCode,
    thread,
    time::Duration, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    program,
    sys::{
        self,
        uapi, //
    },
    sysfs::Mdev,
    text::to_ebcdic,
    vfio::{
        Backend,
        Device, //
    }, //
};

const HELP: &str = "\
l2 - what the scenarios do in L2

usage: l2 show TUB TEXT                 clear the screen and write TEXT to it
       l2 write TUB COMMAND SIZE SEED   write SIZE made bytes with a channel command (hex)
       l2 read TUB                      wait for an attention, print what is read, in hex
       l2 echo TUB COUNT                so many numbers go out, each must come back
       l2 storm TUB                     write without end
       l2 suspend MDEV                  start a program that suspends itself, and stay
";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const READ_MODIFIED: u32 = 0x06;
const WRITE: u32 = 0x01;
const ERASE_WRITE: u32 = 0x05;
/// In a record to the terminal, a write control character: the keyboard is free.
const KEYBOARD_RESTORE: u8 = 0xc2;
/// A space in EBCDIC.
const SPACE: u8 = 0x40;
/// The most that a read takes, and the most that QEMU's terminal has for one.
const RECORD: usize = 2048;
/// In a record from the terminal: the attention identifier and the address of the cursor.
const READ_HEADER: usize = 3;

fn open(tub: &str, write_command: u32) -> Outcome<File> {
    let file = File::options().read(true).write(true).open(tub)?;
    sys::ioctl_number(file.as_fd(), uapi::TUBICMD, READ_MODIFIED)?;
    sys::ioctl_number(file.as_fd(), uapi::TUBOCMD, write_command)?;
    Ok(file)
}

/// Bytes that the other side can make, too (`made` in `tests/scenarios/display.py`).
fn made(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        state.to_be_bytes()[1]
    };
    iter::repeat_with(next).take(size).collect()
}

fn write(file: &mut File, bytes: &[u8]) -> Outcome {
    let written = file.write(bytes)?;
    if written != bytes.len() {
        return Err(format!("{written} of {} bytes were written", bytes.len()).into());
    }
    Ok(())
}

fn read(file: &mut File) -> Outcome<Vec<u8>> {
    let mut record = vec![0; RECORD];
    let len = file.read(&mut record)?;
    record.truncate(len);
    Ok(record)
}

fn echo(tub: &str, count: u32) -> Outcome {
    let mut file = open(tub, WRITE)?;
    for number in 0..count {
        let text = format!("{number:06}");
        write(&mut file, text.as_bytes())?;
        let record = read(&mut file)?;
        if record.get(READ_HEADER..) != Some(text.as_bytes()) {
            let came = String::from_utf8_lossy(&record).into_owned();
            return Err(format!("in place of {text} came {came:?}").into());
        }
    }
    println!("{count} numbers have come back");
    Ok(())
}

fn storm(tub: &str) -> Outcome {
    let mut file = open(tub, WRITE)?;
    let bytes = made(4000, 1);
    loop {
        write(&mut file, &bytes)?;
    }
}

fn suspend(mdev: &str) -> Outcome {
    let text = "program suspended\norb suspend=yes\narea sense at 0x20000 size 32\n\
                ccw nop,,cc\nccw sense,sense,suspend";
    let programs = program::read("suspended", text, &|_| {
        Err(std::io::ErrorKind::NotFound.into())
    })?;
    let mut channel = Channel::new(Device::open(&Mdev::find(mdev)?, Backend::Container)?)?;
    for program in programs {
        let _guest = GuestMemory::map(channel.device_mut(), &program.chunks)?;
        channel.start(program.orb)?;
        let irb = channel.wait(Duration::from_secs(5))?;
        println!(
            "in flight, {}",
            if irb.is_some() {
                "suspended"
            } else {
                "without status"
            }
        );
        thread::sleep(Duration::from_secs(3600));
    }
    Ok(())
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["show", tub, text] => {
            let text = text.chars().map(|c| to_ebcdic(c).unwrap_or(SPACE));
            let record: Vec<u8> = iter::once(KEYBOARD_RESTORE).chain(text).collect();
            write(&mut open(tub, ERASE_WRITE)?, &record)
        }
        ["write", tub, command, size, seed] => {
            let mut file = open(tub, u32::from_str_radix(command, 16)?)?;
            write(&mut file, &made(size.parse()?, seed.parse()?))
        }
        ["read", tub] => {
            let record = read(&mut open(tub, WRITE)?)?;
            let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{hex}");
            Ok(())
        }
        ["echo", tub, count] => echo(tub, count.parse()?),
        ["storm", tub] => storm(tub),
        ["suspend", mdev] => suspend(mdev),
        _ => Err(HELP.into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("l2: {error}");
            ExitCode::FAILURE
        }
    }
}
