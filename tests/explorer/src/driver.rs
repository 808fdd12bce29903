// SPDX-License-Identifier: GPL-2.0

//! The driver between its locks: each step is what it does from taking a lock to giving it up, or
//! the work for which it holds none. Whatever else may happen, happens between two steps.
//!
//! | here | in `drivers/` |
//! |---|---|
//! | `driver/start.rs`, `Task::Start*`, `Task::Read*` | `start.rs`: `write_io`, `start`, `read_io` |
//! | `driver/halt_clear.rs` | `halt_clear.rs` |
//! | `driver/device.rs`, `Task::Unmap*`, `Close*`, `Quiesce*` | `device.rs`, `quiesce.rs` |
//! | `driver/interrupts.rs` | `interrupts.rs` |
//! | `Task::Crw*` | `regions/crw.rs` |

mod device;
mod halt_clear;
mod interrupts;
mod start;

use crate::{
    channel::Channel,
    faults::Fault,
    hardware::{
        Error,
        Eventfds,
        Hardware,
        Translator, //
    },
    promises::Ledger, //
};
use ccwchain::irb::Irb;
use state::{
    Crw,
    Irq,
    Notify,
    State,
    SubchannelState, //
};

/// How many system calls on one device go on at the same time.
pub(crate) const TASKS: usize = 2;

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Start,
    Halt,
    Clear,
    Read,
    ReadCrw,
    Reset,
    /// Memory of the program is unmapped.
    Unmap,
    /// Other memory is unmapped.
    UnmapBeside,
    /// Also what happens to a user who is killed.
    Close,
    /// The host goes down.
    ShutDown,
}

impl Call {
    pub(crate) const ALL: [Self; 11] = [
        Self::Open,
        Self::Start,
        Self::Halt,
        Self::Clear,
        Self::Read,
        Self::ReadCrw,
        Self::Reset,
        Self::Unmap,
        Self::UnmapBeside,
        Self::Close,
        Self::ShutDown,
    ];
}

/// A status that is shown to the user, and whether more waits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) serial: u16,
    pub(crate) more_waits: bool,
}

/// How far a system call is. What is named is the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    StartRequest,
    StartUnpin(Request),
    StartTranslate(Request),
    StartTranslated(Request, u32),
    /// Only with a fault.
    StartFired(Request),
    StartRelease(Request),
    StartCancel(Request),
    ReadTake,
    ReadUnpin(Shown),
    ReadCopy(Shown),
    ReadCopied(Shown),
    ReadAnnounce,
    CrwTake,
    CrwCopy(Crw),
    CrwPutBack(Crw),
    CrwAnnounce,
    UnmapLook,
    UnmapWait,
    QuiesceLock(For),
    QuiesceBegin(For),
    QuiesceWait(For, Progress),
    QuiesceLook(For),
    QuiesceUnpin(For, Result<(), Error>),
    QuiesceEnd(For, Result<(), Error>),
}

impl Task {
    /// The name of the next step.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StartRequest => "request a start",
            Self::StartUnpin(_) => "unpin the last program",
            Self::StartTranslate(_) => "translate",
            Self::StartTranslated(..) => "START SUBCHANNEL",
            Self::StartFired(_) => "say that it is started",
            Self::StartRelease(_) => "unpin",
            Self::StartCancel(_) => "cancel the request",
            Self::ReadTake => "take status",
            Self::ReadUnpin(_) => "unpin the program",
            Self::ReadCopy(_) => "copy the region",
            Self::ReadCopied(_) => "say it is copied",
            Self::ReadAnnounce => "announce status",
            Self::CrwTake => "take a report",
            Self::CrwCopy(_) => "copy the report",
            Self::CrwPutBack(_) => "put the report back",
            Self::CrwAnnounce => "announce reports",
            Self::UnmapLook => "look for pins",
            Self::UnmapWait => "wait for whoever quiesces",
            Self::QuiesceLock(_) => "wait to quiesce",
            Self::QuiesceBegin(_) => "quiesce",
            Self::QuiesceWait(..) => "wait for an answer",
            Self::QuiesceLook(_) => "look for a translation",
            Self::QuiesceUnpin(..) => "unpin the program",
            Self::QuiesceEnd(For::Close, _) => "be closed",
            Self::QuiesceEnd(For::ShutDown, _) => "be down",
            Self::QuiesceEnd(..) => "enable",
        }
    }
}

/// A request for the start function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) generation: u64,
    /// When it was made, for the tests.
    pub(crate) epoch: u32,
}

/// What is to follow when the subchannel is quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum For {
    Reset,
    Unmap { running: bool },
    Close,
    ShutDown,
}

/// How far a quiesce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    /// How many instructions were tried.
    steps: u32,
    /// An interrupt has come, and with the fault that is enough.
    hurried: bool,
}

/// Which way a step goes that can go two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As usual.
    Well,
    /// The program is not translated, the user's memory not there, the device silent up to the last wait.
    Fails,
}

/// `device::Io`, with the status that the region shows known by its number, 0 for none.
#[derive(Clone, Copy)]
pub(crate) struct Io {
    pub(crate) shown: u16,
    pub(crate) unfinished: Option<Irb>,
    pub(crate) delivered: bool,
    pub(crate) translator: Translator,
    pub(crate) generation: u64,
}

/// The driver, and what it has to do with.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) hardware: Hardware,
    pub(crate) sch: SubchannelState<Eventfds>,
    pub(crate) io: Option<Io>,
    /// Who has the mutex `io`.
    pub(crate) io_lock: Option<usize>,
    /// Who has the mutex `quiescing`.
    pub(crate) quiescing: Option<usize>,
    pub(crate) tasks: [Option<Task>; TASKS],
    /// The user knows that a read of region 0, or of region 3, has failed.
    pub(crate) failed: (bool, bool),
    programs: u32,
    pub(crate) scope: Scope,
    fault: Option<Fault>,
    /// Whether there were reports since the device was opened.
    pub(crate) reported: bool,
    /// How many of them the user has not got, nor been told that they are lost.
    pub(crate) unread: usize,
}

/// What is to be explored.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    /// How many system calls go on at the same time, at most [`TASKS`].
    pub(crate) threads: usize,
    /// Whether there are channel reports.
    pub(crate) reports: bool,
    /// Whether the host may go down.
    pub(crate) shutdown: bool,
}

impl Driver {
    /// Returns the driver of a subchannel that is not open.
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            hardware: Hardware {
                channel: Channel::new(),
                ledger: Ledger::default(),
                may_run: false,
            },
            sch: SubchannelState::new(Eventfds::default()),
            io: None,
            io_lock: None,
            quiescing: None,
            tasks: [None; TASKS],
            failed: (false, false),
            programs: 0,
            scope,
            fault: None,
            reported: false,
            unread: 0,
        }
    }

    /// The same driver with something wrong in it from now on.
    pub(crate) fn with_fault(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }

    pub(crate) fn state(&self) -> State {
        self.sch.notifier.state
    }

    /// Where everybody is, in a line.
    pub(crate) fn describe(&self) -> String {
        let status = self.sch.clone().irbs().len();
        let reports = self.reports().len();
        let eventfds = &self.sch.notifier;
        let pins = match self.io.and_then(|io| io.translator.pinned) {
            Some(program) => format!("program {program} pinned"),
            None => "no pins".into(),
        };
        let signal = |signalled| if signalled { " signalled" } else { "" };

        format!(
            "{:?}, {status} status{}, {reports} reports{}, {pins}; channel: {}",
            self.state(),
            signal(eventfds.io),
            signal(eventfds.crw),
            self.hardware.channel.describe(),
        )
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether a user can make `call` now.
    pub(crate) fn can(&self, call: Call) -> bool {
        let free = self.tasks.iter().flatten().count() < self.scope.threads;
        let idle = self.tasks.iter().all(Option::is_none);
        let closing = self.tasks.iter().flatten().any(|task| {
            matches!(
                task,
                Task::QuiesceLock(For::Close)
                    | Task::QuiesceBegin(For::Close)
                    | Task::QuiesceWait(For::Close, _)
                    | Task::QuiesceUnpin(For::Close, _)
                    | Task::QuiesceEnd(For::Close, _)
            )
        });

        match call {
            Call::Open => {
                let goes_down = self.hardware.ledger.goes_down;
                self.io.is_none() && idle && self.hardware.channel.is_present() && !goes_down
            }
            Call::ShutDown => self.scope.shutdown && free && !self.hardware.ledger.goes_down,
            Call::Unmap | Call::UnmapBeside => self.io.is_some() && free,
            Call::Close => self.io.is_some() && idle,
            _ => self.io.is_some() && free && !closing,
        }
    }

    /// Begins a system call.
    pub(crate) fn call(&mut self, call: Call) {
        let Some(slot) = self.tasks.iter().position(Option::is_none) else {
            return;
        };
        match call {
            Call::Open => self.open(),
            Call::Start => {
                self.hardware.ledger.on_its_way = false;
                if self.try_lock_io(slot) {
                    self.tasks[slot] = Some(Task::StartRequest);
                }
            }
            Call::Halt | Call::Clear => {
                self.hardware.ledger.on_its_way = false;
                let function = match call {
                    Call::Halt => Channel::halt,
                    _ => Channel::clear,
                };
                self.halt_or_clear(slot, function);
            }
            Call::Read => {
                self.sch.notifier.io = false;
                self.failed.0 = false;
                self.tasks[slot] = Some(Task::ReadTake);
            }
            Call::ReadCrw => {
                self.sch.notifier.crw = false;
                self.failed.1 = false;
                self.tasks[slot] = Some(Task::CrwTake);
            }
            Call::Reset => self.tasks[slot] = Some(Task::QuiesceLock(For::Reset)),
            Call::Unmap => self.tasks[slot] = Some(Task::UnmapLook),
            // `has_pinned` says no.
            Call::UnmapBeside => {}
            Call::Close => self.tasks[slot] = Some(Task::QuiesceLock(For::Close)),
            Call::ShutDown => {
                self.hardware.ledger.goes_down = true;
                self.tasks[slot] = Some(Task::QuiesceLock(For::ShutDown));
            }
        }
    }

    fn try_lock_io(&mut self, slot: usize) -> bool {
        let free = self.io_lock.is_none();
        if free {
            self.io_lock = Some(slot);
        }
        free
    }

    /// Whether the next step of a task can be taken.
    pub(crate) fn ready(&self, slot: usize) -> bool {
        match self.tasks[slot] {
            None => false,
            Some(
                Task::ReadTake
                | Task::ReadCopied(_)
                | Task::UnmapLook
                | Task::QuiesceUnpin(For::Reset | For::Close, _),
            ) => self.io_lock.is_none(),
            Some(Task::QuiesceLock(For::ShutDown)) if self.has(Fault::ShutsDownBeside) => true,
            Some(Task::UnmapWait | Task::QuiesceLock(_)) => {
                self.quiescing.is_none() || self.has(Fault::QuiescesTogether)
            }
            Some(Task::QuiesceWait(_, progress)) => {
                self.is_answered(progress) || self.times_out(slot)
            }
            Some(_) => true,
        }
    }

    /// Whether who waits for an answer may go on with it.
    pub(super) fn is_answered(&self, progress: Progress) -> bool {
        self.sch.has_ended() || progress.hurried
    }

    /// Whether a task waits for an answer that does not come. It is long until the time is over: an
    /// interrupt that can come comes before.
    pub(crate) fn times_out(&self, slot: usize) -> bool {
        matches!(self.tasks[slot], Some(Task::QuiesceWait(_, progress)) if !self.is_answered(progress))
            && !self.hardware.channel.is_pending()
    }

    /// Whether the next step of a task can fail.
    pub(crate) fn can_fail(&self, slot: usize) -> bool {
        matches!(
            self.tasks[slot],
            Some(Task::StartTranslate(_) | Task::ReadCopy(_) | Task::CrwCopy(_))
        ) || self.times_out(slot)
    }

    /// Takes the next step of a task, which must be ready.
    pub(crate) fn step(&mut self, slot: usize, way: Way) {
        let Some(task) = self.tasks[slot] else {
            return;
        };
        let next = match task {
            Task::StartRequest => self.start_request(),
            Task::StartUnpin(request) => {
                if !self.has(Fault::StartKeepsTheOld) {
                    self.unpin();
                }
                Some(Task::StartTranslate(request))
            }
            Task::StartTranslate(request) => match way {
                Way::Well => self.translate(request),
                Way::Fails => {
                    // Some pages may be pinned by then.
                    self.translate(request);
                    Some(Task::StartRelease(request))
                }
            },
            Task::StartTranslated(request, program) => self.start_translated(request, program),
            Task::StartFired(request) => match self.sch.started() {
                Ok(()) => self.started(request),
                Err(_) => Some(Task::StartRelease(request)),
            },
            Task::StartRelease(request) => {
                if !self.has(Fault::FailedStartKeepsPins) {
                    self.unpin();
                }
                Some(Task::StartCancel(request))
            }
            Task::StartCancel(request) => {
                if !self.has(Fault::NeverCancels) {
                    self.sch.cancel_request(request.generation);
                }
                None
            }

            Task::ReadTake => self.take_status(slot),
            Task::ReadUnpin(shown) => {
                if !self.has(Fault::EndKeepsPins) {
                    self.unpin();
                }
                self.show(shown)
            }
            Task::ReadCopy(shown) => match way {
                Way::Well => Some(Task::ReadCopied(shown)),
                Way::Fails => {
                    self.failed.0 = true;
                    None
                }
            },
            Task::ReadCopied(shown) => {
                self.deliver(shown.serial);
                shown.more_waits.then_some(Task::ReadAnnounce)
            }
            Task::ReadAnnounce => {
                if self.has(Fault::AnnouncesTooSoon) && !self.sch.irbs().is_empty() {
                    self.sch.notifier.signal(Irq::Io);
                }
                if !self.has(Fault::NeverAnnouncesAgain) {
                    self.sch.announce(Irq::Io);
                }
                None
            }

            Task::CrwTake => self.sch.take_crw().map(Task::CrwCopy),
            Task::CrwCopy(crw) => match way {
                Way::Well => {
                    self.unread -= 1;
                    Some(Task::CrwAnnounce)
                }
                Way::Fails => {
                    self.failed.1 = true;
                    Some(Task::CrwPutBack(crw))
                }
            },
            Task::CrwPutBack(crw) => {
                let before = self.reports().len();
                if !self.has(Fault::LosesReports) {
                    self.sch.put_back_crw(crw);
                    self.told_if_lost(before);
                }
                self.sch.announce(Irq::Crw);
                None
            }
            Task::CrwAnnounce => {
                self.sch.announce(Irq::Crw);
                None
            }

            Task::UnmapLook => self.unmap_look(slot),
            Task::UnmapWait => Some(Task::UnmapLook),
            Task::QuiesceLock(what) => {
                self.quiescing = Some(slot);
                Some(Task::QuiesceBegin(what))
            }
            Task::QuiesceBegin(what) => self.quiesce_begin(what),
            Task::QuiesceWait(what, progress) => {
                let mut next = self.quiesce_waited(what, progress);
                while let (Way::Fails, Some(Task::QuiesceWait(_, progress))) = (way, next) {
                    if progress.steps == self.steps() {
                        break;
                    }
                    next = self.quiesce_waited(what, progress);
                }
                next
            }
            Task::QuiesceLook(what) => self.quiesce_look(what),
            Task::QuiesceUnpin(what, ended) => {
                self.io_lock = Some(slot);
                self.quiesce_retire(what, ended)
            }
            Task::QuiesceEnd(what, ended) => {
                self.quiesce_end(what, ended);
                None
            }
        };
        self.tasks[slot] = next;
        self.unlock(slot);
    }

    /// Gives up the locks that the task of `slot` does not need any more.
    fn unlock(&mut self, slot: usize) {
        let (io, quiescing) = match self.tasks[slot] {
            None
            | Some(
                Task::ReadCopy(_)
                | Task::ReadAnnounce
                | Task::UnmapWait
                | Task::QuiesceUnpin(For::Close, _),
            ) => (false, false),
            Some(Task::QuiesceEnd(For::Close, _)) => (true, false),
            Some(Task::QuiesceEnd(For::Reset | For::ShutDown, _)) => (false, true),
            Some(_) => (true, true),
        };
        if !io && self.io_lock == Some(slot) {
            self.io_lock = None;
        }
        if !quiescing && self.quiescing == Some(slot) {
            self.quiescing = None;
        }
    }
}
