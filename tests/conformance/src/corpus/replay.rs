// SPDX-License-Identifier: GPL-2.0

//! Runs the program of a guest on a device, whatever it does.

use std::{
    io,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::Channel,
    program::Program,
    sys::PAGE_SIZE,
    vfio::Access, //
};
use ccwchain::{
    irb::Irb,
    orb::{
        Flags,
        Orb, //
    },
    scsw::{
        ActivityControl,
        DeviceStatus,
        FunctionControl,
        StatusControl,
        SubchannelStatus, //
    }, //
};
use model::{
    channel::{
        Device,
        Script, //
    },
    fuzz::HostileGuest, //
};

use crate::{
    fixtures::*,
    guest::Guest,
    machine, //
};

/// The contents of marked pages.
pub(super) const MARK: [u8; 16] = *b"Not for channels";

/// The addresses by which marked pages are named. No input maps anything there.
const MARKED: u64 = 0x4000_0000;

/// The time after which a program is ended that is suspended or has no end.
const PATIENCE: Duration = Duration::from_millis(100);

/// The time that a program may take which must end or be suspended. It can wait 64 times until the
/// driver has translated its rest.
const LONGEST: Duration = Duration::from_secs(20);

/// The maximum number of clears that end a program.
const CLEARS: usize = 3;

/// Writes two blocks to the tape, which then stands before the first.
const LOAD: &str = "\
area none at 0x20000 size 1
area block at 0x21000 size 8K
     ccw  rewind,none,cc|sli,1
     ccw  write,block,cc
     ccw  write,block,cc
     ccw  rewind,none,sli,1";

/// The address and the length of such a block.
const BLOCK: u64 = 0x2_1000;
const BLOCK_LEN: usize = 0x2000;

/// The outcome of a program.
pub(super) enum Outcome {
    /// It was not started.
    Refused,
    /// It has ended with this status.
    Ended(Irb),
    /// It was ended by HALT SUBCHANNEL or CLEAR SUBCHANNEL.
    Stopped,
}

/// A device for programs of any kind.
pub(super) struct Replay {
    channel: Channel,
    nop: Program,
    /// Writes the data that the device returns to it, if it is a tape.
    load: Option<Program>,
    is_virtio: bool,
}

impl Replay {
    pub(super) fn new(devices: &Devices, name: &str) -> TestResult<Self> {
        let load = (name == "tape").then(|| program(LOAD)).transpose()?;
        Ok(Self {
            channel: devices.open_named(name)?,
            nop: program("ccw nop")?,
            load,
            is_virtio: name == "rng",
        })
    }

    /// Runs the program of a guest, and then a NO-OPERATION.
    pub(super) fn run(&mut self, input: &HostileGuest) -> TestResult<Outcome> {
        self.run_with(input, None)
    }

    /// Does the same while the first marked page is mapped at an address.
    pub(super) fn run_with_mark(&mut self, input: &HostileGuest, at: u64) -> TestResult<Outcome> {
        self.run_with(input, Some(at))
    }

    fn run_with(&mut self, input: &HostileGuest, mark_at: Option<u64>) -> TestResult<Outcome> {
        self.load(&input.input)?;
        let before = pinned()?;
        let guest = self.lay_out(input)?;
        let device = self.channel.device();
        for number in mapped(input) {
            guest.map(device, number)??;
        }
        if let Some(at) = mark_at {
            device.map(at, guest.memory(1), Access::ReadWrite)?;
        }

        let orb = for_machine(input.orb);
        let outcome = match is_started(orb, &self.channel.start(orb))? {
            true => self.end(input, &guest)?,
            false => Outcome::Refused,
        };
        let device = self.channel.device();
        for number in mapped(input) {
            guest.unmap(device, number)?;
        }
        if let Some(at) = mark_at {
            device.unmap(at)?;
        }
        check_eq("KiB pinned", pinned()?, before)?;
        self.run_nop()?;
        guest.check()?;
        Ok(outcome)
    }

    /// Has the tape return the data that the device of the input returns.
    fn load(&mut self, data: &[u8]) -> TestResult {
        let Some(load) = &self.load else {
            return Ok(());
        };
        let memory = map(&mut self.channel, load)?;
        let mut script = Script::new(&[]).with_input(data);
        let block: Vec<_> = (0..BLOCK_LEN).map(|_| script.byte()).collect();
        memory.write(BLOCK, &block);
        start_soon(&self.channel, load)?;
        check_good(wait_end(&mut self.channel)?)?;
        Ok(memory.unmap(self.channel.device_mut())?)
    }

    /// Makes the memory of a guest. Each of its pages is followed by a marked page, of which the
    /// device knows nothing.
    fn lay_out(&self, input: &HostileGuest) -> TestResult<Guest> {
        let pages = input
            .pages
            .iter()
            .zip((MARKED..).step_by(PAGE_SIZE as usize));
        let ranges = pages.clone().flat_map(|(page, mark)| {
            [
                (page.address, PAGE_SIZE, page.is_writable),
                (mark, PAGE_SIZE, true),
            ]
        });
        let guest = Guest::new(ranges, self.is_virtio)?;
        for (page, mark) in pages {
            guest.store(page.address, &page.bytes);
            guest.store(mark, &MARK.repeat(PAGE_SIZE as usize / MARK.len()));
        }
        Ok(guest)
    }

    /// Waits for the end of the program, and ends it if it is suspended or has no end.
    fn end(&mut self, input: &HostileGuest, guest: &Guest) -> TestResult<Outcome> {
        // The channel of QEMU does not tell of a suspended program.
        let must_end = machine::is_hercules() && !input.may_loop();
        let end = Instant::now() + if must_end { LONGEST } else { PATIENCE };
        let mut responses = input.responses.iter();
        // A program can interrupt all the time.
        while Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            let Some(irb) = self.channel.wait(left)? else {
                break;
            };
            let scsw = irb.scsw();
            if scsw.ends_start() {
                return Ok(Outcome::Ended(irb));
            }
            if scsw.actl().contains(ActivityControl::SUSPENDED) {
                // In Hercules, CLEAR SUBCHANNEL alone leaves the thread of a suspended program, which
                // takes a later resumption for its own.
                let is_halted = self.is_ended_by(HALT, FunctionControl::HALT)?;
                check(is_halted, "a halt does not end the suspended program")?;
                self.clear()?;
                return Ok(Outcome::Stopped);
            }
            if scsw.subchannel_status().contains(SubchannelStatus::PCI) {
                if let Some((address, bytes)) = responses.next() {
                    guest.store(*address, bytes);
                }
            }
        }
        check(!must_end, "the program neither ends nor is suspended")?;
        self.clear()?;
        Ok(Outcome::Stopped)
    }

    /// Ends the program by CLEAR SUBCHANNEL.
    fn clear(&mut self) -> TestResult {
        for _ in 0..CLEARS {
            if self.is_ended_by(CLEAR, FunctionControl::CLEAR)? {
                return Ok(());
            }
            // In Hercules, TEST SUBCHANNEL stores a PCI that is pending when the program is cleared,
            // and the status of the clear stays pending without an interruption.
            let stctl = Schib::read(&self.channel)?.scsw().stctl();
            check(
                stctl.contains(StatusControl::PENDING),
                "a clear does not end the program",
            )?;
        }
        Err(format!("the status of {CLEARS} clears is pending").into())
    }

    /// Requests a function. Returns `false` if its status does not come. Status that comes before can
    /// be that of the end of the program.
    fn is_ended_by(&mut self, request: u32, function: FunctionControl) -> TestResult<bool> {
        command(&self.channel, request)?;
        let others = &mut Vec::new();
        let is_done = |irb: &Irb| irb.scsw().fctl().contains(function);
        let status = self.channel.wait_until(TIMEOUT, others, is_done)?;
        Ok(status.is_some())
    }

    fn run_nop(&mut self) -> TestResult {
        let memory = map(&mut self.channel, &self.nop)?;
        start_soon(&self.channel, &self.nop)?;
        let irb = wait_end(&mut self.channel)?;
        let result = check_good(irb);
        result.map_err(|failure| format!("NO-OPERATION: {failure}"))?;
        Ok(memory.unmap(self.channel.device_mut())?)
    }
}

/// Returns the numbers of the ranges that are mapped: every other one is a marked page.
fn mapped(input: &HostileGuest) -> impl Iterator<Item = u8> {
    (0..).step_by(2).take(input.pages.len())
}

/// Returns an ORB for a start on any path of a device of this machine.
fn for_machine(orb: Orb) -> Orb {
    // Hercules does not clear a program that was suspended without an interruption. When the initial
    // status and a PCI are pending together, the status that ends the program gives no interruption.
    let unusable = Flags::SUPPRESS_SUSPENDED.union(Flags::INITIAL_STATUS);
    let flags = match machine::is_hercules() {
        true => orb.flags().difference(unusable),
        false => orb.flags(),
    };
    orb.with_flags(flags).with_lpm(0xff)
}

/// Returns whether a program was started on a device that nobody else uses. Checks that it was
/// refused only if the interface does not have what the ORB asks for.
fn is_started(orb: Orb, answer: &io::Result<()>) -> TestResult<bool> {
    let flags = orb.flags();
    let is_wrong = flags.intersects(Flags::RESERVED) || orb.cpa() >> 31 != 0;
    // Facilities of the channel subsystem, which it may lack.
    let optional = Flags::MIDAW.union(Flags::STREAMING);
    let (may_start, allowed) = match answer {
        Ok(()) => (true, !is_wrong && !orb.transport()),
        Err(error) => {
            let allowed = match error.raw_os_error() {
                Some(libc::EINVAL) => is_wrong,
                Some(libc::EOPNOTSUPP) => orb.transport() || flags.intersects(optional),
                _ => false,
            };
            (false, allowed)
        }
    };
    check(
        allowed,
        format!("the answer to the start of {orb}: {answer:?}"),
    )?;
    Ok(may_start)
}

/// Checks that a program has ended as it should.
fn check_good(irb: Irb) -> TestResult {
    let scsw = irb.scsw();
    let good = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
    let is_good =
        scsw.device_status() == good && scsw.subchannel_status() == SubchannelStatus::default();
    check(is_good, format!("it ends with {scsw}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(errno: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(errno))
    }

    fn orb(flags: Flags) -> Orb {
        Orb::default().with_flags(flags)
    }

    #[test]
    fn an_orb_is_refused_for_what_is_wrong_with_it() {
        let good = orb(Flags::FORMAT_1);
        assert!(is_started(good, &Ok(())).unwrap());
        for errno in [libc::EINVAL, libc::EOPNOTSUPP, libc::EBUSY, libc::EIO] {
            assert!(is_started(good, &failed(errno)).is_err());
        }
        for wrong in [orb(Flags::RESERVED), good.with_cpa(1 << 31)] {
            assert!(!is_started(wrong, &failed(libc::EINVAL)).unwrap());
            assert!(is_started(wrong, &Ok(())).is_err());
        }
        assert!(is_started(orb(Flags::TRANSPORT), &Ok(())).is_err());
        assert!(!is_started(orb(Flags::MIDAW), &failed(libc::EOPNOTSUPP)).unwrap());
    }
}
