// SPDX-License-Identifier: GPL-2.0

//! What is kept of a subchannel under its lock, and what interrupts and events do to it.

use crate::{
    context::Context,
    fsm::{
        Event,
        Refusal,
        State, //
    },
    irb_queue::{
        Entry,
        IrbQueue, //
    },
};
use ccwchain::irb::Irb;
use core::fmt;
use kernel::{
    prelude::*,
    sync::Arc, //
};
use mdev::{
    css::{
        Locked,
        IRB_LEN, //
    },
    eventfd::EventFd,
    vfio::Trigger, //
};

/// What is kept of a subchannel under its lock.
pub(crate) struct SubchannelState {
    context: Arc<Context>,
    fsm: State,
    /// Counts the requests for the start function, and what makes them void. A translated program
    /// may only be started if the number is still that of its request.
    generation: u64,
    irbs: IrbQueue,
    trigger: Option<EventFd>,
}

impl SubchannelState {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            fsm: State::Closed,
            generation: 0,
            irbs: IrbQueue::default(),
            trigger: None,
        }
    }

    /// Makes the transition of `event`: the one place where the state changes.
    pub(crate) fn fire(&mut self, event: Event) -> Result<(), Refusal> {
        self.fsm = self.fsm.next(event)?;

        if matches!(event, Event::Request | Event::Quiesce) {
            self.generation = self.generation.wrapping_add(1);
        }
        Ok(())
    }

    /// Whether the channel has a program.
    pub(crate) fn is_running(&self) -> bool {
        self.fsm == State::Running
    }

    /// Nobody has the device open any more. What it returns is to be dropped without the lock.
    pub(crate) fn close(&mut self) -> Option<EventFd> {
        // It is refused only while something is in progress, which was ended before.
        let _ = self.fire(Event::Disabled);
        self.irbs = IrbQueue::default();
        self.trigger.take()
    }

    /// Accepts a request for the start function, and returns its generation.
    pub(crate) fn request(&mut self) -> Result<u64> {
        self.fire(Event::Request).map_err(|refusal| match refusal {
            Refusal::Again => EAGAIN,
            Refusal::Busy => EBUSY,
            Refusal::Unusable => EIO,
        })?;
        if !self.irbs.has_room() {
            // The user has to take status before there can be more of it.
            let _ = self.fire(Event::Abandoned);
            return Err(EBUSY);
        }
        Ok(self.generation)
    }

    /// Returns `EAGAIN` if the request of `generation` has become void.
    pub(crate) fn check(&self, generation: u64) -> Result {
        if self.generation == generation {
            Ok(())
        } else {
            Err(EAGAIN)
        }
    }

    /// Gives up the request of `generation`.
    pub(crate) fn abandon(&mut self, generation: u64) {
        if self.check(generation).is_ok() {
            // It is refused if the device is gone, which is as good.
            let _ = self.fire(Event::Abandoned);
        }
    }

    /// Takes the oldest status.
    pub(crate) fn take_irb(&mut self) -> Option<Entry> {
        self.irbs.pop()
    }

    /// Tells the user if there is status to take.
    pub(crate) fn announce(&self) {
        if !self.irbs.is_empty() {
            self.signal();
        }
    }

    /// The status that waits for the user.
    pub(crate) fn irbs(&mut self) -> &mut IrbQueue {
        &mut self.irbs
    }

    /// Does what the user wants of the I/O interrupt. What it returns is to be dropped without the
    /// lock.
    pub(crate) fn set_trigger(&mut self, trigger: Trigger) -> Option<EventFd> {
        match trigger {
            Trigger::Nothing => None,
            Trigger::Signal => {
                self.signal();
                None
            }
            Trigger::Set(new) => core::mem::replace(&mut self.trigger, new),
        }
    }

    fn signal(&self) {
        if let Some(trigger) = &self.trigger {
            trigger.signal();
        }
    }

    /// Queues the status that the subchannel has presented, and tells the user. Returns false if
    /// there is no room for it.
    #[must_use]
    fn interrupt(&mut self, irb: Irb) -> bool {
        let scsw = irb.scsw();
        let answers = self.is_running() && scsw.is_solicited();
        let ends = answers && scsw.ends_start();
        let entry = Entry {
            irb,
            generation: answers.then_some(self.generation),
            ends,
            host: true,
        };

        if self.fsm == State::Quiescing && scsw.is_solicited() {
            // It answers what the user has taken back.
            return true;
        }

        let first = self.irbs.is_empty();
        let queued = self.irbs.push(entry);
        if queued && first {
            self.signal();
        }
        if ends {
            // The table ends a start function in progress without fail.
            let _ = self.fire(Event::Ended);
        }
        queued
    }
}

/// An interrupt has come with `irb`.
pub(crate) fn irq(sch: &mut Locked<'_, SubchannelState>, irb: &[u8; IRB_LEN]) {
    let irb = Irb::from_bytes(irb);

    if matches!(sch.fsm, State::Closed | State::NotOperational) {
        // Nobody waits for it: whoever left the subchannel enabled is gone.
        let _ = sch.disable();
        log(sch, format_args!("unexpected interrupt, {:?}", irb.scsw()));
    } else if !sch.interrupt(irb) {
        log(
            sch,
            format_args!("status lost, as the user takes none: {:?}", irb.scsw()),
        );
    }
}

/// Something may have happened to the subchannel.
pub(crate) fn event(sch: &mut Locked<'_, SubchannelState>) {
    if sch.store().is_err() {
        // The table lets a device go in every state.
        let _ = sch.fire(Event::Gone);
        log(sch, format_args!("not operational"));
        sch.unregister_later();
    }
}

fn log(sch: &Locked<'_, SubchannelState>, what: fmt::Arguments<'_>) {
    sch.context
        .log
        .event(2, format_args!("{}: {what}", sch.device().id()));
}
