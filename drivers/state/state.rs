// SPDX-License-Identifier: GPL-2.0

//! The state of a subchannel under the subchannel lock, and its transitions.
//!
//! [`SubchannelState`] joins the state machine ([`State`], [`Event`]) with the IRBs and channel
//! reports that wait for the user. It signals the user through [`Notify`].
//!
//! The crate knows neither kernel nor hardware: Kbuild builds it into the module, Cargo builds it
//! for `tests/explorer`, which explores every short sequence of events.

#![cfg_attr(not(CONFIG_RUST), no_std)]
#![forbid(unsafe_code)]

mod crw_queue;
mod fsm;
mod irb_queue;
mod quiesce;
mod ring;
mod untested;

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
mod tests;

pub use {
    crw_queue::Crw,
    fsm::{
        Event,
        Refusal,
        State, //
    },
    irb_queue::{
        Answer,
        Entry,
        IrbQueue,
        Pushed, //
    },
    quiesce::{
        QuiesceProgress,
        QuiesceStep, //
    },
};

use ccwchain::{
    irb::Irb,
    scsw::StatusControl, //
};
use crw_queue::CrwQueue;
use untested::Untested;

/// An interrupt of the VFIO device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irq {
    /// An IRB waits in region 0.
    Io,
    /// A channel report waits in region 3.
    Crw,
    /// The host wants the device back.
    Request,
}

/// The actions that follow from a change of the state.
pub trait Notify {
    /// Records that `event` is about to be fired in `state`.
    fn event(&mut self, state: State, event: Event);

    /// Signals the user.
    fn signal(&mut self, irq: Irq);

    /// Records that the user reads an IRB now.
    fn irb_read(&mut self);

    /// Records that the guest begins a function now, and that the IRB which the user read last was
    /// unsolicited.
    fn guest_responded(&mut self);

    /// Returns whether the next IRB is still held off, as the guest may not have tested the one
    /// which the user read last.
    ///
    /// If so, [`SubchannelState::hold_off_expired`] is called later.
    fn holds_off(&mut self) -> bool;
}

/// The state of a subchannel under the subchannel lock.
#[derive(Clone)]
pub struct SubchannelState<N> {
    fsm: State,
    /// Counts the requests for the start function and the events that cancel one. A translated
    /// program may only be started if the number is still the one of its request.
    generation: u64,
    /// Set while a request to start or resume a program, or the rest of one, is being worked on,
    /// even if it was cancelled meanwhile.
    translating: bool,
    /// Set if the thread that works on the request has to unpin the pages of a program that was
    /// ended meanwhile.
    must_unpin: bool,
    /// The IRB that QEMU may still store for its guest. QEMU stores one IRB, and the next one that
    /// it reads overwrites one that the guest has not tested: so the next IRB is added to it, or
    /// held off.
    ///
    /// While this is `Some`, no IRB waits that was announced, unless the same function solicited
    /// it.
    untested: Option<Untested>,
    /// Set if a function has ended since [`Self::expect_end`].
    has_ended: bool,
    irbs: IrbQueue,
    crws: CrwQueue,
    /// The receiver of notifications.
    pub notifier: N,
}

impl<N: Notify> SubchannelState<N> {
    /// Returns the state of a subchannel whose device is closed.
    pub fn new(notifier: N) -> Self {
        Self {
            fsm: State::default(),
            generation: 0,
            translating: false,
            must_unpin: false,
            untested: None,
            has_ended: false,
            irbs: IrbQueue::default(),
            crws: CrwQueue::default(),
            notifier,
        }
    }

    /// Makes the transition of `event`. No other function changes the state of the state machine.
    pub fn fire(&mut self, event: Event) -> Result<(), Refusal> {
        self.notifier.event(self.fsm, event);
        self.fsm = self.fsm.next(event)?;

        if matches!(event, Event::Request | Event::Quiesce) {
            self.generation = self.generation.wrapping_add(1);
        }
        Ok(())
    }

    /// Returns the state of the state machine.
    pub fn state(&self) -> State {
        self.fsm
    }

    /// Returns whether a start function is in progress.
    pub fn is_running(&self) -> bool {
        self.fsm == State::Running
    }

    /// Leaves the unpinning of the program to the thread that works on a request to start or resume
    /// one, or on its rest. Returns `false` if there is none.
    pub fn leave_unpinning(&mut self) -> bool {
        self.must_unpin = self.translating;
        self.translating
    }

    /// Returns whether the device is of no use to its user any more.
    pub fn is_not_operational(&self) -> bool {
        self.fsm == State::NotOperational
    }

    /// Records that the device is closed, and drops all IRBs and reports.
    pub fn close(&mut self) {
        // It is refused only while a function is in progress, and the caller has ended them.
        let _ = self.fire(Event::Disabled);
        self.untested = None;
        self.irbs = IrbQueue::default();
        self.crws = CrwQueue::default();
    }

    /// Begins to quiesce the subchannel: cancels a request, and drops the solicited IRBs that wait.
    pub fn quiesce(&mut self) -> Result<(), Refusal> {
        self.fire(Event::Quiesce)?;
        self.irbs.drop_solicited();
        Ok(())
    }

    /// Records that a halt or clear function was initiated to quiesce the subchannel.
    pub fn expect_end(&mut self) {
        self.has_ended = false;
    }

    /// Returns whether a function has ended since [`Self::expect_end`].
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Accepts a request for the start function, and returns its generation.
    ///
    /// Returns `Busy` also when the user has to read IRBs before there is room for another one.
    pub fn request(&mut self) -> Result<u64, Refusal> {
        self.guest_begins();
        self.fire(Event::Request)?;
        self.begin_translation();
        if !self.irbs.has_room() {
            self.cancel_request(self.generation);
            return Err(Refusal::Busy);
        }
        Ok(self.generation)
    }

    /// Accepts a request for a halt or clear function, under the conditions of [`Self::request`].
    pub fn halt_or_clear(&mut self) -> Result<(), Refusal> {
        self.guest_begins();
        self.fire(Event::HaltOrClear)?;
        // Room for the IRB with which it ends a start function is reserved when that is started.
        if !self.is_running() && !self.irbs.has_room() {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// Accepts a request to resume the suspended program. [`Self::end_rest`] must follow.
    pub fn request_resumption(&mut self) -> Result<(), Refusal> {
        self.guest_begins();
        self.fire(Event::Resume)?;
        self.begin_translation();
        Ok(())
    }

    /// Begins to translate the rest of a program that waits for it. [`Self::end_rest`] must follow.
    pub fn request_rest(&mut self) -> Result<(), Refusal> {
        self.fire(Event::Continue)?;
        self.begin_translation();
        Ok(())
    }

    /// Records that this thread works on a request.
    fn begin_translation(&mut self) {
        self.translating = true;
        self.must_unpin = false;
    }

    /// Ends the work on the rest of a program. Returns whether the caller has to unpin the pages of
    /// the program, which a reset has ended.
    pub fn end_rest(&mut self) -> bool {
        self.translating = false;
        core::mem::take(&mut self.must_unpin)
    }

    /// Returns `Ok` if the program of the request of `generation` may be started now.
    ///
    /// Returns `Again` if the request was cancelled, and `Busy` if so many IRBs have come meanwhile
    /// that the user has to read some first.
    pub fn check_request(&self, generation: u64) -> Result<(), Refusal> {
        if self.generation != generation || self.fsm != State::Translating {
            Err(Refusal::Again)
        } else if !self.irbs.has_room() {
            Err(Refusal::Busy)
        } else {
            Ok(())
        }
    }

    /// Records that the program of the request that was checked is started.
    #[inline]
    pub fn started(&mut self) -> Result<(), Refusal> {
        self.translating = false;
        self.fire(Event::Started)
    }

    /// Cancels the request of `generation`, whose program is not started.
    pub fn cancel_request(&mut self, generation: u64) {
        self.translating = false;
        if self.generation == generation {
            // It is refused if the device is gone: then no request is left.
            let _ = self.fire(Event::Cancelled);
        }
    }

    /// Takes the oldest IRB for the user.
    pub fn take_irb(&mut self) -> Option<Entry> {
        let mut entry = self.irbs.pop()?;
        entry.adds = self
            .untested
            .is_some_and(|untested| untested.is_added_to(&entry));
        self.untested = Some(Untested::of(&entry));
        self.notifier.irb_read();
        Some(entry)
    }

    /// Records that the guest begins a function, so that it has tested the IRB that it had.
    fn guest_begins(&mut self) {
        if let Some(untested) = self.untested.take() {
            if untested.answer == Answer::Unsolicited {
                self.notifier.guest_responded();
            }
            self.announce(Irq::Io);
        }
    }

    /// Returns which function solicited the IRB that the guest may not have tested, and whether the
    /// IRB ends a halt or clear function.
    pub fn untested(&self) -> Option<(Answer, bool)> {
        let untested = self.untested?;
        Some((untested.answer, untested.ends_halt_or_clear))
    }

    /// Ends the hold-off that [`Notify::holds_off`] has begun.
    pub fn hold_off_expired(&mut self) {
        if self.untested.is_some() {
            self.announce(Irq::Io);
        }
    }

    /// Returns the queue of the IRBs that wait for the user.
    pub fn irbs(&mut self) -> &mut IrbQueue {
        &mut self.irbs
    }

    /// Takes the oldest channel report for the user.
    pub fn take_crw(&mut self) -> Option<Crw> {
        self.crws.pop()
    }

    /// Returns to the queue the channel report that was taken last, as the user did not get it.
    pub fn put_back_crw(&mut self, crw: Crw) {
        self.crws.put_back(crw);
    }

    /// Signals the user if anything waits that `irq` is for.
    pub fn announce(&mut self, irq: Irq) {
        let waits = match irq {
            Irq::Io => !self.irbs.is_empty(),
            Irq::Crw => !self.crws.is_empty(),
            Irq::Request => false,
        };
        if waits {
            self.signal(irq);
        }
    }

    /// Signals the user; for an IRB only if reading it cannot overwrite one that the guest needs.
    #[inline]
    fn signal(&mut self, irq: Irq) {
        match (irq, self.untested, self.irbs.oldest()) {
            (Irq::Io, Some(untested), Some(next)) if !untested.is_continued_by(next) => {
                if self.notifier.holds_off() {
                    return;
                }
                self.untested = None;
            }
            _ => {}
        }
        self.notifier.signal(irq);
    }

    /// Queues an IRB that the subchannel has presented, and signals the user.
    ///
    /// Returns `None`, and drops the IRB, if it answers a function that [`Self::quiesce`] has
    /// cancelled. Fails with `Unusable` when the device is closed or not operational.
    pub fn push_irb(&mut self, irb: Irb) -> Result<Option<Pushed>, Refusal> {
        let scsw = irb.scsw();
        let ends = scsw.ends_start();

        // In every state, as a device that was given up is quiesced again when it is closed.
        // Intermediate status does not count: a program can present any number of such IRBs, while
        // other status ends the function that it answers.
        self.has_ended |= ends || scsw.stctl().contains(StatusControl::PRIMARY);
        self.fire(Event::Interrupt)?;

        let answer = match scsw.is_solicited() {
            true if self.is_running() => Answer::Start(self.generation),
            true => Answer::HaltOrClear,
            false => Answer::Unsolicited,
        };
        let ends = ends && matches!(answer, Answer::Start(_));

        if self.fsm == State::Quiescing && answer != Answer::Unsolicited {
            return Ok(None);
        }

        let first = self.irbs.is_empty();
        let pushed = self.irbs.push(Entry {
            irb,
            answer,
            ends,
            has_host_addresses: true,
            adds: false,
        });
        if first {
            self.signal(Irq::Io);
        }
        if ends {
            // The table has a transition for this in every state.
            let _ = self.fire(Event::Ended);
        }
        Ok(Some(pushed))
    }

    /// Queues a channel report and signals the user. Returns `false`, and drops the report, when
    /// the device is closed.
    pub fn push_crw(&mut self, crw: Crw) -> bool {
        let is_open = self.fsm != State::Closed;
        if is_open {
            self.crws.push(crw);
            self.signal(Irq::Crw);
        }
        is_open
    }
}
