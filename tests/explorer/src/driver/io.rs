// SPDX-License-Identifier: GPL-2.0

//! `drivers/ops/io.rs`: a program is started, and its IRBs are read.

use super::{
    Driver,
    InRegion,
    Request,
    Task, //
};
use crate::faults::Fault;
use ccwchain::condition_code::ConditionCode;
use state::{
    Answer,
    Refusal, //
};

impl Driver {
    pub(super) fn start_request(&mut self) -> Option<Task> {
        let generation = self.sch.request().ok()?;
        if !self.has(Fault::StartKeepsTheOld) {
            self.write_back();
        }
        let epoch = self.hardware.ledger.epoch;
        Some(Task::StartUnpin(Request { generation, epoch }))
    }

    /// Returns the number of another program.
    pub(super) fn next_program(&mut self) -> u32 {
        self.programs += 1;
        self.programs
    }

    pub(super) fn translate(&mut self, request: Request) -> Option<Task> {
        let program = self.next_program();
        let translator = &mut self.session.as_mut()?.translator;
        translator.translate(program, &mut self.hardware);
        Some(Task::StartTranslated(request, program))
    }

    pub(super) fn start_translated(&mut self, request: Request, program: u32) -> Option<Task> {
        let Request { generation, epoch } = request;

        let starts = match self.sch.check_request(generation) {
            Ok(()) => true,
            Err(Refusal::Busy) => self.has(Fault::StartsWithoutRoom),
            Err(_) => self.has(Fault::StartsUnchecked),
        };
        if !starts {
            return Some(Task::StartRelease(request));
        }
        match self.hardware.start(program, generation, epoch) {
            ConditionCode::Initiated if self.has(Fault::StartedLater) => {
                Some(Task::StartFired(request))
            }
            ConditionCode::Initiated => match self.sch.started() {
                Ok(()) => self.started(request),
                Err(_) => Some(Task::StartRelease(request)),
            },
            _ => Some(Task::StartRelease(request)),
        }
    }

    pub(super) fn started(&mut self, request: Request) -> Option<Task> {
        self.session.as_mut()?.generation = request.generation;
        None
    }

    pub(super) fn take_status(&mut self, slot: usize) -> Option<Task> {
        self.session_lock = Some(slot);
        let session = self.session.as_mut()?;
        let again = |more_wait| {
            Task::ReadCopy(InRegion {
                serial: session.in_region,
                more_wait,
            })
        };
        if !session.is_copied {
            return Some(again(true));
        }
        let Some(mut entry) = self.sch.take_irb() else {
            return Some(again(false));
        };

        if entry.has_host_addresses {
            session.translator.write_back(&mut entry.irb);
        }
        let adds = entry.adds && self.fault != Some(Fault::ReplacesUntested);
        if let Some(mut both) = session.unfinished.take().filter(|_| adds) {
            both.accumulate(&entry.irb);
            entry.irb = both;
        }
        let is_over = entry.ends && entry.answer == Answer::Start(session.generation);
        if !entry.ends {
            session.unfinished = Some(entry.irb);
        }
        self.hardware.ledger.taken(&entry, &entry.irb);
        let unpins = is_over || entry.ends && self.has(Fault::AnyEndUnpins);
        if unpins {
            self.write_back();
        }
        let irb = InRegion {
            serial: entry.irb.scsw().count(),
            more_wait: !self.sch.irbs().is_empty(),
        };
        if unpins {
            Some(Task::ReadUnpin(irb))
        } else {
            self.store_irb(irb)
        }
    }

    pub(super) fn store_irb(&mut self, irb: InRegion) -> Option<Task> {
        let session = self.session.as_mut()?;
        session.in_region = irb.serial;
        session.is_copied = self.fault == Some(Fault::CopiedEarly);
        Some(Task::ReadCopy(irb))
    }

    pub(super) fn mark_copied(&mut self, serial: u16) {
        let ledger = &mut self.hardware.ledger;
        if ledger.in_region == Some(serial) {
            ledger.in_region = None;
        }
        if let Some(session) = &mut self.session {
            // `StatusSeq::mark_copied`.
            let any = self.fault == Some(Fault::CopiesAnother);
            session.is_copied |= any || session.in_region == serial;
        }
    }
}
