// SPDX-License-Identifier: GPL-2.0

//! All moves, and the invariants that must hold after each.

use crate::{
    channel::Act,
    driver::{
        Call,
        Driver,
        For,
        Resume,
        Task,
        Way,
        TASKS, //
    },
    invariants::About, //
};
use state::State;

/// A change of the state that no other one can interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The user begins a system call.
    Call(Call),
    /// A system call takes its next step.
    Step(usize, Way),
    /// The interrupt for pending status.
    Interrupt,
    /// The channel subsystem finds that the subchannel is gone.
    Look,
    /// An action of the device or the channel.
    Channel(Act),
    /// The guest has tested the IRB that the user has read last.
    Time,
    /// The timer of the hold-off expires.
    Timer,
    /// The only channel path is varied off.
    VaryOff,
    /// A channel path comes back.
    Online,
    /// The device is removed.
    Vanish,
}

impl Move {
    /// Returns whether it counts as an event, and does not only follow from one.
    pub(crate) fn is_event(self, driver: &Driver) -> bool {
        match self {
            Self::Step(slot, _) => driver.times_out(slot),
            Self::Interrupt | Self::Look | Self::Timer => false,
            // A program can present any number of them while a quiesce lasts.
            Self::Channel(Act::Intermediate) => driver.state() != State::Quiescing,
            _ => true,
        }
    }

    /// Describes the move before it is applied.
    pub(crate) fn describe(self, driver: &Driver) -> String {
        match self {
            Self::Call(call) => format!("the user calls: {call:?}"),
            Self::Step(slot, way) => {
                let call = if slot == 0 { "a call" } else { "another call" };
                let step = driver.tasks[slot].map_or("nothing", Task::name);
                let end = match way {
                    Way::Fails => ", which fails",
                    Way::Well if driver.times_out(slot) => ", which times out",
                    Way::Well => "",
                };
                format!("{call}: {step}{end}")
            }
            Self::Interrupt => "the interrupt comes".into(),
            Self::Look => "the host finds the subchannel gone".into(),
            Self::Channel(act) => format!("the channel: {act:?}"),
            Self::Time => "the guest tests its IRB".into(),
            Self::Timer => "the timer expires".into(),
            Self::VaryOff => "the path is varied off".into(),
            Self::Online => "a path comes back".into(),
            Self::Vanish => "the device is removed".into(),
        }
    }

    /// Returns whether the device may be gone after it.
    pub(crate) fn is_final(self, driver: &Driver) -> bool {
        match self {
            Self::Step(slot, Way::Fails) => driver.times_out(slot),
            what => what == Self::Vanish,
        }
    }
}

/// Returns whether nothing happens without an event.
pub(crate) fn is_quiet(driver: &Driver) -> bool {
    driver.tasks.iter().all(Option::is_none) && !driver.hardware.channel.is_pending()
}

/// Calls `f` with each move that is possible.
pub(crate) fn moves(driver: &Driver, mut f: impl FnMut(Move)) {
    for slot in 0..TASKS {
        if driver.ready(slot) {
            f(Move::Step(slot, Way::Well));
            if driver.can_fail(slot) {
                f(Move::Step(slot, Way::Fails));
            }
        }
    }

    let channel = &driver.hardware.channel;
    if channel.is_pending() {
        f(Move::Interrupt);
    }
    if !channel.is_present() {
        if driver.state() != State::NotOperational {
            f(Move::Look);
        }
    } else {
        for act in Act::ALL {
            if channel.may(act) {
                f(Move::Channel(act));
            }
        }
        if driver.state() == State::Running {
            f(Move::VaryOff);
        }
        if driver.scope.reports {
            f(Move::Online);
        }
        f(Move::Vanish);
    }
    if driver.hardware.ledger.untested_by_guest {
        f(Move::Time);
    }
    if driver.sch.notifier.timer {
        f(Move::Timer);
    }
    for call in Call::ALL {
        if driver.can(call) && (driver.scope.reports || call != Call::ReadCrw) {
            f(Move::Call(call));
        }
    }
}

/// Applies `what`, which must be possible. Returns the invariant that is broken after it.
pub(crate) fn apply(driver: &mut Driver, what: Move) -> Result<(), &'static str> {
    let before = driver.state();
    driver.sch.notifier.signalled = (false, false);
    match what {
        Move::Call(call) => driver.call(call),
        Move::Step(slot, way) => driver.step(slot, way),
        Move::Interrupt => driver.irq(),
        Move::Look => driver.event(),
        Move::Channel(act) => driver.hardware.channel.act(act),
        Move::Time => {
            driver.hardware.ledger.untested_by_guest = false;
            driver.sch.notifier.late = true;
        }
        Move::Timer => driver.timer(),
        Move::VaryOff => {
            let cleared = driver.hardware.channel.is_clearing();
            driver.vary_off();
            if driver.hardware.channel.is_clearing() != cleared {
                return Err("a path event clears nothing");
            }
        }
        Move::Online => driver.online(),
        Move::Vanish => driver.hardware.vanish(),
    }
    if before == State::NotOperational
        && !matches!(driver.state(), State::NotOperational | State::Closed)
    {
        return Err("only closing leads out of the state NotOperational");
    }
    check(driver)
}

fn check(driver: &mut Driver) -> Result<(), &'static str> {
    fn require(holds: bool, invariant: &'static str) -> Result<(), &'static str> {
        holds.then_some(()).ok_or(invariant)
    }

    let state = driver.state();
    let waiting = driver.sch.irbs().len();
    let reports = driver.reports().len();
    let ledger = &driver.hardware.ledger;
    let channel = &driver.hardware.channel;
    let eventfds = &driver.sch.notifier;
    let pinned = driver.session.and_then(|session| session.translator.pinned);

    if let Some(broken) = ledger.broken {
        return Err(broken);
    }
    require(
        driver.unused.is_none(),
        "a resumption or a rest leaves no unused pages pinned",
    )?;
    require(
        channel.program().is_none() || channel.program() == pinned || ledger.stuck,
        "pages of a program that the channel executes stay pinned",
    )?;
    require(
        !eventfds.signalled.0 || waiting > 0,
        "an IRB that is announced can be read",
    )?;
    let continues = ledger.untested.zip(ledger.owed.first());
    let continues = continues.is_some_and(|(untested, next)| untested.is_continued_by(next));
    require(
        !eventfds.signalled.0 || !ledger.untested_by_guest || continues,
        "no IRB is announced while the guest may not have tested another",
    )?;
    require(
        !eventfds.signalled.1 || reports > 0,
        "a report that is announced can be read",
    )?;
    let translates = driver.session_lock.is_some_and(|slot| {
        matches!(
            driver.tasks[slot],
            Some(
                Task::StartTranslate(_)
                    | Task::Resume(Resume::Translate)
                    | Task::Rest(Resume::Translate)
            )
        )
    });
    let waits = |task: &Task| matches!(task, Task::QuiesceUnpin(For::Reset, _));
    require(
        !translates || !driver.tasks.iter().flatten().any(waits),
        "a reset does not wait for memory of the user",
    )?;
    let read = driver
        .tasks
        .iter()
        .flatten()
        .filter(|task| matches!(task, Task::CrwCopy(_) | Task::CrwPutBack(_)))
        .count();
    require(
        reports + read == driver.unread,
        "a lost report is indicated by the overflow bit",
    )?;
    require(
        (waiting == 0) == ledger.owed.is_empty(),
        "an IRB waits from its interrupt to its read, or to a quiesce",
    )?;
    if channel.is_present() && !ledger.stuck {
        require(
            match state {
                State::Idle => ledger.unanswered.is_none() && channel.program().is_none(),
                State::Running => ledger.unanswered.is_some(),
                _ => true,
            },
            "a start function ends with the status that ends it",
        )?;
    }

    if driver.tasks.iter().any(Option::is_some) {
        return require(
            (0..TASKS).any(|slot| driver.ready(slot)) || channel.is_pending(),
            "no task waits for ever",
        );
    }
    if channel.is_pending() {
        return Ok(());
    }

    // Nothing happens until the next event.
    require(
        !matches!(state, State::Translating | State::Quiescing),
        "each system call ends",
    )?;
    require(
        waiting == 0 || eventfds.io || eventfds.timer || driver.failed.0,
        "an IRB that waits is announced",
    )?;
    require(
        ledger.in_region.is_none() || driver.failed.0,
        "an IRB whose copy has failed is read again",
    )?;
    require(
        reports == 0 || eventfds.crw || driver.failed.1,
        "a report that waits is announced",
    )?;
    require(
        !ledger.is_down || ledger.stuck || !channel.is_enabled(),
        "the subchannel is disabled after the shutdown",
    )?;
    if state == State::Idle {
        let answered = |program: u32| {
            ledger.owed.iter().any(|owed| {
                owed.over && matches!(owed.about, About::Start { program: of, .. } if of == program)
            })
        };
        require(
            pinned.is_none_or(answered),
            "no page is pinned when the subchannel is idle and all IRBs are read",
        )?;
    }
    Ok(())
}
