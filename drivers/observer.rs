// SPDX-License-Identifier: GPL-2.0

//! Who sees what happens to a subchannel: trace points, debug logs and statistics.
//!
//! All of it may be called with the subchannel lock held and interrupts off. `docs/observability.md`
//! says how to read it.

pub(crate) mod statistics;

use crate::{
    context::Context, //
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
use state::{
    Event,
    Pushed,
    State, //
};
use statistics::Counts;

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
    /// Since the mediated device was made.
    pub(crate) counts: Counts,
}

impl Observer {
    pub(crate) fn new(context: Arc<Context>, dev: ARef<css::Device>) -> Self {
        Self {
            context,
            dev,
            counts: Counts::default(),
        }
    }

    /// Adds an entry to the log `vfio_ccw_msg`.
    pub(crate) fn log(&self, level: c_int, text: fmt::Arguments<'_>) {
        self.context.log(level, self.dev.id(), text);
    }

    /// `event` comes in `state`.
    pub(crate) fn fires(&mut self, state: State, event: Event) {
        trace::fsm_event(&self.dev, || (state.number(), event.number()));

        match event {
            Event::Ended if state == State::Running => self.counts.ended(),
            Event::Gone if state != State::NotOperational => {
                let (event, state) = (event.number(), state.number());
                self.log(2, format_args!("notoper event {event:x} state {state:x}"));
            }
            _ => {}
        }
    }

    /// The user's instruction has been given to the subchannel, with that answer.
    #[inline]
    pub(crate) fn instruction(&mut self, instruction: Instruction, cc: ConditionCode) {
        let (log, level) = (&self.context.trace, instruction.level());
        if log.is_enabled(level) {
            log.text(level, format_args!("{}", instruction.name()));
            log.text(level, format_args!("{}", self.dev.id()));
            log.bytes(level, &cc.code().to_be_bytes());
        }

        if cc == ConditionCode::Initiated {
            let count = match instruction {
                Instruction::Start => &mut self.counts.starts,
                Instruction::Halt => &mut self.counts.halts,
                Instruction::Clear => &mut self.counts.clears,
            };
            *count += 1;
        }
    }

    /// An interrupt has come.
    pub(crate) fn interrupt(&self) {
        let log = &self.context.trace;
        if log.is_enabled(6) {
            log.text(6, format_args!("IRQ"));
            log.text(6, format_args!("{}", self.dev.id()));
        }
    }

    /// Its status was handed to the queue, in which `waiting` wait now, unless it answers what was
    /// taken back.
    pub(crate) fn presented(&mut self, scsw: &Scsw, pushed: Option<Pushed>, waiting: usize) {
        self.counts.presented(scsw, waiting);
        match pushed {
            Some(Pushed::Accumulated) => self.counts.irbs_accumulated += 1,
            Some(Pushed::Lost) => self.log(2, format_args!("status lost: {scsw:?}")),
            _ => {}
        }
    }

    /// Something has happened to the paths `mask`.
    pub(crate) fn path_event(&self, mask: u8, event: PathEvent) {
        trace::chp_event(&self.dev, mask, event);
        let number = event.number();
        self.log(2, format_args!("mask={mask:#x} event={number} ({event:?})"));
    }
}
