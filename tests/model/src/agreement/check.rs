// SPDX-License-Identifier: GPL-2.0

//! The test of a case.

use std::{
    fmt,
    iter, //
};

use super::{
    case::{
        Case,
        Lines, //
    },
    guest_memory::{
        GuestMemory,
        Prefetch, //
    },
    host_memory::HostMemory,
    player::Player, //
};
use crate::channel::{
    device_status::STATUS_MODIFIER,
    run,
    run_on,
    Deviations,
    Ending,
    Event,
    Request,
    Run,
    Status,
    Step,
    Use, //
};

/// The maximum number of CCWs of a program that take control.
fn limit(case: &Case) -> usize {
    36 + case.steps.len()
}

/// How a program without a failure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// With normal status.
    Good,
    /// With incorrect length.
    Length,
    /// With unit check or unit exception.
    Device,
    /// With a program check.
    Check,
    /// With a program check after data was moved.
    LateCheck,
    /// The program suspended itself.
    Suspended,
    /// The program did not end.
    Cut,
}

/// The result of a case that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The kind of the end of the program.
    pub kind: Kind,
    /// The least prefetching with which a channel runs the guest program as the host program runs.
    pub prefetch: Prefetch,
    /// The purpose of the first fetch of what the program had changed, if nothing is prefetched.
    pub changed: Option<Use>,
    /// True if the program does something else on a channel that prefetches everything.
    pub matters: bool,
}

/// How a case failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The translator returned an error.
    Refused(String),
    /// The channel accessed what it must not.
    Violation(String),
    /// Guest and host differ: in what, and what each of them did.
    Difference(&'static str, Box<(Run, Run)>),
    /// Guest pages with these contents differ.
    Memory(u64),
    /// This many pins were left.
    Pins(usize),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the translator refuses it: {error}"),
            Self::Violation(what) => write!(f, "the channel of the host {what}"),
            Self::Difference(what, runs) => {
                let (guest, host) = &**runs;
                write!(
                    f,
                    "{what} differ\nguest:\n{}host:\n{}",
                    Lines(guest),
                    Lines(host)
                )
            }
            Self::Memory(address) => {
                write!(f, "memory differs in the page at {address:#x} of the guest")
            }
            Self::Pins(pins) => write!(f, "{pins} pins are left after the program"),
        }
    }
}

/// Translates the program of a case, and runs it and its translation.
pub fn check(case: &Case) -> Result<Outcome, Failure> {
    let mut guest = GuestMemory::new();
    let mut host = HostMemory::new();
    for (address, bytes) in case.contents() {
        guest.put(address, &bytes);
        host.put(address, &bytes);
    }
    let orb = host.translate(&case.orb).map_err(Failure::Refused)?;
    let request = Request::from_orb(orb.orb().words());

    let outcome = agreement(case, &mut guest, &mut host, &request)?;
    containment(case, &mut host, &request)?;
    match host.release() {
        0 => Ok(outcome),
        pins => Err(Failure::Pins(pins)),
    }
}

/// Runs the program on both sides with a device that does only what devices are known to do.
///
/// A program that fetches what it has changed may also agree with a channel that prefetches.
fn agreement(
    case: &Case,
    guest: &mut GuestMemory,
    host: &mut HostMemory,
    request: &Request,
) -> Result<Outcome, Failure> {
    let device = || Player::new(&case.steps, &case.input, true);
    let of_host = run(host, &mut device(), request, limit(case));
    if let Some(what) = host.violation.take() {
        return Err(Failure::Violation(what));
    }
    let of_host = written_back(host, of_host);
    let mut compare = |prefetch| {
        guest.restart(prefetch);
        let of_guest = run(guest, &mut device(), &case.request(), limit(case));
        let kind = kind(&of_guest);
        let result = compare(case, guest, host, of_guest, &of_host);
        (kind, guest.changed, result)
    };
    let (kind, changed, live) = compare(Prefetch::Nothing);
    let outcome = Outcome {
        kind,
        prefetch: Prefetch::Nothing,
        changed,
        matters: false,
    };
    if changed.is_none() {
        return live.map(|()| outcome);
    }
    let (kind, _, everything) = compare(Prefetch::Everything);
    let matters = live.is_err() || everything.is_err();
    let Err(failure) = live else {
        return Ok(Outcome { matters, ..outcome });
    };
    let (of_lists, _, lists) = compare(Prefetch::Lists);
    let (kind, prefetch) = match (lists, everything) {
        (Ok(()), _) => (of_lists, Prefetch::Lists),
        (_, Ok(())) => (kind, Prefetch::Everything),
        _ => return Err(failure),
    };
    Ok(Outcome {
        kind,
        prefetch,
        changed,
        matters,
    })
}

/// Compares what the program and its translation did.
fn compare(
    case: &Case,
    guest: &GuestMemory,
    host: &mut HostMemory,
    of_guest: Run,
    of_host: &Run,
) -> Result<(), Failure> {
    let what = if host.write_back(0).format() != ccwchain::ccw::Format::of(&case.orb) {
        "formats"
    } else if of_guest.ending != of_host.ending {
        "endings"
    } else if of_guest.events != of_host.events {
        "events"
    } else {
        let mut pages = guest.now.iter().zip(&guest.before);
        let differs = pages.find(|(now, before)| {
            let on_host = host.pinned_page(now.address).unwrap_or(&before.bytes);
            *on_host != now.bytes
        });
        return match differs {
            None => Ok(()),
            Some((now, _)) => Err(Failure::Memory(now.address)),
        };
    };
    let runs = Box::new((of_guest, of_host.clone()));
    Err(Failure::Difference(what, runs))
}

/// Returns a run on the host as the guest sees it.
fn written_back(host: &HostMemory, mut run: Run) -> Run {
    for event in &mut run.events {
        match event {
            Event::Command { cpa, .. } => *cpa = cpa.map(|cpa| host.write_back(cpa).cpa()),
            Event::Interruption(status) => status.cpa = host.write_back(status.cpa).cpa(),
        }
    }
    match &mut run.ending {
        Ending::Done(status) | Ending::Suspended(status) => {
            status.cpa = host.write_back(status.cpa).cpa();
        }
        Ending::Cut => {}
    }
    run
}

/// Runs the host program with devices that do anything, on channels that deviate from the
/// architecture. The devices end early or late, and give status modifier anywhere.
fn containment(case: &Case, host: &mut HostMemory, request: &Request) -> Result<(), Failure> {
    let good = Step::immediate().status;
    let modified = good | STATUS_MODIFIER;
    let every = |number: usize| if number % 2 == 0 { modified } else { good };
    let step = |length, status| Step::moves(length).with_status(status);
    let device = |step: &dyn Fn(usize) -> Step| (0..case.steps.len()).map(step).collect();
    let devices: [Vec<Step>; 5] = [
        case.steps.clone(),
        device(&|number| case.steps[number].with_status(modified)),
        device(&|number| step(usize::from(u16::MAX), every(number))),
        device(&|number| step(usize::from(u16::MAX) * (number % 3), every(number + 1))),
        device(&|number| step(case.steps[number].length / 2, every(number))),
    ];
    for deviations in iter::once(Deviations::NONE).chain(Deviations::each()) {
        for steps in &devices {
            let mut device = Player::new(steps, &case.input, false);
            run_on(&deviations, host, &mut device, request, limit(case));
            if let Some(what) = host.violation.take() {
                return Err(Failure::Violation(format!("{what}; it {deviations}")));
            }
        }
    }
    Ok(())
}

fn kind(run: &Run) -> Kind {
    use crate::channel::subchannel_status::{
        INCORRECT_LENGTH,
        PROGRAM_CHECK, //
    };
    match run.ending {
        Ending::Cut => Kind::Cut,
        Ending::Suspended(_) => Kind::Suspended,
        Ending::Done(Status {
            subchannel: PROGRAM_CHECK,
            device,
            ..
        }) => {
            if device == 0 {
                Kind::Check
            } else {
                Kind::LateCheck
            }
        }
        Ending::Done(Status {
            subchannel: INCORRECT_LENGTH,
            ..
        }) => Kind::Length,
        Ending::Done(Status { device, .. }) if device & 0x03 != 0 => Kind::Device,
        Ending::Done(_) => Kind::Good,
    }
}
