// SPDX-License-Identifier: GPL-2.0

//! The state machine of a subchannel: which event may happen in which state, and the next state.
//!
//! The caller who fires an event holds the subchannel lock, and does what the new state requires
//! before the lock is released.

/// A state of a subchannel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No user has the device open; the subchannel is disabled.
    #[default]
    Closed,
    /// The subchannel is enabled and no start function is in progress.
    Idle,
    /// A program is being translated.
    Translating,
    /// The channel has a program: a start function is in progress.
    Running,
    /// The functions in progress are being ended; no function may be started.
    Quiescing,
    /// The device is gone, or does not end its I/O. Only closing it leads to another state.
    NotOperational,
}

/// An event at a subchannel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A user opens the device; the subchannel is enabled.
    Open,
    /// The user asks for a start function.
    Request,
    /// START SUBCHANNEL has accepted the translated program.
    Started,
    /// The program of the request is not started.
    Cancelled,
    /// The user asks for a halt or clear function.
    HaltOrClear,
    /// The user asks for a suspended program to be resumed.
    Resume,
    /// The rest of a program that waits for it is to be translated.
    Continue,
    /// The subchannel has presented status.
    Interrupt,
    /// The status that was presented ends the start function.
    Ended,
    /// The device is to be reset or closed, or memory of its program is unmapped.
    Quiesce,
    /// The subchannel is idle, and enabled again.
    Enabled,
    /// The subchannel is idle and disabled, and no user has the device open.
    Disabled,
    /// The subchannel or its device is gone.
    Gone,
}

impl Event {
    /// Returns the number in trace points: 0 to 5 are those of the C driver.
    pub const fn number(self) -> i32 {
        match self {
            Self::Gone => 0,
            Self::Request => 1,
            Self::Interrupt => 2,
            Self::HaltOrClear => 3,
            Self::Open => 4,
            Self::Quiesce => 5,
            Self::Started => 6,
            Self::Cancelled => 7,
            Self::Ended => 8,
            Self::Enabled => 9,
            Self::Disabled => 10,
            Self::Resume => 11,
            Self::Continue => 12,
        }
    }
}

/// The reason why an event may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The event may happen shortly.
    Again,
    /// The event may happen after the start function in progress has ended.
    Busy,
    /// The event may not happen: the device is closed or not operational.
    Unusable,
}

impl State {
    /// Returns the number in trace points: 0 to 4 are those of the C driver.
    pub const fn number(self) -> i32 {
        match self {
            Self::NotOperational => 0,
            Self::Closed => 1,
            Self::Idle => 2,
            Self::Translating => 3,
            Self::Running => 4,
            Self::Quiescing => 5,
        }
    }

    /// Returns the state after `event`.
    #[inline]
    pub const fn next(self, event: Event) -> core::result::Result<Self, Refusal> {
        use Event::*;
        use State::*;

        match (self, event) {
            (_, Gone) => Ok(NotOperational),

            (Closed, Open) => Ok(Idle),
            (_, Open) => Err(Refusal::Unusable),

            (Idle, Request) => Ok(Translating),
            (Translating | Quiescing, Request) => Err(Refusal::Again),
            (Running, Request) => Err(Refusal::Busy),
            (Closed | NotOperational, Request) => Err(Refusal::Unusable),

            (Translating, Started) => Ok(Running),
            (Translating, Cancelled) => Ok(Idle),
            (_, Started | Cancelled) => Err(Refusal::Again),

            (Idle | Running, HaltOrClear) => Ok(self),
            (Translating | Quiescing, HaltOrClear) => Err(Refusal::Again),
            (Closed | NotOperational, HaltOrClear) => Err(Refusal::Unusable),

            (Running, Resume | Continue) => Ok(Running),
            (Idle, Resume | Continue) => Err(Refusal::Busy),
            (Translating | Quiescing, Resume | Continue) => Err(Refusal::Again),
            (Closed | NotOperational, Resume | Continue) => Err(Refusal::Unusable),

            (Closed | NotOperational, Interrupt) => Err(Refusal::Unusable),
            (other, Interrupt) => Ok(other),

            (Running, Ended) => Ok(Idle),
            (other, Ended) => Ok(other),

            (Idle | Translating | Running | Quiescing, Quiesce) => Ok(Quiescing),
            // The channel may still have a program, if an earlier attempt to quiesce has failed.
            (NotOperational, Quiesce) => Ok(NotOperational),
            (Closed, Quiesce) => Err(Refusal::Unusable),

            (Quiescing, Enabled) => Ok(Idle),
            (_, Enabled) => Err(Refusal::Unusable),

            (Quiescing | NotOperational | Closed, Disabled) => Ok(Closed),
            (Idle | Translating | Running, Disabled) => Err(Refusal::Busy),
        }
    }
}

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_fsm))]
mod tests {
    use super::{
        Event,
        Refusal,
        State, //
    };

    const EVENTS: [Event; 13] = [
        Event::Open,
        Event::Request,
        Event::Started,
        Event::Cancelled,
        Event::HaltOrClear,
        Event::Interrupt,
        Event::Ended,
        Event::Quiesce,
        Event::Enabled,
        Event::Disabled,
        Event::Gone,
        Event::Resume,
        Event::Continue,
    ];

    const CLOSED: Result<State, Refusal> = Ok(State::Closed);
    const IDLE: Result<State, Refusal> = Ok(State::Idle);
    const TRANSLATING: Result<State, Refusal> = Ok(State::Translating);
    const RUNNING: Result<State, Refusal> = Ok(State::Running);
    const QUIESCING: Result<State, Refusal> = Ok(State::Quiescing);
    const GONE: Result<State, Refusal> = Ok(State::NotOperational);
    const AGAIN: Result<State, Refusal> = Err(Refusal::Again);
    const BUSY: Result<State, Refusal> = Err(Refusal::Busy);
    const NO: Result<State, Refusal> = Err(Refusal::Unusable);

    /// The next state of each state for each of [`EVENTS`].
    #[rustfmt::skip]
    const TABLE: [(State, [Result<State, Refusal>; 13]); 6] = [
        (State::Closed,
         [IDLE, NO, AGAIN, AGAIN, NO, NO, CLOSED, NO, NO, CLOSED, GONE, NO, NO]),
        (State::Idle,
         [NO, TRANSLATING, AGAIN, AGAIN, IDLE, IDLE, IDLE, QUIESCING, NO, BUSY, GONE, BUSY, BUSY]),
        (State::Translating,
         [NO, AGAIN, RUNNING, IDLE, AGAIN, TRANSLATING, TRANSLATING, QUIESCING, NO, BUSY, GONE, AGAIN, AGAIN]),
        (State::Running,
         [NO, BUSY, AGAIN, AGAIN, RUNNING, RUNNING, IDLE, QUIESCING, NO, BUSY, GONE, RUNNING, RUNNING]),
        (State::Quiescing,
         [NO, AGAIN, AGAIN, AGAIN, AGAIN, QUIESCING, QUIESCING, QUIESCING, IDLE, CLOSED, GONE, AGAIN, AGAIN]),
        (State::NotOperational,
         [NO, NO, AGAIN, AGAIN, NO, NO, GONE, GONE, NO, CLOSED, GONE, NO, NO]),
    ];

    #[test]
    fn trace_points_have_the_numbers_of_the_c_driver_and_further_ones() {
        assert!(EVENTS.map(Event::number) == [4, 1, 6, 7, 3, 2, 8, 5, 9, 10, 0, 11, 12]);
        let states = [
            State::NotOperational,
            State::Closed,
            State::Idle,
            State::Translating,
            State::Running,
            State::Quiescing,
        ];
        assert!(states.map(State::number) == [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn every_event_in_every_state_does_what_the_table_says() {
        for (state, row) in TABLE {
            for (event, expected) in EVENTS.iter().zip(row) {
                assert!(state.next(*event) == expected);
            }
        }
    }

    #[test]
    fn a_second_start_is_refused_until_the_first_has_ended() {
        for event in EVENTS {
            let next = State::Running.next(event);
            let accepts = next.is_ok_and(|state| state.next(Event::Request).is_ok());
            assert!(accepts == (event == Event::Ended));
        }
    }

    #[test]
    fn closing_leads_out_of_every_state_once_it_is_quiet() {
        for (state, _) in TABLE {
            let quiet = state.next(Event::Quiesce).unwrap_or(state);
            assert!(quiet.next(Event::Disabled) == CLOSED);
        }
    }

    #[test]
    fn numbers_are_those_of_the_c_driver() {
        for (number, state) in (0..).zip([
            State::NotOperational,
            State::Closed,
            State::Idle,
            State::Translating,
            State::Running,
        ]) {
            assert_eq!(state.number(), number);
        }
        for (number, event) in (0..).zip([
            Event::Gone,
            Event::Request,
            Event::Interrupt,
            Event::HaltOrClear,
            Event::Open,
            Event::Quiesce,
        ]) {
            assert_eq!(event.number(), number);
        }
        for (i, event) in EVENTS.iter().enumerate() {
            for other in EVENTS.iter().skip(i + 1) {
                assert!(event.number() != other.number());
            }
        }
    }
}
