// SPDX-License-Identifier: GPL-2.0

//! How the user of a device is interrupted.

use crate::{
    observer::Observer,
    state::{
        Event,
        Irq,
        Outside,
        State,
        SubchannelState, //
    },
};
use mdev::{
    eventfd::EventFd,
    vfio::Trigger, //
};

/// What the driver keeps of a subchannel under its lock.
pub(crate) type Kept = SubchannelState<Surroundings>;

/// Who is told of what happens to a subchannel: its user, and whoever watches.
pub(crate) struct Surroundings {
    pub(crate) triggers: Triggers,
    pub(crate) observer: Observer,
}

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

impl Outside for Surroundings {
    fn fires(&mut self, state: State, event: Event) {
        self.observer.fires(state, event);
    }

    fn interrupt(&mut self, irq: Irq) {
        if let Some(trigger) = self.triggers.of(irq) {
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
            let old = core::mem::replace(sch.outside.triggers.of(irq), new);
            // What came while there was nothing to be signalled must not be missed.
            sch.announce(irq);
            old
        }
    }
}
