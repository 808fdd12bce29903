// SPDX-License-Identifier: GPL-2.0

//! How the user of a device is interrupted.

use crate::{
    hold_off::HoldOff,
    observer::Observer, //
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
use state::{
    Event,
    Irq,
    Notify,
    State,
    SubchannelState, //
};

/// What the driver keeps of a subchannel under its lock.
pub(crate) type SubchannelData = SubchannelState<Notifier>;

/// Who is told of what happens to a subchannel: its user, and whoever watches.
pub(crate) struct Notifier {
    pub(crate) triggers: Triggers,
    pub(crate) observer: Observer,
    /// The timer that ends a hold-off, while the device is open. It holds the subchannel, which holds this:
    /// closing the device takes it out.
    pub(crate) timer: Option<Arc<StatusTimer>>,
    hold_off: HoldOff,
    /// Whoever ends what the subchannel is doing holds it. It is taken before the subchannel lock.
    pub(crate) quiescing: Arc<Mutex<()>>,
    status_taken: Tod,
}

/// Calls [`SubchannelData::hold_off_expired`].
pub(crate) type StatusTimer = Timer<Arc<Subchannel<SubchannelData>>>;

impl Notifier {
    pub(crate) fn new(observer: Observer) -> Result<Self> {
        let quiescing = new_mutex!((), "vfio_ccw::quiescing");

        Ok(Self {
            triggers: Triggers::default(),
            observer,
            timer: None,
            hold_off: HoldOff::default(),
            quiescing: Arc::pin_init(quiescing, GFP_KERNEL)?,
            status_taken: Tod::now(),
        })
    }

    /// Begins with a user of whose guest nothing is known.
    pub(crate) fn opened(&mut self, timer: Arc<StatusTimer>) {
        self.timer = Some(timer);
        self.hold_off = HoldOff::default();
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

impl Notify for Notifier {
    fn event(&mut self, state: State, event: Event) {
        self.observer.fires(state, event);
    }

    fn signal(&mut self, irq: Irq) {
        if let Some(trigger) = self.triggers.of(irq) {
            trigger.signal();
        }
    }

    fn irb_read(&mut self) {
        self.status_taken = Tod::now();
    }

    fn guest_responded(&mut self) {
        self.hold_off.answered(self.status_taken.elapsed());
    }

    fn holds_off(&mut self) -> bool {
        let now = Tod::now();
        let left = self.hold_off.time() - now.since(self.status_taken);

        match &self.timer {
            // A clock that was set back tells nothing.
            Some(timer) if left > Delta::ZERO && now >= self.status_taken => {
                timer.start(left);
                true
            }
            _ => false,
        }
    }
}

/// Does what the user wants of `irq`. What it returns is to be dropped without the lock.
pub(crate) fn set(sch: &mut SubchannelData, irq: Irq, trigger: Trigger) -> Option<EventFd> {
    match trigger {
        Trigger::Nothing => None,
        Trigger::Signal => {
            sch.notifier.signal(irq);
            None
        }
        Trigger::Set(new) => {
            let old = core::mem::replace(sch.notifier.triggers.of(irq), new);
            // What came while there was nothing to be signalled must not be missed.
            sch.announce(irq);
            old
        }
    }
}
