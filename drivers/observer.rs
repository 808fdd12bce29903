// SPDX-License-Identifier: GPL-2.0

//! Who sees what happens to a subchannel: trace points, debug logs and statistics.
//!
//! All of it may be called with the subchannel lock held and interrupts off. `docs/observability.md`
//! says how to read it.

pub(crate) mod statistics;

use crate::{
    context::Context,
    state::{
        Event,
        Pushed,
        State, //
    },
};
use ccwchain::scsw::Scsw;
use core::fmt;
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};
use mdev::{
    css::{
        self,
        ConditionCode,
        PathEvent, //
    },
    trace, //
};
use statistics::Statistics;

/// An I/O instruction that the user has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    Start,
    Halt,
    Clear,
}

impl Instruction {
    /// Its name in the debug log.
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "stIO",
            Self::Halt => "haltIO",
            Self::Clear => "clearIO",
        }
    }

    /// The level of its entries in the debug log.
    const fn level(self) -> c_int {
        match self {
            Self::Start => 5,
            Self::Halt | Self::Clear => 2,
        }
    }
}

/// Who sees what happens to a subchannel.
pub(crate) struct Observer {
    context: Arc<Context>,
    dev: ARef<css::Device>,
    /// Those of the VFIO device, while it is open.
    pub(crate) statistics: Option<Arc<Statistics>>,
}

impl Observer {
    pub(crate) fn new(context: Arc<Context>, dev: ARef<css::Device>) -> Self {
        Self {
            context,
            dev,
            statistics: None,
        }
    }

    /// Adds an entry to the log `vfio_ccw_msg`.
    pub(crate) fn log(&self, level: c_int, text: fmt::Arguments<'_>) {
        self.context.log(level, self.dev.id(), text);
    }

    fn count(&self, f: impl FnOnce(&Statistics)) {
        if let Some(statistics) = &self.statistics {
            f(statistics);
        }
    }

    /// `event` comes in `state`.
    pub(crate) fn fires(&self, state: State, event: Event) {
        trace::fsm_event(&self.dev, state.number(), event.number());

        match event {
            Event::Ended if state == State::Running => self.count(Statistics::ended),
            Event::Gone if state != State::NotOperational => {
                let (event, state) = (event.number(), state.number());
                self.log(2, format_args!("notoper event {event:x} state {state:x}"));
            }
            _ => {}
        }
    }

    /// The user's instruction has been given to the subchannel, with that answer.
    pub(crate) fn instruction(&self, instruction: Instruction, cc: ConditionCode) {
        let (log, level) = (&self.context.trace, instruction.level());
        if log.is_enabled(level) {
            log.text(level, format_args!("{}", instruction.name()));
            log.text(level, format_args!("{}", self.dev.id()));
            log.bytes(level, &cc.code().to_be_bytes());
        }

        if cc == ConditionCode::Initiated {
            self.count(|statistics| match instruction {
                Instruction::Start => statistics.starts.increment(),
                Instruction::Halt => statistics.halts.increment(),
                Instruction::Clear => statistics.clears.increment(),
            });
        }
    }

    /// An interrupt has come, with that status.
    pub(crate) fn interrupt(&self, scsw: &Scsw) {
        let log = &self.context.trace;
        if log.is_enabled(6) {
            log.text(6, format_args!("IRQ"));
            log.text(6, format_args!("{}", self.dev.id()));
        }
        self.count(|statistics| statistics.presented(scsw));
    }

    /// Status was handed to the queue, in which `waiting` wait now.
    pub(crate) fn queued(&self, pushed: Pushed, waiting: usize) {
        self.count(|statistics| {
            statistics.irbs_waiting_most.raise(waiting);
            if pushed == Pushed::Accumulated {
                statistics.irbs_accumulated.increment();
            }
        });
    }

    /// A channel report was queued.
    pub(crate) fn reported(&self) {
        self.count(|statistics| statistics.crws.increment());
    }

    /// Something has happened to the paths `mask`.
    pub(crate) fn path_event(&self, mask: u8, event: PathEvent) {
        trace::chp_event(&self.dev, mask, event);
        let number = event.number();
        self.log(2, format_args!("mask={mask:#x} event={number} ({event:?})"));
    }
}
