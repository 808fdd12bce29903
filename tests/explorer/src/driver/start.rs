// SPDX-License-Identifier: GPL-2.0

//! `drivers/start.rs`: a program is started, its status read.

use super::{
    Driver,
    Request,
    Shown,
    Task, //
};
use crate::{
    channel::Code,
    faults::Fault, //
};
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

    pub(super) fn translate(&mut self, request: Request) -> Option<Task> {
        self.programs += 1;
        let translator = &mut self.io.as_mut()?.translator;
        translator.translate(self.programs, &mut self.hardware);
        Some(Task::StartTranslated(request, self.programs))
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
            Code::Done if self.has(Fault::StartedLater) => Some(Task::StartFired(request)),
            Code::Done => match self.sch.started() {
                Ok(()) => self.started(request),
                Err(_) => Some(Task::StartRelease(request)),
            },
            _ => Some(Task::StartRelease(request)),
        }
    }

    pub(super) fn started(&mut self, request: Request) -> Option<Task> {
        self.io.as_mut()?.generation = request.generation;
        None
    }

    pub(super) fn take_status(&mut self, slot: usize) -> Option<Task> {
        self.io_lock = Some(slot);
        let io = self.io.as_mut()?;
        let again = |more_waits| {
            Task::ReadCopy(Shown {
                serial: io.shown,
                more_waits,
            })
        };
        if !io.delivered {
            return Some(again(true));
        }
        let Some(mut entry) = self.sch.take_irb() else {
            return Some(again(false));
        };

        if entry.has_host_addresses {
            io.translator.write_back(&mut entry.irb);
        }
        let adds = entry.adds && self.fault != Some(Fault::ReplacesUntested);
        if let Some(mut both) = io.unfinished.take().filter(|_| adds) {
            both.accumulate(&entry.irb);
            entry.irb = both;
        }
        let is_over = entry.ends && entry.answer == Answer::Start(io.generation);
        if !entry.ends {
            io.unfinished = Some(entry.irb);
        }
        self.hardware.ledger.taken(&entry, &entry.irb);
        let retires = is_over || entry.ends && self.has(Fault::AnyEndUnpins);
        if retires {
            self.write_back();
        }
        let shown = Shown {
            serial: entry.irb.scsw().count(),
            more_waits: !self.sch.irbs().is_empty(),
        };
        if retires {
            Some(Task::ReadUnpin(shown))
        } else {
            self.show(shown)
        }
    }

    pub(super) fn show(&mut self, shown: Shown) -> Option<Task> {
        let io = self.io.as_mut()?;
        io.shown = shown.serial;
        io.delivered = self.fault == Some(Fault::CopiedEarly);
        Some(Task::ReadCopy(shown))
    }

    pub(super) fn deliver(&mut self, serial: u16) {
        let ledger = &mut self.hardware.ledger;
        if ledger.shown == Some(serial) {
            ledger.shown = None;
        }
        if let Some(io) = &mut self.io {
            // The driver counts what is shown, and what is delivered.
            let any = self.fault == Some(Fault::CopiesAnother);
            io.delivered |= any || io.shown == serial;
        }
    }
}
