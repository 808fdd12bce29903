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
        Fetch,
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
    /// The program check that the host program has in place of a CCW or a word of a list.
    pub stop: Option<Stop>,
    /// The number of times that the program has waited until its rest was translated.
    pub rests: u32,
}

/// A program check in place of a CCW or of a word of a list. Up to there, the host program does
/// what the guest program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The purpose of the fetch.
    pub purpose: Use,
    /// True if the program had changed the CCW or word.
    pub changed: bool,
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
    check_with(case, false)
}

/// Translates the program of a case, and runs it and its translation. Where the program stores over
/// itself, its translation may wait until the rest is translated.
pub fn check_waiting(case: &Case) -> Result<Outcome, Failure> {
    check_with(case, true)
}

/// Translates the program of a case, which may wait, and runs the translation. Checks only that it
/// is contained and leaves nothing pinned.
pub fn check_contained(case: &Case) -> Result<(), Failure> {
    let (mut host, request) = translate(case, true)?;
    let mut device = Player::new(&case.steps, &case.input, true);
    run(&mut host, &mut device, &request, limit(case));
    if let Some(what) = host.violation.take() {
        return Err(Failure::Violation(what));
    }
    containment(case, true, &mut host, &request)?;
    check_released(&mut host)
}

fn check_released(host: &mut HostMemory) -> Result<(), Failure> {
    match host.release() {
        0 => Ok(()),
        pins => Err(Failure::Pins(pins)),
    }
}

fn check_with(case: &Case, waits: bool) -> Result<Outcome, Failure> {
    let mut guest = GuestMemory::new(&case.responses);
    for (address, bytes) in case.contents() {
        guest.put(address, &bytes);
    }
    let (mut host, request) = translate(case, waits)?;
    let outcome = agreement(case, &mut guest, &mut host, &request)?;
    containment(case, waits, &mut host, &request)?;
    check_released(&mut host).map(|()| outcome)
}

/// Translates the program of a case. Returns the host and its request.
fn translate(case: &Case, waits: bool) -> Result<(HostMemory, Request), Failure> {
    let mut host = HostMemory::new(&case.responses);
    if waits {
        host.set_wait_points();
    }
    for (address, bytes) in case.contents() {
        host.put(address, &bytes);
    }
    let orb = host.translate(&case.orb).map_err(Failure::Refused)?;
    Ok((host, Request::from_orb(orb.orb().words())))
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
    let rests = host.rests;
    let mut compare = |prefetch, stop| {
        guest.restart(prefetch, stop);
        let of_guest = run(guest, &mut device(), &case.request(), limit(case));
        Comparison {
            kind: kind(&of_guest),
            fetches: guest.fetches,
            changed: guest.changed,
            last: guest.last,
            result: compare(case, guest, host, of_guest, &of_host),
        }
    };
    let live = compare(Prefetch::Nothing, None);
    let outcome = Outcome {
        kind: live.kind,
        prefetch: Prefetch::Nothing,
        changed: live.changed.map(|fetch| fetch.purpose),
        matters: false,
        stop: None,
        rests,
    };
    if live.changed.is_none() && live.result.is_ok() {
        return Ok(outcome);
    }
    let everything = compare(Prefetch::Everything, None);
    let matters = live.result.is_err() || everything.result.is_err();
    let outcome = Outcome { matters, ..outcome };
    let Err(failure) = live.result.clone() else {
        return Ok(outcome);
    };
    let mut channels = vec![compare(Prefetch::Lists, None)];
    if case.may_prefetch() {
        channels.push(everything);
    }
    for (channel, prefetch) in channels.iter().zip([Prefetch::Lists, Prefetch::Everything]) {
        if live.changed.is_some() && channel.result.is_ok() {
            let kind = channel.kind;
            return Ok(Outcome {
                kind,
                prefetch,
                ..outcome
            });
        }
    }
    if case.may_prefetch() || !matches!(kind(&of_host), Kind::Check | Kind::LateCheck) {
        return Err(failure);
    }
    for (channel, prefetch) in [(&live, Prefetch::Nothing), (&channels[0], Prefetch::Lists)] {
        // Not after the first fetch of what was changed, which is the most likely one.
        // A program that has waited may be refused its rest at any later one.
        let end = channel
            .changed
            .filter(|_| rests == 0)
            .map_or(channel.fetches, |fetch| fetch.number + 1);
        for number in (0..end).rev() {
            let stopped = compare(prefetch, Some(number));
            if stopped.result.is_ok() {
                let changed = channel.changed.is_some_and(|fetch| fetch.number == number);
                let purpose = stopped.last;
                return Ok(Outcome {
                    kind: stopped.kind,
                    prefetch,
                    stop: Some(Stop { purpose, changed }),
                    ..outcome
                });
            }
        }
    }
    Err(failure)
}

/// A run of the guest program, compared with the one of the host program.
struct Comparison {
    kind: Kind,
    /// The number of fetches of CCWs and of words of lists.
    fetches: usize,
    /// The first fetch of what the program had changed.
    changed: Option<Fetch>,
    /// The purpose of the last fetch of a CCW or of a word of a list.
    last: Use,
    result: Result<(), Failure>,
}

/// Compares what the program and its translation did.
fn compare(
    case: &Case,
    guest: &GuestMemory,
    host: &mut HostMemory,
    of_guest: Run,
    of_host: &Run,
) -> Result<(), Failure> {
    let what = if host.format() != ccwchain::ccw::Format::of(&case.orb) {
        "formats"
    } else if of_guest.ending != of_host.ending {
        "endings"
    } else if of_guest.events != of_host.events {
        "events"
    } else {
        let mut pages = guest.now.iter();
        let differs = pages.find(|now| host.page(now.address) != now.bytes);
        return match differs {
            None => Ok(()),
            Some(now) => Err(Failure::Memory(now.address)),
        };
    };
    let runs = Box::new((of_guest, of_host.clone()));
    Err(Failure::Difference(what, runs))
}

/// Returns a run on the host as the guest sees it.
fn written_back(host: &HostMemory, mut run: Run) -> Run {
    for event in &mut run.events {
        match event {
            Event::Command { cpa, .. } => *cpa = cpa.map(|cpa| host.write_back(cpa)),
            Event::Interruption(status) => status.cpa = host.write_back(status.cpa),
        }
    }
    match &mut run.ending {
        Ending::Done(status) | Ending::Suspended(status) => {
            status.cpa = host.write_back(status.cpa);
        }
        Ending::Cut => {}
    }
    run
}

/// Runs the host program with devices that do anything, on channels that deviate from the
/// architecture. The devices end early or late, and give status modifier anywhere.
fn containment(
    case: &Case,
    waits: bool,
    host: &mut HostMemory,
    request: &Request,
) -> Result<(), Failure> {
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
            // A program that has waited consists of other parts each time.
            let mut again = match host.rests > 0 {
                true => Some(translate(case, waits)?.0),
                false => None,
            };
            let host = again.as_mut().unwrap_or(host);
            host.shows_waits = true;
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
