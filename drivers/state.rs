// SPDX-License-Identifier: GPL-2.0

//! What is kept of a subchannel under its lock, and what becomes of it.
//!
//! Like the table of [`fsm`] it knows neither hardware nor kernel, so that a host can
//! explore it (`tests/explorer`); what it tells the user goes through [`Notify`].

// By their paths, as `tests/explorer` includes this file by its own.
#[path = "state/crw_queue.rs"]
mod crw_queue;
#[path = "state/fsm.rs"]
mod fsm;
#[path = "state/irb_queue.rs"]
mod irb_queue;
#[path = "state/ring.rs"]
mod ring;

pub(crate) use {
    crw_queue::Crw,
    fsm::{
        Event,
        Refusal,
        State, //
    },
    irb_queue::{
        Answer,
        Entry,
        Pushed, //
    },
};

use ccwchain::{
    irb::Irb,
    scsw::StatusControl, //
};
use crw_queue::CrwQueue;
use irb_queue::IrbQueue;

/// An interrupt of the VFIO device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Irq {
    /// Status can be taken from region 0.
    Io,
    /// A channel report can be taken from region 3.
    Crw,
    /// The host wants the device back.
    Request,
}

/// Who is told of what happens.
pub(crate) trait Notify {
    /// `event` comes in `state`.
    fn fires(&mut self, state: State, event: Event);

    /// The user is to be interrupted.
    fn interrupt(&mut self, irq: Irq);

    /// The user takes status.
    fn takes_status(&mut self);

    /// Notes that the guest begins a function, and that the status which the user took last was
    /// unsolicited.
    fn guest_answers(&mut self);

    /// Returns whether other status is held off still, as the guest may not have tested the status that the
    /// user took last. Then [`SubchannelState::hold_off_is_over`] follows.
    fn holds_off(&mut self) -> bool;
}

/// The status that the user took last, while it is not known that the guest has tested it.
#[derive(Clone, Copy)]
struct Untested {
    answer: Answer,
    ends_halt_or_clear: bool,
}

impl Untested {
    fn of(entry: &Entry) -> Self {
        Self {
            answer: entry.answer,
            ends_halt_or_clear: entry.irb.scsw().ends_halt_or_clear(),
        }
    }

    /// Returns whether `next` is of the same function, so that the guest needs both, or `next` only.
    fn goes_on_with(&self, next: &Entry) -> bool {
        self.answer == next.answer && next.answer != Answer::Unsolicited
    }

    /// Returns whether the guest needs both: the end of a halt or clear function makes void what came
    /// before it.
    fn is_added_to(&self, next: &Entry) -> bool {
        self.goes_on_with(next) && !self.ends_halt_or_clear && !next.irb.scsw().ends_halt_or_clear()
    }
}

/// What is kept of a subchannel under its lock.
#[derive(Clone)]
pub(crate) struct SubchannelState<O> {
    fsm: State,
    /// Counts the requests for the start function, and what makes them void. A translated program
    /// may only be started if the number is still that of its request.
    generation: u64,
    /// Whether a request is being worked on, even if it has become void meanwhile.
    translating: bool,
    /// The status that QEMU may still have for its guest. QEMU keeps one, and the next that it reads takes
    /// the place of one that the guest has not tested: so the next is added to it, or held off.
    ///
    /// While this is `Some`, no status waits that was announced, unless it goes on with the same function.
    untested: Option<Untested>,
    /// Tells whether a function has come to an end since [`Self::expect_answer`].
    answered: bool,
    irbs: IrbQueue,
    crws: CrwQueue,
    pub(crate) notifier: O,
}

impl<O: Notify> SubchannelState<O> {
    /// Returns the state of a subchannel that nobody has open.
    pub(crate) fn new(notifier: O) -> Self {
        Self {
            fsm: State::default(),
            generation: 0,
            translating: false,
            untested: None,
            answered: false,
            irbs: IrbQueue::default(),
            crws: CrwQueue::default(),
            notifier,
        }
    }

    /// Makes the transition of `event`: the one place where the state changes.
    pub(crate) fn fire(&mut self, event: Event) -> Result<(), Refusal> {
        self.notifier.fires(self.fsm, event);
        self.fsm = self.fsm.next(event)?;

        if matches!(event, Event::Request | Event::Quiesce) {
            self.generation = self.generation.wrapping_add(1);
        }
        Ok(())
    }

    /// Returns where the subchannel is.
    pub(crate) fn state(&self) -> State {
        self.fsm
    }

    /// Whether the channel has a program.
    pub(crate) fn is_running(&self) -> bool {
        self.fsm == State::Running
    }

    /// Whether a request is being worked on. Whoever does so unpins what it has pinned, if the
    /// request becomes void.
    pub(crate) fn is_translating(&self) -> bool {
        self.translating
    }

    /// Whether the subchannel is of no use to its user any more.
    pub(crate) fn is_not_operational(&self) -> bool {
        self.fsm == State::NotOperational
    }

    /// Nobody has the device open any more.
    pub(crate) fn close(&mut self) {
        // It is refused only while something is in progress, which was ended before.
        let _ = self.fire(Event::Disabled);
        self.untested = None;
        self.irbs = IrbQueue::default();
        self.crws = CrwQueue::default();
    }

    /// Begins to end whatever the subchannel is doing. Answers that the user has not taken are
    /// dropped.
    pub(crate) fn quiesce(&mut self) -> Result<(), Refusal> {
        self.fire(Event::Quiesce)?;
        self.irbs.forget_answers();
        Ok(())
    }

    /// Notes that a halt or clear function was initiated to end what the subchannel is doing.
    pub(crate) fn expect_answer(&mut self) {
        self.answered = false;
    }

    /// Returns whether that function, or what it is to end, is over.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Accepts a request for the start function, and returns its generation.
    ///
    /// `Busy` also when the user has to take status before there can be more of it.
    pub(crate) fn request(&mut self) -> Result<u64, Refusal> {
        self.guest_begins();
        self.fire(Event::Request)?;
        self.translating = true;
        if !self.irbs.has_room() {
            self.abandon(self.generation);
            return Err(Refusal::Busy);
        }
        Ok(self.generation)
    }

    /// Accepts a request for a halt or clear function, as [`Self::request`] does.
    pub(crate) fn halt_or_clear(&mut self) -> Result<(), Refusal> {
        self.guest_begins();
        self.fire(Event::HaltOrClear)?;
        // Room for the status with which it ends a start function is kept from the start on.
        if !self.is_running() && !self.irbs.has_room() {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// Returns whether the program of the request of `generation` may be started now.
    ///
    /// `Busy` when so much status has come meanwhile that the user has to take some first.
    pub(crate) fn check(&self, generation: u64) -> Result<(), Refusal> {
        if self.generation != generation || self.fsm != State::Translating {
            Err(Refusal::Again)
        } else if !self.irbs.has_room() {
            Err(Refusal::Busy)
        } else {
            Ok(())
        }
    }

    /// The program of the request that was checked is started.
    #[inline]
    pub(crate) fn started(&mut self) -> Result<(), Refusal> {
        self.translating = false;
        self.fire(Event::Started)
    }

    /// The request of `generation` is given up.
    pub(crate) fn abandon(&mut self, generation: u64) {
        self.translating = false;
        if self.generation == generation {
            // It is refused if the device is gone, which is as good.
            let _ = self.fire(Event::Abandoned);
        }
    }

    /// Takes the oldest status.
    pub(crate) fn take_irb(&mut self) -> Option<Entry> {
        let mut entry = self.irbs.pop()?;
        entry.adds = self
            .untested
            .is_some_and(|untested| untested.is_added_to(&entry));
        self.untested = Some(Untested::of(&entry));
        self.notifier.takes_status();
        Some(entry)
    }

    /// The guest begins a function, so it has tested the status that there was.
    fn guest_begins(&mut self) {
        if let Some(untested) = self.untested.take() {
            if untested.answer == Answer::Unsolicited {
                self.notifier.guest_answers();
            }
            self.announce(Irq::Io);
        }
    }

    #[cfg(not(CONFIG_RUST))]
    pub(crate) fn untested(&self) -> Option<(Answer, bool)> {
        let untested = self.untested?;
        Some((untested.answer, untested.ends_halt_or_clear))
    }

    /// The time has passed for which [`Notify::holds_off`] has held off status.
    pub(crate) fn hold_off_is_over(&mut self) {
        if self.untested.is_some() {
            self.announce(Irq::Io);
        }
    }

    /// The status that waits for the user.
    pub(crate) fn irbs(&mut self) -> &mut IrbQueue {
        &mut self.irbs
    }

    /// Takes the oldest channel report.
    pub(crate) fn take_crw(&mut self) -> Option<Crw> {
        self.crws.pop()
    }

    /// The user did not get the channel report that was taken last.
    pub(crate) fn put_back_crw(&mut self, crw: Crw) {
        self.crws.put_back(crw);
    }

    /// Tells the user again if there is something to take.
    pub(crate) fn announce(&mut self, irq: Irq) {
        let waits = match irq {
            Irq::Io => !self.irbs.is_empty(),
            Irq::Crw => !self.crws.is_empty(),
            Irq::Request => false,
        };
        if waits {
            self.interrupt_user(irq);
        }
    }

    /// Interrupts the user, for status only when it makes no other void.
    #[inline]
    fn interrupt_user(&mut self, irq: Irq) {
        match (irq, self.untested, self.irbs.oldest()) {
            (Irq::Io, Some(untested), Some(next)) if !untested.goes_on_with(next) => {
                if self.notifier.holds_off() {
                    return;
                }
                self.untested = None;
            }
            _ => {}
        }
        self.notifier.interrupt(irq);
    }

    /// Queues the status that the subchannel has presented, and tells the user. Returns `None` when
    /// it answers what was taken back.
    ///
    /// `Unusable` when there is no user for it.
    pub(crate) fn interrupt(&mut self, irb: Irb) -> Result<Option<Pushed>, Refusal> {
        let scsw = irb.scsw();
        let ends = scsw.ends_start();

        // In every state, as a device that was given up is ended once more when it is closed.
        // Intermediate status does not count: a program can present any number of it, while other
        // status takes away the function that it answers.
        self.answered |= ends || scsw.stctl().contains(StatusControl::PRIMARY);
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
            host: true,
            adds: false,
        });
        if first {
            self.interrupt_user(Irq::Io);
        }
        if ends {
            // The table ends a start function in progress without fail.
            let _ = self.fire(Event::Ended);
        }
        Ok(Some(pushed))
    }

    /// Queues a channel report and tells the user, if there is one. Returns whether there is.
    pub(crate) fn report(&mut self, crw: Crw) -> bool {
        let has_user = self.fsm != State::Closed;
        if has_user {
            self.crws.push(crw);
            self.interrupt_user(Irq::Crw);
        }
        has_user
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_state))]
mod tests {
    use super::*;
    use ccwchain::scsw::Scsw;

    const START: u32 = 0x4000;
    const HALT: u32 = 0x2000;
    const CLEAR: u32 = 0x1000;
    const HALT_PENDING: u32 = 0x0200;
    const CLEAR_PENDING: u32 = 0x0100;
    const SUSPENDED: u32 = 0x0020;
    const ACTIVE: u32 = 0x00c0;
    const ALERT: u32 = 0x10;
    const INTERMEDIATE: u32 = 0x08;
    const PRIMARY: u32 = 0x04;
    const SECONDARY: u32 = 0x02;
    const PENDING: u32 = 0x01;

    /// Counts the I/O interrupts, and answers of the guest; other status is held off for as long as this
    /// says.
    #[derive(Default)]
    struct User {
        interrupts: u32,
        answers: u32,
        holds_off: bool,
    }

    impl Notify for User {
        fn fires(&mut self, _: State, _: Event) {}

        fn interrupt(&mut self, irq: Irq) {
            if irq == Irq::Io {
                self.interrupts += 1;
            }
        }

        fn takes_status(&mut self) {}

        fn guest_answers(&mut self) {
            self.answers += 1;
        }

        fn holds_off(&mut self) -> bool {
            self.holds_off
        }
    }

    type Subchannel = SubchannelState<User>;

    fn irb(control: u32) -> Irb {
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words([control | PENDING, 0, 0]));
        irb
    }

    fn open() -> Subchannel {
        let mut sch = SubchannelState::new(User::default());
        let _ = sch.fire(Event::Open);
        sch
    }

    /// A subchannel with a start function in progress, and its generation.
    fn running() -> Result<(Subchannel, u64), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;
        sch.started()?;
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
            assert!(sch.interrupt(irb(unfinished)) == Ok(Some(Pushed::Queued)));
            assert!(sch.is_running());
            assert!(sch.request() == Err(Refusal::Busy));
            let entry = sch.take_irb();
            assert!(entry.is_some_and(|e| !e.ends && e.answer == Answer::Start(generation)));

            assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());
            assert!(!sch.is_running());
            assert!(sch.take_irb().is_some_and(|e| e.ends));
        }
        Ok(())
    }

    #[test]
    fn what_the_device_says_by_itself_ends_no_start() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.interrupt(irb(ALERT)).is_ok());
        assert!(sch.is_running());
        assert!(sch
            .take_irb()
            .is_some_and(|e| !e.ends && e.answer == Answer::Unsolicited));
        Ok(())
    }

    #[test]
    fn status_is_tagged_with_the_start_that_it_answers() -> Result<(), Refusal> {
        let (mut sch, first) = running()?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());
        let second = sch.request()?;
        assert!(second != first);
        sch.started()?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());

        for generation in [first, second] {
            let entry = sch.take_irb();
            assert!(entry.is_some_and(|e| e.answer == Answer::Start(generation)));
        }
        Ok(())
    }

    #[test]
    fn a_halt_or_clear_ends_the_start_that_it_meets_and_no_later_one() -> Result<(), Refusal> {
        for function in [HALT, CLEAR] {
            let (mut sch, generation) = running()?;
            sch.halt_or_clear()?;
            assert!(sch.is_running());
            assert!(sch.interrupt(irb(function)).is_ok());
            assert!(!sch.is_running());
            assert!(sch
                .take_irb()
                .is_some_and(|e| e.ends && e.answer == Answer::Start(generation)));

            sch.halt_or_clear()?;
            assert!(sch.interrupt(irb(function)).is_ok());
            sch.request()?;
            sch.started()?;
            assert!(sch
                .take_irb()
                .is_some_and(|e| !e.ends && e.answer == Answer::HaltOrClear));
            assert!(sch.is_running());
        }
        Ok(())
    }

    #[test]
    fn a_user_who_takes_no_status_cannot_begin_a_function() -> Result<(), Refusal> {
        let mut sch = open();
        while sch.request().is_ok() {
            sch.started()?;
            assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)) == Ok(Some(Pushed::Queued)));
        }
        assert!(sch.irbs().len() == 15);
        assert!(sch.halt_or_clear() == Err(Refusal::Busy));
        assert!(sch.take_irb().is_some());
        assert!(sch.halt_or_clear().is_ok());
        assert!(sch.request().is_ok());
        Ok(())
    }

    #[test]
    fn a_running_program_can_be_ended_however_much_status_waits() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        for _ in 0..100 {
            assert!(sch.interrupt(irb(ALERT)).is_ok());
        }
        sch.halt_or_clear()?;
        assert!(sch.interrupt(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        assert!(!sch.is_running());
        Ok(())
    }

    #[test]
    fn the_first_status_is_announced_and_each_that_is_left_after_one_is_taken(
    ) -> Result<(), Refusal> {
        let mut sch = open();
        for _ in 0..3 {
            assert!(sch.interrupt(irb(ALERT)).is_ok());
        }
        assert!(sch.notifier.interrupts == 1);
        for announced in [2, 3, 3] {
            assert!(sch.take_irb().is_some());
            sch.announce(Irq::Io);
            assert!(sch.notifier.interrupts == announced);
        }
        Ok(())
    }

    /// A subchannel whose user has taken one status just now, and not been told of the next.
    fn holding_off() -> Subchannel {
        let mut sch = open();
        sch.notifier.holds_off = true;
        for _ in 0..2 {
            assert!(sch.interrupt(irb(ALERT)).is_ok());
        }
        assert!(sch.take_irb().is_some());
        sch.announce(Irq::Io);
        assert!(sch.notifier.interrupts == 1);
        sch
    }

    #[test]
    fn status_of_the_devices_own_is_held_off_until_the_guest_has_had_time() -> Result<(), Refusal> {
        let mut sch = holding_off();
        assert!(sch.interrupt(irb(ALERT)).is_ok());
        sch.hold_off_is_over();
        assert!(sch.notifier.interrupts == 1);

        sch.notifier.holds_off = false;
        sch.hold_off_is_over();
        assert!(sch.notifier.interrupts == 2);
        sch.hold_off_is_over();
        assert!(sch.notifier.interrupts == 2);
        Ok(())
    }

    #[test]
    fn a_function_shows_that_the_guest_has_tested_its_status() -> Result<(), Refusal> {
        let mut sch = holding_off();
        sch.request()?;
        assert!(sch.notifier.interrupts == 2);
        assert!(sch.notifier.answers == 1);

        let mut sch = holding_off();
        sch.halt_or_clear()?;
        assert!(sch.notifier.interrupts == 2);
        assert!(sch.halt_or_clear().is_ok());
        assert!(sch.notifier.interrupts == 2);
        assert!(sch.notifier.answers == 1);
        Ok(())
    }

    #[test]
    fn only_an_answer_to_the_devices_own_status_tells_how_fast_the_guest_is() -> Result<(), Refusal>
    {
        let (mut sch, _) = running()?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.take_irb().is_some());
        sch.request()?;
        assert!(sch.notifier.answers == 0);
        Ok(())
    }

    #[test]
    fn split_ending_status_is_announced_at_once_and_accumulated() -> Result<(), Refusal> {
        for (first, second) in [
            (START | ACTIVE | PRIMARY, SECONDARY),
            (START | ACTIVE | INTERMEDIATE, START | PRIMARY | SECONDARY),
            (START | SUSPENDED | INTERMEDIATE, START | ACTIVE | PRIMARY),
        ] {
            let (mut sch, _) = running()?;
            sch.notifier.holds_off = true;
            assert!(sch.interrupt(irb(first)).is_ok());
            assert!(sch.notifier.interrupts == 1);
            assert!(sch.take_irb().is_some_and(|entry| !entry.adds));
            assert!(sch.interrupt(irb(second)).is_ok());
            assert!(sch.notifier.interrupts == 2);
            assert!(sch.take_irb().is_some_and(|entry| entry.adds));
        }
        Ok(())
    }

    #[test]
    fn status_is_added_to_none_that_the_guest_has_tested_or_that_is_of_another_function(
    ) -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.interrupt(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
        assert!(sch.take_irb().is_some());
        assert!(sch.request() == Err(Refusal::Busy));
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.take_irb().is_some_and(|entry| !entry.adds));

        sch.request()?;
        sch.started()?;
        assert!(sch.interrupt(irb(ALERT)).is_ok());
        assert!(sch.take_irb().is_some_and(|entry| !entry.adds));
        sch.notifier.holds_off = true;
        let before = sch.notifier.interrupts;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.notifier.interrupts == before);
        assert!(sch.take_irb().is_some_and(|entry| !entry.adds));
        Ok(())
    }

    #[test]
    fn the_end_of_a_halt_or_clear_function_is_announced_at_once_and_added_to_nothing(
    ) -> Result<(), Refusal> {
        for function in [HALT, CLEAR] {
            let (mut sch, _) = running()?;
            sch.notifier.holds_off = true;
            sch.halt_or_clear()?;
            assert!(sch.interrupt(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
            assert!(sch.take_irb().is_some());
            let before = sch.notifier.interrupts;
            assert!(sch.interrupt(irb(function)).is_ok());
            assert!(sch.notifier.interrupts == before + 1);
            assert!(sch
                .take_irb()
                .is_some_and(|entry| entry.ends && !entry.adds));
        }
        Ok(())
    }

    #[test]
    fn a_reset_makes_a_request_void() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;

        sch.quiesce()?;
        sch.fire(Event::Enabled)?;
        let next = sch.request()?;
        assert!(sch.check(generation) == Err(Refusal::Again));
        sch.abandon(generation);
        assert!(sch.check(next).is_ok());
        assert!(sch.request() == Err(Refusal::Again));
        Ok(())
    }

    #[test]
    fn a_void_request_is_worked_on_until_it_is_given_up() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;
        assert!(sch.is_translating());
        for _ in 0..2 {
            sch.quiesce()?;
            sch.fire(Event::Enabled)?;
            assert!(sch.is_translating());
        }
        sch.abandon(generation);
        assert!(!sch.is_translating());

        sch.request()?;
        sch.started()?;
        assert!(!sch.is_translating());
        Ok(())
    }

    #[test]
    fn a_program_is_not_started_when_its_status_would_find_no_room() -> Result<(), Refusal> {
        let mut sch = open();
        for _ in 0..14 {
            assert!(sch.interrupt(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        }
        let generation = sch.request()?;
        assert!(sch.interrupt(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        assert!(sch.check(generation) == Err(Refusal::Busy));
        sch.abandon(generation);
        assert!(sch.take_irb().is_some());
        let generation = sch.request()?;
        assert!(sch.check(generation).is_ok());
        Ok(())
    }

    #[test]
    fn a_device_that_goes_makes_a_request_void() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;
        sch.fire(Event::Gone)?;
        assert!(sch.check(generation).is_err());
        sch.abandon(generation);
        assert!(sch.is_not_operational());
        Ok(())
    }

    #[test]
    fn answers_to_what_a_reset_has_ended_are_dropped() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.quiesce()?;
        assert!(sch.interrupt(irb(START | PRIMARY | SECONDARY)) == Ok(None));
        assert!(sch.take_irb().is_none());
        assert!(sch.interrupt(irb(ALERT)).is_ok());
        assert!(sch.take_irb().is_some());
        Ok(())
    }

    #[test]
    fn no_storm_of_status_is_an_answer_to_who_ends_it() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.quiesce()?;
        sch.expect_answer();
        for _ in 0..1000 {
            for other in [
                START | ACTIVE | INTERMEDIATE,
                START | HALT | HALT_PENDING | ACTIVE | INTERMEDIATE,
                START | HALT | ACTIVE | INTERMEDIATE,
                CLEAR | CLEAR_PENDING | INTERMEDIATE,
                START | SUSPENDED | INTERMEDIATE,
                ALERT,
            ] {
                assert!(sch.interrupt(irb(other)).is_ok());
                assert!(!sch.is_answered());
            }
        }
        Ok(())
    }

    #[test]
    fn the_end_of_any_function_is_an_answer_to_who_ends_it() -> Result<(), Refusal> {
        for end in [
            CLEAR,
            START | HALT,
            // Hercules keeps the activity of a program that is halted.
            START | HALT | ACTIVE,
            START | HALT | SUSPENDED | INTERMEDIATE,
            START | HALT | HALT_PENDING | PRIMARY | SECONDARY,
            START | HALT | HALT_PENDING | ACTIVE | PRIMARY,
            START | PRIMARY | SECONDARY,
            SECONDARY,
        ] {
            let (mut sch, _) = running()?;
            sch.quiesce()?;
            for _ in 0..2 {
                sch.expect_answer();
                assert!(!sch.is_answered());
                assert!(sch.interrupt(irb(end)) == Ok(None));
                assert!(sch.is_answered());
            }

            // A device that was given up is tried again when it is closed.
            sch.fire(Event::Gone)?;
            sch.quiesce()?;
            sch.expect_answer();
            assert!(sch.interrupt(irb(end)) == Err(Refusal::Unusable));
            assert!(sch.is_answered());
        }
        Ok(())
    }

    #[test]
    fn the_end_of_a_running_program_that_is_halted_or_cleared_comes_by_itself(
    ) -> Result<(), Refusal> {
        for function in [HALT, CLEAR] {
            let mut sch = open();
            for _ in 0..14 {
                assert!(sch.interrupt(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
            }
            sch.request()?;
            sch.started()?;
            for _ in 0..100 {
                assert!(sch.interrupt(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
                assert!(sch.interrupt(irb(ALERT)).is_ok());
            }
            sch.halt_or_clear()?;
            assert!(sch.interrupt(irb(function)) == Ok(Some(Pushed::Queued)));

            let mut last = None;
            while let Some(entry) = sch.take_irb() {
                last = Some(entry.irb.scsw());
            }
            assert!(last == Some(irb(function).scsw()));
        }
        Ok(())
    }

    #[test]
    fn a_new_user_finds_nothing_of_the_last_ones() -> Result<(), Refusal> {
        let mut sch = open();
        assert!(sch.interrupt(irb(ALERT)).is_ok());
        sch.report(Crw::path_is_gone(1));
        sch.quiesce()?;
        sch.close();
        assert!(sch.interrupt(irb(ALERT)) == Err(Refusal::Unusable));
        sch.report(Crw::path_is_gone(2));
        sch.fire(Event::Open)?;
        assert!(sch.take_irb().is_none());
        assert!(sch.take_crw().is_none());
        Ok(())
    }
}
