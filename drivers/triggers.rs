// SPDX-License-Identifier: GPL-2.0

//! How the user of a device is interrupted.

use crate::{
    fsm::{
        Event,
        State, //
    },
    state::{
        Irq,
        Outside,
        SubchannelState, //
    },
};
use mdev::{
    eventfd::EventFd,
    vfio::Trigger, //
};

/// What the driver keeps of a subchannel under its lock.
pub(crate) type Kept = SubchannelState<Triggers>;

/// The events that the user wants to be signalled.
#[derive(Default)]
pub(crate) struct Triggers {
    io: Option<EventFd>,
    crw: Option<EventFd>,
    request: Option<EventFd>,
}

impl Triggers {
    fn of(&mut self, irq: Irq) -> &mut Option<EventFd> {
        match irq {
            Irq::Io => &mut self.io,
            Irq::Crw => &mut self.crw,
            Irq::Request => &mut self.request,
        }
    }

    /// Whether `irq` can reach the user.
    pub(crate) fn has(&mut self, irq: Irq) -> bool {
        self.of(irq).is_some()
    }
}

impl Outside for Triggers {
    fn fires(&mut self, _state: State, _event: Event) {}

    fn interrupt(&mut self, irq: Irq) {
        if let Some(trigger) = self.of(irq) {
            trigger.signal();
        }
    }
}

/// Does what the user wants of `irq`. What it returns is to be dropped without the lock.
pub(crate) fn set(sch: &mut Kept, irq: Irq, trigger: Trigger) -> Option<EventFd> {
    match trigger {
        Trigger::Nothing => None,
        Trigger::Signal => {
            sch.outside.interrupt(irq);
            None
        }
        Trigger::Set(new) => {
            let old = core::mem::replace(sch.outside.of(irq), new);
            // What came while there was nothing to be signalled must not be missed.
            sch.announce(irq);
            old
        }
    }
}
