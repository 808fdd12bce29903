// SPDX-License-Identifier: GPL-2.0

//! Runs the program of a guest on a device, whatever it does.

use std::{
    io,
    time::Duration, //
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
        DeviceStatus,
        FunctionControl,
        SubchannelStatus, //
    }, //
};
use model::fuzz::HostileGuest;

use crate::{
    fixtures::*,
    guest::Guest, //
};

/// The contents of marked pages.
pub(super) const MARK: [u8; 16] = *b"Not for channels";

/// The addresses by which marked pages are named. No input maps anything there.
const MARKED: u64 = 0x4000_0000;

/// The time after which a program is ended that has not ended.
const PATIENCE: Duration = Duration::from_millis(100);

/// The outcome of a program.
pub(super) enum Outcome {
    /// It was not started.
    Refused,
    /// It has ended with this status.
    Ended(Irb),
    /// It was ended by CLEAR SUBCHANNEL.
    Stopped,
}

/// A device for programs of any kind.
pub(super) struct Replay {
    channel: Channel,
    nop: Program,
    is_virtio: bool,
}

impl Replay {
    pub(super) fn new(devices: &Devices, name: &str) -> TestResult<Self> {
        Ok(Self {
            channel: devices.open_named(name)?,
            nop: program("ccw nop")?,
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
        let before = pinned()?;
        let guest = self.lay_out(input)?;
        let device = self.channel.device();
        for number in mapped(input) {
            guest.map(device, number)??;
        }
        if let Some(at) = mark_at {
            device.map(at, guest.memory(1), Access::ReadWrite)?;
        }

        let orb = input.orb.with_lpm(0xff);
        let outcome = match is_started(orb, &self.channel.start(orb))? {
            true => self.end()?,
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

    /// Waits for the end of the program, and ends it if it takes too long: it is suspended, of which
    /// the channel of QEMU does not tell.
    fn end(&mut self) -> TestResult<Outcome> {
        let others = &mut Vec::new();
        if let Some(irb) = self.channel.wait_end(PATIENCE, others)? {
            return Ok(Outcome::Ended(irb));
        }
        clear(&self.channel)?;
        // Status that comes before can be that of its end.
        let is_clear = |irb: &Irb| irb.scsw().fctl().contains(FunctionControl::CLEAR);
        let cleared = self.channel.wait_until(TIMEOUT, others, is_clear)?;
        check(cleared.is_some(), "the program cannot be ended")?;
        Ok(Outcome::Stopped)
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
