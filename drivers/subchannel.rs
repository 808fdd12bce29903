// SPDX-License-Identifier: GPL-2.0

//! What is kept of a subchannel under its lock, and what interrupts and events do to it.

use crate::{
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
use kernel::prelude::*;
use mdev::{
    css::{
        Locked,
        IRB_LEN, //
    },
    debug::Log,
    eventfd::EventFd,
    vfio::Trigger, //
};

/// What is kept of a subchannel under its lock.
#[derive(Default)]
pub(crate) struct SubchannelState {
    fsm: State,
    /// Counts the requests for the start function, and what makes them void. A translated program
    /// may only be started if the number is still that of its request.
    generation: u64,
    irbs: IrbQueue,
    trigger: Option<EventFd>,
}

impl SubchannelState {
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
pub(crate) fn irq(log: &Log, sch: &mut Locked<'_, SubchannelState>, irb: &[u8; IRB_LEN]) {
    let irb = Irb::from_bytes(irb);

    if matches!(sch.fsm, State::Closed | State::NotOperational) {
        // Nobody waits for it: whoever left the subchannel enabled is gone.
        let _ = sch.disable();
        let (id, scsw) = (sch.device().id(), irb.scsw());
        log.event(2, format_args!("{id}: unexpected interrupt, {scsw:?}"));
    } else if !sch.interrupt(irb) {
        let (id, scsw) = (sch.device().id(), irb.scsw());
        log.event(
            2,
            format_args!("{id}: status lost, as the user takes none: {scsw:?}"),
        );
    }
}

/// Something may have happened to the subchannel.
pub(crate) fn event(log: &Log, sch: &mut Locked<'_, SubchannelState>) {
    if sch.store().is_err() {
        // The table lets a device go in every state.
        let _ = sch.fire(Event::Gone);
        log.event(2, format_args!("{}: not operational", sch.device().id()));
        sch.unregister_later();
    }
}

#[kunit_tests(vfio_ccw_subchannel)]
mod tests {
    use super::*;
    use ccwchain::scsw::Scsw;

    /// Fetched by a start function: function control.
    const START: u32 = 0x4000;
    const SUSPENDED: u32 = 0x0020;
    const ACTIVE: u32 = 0x00c0;
    const ALERT: u32 = 0x10;
    const INTERMEDIATE: u32 = 0x08;
    const PRIMARY: u32 = 0x04;
    const SECONDARY: u32 = 0x02;
    const PENDING: u32 = 0x01;

    fn irb(control: u32) -> Irb {
        let mut irb = Irb::from_bytes(&[0; IRB_LEN]);
        irb.set_scsw(Scsw::from_words([control | PENDING, 0, 0]));
        irb
    }

    /// A subchannel with a start function in progress, and its generation.
    fn running() -> Result<(SubchannelState, u64), Refusal> {
        let mut sch = SubchannelState::default();
        sch.fire(Event::Open)?;
        let generation = sch.request().map_err(|_| Refusal::Busy)?;
        sch.fire(Event::Started)?;
        Ok((sch, generation))
    }

    #[test]
    fn a_start_is_over_by_its_status_not_by_its_activity() -> Result<(), Refusal> {
        for unfinished in [
            START | SUSPENDED | INTERMEDIATE,
            START | ACTIVE | INTERMEDIATE,
            START | ACTIVE | PRIMARY,
            START | SUSPENDED | ALERT | INTERMEDIATE,
        ] {
            let (mut sch, generation) = running()?;
            assert!(sch.interrupt(irb(unfinished)));
            assert!(sch.is_running());
            assert!(sch.request() == Err(EBUSY));
            let entry = sch.take_irb();
            assert!(entry.is_some_and(|e| !e.ends && e.generation == Some(generation)));

            assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)));
            assert!(!sch.is_running());
            assert!(sch.take_irb().is_some_and(|e| e.ends));
        }
        Ok(())
    }

    #[test]
    fn what_the_device_says_by_itself_ends_no_start() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.interrupt(irb(ALERT)));
        assert!(sch.is_running());
        assert!(sch
            .take_irb()
            .is_some_and(|e| !e.ends && e.generation.is_none()));
        Ok(())
    }

    #[test]
    fn status_is_tagged_with_the_start_that_it_answers() -> Result<(), Refusal> {
        let (mut sch, first) = running()?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)));
        assert!(sch.request().is_ok_and(|second| second != first));
        sch.fire(Event::Started)?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)));

        assert!(sch.take_irb().is_some_and(|e| e.generation == Some(first)));
        assert!(sch.take_irb().is_some_and(|e| e.generation != Some(first)));
        Ok(())
    }

    #[test]
    fn a_reset_makes_a_request_void() -> Result<(), Refusal> {
        let mut sch = SubchannelState::default();
        sch.fire(Event::Open)?;
        let generation = sch.request().map_err(|_| Refusal::Busy)?;

        sch.fire(Event::Quiesce)?;
        sch.fire(Event::Enabled)?;
        let next = sch.request();
        assert!(sch.check(generation) == Err(EAGAIN));
        sch.abandon(generation);
        assert!(next.is_ok_and(|next| sch.check(next).is_ok()));
        assert!(sch.request() == Err(EAGAIN));
        Ok(())
    }

    #[test]
    fn answers_to_what_a_reset_has_ended_are_dropped() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.fire(Event::Quiesce)?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)));
        assert!(sch.take_irb().is_none());
        assert!(sch.interrupt(irb(ALERT)));
        assert!(sch.take_irb().is_some());
        Ok(())
    }
}
