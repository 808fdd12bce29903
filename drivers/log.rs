// SPDX-License-Identifier: GPL-2.0

//! The s390 debug logs `vfio_ccw_msg` and `vfio_ccw_trace`, and the trace points of a subchannel.
//!
//! All functions may be called with the subchannel lock held and interrupts off.
//! `docs/observability.md` describes the entries.

use ccwchain::condition_code::ConditionCode;
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
        PathEvent,
        SubchannelId, //
    },
    debug::{
        HexLog,
        Log, //
    },
    trace, //
};
use state::{
    Event,
    State, //
};

/// The debug logs, which all subchannels share.
pub(crate) struct Logs {
    /// `vfio_ccw_msg`.
    msg: Log,
    /// `vfio_ccw_trace`.
    trace: HexLog,
}

impl Logs {
    /// Registers the logs.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            msg: Log::new(c"vfio_ccw_msg", 16, 2)?,
            trace: HexLog::new(c"vfio_ccw_trace", 16, 2)?,
        })
    }

    /// Adds an entry about a subchannel to `vfio_ccw_msg`.
    pub(crate) fn msg(&self, level: c_int, id: SubchannelId, text: fmt::Arguments<'_>) {
        self.msg.event(level, format_args!("sch {id}: {text}"));
    }
}

/// Adds an entry to `vfio_ccw_msg` when it is created, and another one when it is dropped.
pub(crate) struct Span {
    logs: Arc<Logs>,
    id: SubchannelId,
    level: c_int,
    end: &'static str,
}

impl Span {
    /// Adds the entry `begin`; `end` follows on drop.
    pub(crate) fn new(
        logs: Arc<Logs>,
        id: SubchannelId,
        level: c_int,
        [begin, end]: [&'static str; 2],
    ) -> Self {
        logs.msg(level, id, format_args!("{begin}"));
        Self {
            logs,
            id,
            level,
            end,
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.logs
            .msg(self.level, self.id, format_args!("{}", self.end));
    }
}

/// An I/O instruction that the driver issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    Start,
    Halt,
    Clear,
    Resume,
}

impl Instruction {
    /// Returns the name in `vfio_ccw_trace`.
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "stIO",
            Self::Halt => "haltIO",
            Self::Clear => "clearIO",
            Self::Resume => "resIO",
        }
    }

    /// Returns the level of the entries in `vfio_ccw_trace`.
    const fn level(self) -> c_int {
        match self {
            Self::Start => 5,
            Self::Halt | Self::Clear | Self::Resume => 2,
        }
    }
}

/// The logs and trace points of one subchannel.
pub(crate) struct SubchannelLog {
    logs: Arc<Logs>,
    dev: ARef<css::Device>,
}

impl SubchannelLog {
    /// Returns the logs of the subchannel `dev`.
    pub(crate) fn new(logs: Arc<Logs>, dev: ARef<css::Device>) -> Self {
        Self { logs, dev }
    }

    /// Adds an entry to `vfio_ccw_msg`.
    pub(crate) fn msg(&self, level: c_int, text: fmt::Arguments<'_>) {
        self.logs.msg(level, self.dev.id(), text);
    }

    /// Logs that `event` is fired in `state`.
    pub(crate) fn event(&self, state: State, event: Event) {
        trace::fsm_event(&self.dev, || (state.number(), event.number()));

        if event == Event::Gone && state != State::NotOperational {
            let (event, state) = (event.number(), state.number());
            self.msg(2, format_args!("notoper event {event:x} state {state:x}"));
        }
    }

    /// Logs an instruction and its condition code.
    #[inline]
    pub(crate) fn instruction(&self, instruction: Instruction, cc: ConditionCode) {
        let (log, level) = (&self.logs.trace, instruction.level());
        if log.is_enabled(level) {
            log.text(level, format_args!("{}", instruction.name()));
            log.text(level, format_args!("{}", self.dev.id()));
            log.bytes(level, &u32::from(cc.number()).to_be_bytes());
        }
    }

    /// Logs an interrupt.
    pub(crate) fn interrupt(&self) {
        let log = &self.logs.trace;
        if log.is_enabled(6) {
            log.text(6, format_args!("IRQ"));
            log.text(6, format_args!("{}", self.dev.id()));
        }
    }

    /// Logs an event of the channel paths `mask`.
    pub(crate) fn path_event(&self, mask: u8, event: PathEvent) {
        trace::chp_event(&self.dev, mask, event);
        let number = event.number();
        self.msg(2, format_args!("mask={mask:#x} event={number} ({event:?})"));
    }
}
