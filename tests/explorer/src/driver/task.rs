// SPDX-License-Identifier: GPL-2.0

//! System calls, and their steps.

use state::{
    Crw,
    QuiesceProgress, //
};

use super::{
    resume::Resume,
    Driver, //
};
use crate::hardware::Error;

/// A system call of the user, or another event that the driver handles in a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Start,
    Halt,
    Clear,
    Resume,
    Read,
    ReadCrw,
    Reset,
    /// Unmaps memory of the program.
    Unmap,
    /// Unmaps other memory.
    UnmapBeside,
    /// Closes the device; happens also when the user is killed.
    Close,
    /// The host shuts down.
    ShutDown,
    /// The program waits for its rest: the work item runs.
    Work,
}

impl Call {
    pub(crate) const ALL: [Self; 13] = [
        Self::Open,
        Self::Start,
        Self::Halt,
        Self::Clear,
        Self::Resume,
        Self::Read,
        Self::ReadCrw,
        Self::Reset,
        Self::Unmap,
        Self::UnmapBeside,
        Self::Close,
        Self::ShutDown,
        Self::Work,
    ];
}

/// An IRB in the region, and whether more wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InRegion {
    pub(crate) serial: u16,
    pub(crate) more_wait: bool,
}

/// The next step of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    StartRequest,
    StartUnpin(Request),
    StartTranslate(Request),
    StartTranslated(Request, u32),
    /// Exists only with a fault.
    StartFired(Request),
    StartRelease(Request),
    StartCancel(Request),
    Resume(Resume),
    /// The work item.
    Rest(Resume),
    ReadTake,
    ReadUnpin(InRegion),
    ReadCopy(InRegion),
    ReadCopied(InRegion),
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
    /// Returns the name of the step.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StartRequest => "request a start",
            Self::StartUnpin(_) => "unpin the last program",
            Self::StartTranslate(_) => "translate",
            Self::StartTranslated(..) => "START SUBCHANNEL",
            Self::StartFired(_) => "fire Started",
            Self::StartRelease(_) => "unpin",
            Self::StartCancel(_) => "cancel the request",
            Self::Resume(step) | Self::Rest(step) => step.name(),
            Self::ReadTake => "take an IRB",
            Self::ReadUnpin(_) => "unpin the program",
            Self::ReadCopy(_) => "copy the region",
            Self::ReadCopied(_) => "mark the IRB as copied",
            Self::ReadAnnounce => "announce the next IRB",
            Self::CrwTake => "take a report",
            Self::CrwCopy(_) => "copy the report",
            Self::CrwPutBack(_) => "put the report back",
            Self::CrwAnnounce => "announce reports",
            Self::UnmapLook => "look for pins",
            Self::UnmapWait => "wait for another quiesce",
            Self::QuiesceLock(_) => "wait to quiesce",
            Self::QuiesceBegin(_) => "quiesce",
            Self::QuiesceWait(..) => "wait for the end",
            Self::QuiesceLook(_) => "look for a translation",
            Self::QuiesceUnpin(..) => "unpin the program",
            Self::QuiesceEnd(For::Close, _) => "close",
            Self::QuiesceEnd(For::ShutDown, _) => "shut down",
            Self::QuiesceEnd(..) => "enable",
        }
    }

    /// Returns whether the step is one of closing the device.
    pub(super) fn closes(self) -> bool {
        matches!(
            self,
            Self::QuiesceLock(For::Close)
                | Self::QuiesceBegin(For::Close)
                | Self::QuiesceWait(For::Close, _)
                | Self::QuiesceUnpin(For::Close, _)
                | Self::QuiesceEnd(For::Close, _)
        )
    }

    /// Returns whether the step keeps the mutexes `session` and `quiescing`, if its task has locked
    /// them.
    pub(super) fn needs_locks(self) -> (bool, bool) {
        match self {
            Self::ReadCopy(_)
            | Self::ReadAnnounce
            | Self::UnmapWait
            | Self::QuiesceUnpin(For::Close, _) => (false, false),
            Self::QuiesceEnd(For::Close, _) => (true, false),
            Self::QuiesceEnd(For::Reset | For::ShutDown, _) => (false, true),
            _ => (true, true),
        }
    }
}

/// A request for the start function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) generation: u64,
    /// The epoch of the ledger in which it was made.
    pub(crate) epoch: u32,
}

/// The reason why the subchannel is quiesced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum For {
    Reset,
    Unmap { running: bool },
    Close,
    ShutDown,
}

/// The progress of a quiesce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    pub(super) steps: QuiesceProgress,
    /// An interrupt has come, which ends the wait with a fault.
    pub(super) hurried: bool,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The step succeeds.
    Well,
    /// The translation or the copy to the user fails, or the device does not respond up to the last
    /// wait.
    Fails,
}

impl Driver {
    /// Returns whether the wait of a quiesce can time out. The time is long: an interrupt that is
    /// pending comes before its end.
    pub(crate) fn times_out(&self, slot: usize) -> bool {
        matches!(self.tasks[slot], Some(Task::QuiesceWait(_, progress)) if !self.has_ended(progress))
            && !self.hardware.channel.is_pending()
    }

    /// Returns whether the next step of a task can fail.
    pub(crate) fn can_fail(&self, slot: usize) -> bool {
        matches!(
            self.tasks[slot],
            Some(
                Task::StartTranslate(_)
                    | Task::Resume(Resume::Translate)
                    | Task::Rest(Resume::Translate)
                    | Task::ReadCopy(_)
                    | Task::CrwCopy(_)
            )
        ) || self.times_out(slot)
    }
}
