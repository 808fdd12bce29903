// SPDX-License-Identifier: GPL-2.0

//! Tests of [`SubchannelState`](crate::SubchannelState).

mod quiesce;
mod user;

#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_state))]
mod subchannel_state {
    use crate::{
        tests::user::*,
        *, //
    };

    #[test]
    fn a_start_is_over_by_its_status_not_by_its_activity() -> Result<(), Refusal> {
        for unfinished in [
            START | SUSPENDED | INTERMEDIATE,
            START | ACTIVE | INTERMEDIATE,
            START | ACTIVE | PRIMARY,
            START | SUSPENDED | ALERT | INTERMEDIATE,
        ] {
            let (mut sch, generation) = running()?;
            assert!(sch.push_irb(irb(unfinished)) == Ok(Some(Pushed::Queued)));
            assert!(sch.is_running());
            assert!(sch.request() == Err(Refusal::Busy));
            let entry = sch.take_irb();
            assert!(entry.is_some_and(|e| !e.ends && e.answer == Answer::Start(generation)));

            assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
            assert!(!sch.is_running());
            assert!(sch.take_irb().is_some_and(|e| e.ends));
        }
        Ok(())
    }

    #[test]
    fn the_state_is_that_of_the_last_transition() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.state() == State::Running);
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.state() == State::Idle);
        sch.quiesce()?;
        assert!(sch.state() == State::Quiescing);
        sch.close();
        assert!(sch.state() == State::Closed);
        Ok(())
    }

    #[test]
    fn unsolicited_status_ends_no_start() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.push_irb(irb(ALERT)).is_ok());
        assert!(sch.is_running());
        assert!(sch
            .take_irb()
            .is_some_and(|e| !e.ends && e.answer == Answer::Unsolicited));
        Ok(())
    }

    #[test]
    fn an_irb_has_the_generation_of_the_start_that_it_answers() -> Result<(), Refusal> {
        let (mut sch, first) = running()?;
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
        let second = sch.request()?;
        assert!(second != first);
        sch.started()?;
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());

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
            assert!(sch.push_irb(irb(function)).is_ok());
            assert!(!sch.is_running());
            assert!(sch
                .take_irb()
                .is_some_and(|e| e.ends && e.answer == Answer::Start(generation)));

            sch.halt_or_clear()?;
            assert!(sch.push_irb(irb(function)).is_ok());
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
    fn a_user_who_reads_no_irb_cannot_begin_a_function() -> Result<(), Refusal> {
        let mut sch = open();
        while sch.request().is_ok() {
            sch.started()?;
            assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)) == Ok(Some(Pushed::Queued)));
        }
        assert!(sch.irbs().len() == 15);
        assert!(sch.halt_or_clear() == Err(Refusal::Busy));
        assert!(sch.take_irb().is_some());
        assert!(sch.halt_or_clear().is_ok());
        assert!(sch.request().is_ok());
        Ok(())
    }

    #[test]
    fn a_running_program_can_be_ended_however_many_irbs_wait() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        for _ in 0..100 {
            assert!(sch.push_irb(irb(ALERT)).is_ok());
        }
        sch.halt_or_clear()?;
        assert!(sch.push_irb(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        assert!(!sch.is_running());
        Ok(())
    }

    #[test]
    fn the_first_irb_is_announced_and_each_that_is_left_after_a_read() -> Result<(), Refusal> {
        let mut sch = open();
        for _ in 0..3 {
            assert!(sch.push_irb(irb(ALERT)).is_ok());
        }
        assert!(sch.notifier.signals == 1);
        for announced in [2, 3, 3] {
            assert!(sch.take_irb().is_some());
            sch.announce(Irq::Io);
            assert!(sch.notifier.signals == announced);
        }
        Ok(())
    }

    /// Returns a subchannel whose user has just read an unsolicited IRB; the next one is held off.
    fn holding_off() -> Subchannel {
        let mut sch = open();
        sch.notifier.holds_off = true;
        for _ in 0..2 {
            assert!(sch.push_irb(irb(ALERT)).is_ok());
        }
        assert!(sch.take_irb().is_some());
        sch.announce(Irq::Io);
        assert!(sch.notifier.signals == 1);
        sch
    }

    #[test]
    fn unsolicited_status_is_held_off_until_the_time_is_over() -> Result<(), Refusal> {
        let mut sch = holding_off();
        assert!(sch.push_irb(irb(ALERT)).is_ok());
        sch.hold_off_expired();
        assert!(sch.notifier.signals == 1);

        sch.notifier.holds_off = false;
        sch.hold_off_expired();
        assert!(sch.notifier.signals == 2);
        sch.hold_off_expired();
        assert!(sch.notifier.signals == 2);
        Ok(())
    }

    #[test]
    fn a_function_shows_that_the_guest_has_tested_its_status() -> Result<(), Refusal> {
        let mut sch = holding_off();
        sch.request()?;
        assert!(sch.notifier.signals == 2);
        assert!(sch.notifier.responses == 1);

        let mut sch = holding_off();
        sch.halt_or_clear()?;
        assert!(sch.notifier.signals == 2);
        assert!(sch.halt_or_clear().is_ok());
        assert!(sch.notifier.signals == 2);
        assert!(sch.notifier.responses == 1);
        Ok(())
    }

    #[test]
    fn only_a_response_to_unsolicited_status_counts_for_the_hold_off() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.take_irb().is_some());
        sch.request()?;
        assert!(sch.notifier.responses == 0);
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
            assert!(sch.push_irb(irb(first)).is_ok());
            assert!(sch.notifier.signals == 1);
            assert!(sch.take_irb().is_some_and(|entry| !entry.adds));
            assert!(sch.push_irb(irb(second)).is_ok());
            assert!(sch.notifier.signals == 2);
            assert!(sch.take_irb().is_some_and(|entry| entry.adds));
        }
        Ok(())
    }

    #[test]
    fn status_is_added_to_none_that_the_guest_has_tested_or_that_is_of_another_function(
    ) -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        assert!(sch.push_irb(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
        assert!(sch.take_irb().is_some());
        assert!(sch.request() == Err(Refusal::Busy));
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.take_irb().is_some_and(|entry| !entry.adds));

        sch.request()?;
        sch.started()?;
        assert!(sch.push_irb(irb(ALERT)).is_ok());
        assert!(sch.take_irb().is_some_and(|entry| !entry.adds));
        sch.notifier.holds_off = true;
        let before = sch.notifier.signals;
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)).is_ok());
        assert!(sch.notifier.signals == before);
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
            assert!(sch.push_irb(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
            assert!(sch.take_irb().is_some());
            let before = sch.notifier.signals;
            assert!(sch.push_irb(irb(function)).is_ok());
            assert!(sch.notifier.signals == before + 1);
            assert!(sch
                .take_irb()
                .is_some_and(|entry| entry.ends && !entry.adds));
        }
        Ok(())
    }

    #[test]
    fn a_program_is_not_started_when_there_is_no_room_for_its_irbs() -> Result<(), Refusal> {
        let mut sch = open();
        for _ in 0..14 {
            assert!(sch.push_irb(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        }
        let generation = sch.request()?;
        assert!(sch.push_irb(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
        assert!(sch.check_request(generation) == Err(Refusal::Busy));
        sch.cancel_request(generation);
        assert!(sch.take_irb().is_some());
        let generation = sch.request()?;
        assert!(sch.check_request(generation).is_ok());
        Ok(())
    }

    #[test]
    fn the_end_of_a_program_that_is_halted_or_cleared_has_an_irb_of_its_own() -> Result<(), Refusal>
    {
        for function in [HALT, CLEAR] {
            let mut sch = open();
            for _ in 0..14 {
                assert!(sch.push_irb(irb(CLEAR)) == Ok(Some(Pushed::Queued)));
            }
            sch.request()?;
            sch.started()?;
            for _ in 0..100 {
                assert!(sch.push_irb(irb(START | ACTIVE | INTERMEDIATE)).is_ok());
                assert!(sch.push_irb(irb(ALERT)).is_ok());
            }
            sch.halt_or_clear()?;
            assert!(sch.push_irb(irb(function)) == Ok(Some(Pushed::Queued)));

            let mut last = None;
            while let Some(entry) = sch.take_irb() {
                last = Some(entry.irb.scsw());
            }
            assert!(last == Some(irb(function).scsw()));
        }
        Ok(())
    }

    #[test]
    fn reports_are_announced_to_the_user_of_an_open_device_until_they_are_read() {
        let mut sch = SubchannelState::new(User::default());
        assert!(!sch.push_crw(Crw::path_is_gone(1)));
        assert!(sch.take_crw().is_none());
        assert!(sch.notifier.reports == 0);

        let mut sch = open();
        assert!(sch.push_crw(Crw::path_is_gone(2)));
        assert!(sch.notifier.reports == 1);
        let report = sch.take_crw();
        assert!(report == Some(Crw::path_is_gone(2)));
        sch.announce(Irq::Crw);
        assert!(sch.notifier.reports == 1);

        // The user did not get it.
        sch.put_back_crw(Crw::path_is_gone(2));
        sch.announce(Irq::Crw);
        assert!(sch.notifier.reports == 2);
        assert!(sch.take_crw() == report);
    }

    #[test]
    fn the_irb_that_the_guest_may_not_have_tested_is_known() {
        let mut sch = open();
        assert!(sch.untested().is_none());
        for (control, answer, ends) in [
            (ALERT, Answer::Unsolicited, false),
            (CLEAR, Answer::HaltOrClear, true),
        ] {
            assert!(sch.push_irb(irb(control)).is_ok());
            assert!(sch.take_irb().is_some());
            assert!(sch.untested() == Some((answer, ends)));
        }
        sch.close();
        assert!(sch.untested().is_none());
    }
}
