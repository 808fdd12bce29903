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
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::Delta, //
};
use mdev::{
    clock::Tod,
    css::Subchannel,
    eventfd::EventFd,
    timer::Timer,
    vfio::Trigger, //
};

/// How long status may take from the user, who has read it, to the guest, who tests it.
///
/// Long enough for a virtual CPU to be scheduled even where much else is to be run, and too short to
/// be noticed at a terminal.
const WAY_TO_GUEST: Delta = Delta::from_millis(100);

/// The same when an answer to a function waits, which a guest may wait for.
const WAY_BEFORE_ANSWER: Delta = Delta::from_millis(20);

/// What the driver keeps of a subchannel under its lock.
pub(crate) type Kept = SubchannelState<Surroundings>;

/// Who is told of what happens to a subchannel: its user, and whoever watches.
pub(crate) struct Surroundings {
    pub(crate) triggers: Triggers,
    pub(crate) observer: Observer,
    /// What ends the time that status has for its way; while the device is open. It holds the
    /// subchannel, which holds this: closing the device takes it out.
    pub(crate) timer: Option<Arc<StatusTimer>>,
    /// Whoever ends what the subchannel is doing holds it. It is taken before the subchannel lock.
    pub(crate) quiescing: Arc<Mutex<()>>,
    status_taken: Tod,
}

/// Calls [`Kept::time_is_over`].
pub(crate) type StatusTimer = Timer<Arc<Subchannel<Kept>>>;

impl Surroundings {
    pub(crate) fn new(observer: Observer) -> Result<Self> {
        let quiescing = new_mutex!((), "vfio_ccw::quiescing");

        Ok(Self {
            triggers: Triggers::default(),
            observer,
            timer: None,
            quiescing: Arc::pin_init(quiescing, GFP_KERNEL)?,
            status_taken: Tod::now(),
        })
    }
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

    fn takes_status(&mut self) {
        self.status_taken = Tod::now();
    }

    fn defers(&mut self, answers: bool) -> bool {
        let way = if answers {
            WAY_BEFORE_ANSWER
        } else {
            WAY_TO_GUEST
        };
        let left = way - self.status_taken.elapsed();

        match &self.timer {
            Some(timer) if left > Delta::ZERO => {
                timer.start(left);
                true
            }
            _ => false,
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
