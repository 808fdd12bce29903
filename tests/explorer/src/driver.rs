// SPDX-License-Identifier: GPL-2.0

//! A model of the driver above the crate `state`, in steps: a step is the work from taking a lock
//! to releasing it, or work without a lock. All other events happen between two steps.
//!
//! Whoever changes a function of the driver changes its steps here.
//!
//! | here | `drivers/` |
//! |---|---|
//! | `driver/io.rs`, `Task::Start*`, `Task::Read*` | `ops/io.rs` |
//! | `driver/resume.rs`, `Task::Resume`, `Task::Rest` | `ops/io/resume.rs`, `ops/io/rest.rs` |
//! | `driver/cmd.rs` | `ops/cmd.rs` |
//! | `driver/ops.rs`, `Task::Unmap*`, `Quiesce*` | `ops.rs`, `ops/unmap.rs`, `device.rs`, `quiesce.rs` |
//! | `driver/irq.rs` | `css_driver.rs`, `subchannel.rs` |
//! | `Task::Crw*` | `ops/crw.rs` |

mod cmd;
mod io;
mod irq;
mod ops;
mod resume;
mod task;

pub(crate) use resume::Resume;
pub(crate) use task::{
    Call,
    For,
    InRegion,
    Progress,
    Request,
    Task,
    Way, //
};

use crate::{
    channel::Channel,
    faults::Fault,
    hardware::{
        Eventfds,
        Hardware,
        Translator, //
    },
    invariants::Ledger, //
};
use ccwchain::irb::Irb;
use state::{
    Irq,
    Notify,
    State,
    SubchannelState, //
};

/// The number of system calls on one device at the same time.
pub(crate) const TASKS: usize = 2;

/// `device::Session`.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// The number of the IRB in the region, 0 for none.
    pub(crate) in_region: u16,
    pub(crate) unfinished: Option<Irb>,
    pub(crate) is_copied: bool,
    pub(crate) translator: Translator,
    pub(crate) generation: u64,
}

/// The driver and its environment.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) hardware: Hardware,
    pub(crate) sch: SubchannelState<Eventfds>,
    pub(crate) session: Option<Session>,
    /// The slot of the task that holds the mutex `session`.
    pub(crate) session_lock: Option<usize>,
    /// The slot of the task that holds the mutex `quiescing`.
    pub(crate) quiescing: Option<usize>,
    pub(crate) tasks: [Option<Task>; TASKS],
    /// Whether the last read of region 0, and of region 3, has failed.
    pub(crate) failed: (bool, bool),
    /// The program whose pages a resumption has left pinned.
    pub(crate) unused: Option<u32>,
    programs: u32,
    pub(crate) scope: Scope,
    fault: Option<Fault>,
    /// Whether reports were queued since the device was opened.
    pub(crate) reported: bool,
    /// The number of reports that the user has neither read nor been told to be lost.
    pub(crate) unread: usize,
}

/// The scope of the exploration.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    /// The number of system calls at the same time, at most [`TASKS`].
    pub(crate) threads: usize,
    /// Set if there are channel reports.
    pub(crate) reports: bool,
    /// Set if the host may shut down.
    pub(crate) shutdown: bool,
    /// Set if programs wait for their rest.
    pub(crate) rests: bool,
}

impl Driver {
    /// Returns the driver of a device that is closed.
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            hardware: Hardware {
                channel: Channel::new(),
                ledger: Ledger::default(),
                may_run: false,
            },
            sch: SubchannelState::new(Eventfds::default()),
            session: None,
            session_lock: None,
            quiescing: None,
            tasks: [None; TASKS],
            failed: (false, false),
            unused: None,
            programs: 0,
            scope,
            fault: None,
            reported: false,
            unread: 0,
        }
    }

    /// Returns the same driver with a fault from now on.
    pub(crate) fn with_fault(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }

    pub(crate) fn state(&self) -> State {
        self.sch.notifier.state
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Returns whether `call` is possible now.
    pub(crate) fn can(&self, call: Call) -> bool {
        let free = self.tasks.iter().flatten().count() < self.scope.threads;
        let idle = self.tasks.iter().all(Option::is_none);
        let works = |task: &Task| matches!(task, Task::Rest(_));
        let works = self
            .tasks
            .iter()
            .flatten()
            .filter(|task| works(task))
            .count();
        let closing = self.tasks.iter().flatten().any(|task| task.closes());

        match call {
            Call::Open => {
                let shuts_down = self.hardware.ledger.shuts_down;
                self.session.is_none() && idle && self.hardware.channel.is_present() && !shuts_down
            }
            Call::ShutDown => self.scope.shutdown && free && !self.hardware.ledger.shuts_down,
            Call::Unmap | Call::UnmapBeside => self.session.is_some() && free,
            Call::Close => self.session.is_some() && self.tasks.iter().flatten().count() == works,
            Call::Work => self.scope.rests && self.session.is_some() && free && works == 0,
            _ => self.session.is_some() && free && !closing,
        }
    }

    /// Begins `call`.
    pub(crate) fn call(&mut self, call: Call) {
        let Some(slot) = self.tasks.iter().position(Option::is_none) else {
            return;
        };
        match call {
            Call::Open => self.open(),
            Call::Start | Call::Resume => {
                self.hardware.ledger.untested_by_guest = false;
                if self.try_lock_io(slot) {
                    self.tasks[slot] = Some(match call {
                        Call::Start => Task::StartRequest,
                        _ => Task::Resume(Resume::Request),
                    });
                }
            }
            Call::Halt | Call::Clear => {
                self.hardware.ledger.untested_by_guest = false;
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
            // `Translator::has_pinned` returns false.
            Call::UnmapBeside => {}
            Call::Close => self.tasks[slot] = Some(Task::QuiesceLock(For::Close)),
            Call::Work => self.tasks[slot] = Some(Task::Rest(Resume::Request)),
            Call::ShutDown => {
                self.hardware.ledger.shuts_down = true;
                self.tasks[slot] = Some(Task::QuiesceLock(For::ShutDown));
            }
        }
    }

    fn try_lock_io(&mut self, slot: usize) -> bool {
        let free = self.session_lock.is_none();
        if free {
            self.session_lock = Some(slot);
        }
        free
    }

    /// Returns whether the next step of a task can be taken.
    pub(crate) fn ready(&self, slot: usize) -> bool {
        match self.tasks[slot] {
            None => false,
            Some(
                Task::ReadTake
                | Task::ReadCopied(_)
                | Task::UnmapLook
                | Task::Rest(Resume::Request)
                | Task::QuiesceUnpin(For::Reset | For::Close, _),
            ) => self.session_lock.is_none(),
            Some(Task::QuiesceLock(For::ShutDown)) if self.has(Fault::ShutsDownBeside) => true,
            Some(Task::UnmapWait | Task::QuiesceLock(_)) => {
                self.quiescing.is_none() || self.has(Fault::QuiescesTogether)
            }
            Some(Task::QuiesceWait(_, progress)) => {
                self.has_ended(progress) || self.times_out(slot)
            }
            Some(_) => true,
        }
    }

    /// Returns whether the wait of a quiesce is over.
    pub(super) fn has_ended(&self, progress: Progress) -> bool {
        self.sch.has_ended() || progress.hurried
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
                    // Pages may be pinned already.
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

            Task::Resume(step) => self.resume_step(step, way).map(Task::Resume),
            Task::Rest(step) => self.rest_step(slot, step, way).map(Task::Rest),

            Task::ReadTake => self.take_status(slot),
            Task::ReadUnpin(irb) => {
                if !self.has(Fault::EndKeepsPins) {
                    self.unpin();
                }
                self.store_irb(irb)
            }
            Task::ReadCopy(irb) => match way {
                Way::Well => Some(Task::ReadCopied(irb)),
                Way::Fails => {
                    self.failed.0 = true;
                    None
                }
            },
            Task::ReadCopied(irb) => {
                self.mark_copied(irb.serial);
                irb.more_wait.then_some(Task::ReadAnnounce)
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
                    if self.is_last(progress) {
                        break;
                    }
                    next = self.quiesce_waited(what, progress);
                }
                next
            }
            Task::QuiesceLook(what) => self.quiesce_look(what),
            Task::QuiesceUnpin(what, ended) => {
                self.session_lock = Some(slot);
                self.quiesce_unpin(what, ended)
            }
            Task::QuiesceEnd(what, ended) => {
                self.quiesce_end(what, ended);
                None
            }
        };
        self.tasks[slot] = next;
        self.unlock(slot);
    }

    /// Releases the locks that the task of `slot` does not need any more.
    fn unlock(&mut self, slot: usize) {
        let (session, quiescing) = self.tasks[slot].map_or((false, false), Task::needs_locks);
        if !session && self.session_lock == Some(slot) {
            self.session_lock = None;
        }
        if !quiescing && self.quiescing == Some(slot) {
            self.quiescing = None;
        }
    }
}
