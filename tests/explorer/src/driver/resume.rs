// SPDX-License-Identifier: GPL-2.0

//! `drivers/ops/io/resume.rs`: a suspended program is resumed; and `drivers/ops/io/rest.rs`: a
//! program that waits for its rest continues.

use super::{
    Driver,
    Way, //
};
use crate::{
    faults::Fault,
    hardware::Translator, //
};
use ccwchain::condition_code::ConditionCode;

/// A step of a request to resume a program, or of the work on its rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    Request,
    Look,
    Translate,
    /// The rest of the program is translated.
    Translated(Translator),
    /// This is not used: the rest, or the program before it was resumed.
    Unpin(Translator),
    End,
}

impl Resume {
    /// Returns the name of the step.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request => "request to resume",
            Self::Look => "look whether it is suspended",
            Self::Translate => "translate the rest",
            Self::Translated(_) => "RESUME SUBCHANNEL",
            Self::Unpin(_) => "unpin what is not used",
            Self::End => "end the request",
        }
    }

    /// Returns the translator besides that of the session.
    pub(crate) fn translator(self) -> Option<Translator> {
        match self {
            Self::Translated(translator) | Self::Unpin(translator) => Some(translator),
            Self::Request | Self::Look | Self::Translate | Self::End => None,
        }
    }
}

impl Driver {
    /// Takes a step, and returns the next.
    pub(super) fn resume_step(&mut self, step: Resume, way: Way) -> Option<Resume> {
        match step {
            Resume::Request => {
                let accepted = self.sch.request_resumption();
                accepted.is_ok().then_some(Resume::Look)
            }
            Resume::Look => {
                let is_there = self.hardware.store().is_ok();
                let is_suspended = self.hardware.channel.is_suspended();
                Some(match is_there && is_suspended && self.hardware.may_run {
                    true => Resume::Translate,
                    false => Resume::End,
                })
            }
            Resume::Translate => Some(self.translate_rest(way)),
            Resume::Translated(rest) => self.resume_translated(rest),
            Resume::Unpin(mut unused) => {
                if !self.has(Fault::ResumeKeepsTheOld) {
                    unused.unpin(&mut self.hardware, false);
                }
                self.unused = unused.pinned;
                Some(Resume::End)
            }
            Resume::End => {
                self.end_rest(Fault::CancelledResumeKeepsPins);
                None
            }
        }
    }

    fn end_rest(&mut self, keeps_pins: Fault) {
        let must_unpin = self.sch.end_rest();
        if must_unpin && !self.has(keeps_pins) {
            self.unpin_or_quarantine();
        }
    }

    /// Takes a step of the work item, and returns the next. A program may wait whenever the channel
    /// works.
    pub(super) fn rest_step(&mut self, slot: usize, step: Resume, way: Way) -> Option<Resume> {
        match step {
            Resume::Request => {
                self.session_lock = Some(slot);
                self.session?;
                let waits = self.hardware.may_run && !self.hardware.channel.is_suspended();
                let accepted = waits && self.sch.request_rest().is_ok();
                accepted.then_some(Resume::Translate)
            }
            Resume::Translated(rest) => self.continue_translated(rest),
            Resume::End => {
                self.end_rest(Fault::CancelledRestKeepsPins);
                None
            }
            step => self.resume_step(step, way),
        }
    }

    fn continue_translated(&mut self, rest: Translator) -> Option<Resume> {
        self.write_back();
        let continues = match self.has(Fault::ContinuesWhatIsOver) {
            true => true,
            false => self.sch.is_running() && self.hardware.may_run,
        };
        let suspended = self.hardware.channel.is_suspended();
        let unused = match continues && !suspended {
            true => {
                self.hardware.continue_as(rest.pinned?);
                core::mem::replace(&mut self.session.as_mut()?.translator, rest)
            }
            false => rest,
        };
        Some(Resume::Unpin(unused))
    }

    /// Translates the rest by a translator of its own; pages may be pinned even if it fails.
    fn translate_rest(&mut self, way: Way) -> Resume {
        if self.has(Fault::UnpinsTheSuspended) {
            self.unpin();
        }
        let rest = Translator::of(self.next_program());
        match way {
            Way::Well => Resume::Translated(rest),
            Way::Fails => Resume::Unpin(rest),
        }
    }

    fn resume_translated(&mut self, rest: Translator) -> Option<Resume> {
        self.write_back();
        let code = match self.hardware.channel.is_suspended() {
            true => self.hardware.resume(rest.pinned?),
            false => ConditionCode::Busy,
        };
        let unused = match code {
            ConditionCode::Initiated => {
                core::mem::replace(&mut self.session.as_mut()?.translator, rest)
            }
            _ => rest,
        };
        Some(Resume::Unpin(unused))
    }
}
