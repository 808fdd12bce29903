// SPDX-License-Identifier: GPL-2.0

//! `drivers/ops.rs`, `drivers/ops/unmap.rs` and `drivers/quiesce.rs`: open, reset, close, unmap,
//! quiesce.

use super::{
    Driver,
    For,
    Progress,
    Session,
    Task, //
};
use crate::{
    faults::Fault,
    hardware::{
        Error,
        Translator, //
    }, //
};
use ccwchain::condition_code::ConditionCode;
use state::{
    Event,
    QuiesceProgress,
    QuiesceStep,
    State, //
};

impl Driver {
    pub(super) fn open(&mut self) {
        self.session = Some(Session {
            in_region: 0,
            unfinished: None,
            is_copied: true,
            translator: Translator::default(),
            generation: 0,
        });
        if self.hardware.enable().is_err() {
            self.session = None;
        } else if self.sch.fire(Event::Open).is_err() {
            let _ = self.hardware.disable();
            self.session = None;
        }
    }

    pub(super) fn unpin_or_quarantine(&mut self) {
        self.write_back();
        self.unpin();
    }

    /// `Session::write_back`.
    pub(super) fn write_back(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        if self.fault != Some(Fault::UnpinsWithoutWritingBack) {
            self.sch
                .irbs()
                .write_back(|irb| session.translator.write_back(irb));
        }
    }

    pub(super) fn unpin(&mut self) {
        let kept = self.hardware.may_run && !self.has(Fault::GivesBackWhatMayRun);
        if let Some(session) = &mut self.session {
            session.translator.unpin(&mut self.hardware, kept);
        }
    }

    pub(super) fn unmap_look(&mut self, slot: usize) -> Option<Task> {
        self.session_lock = Some(slot);
        let pinned = self.session.as_ref()?.translator.pinned;
        pinned?;
        if self.quiescing.is_some() {
            return Some(Task::UnmapWait);
        }
        self.quiescing = Some(slot);
        Some(Task::QuiesceBegin(For::Unmap { running: false }))
    }

    pub(super) fn quiesce_begin(&mut self, what: For) -> Option<Task> {
        let what = match what {
            For::Unmap { .. } => For::Unmap {
                running: self.hardware.may_run
                    && !self.sch.is_not_operational()
                    && !self.has(Fault::UnmapsRunning),
            },
            other => other,
        };
        if what == (For::Unmap { running: false }) {
            return Some(Task::QuiesceUnpin(what, Ok(())));
        }

        let begun = match self.has(Fault::QuiesceKeepsSolicited) {
            true => self.sch.fire(Event::Quiesce),
            false => self.sch.quiesce(),
        };
        if begun.is_err() {
            return self.quiesced(what, Err(Error::NoDevice));
        }
        self.hardware.ledger.quiesced();
        self.quiesce(what, Progress::default())
    }

    /// Returns whether all instructions were tried.
    pub(super) fn is_last(&self, progress: Progress) -> bool {
        let most = match self.has(Fault::AnyInterruptEndsTheWait) {
            // Fewer than the driver tries: the fault is the same, and its path shorter.
            true => 8,
            false => QuiesceProgress::INSTRUCTIONS,
        };
        progress.steps.tried() == most
    }

    /// Continues a quiesce after a wait.
    pub(super) fn quiesce_waited(&mut self, what: For, progress: Progress) -> Option<Task> {
        if !self.has_ended(progress) && self.hardware.channel.is_clearing() {
            self.hardware.ledger.clears -= 1;
        }
        self.quiesce(what, progress)
    }

    /// Runs the loop of `quiesce` up to the next wait.
    pub(super) fn quiesce(&mut self, what: For, mut progress: Progress) -> Option<Task> {
        loop {
            if self.is_last(progress) && self.has(Fault::GivesUpTooSoon) {
                break;
            }
            let disabled = match self.has(Fault::DisablingDropsStatus) {
                true => self.hardware.disable_and_drop(),
                false => self.hardware.disable(),
            };
            let may_run = matches!(disabled, ConditionCode::StatusPending | ConditionCode::Busy);
            if may_run && self.has(Fault::QuiescesWithoutWaiting) {
                return self.quiesced(what, Ok(()));
            }
            let is_last = self.is_last(progress);
            let channel = &mut self.hardware.channel;
            let code = match progress.steps.next(disabled) {
                QuiesceStep::Disabled => return self.quiesced(what, Ok(())),
                QuiesceStep::TakeStatus => {
                    self.irq();
                    continue;
                }
                QuiesceStep::Gone => {
                    let _ = self.sch.fire(Event::Gone);
                    return self.quiesced(what, Err(Error::NoDevice));
                }
                _ if is_last => break,
                QuiesceStep::GiveUp => break,
                QuiesceStep::Cancel => {
                    channel.cancel();
                    continue;
                }
                QuiesceStep::Halt => channel.halt(),
                QuiesceStep::Clear if self.fault == Some(Fault::QuiescesByHaltOnly) => {
                    channel.halt()
                }
                QuiesceStep::Clear => {
                    self.hardware.ledger.clears += 1;
                    channel.clear()
                }
            };
            if code == ConditionCode::Initiated {
                if !self.has(Fault::BelievesEarlierEnds) {
                    self.sch.expect_end();
                }
                progress.hurried = false;
                return Some(Task::QuiesceWait(what, progress));
            }
        }

        let _ = self.sch.fire(Event::Gone);
        let channel = &self.hardware.channel;
        let is_there = channel.is_present();
        let is_clearing = channel.is_clearing();
        let ledger = &mut self.hardware.ledger;
        ledger.require(
            !is_there || is_clearing && ledger.clears == 0,
            "a device is given up only when it ignores each clear for its time",
        );
        ledger.stuck = true;
        self.quiesced(what, Err(Error::NoTries))
    }

    pub(super) fn quiesced(&mut self, what: For, ended: Result<(), Error>) -> Option<Task> {
        match what {
            // The reset fails.
            For::Reset if ended.is_err() => None,
            For::Reset => Some(Task::QuiesceLook(what)),
            For::ShutDown => Some(Task::QuiesceEnd(what, ended)),
            _ => Some(Task::QuiesceUnpin(what, ended)),
        }
    }

    /// `unpin_after_reset`, up to the mutex `session`.
    pub(super) fn quiesce_look(&mut self, what: For) -> Option<Task> {
        let taken = self.session_lock.is_some() && self.has(Fault::ResetUnpinsLater);
        if self.sch.leave_unpinning() || taken {
            Some(Task::QuiesceEnd(what, Ok(())))
        } else {
            Some(Task::QuiesceUnpin(what, Ok(())))
        }
    }

    pub(super) fn quiesce_unpin(&mut self, what: For, ended: Result<(), Error>) -> Option<Task> {
        if !matches!(what, For::Reset) || !self.has(Fault::ResetKeepsPins) {
            self.unpin_or_quarantine();
        }
        match what {
            For::Unmap { running } if !running || ended.is_err() => None,
            _ => Some(Task::QuiesceEnd(what, ended)),
        }
    }

    pub(super) fn quiesce_end(&mut self, what: For, _ended: Result<(), Error>) {
        match what {
            For::Reset | For::Unmap { .. } => self.resume(),
            For::ShutDown => {
                let _ = self.sch.fire(Event::Gone);
                self.hardware.ledger.is_down = true;
            }
            For::Close => {
                if self.has(Fault::CloseKeepsStatus) {
                    let _ = self.sch.fire(Event::Disabled);
                } else {
                    self.sch.close();
                }
                (self.sch.notifier.io, self.sch.notifier.crw) = (false, false);
                self.failed = (false, false);
                let pinned = self.session.and_then(|session| session.translator.pinned);
                self.hardware
                    .ledger
                    .require(pinned.is_none(), "no pin is left when the device is closed");
                let closed = self.state() == State::Closed;
                self.hardware
                    .ledger
                    .require(closed, "closing leads out of every state");
                self.hardware.ledger.closed();
                self.reported = self.has(Fault::CloseKeepsStatus);
                self.unread = 0;
                self.session = None;
            }
        }
    }

    pub(super) fn resume(&mut self) {
        if self.hardware.enable().is_ok() {
            if self.sch.fire(Event::Enabled).is_ok() {
                return;
            }
            if !self.has(Fault::StaysEnabled) {
                let _ = self.hardware.disable();
            }
        }
        let _ = self.sch.fire(Event::Gone);
    }
}
