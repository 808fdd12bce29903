// SPDX-License-Identifier: GPL-2.0

//! All that can happen, and what must hold after each step of it.

use crate::{
    channel::Act,
    driver::{
        Call,
        Driver,
        For,
        Task,
        Way,
        TASKS, //
    },
    promises::About, //
};
use state::State;

/// Something that happens while the subchannel lock is taken once, or while it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A user begins a system call.
    Call(Call),
    /// A system call goes on.
    Step(usize, Way),
    /// The interrupt of status that is pending.
    Interrupt,
    /// The channel subsystem looks at a subchannel that is gone.
    Look,
    /// The device or the channel does something.
    Channel(Act),
    /// What the user has read last has had time enough to reach the guest.
    Time,
    /// The timer expires.
    Timer,
    /// The only channel path is varied off.
    VaryOff,
    /// A channel path comes back.
    Online,
    /// The device goes, for ever.
    Vanish,
}

impl Move {
    /// Whether it counts as an event: what only follows from one does not.
    pub(crate) fn is_event(self, driver: &Driver) -> bool {
        match self {
            Self::Step(slot, _) => driver.times_out(slot),
            Self::Interrupt | Self::Look | Self::Timer => false,
            // A program can ask for a storm of them, and has all the time that a quiesce takes.
            Self::Channel(Act::Intermediate) => driver.state() != State::Quiescing,
            _ => true,
        }
    }

    /// What it is, in words, before it is done.
    pub(crate) fn describe(self, driver: &Driver) -> String {
        match self {
            Self::Call(call) => format!("the user calls: {call:?}"),
            Self::Step(slot, way) => {
                let call = if slot == 0 { "a call" } else { "another call" };
                let step = driver.tasks[slot].map_or("nothing", Task::name);
                let end = match way {
                    Way::Fails => ", which fails",
                    Way::Well if driver.times_out(slot) => ", in vain",
                    Way::Well => "",
                };
                format!("{call} goes on: {step}{end}")
            }
            Self::Interrupt => "the interrupt comes".into(),
            Self::Look => "the host looks at the subchannel".into(),
            Self::Channel(act) => format!("the channel: {act:?}"),
            Self::Time => "the guest has had time for its status".into(),
            Self::Timer => "the timer expires".into(),
            Self::VaryOff => "the path is varied off".into(),
            Self::Online => "a path comes back".into(),
            Self::Vanish => "the device goes".into(),
        }
    }

    /// Whether it is the end of a device, or may well be.
    pub(crate) fn is_final(self, driver: &Driver) -> bool {
        match self {
            Self::Step(slot, Way::Fails) => driver.times_out(slot),
            what => what == Self::Vanish,
        }
    }
}

/// Whether nothing happens until something else does.
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
    if driver.hardware.ledger.on_its_way {
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

/// Does `what`, which must be possible. Returns the promise that is broken after it.
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
            driver.hardware.ledger.on_its_way = false;
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
        return Err("only closing leads out of what is not operational");
    }
    check(driver)
}

fn check(driver: &mut Driver) -> Result<(), &'static str> {
    fn promise(kept: bool, promise: &'static str) -> Result<(), &'static str> {
        kept.then_some(()).ok_or(promise)
    }

    let state = driver.state();
    let waiting = driver.sch.irbs().len();
    let reports = driver.reports().len();
    let ledger = &driver.hardware.ledger;
    let channel = &driver.hardware.channel;
    let eventfds = &driver.sch.notifier;
    let pinned = driver.io.and_then(|io| io.translator.pinned);

    if let Some(broken) = ledger.broken {
        return Err(broken);
    }
    promise(
        channel.program().is_none() || channel.program() == pinned || ledger.stuck,
        "pages of a program that the channel has stay pinned",
    )?;
    promise(
        !eventfds.signalled.0 || waiting > 0,
        "status that is announced can be read",
    )?;
    let goes_on = ledger.untested.zip(ledger.owed.first());
    let goes_on = goes_on.is_some_and(|(untested, next)| untested.goes_on_with(next));
    promise(
        !eventfds.signalled.0 || !ledger.on_its_way || goes_on,
        "status is not announced while other is on its way to the guest",
    )?;
    promise(
        !eventfds.signalled.1 || reports > 0,
        "a report that is announced can be read",
    )?;
    let translates = driver
        .io_lock
        .is_some_and(|slot| matches!(driver.tasks[slot], Some(Task::StartTranslate(_))));
    let waits = |task: &Task| matches!(task, Task::QuiesceUnpin(For::Reset, _));
    promise(
        !translates || !driver.tasks.iter().flatten().any(waits),
        "a reset does not wait for memory of the user",
    )?;
    let read = driver
        .tasks
        .iter()
        .flatten()
        .filter(|task| matches!(task, Task::CrwCopy(_) | Task::CrwPutBack(_)))
        .count();
    promise(reports + read == driver.unread, "no report is lost untold")?;
    promise(
        (waiting == 0) == ledger.owed.is_empty(),
        "status waits from its interrupt to its read, or to the end of what it answers",
    )?;
    if channel.is_present() && !ledger.stuck {
        promise(
            match state {
                State::Idle => ledger.unanswered.is_none() && channel.program().is_none(),
                State::Running => ledger.unanswered.is_some(),
                _ => true,
            },
            "a start is over when its status says so",
        )?;
    }

    if driver.tasks.iter().any(Option::is_some) {
        return promise(
            (0..TASKS).any(|slot| driver.ready(slot)) || channel.is_pending(),
            "nobody waits for ever",
        );
    }
    if channel.is_pending() {
        return Ok(());
    }

    // All is quiet until something else happens.
    promise(
        !matches!(state, State::Translating | State::Quiescing),
        "what is begun comes to an end",
    )?;
    promise(
        waiting == 0 || eventfds.io || eventfds.timer || driver.failed.0,
        "status that waits is announced",
    )?;
    promise(
        ledger.shown.is_none() || driver.failed.0,
        "status that a read could not deliver is shown again",
    )?;
    promise(
        reports == 0 || eventfds.crw || driver.failed.1,
        "a report that waits is announced",
    )?;
    promise(
        !ledger.is_down || ledger.stuck || !channel.is_enabled(),
        "a subchannel is disabled when the host is down",
    )?;
    if state == State::Idle {
        let answered = |program: u32| {
            ledger.owed.iter().any(|owed| {
                owed.over && matches!(owed.about, About::Start { program: of, .. } if of == program)
            })
        };
        promise(
            pinned.is_none_or(answered),
            "no pin is left when the subchannel is idle and all status is read",
        )?;
    }
    Ok(())
}
