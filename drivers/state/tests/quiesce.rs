// SPDX-License-Identifier: GPL-2.0

//! Tests of what a reset, a quiesce and a close leave.

#[cfg_attr(CONFIG_RUST, kernel::prelude::kunit_tests(vfio_ccw_state_quiesce))]
mod subchannel_state_quiesce {
    use crate::{
        tests::user::*,
        *, //
    };

    #[test]
    fn a_reset_cancels_a_request() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;

        sch.quiesce()?;
        sch.fire(Event::Enabled)?;
        let next = sch.request()?;
        assert!(sch.check_request(generation) == Err(Refusal::Again));
        sch.cancel_request(generation);
        assert!(sch.check_request(next).is_ok());
        assert!(sch.request() == Err(Refusal::Again));
        Ok(())
    }

    #[test]
    fn a_cancelled_request_is_worked_on_until_its_thread_cancels_it() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;
        assert!(sch.leave_unpinning());
        for _ in 0..2 {
            sch.quiesce()?;
            sch.fire(Event::Enabled)?;
            assert!(sch.leave_unpinning());
        }
        sch.cancel_request(generation);
        assert!(!sch.leave_unpinning());

        sch.request()?;
        sch.started()?;
        assert!(!sch.leave_unpinning());
        Ok(())
    }

    #[test]
    fn a_reset_leaves_unpinning_to_the_thread_that_resumes() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.request_resumption()?;
        sch.quiesce()?;
        // The reset waits for the end of the program: it may still unpin the pages itself.
        assert!(!sch.end_rest());
        assert!(!sch.leave_unpinning());
        sch.fire(Event::Enabled)?;

        let generation = sch.request()?;
        assert!(sch.check_request(generation).is_ok());
        sch.started()?;
        sch.request_resumption()?;
        sch.quiesce()?;
        assert!(sch.leave_unpinning());
        sch.fire(Event::Enabled)?;
        assert!(sch.end_rest());
        assert!(!sch.end_rest());
        Ok(())
    }

    #[test]
    fn the_rest_of_a_program_is_translated_while_it_runs() -> Result<(), Refusal> {
        let mut sch = open();
        assert!(sch.request_rest() == Err(Refusal::Busy));
        let generation = sch.request()?;
        assert!(sch.request_rest() == Err(Refusal::Again));
        sch.started()?;

        // The guest begins nothing by it: it may still have to test an IRB.
        sch.push_irb(irb(START | ACTIVE | INTERMEDIATE))?;
        sch.take_irb();
        sch.request_rest()?;
        assert!(sch.untested() == Some((Answer::Start(generation), false)));
        assert!(!sch.end_rest());

        sch.request_rest()?;
        sch.quiesce()?;
        assert!(sch.leave_unpinning());
        assert!(sch.end_rest());
        assert!(sch.request_rest() == Err(Refusal::Again));
        Ok(())
    }

    #[test]
    fn nothing_is_resumed_without_a_program() -> Result<(), Refusal> {
        let mut sch = open();
        assert!(sch.request_resumption() == Err(Refusal::Busy));
        assert!(!sch.leave_unpinning());
        sch.quiesce()?;
        assert!(sch.request_resumption() == Err(Refusal::Again));
        Ok(())
    }

    #[test]
    fn a_device_that_is_gone_cancels_a_request() -> Result<(), Refusal> {
        let mut sch = open();
        let generation = sch.request()?;
        sch.fire(Event::Gone)?;
        assert!(sch.check_request(generation).is_err());
        sch.cancel_request(generation);
        assert!(sch.is_not_operational());
        Ok(())
    }

    #[test]
    fn solicited_status_of_what_a_reset_has_ended_is_dropped() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.quiesce()?;
        assert!(sch.push_irb(irb(START | PRIMARY | SECONDARY)) == Ok(None));
        assert!(sch.take_irb().is_none());
        assert!(sch.push_irb(irb(ALERT)).is_ok());
        assert!(sch.take_irb().is_some());
        Ok(())
    }

    #[test]
    fn intermediate_and_unsolicited_status_do_not_end_the_wait_of_quiesce() -> Result<(), Refusal> {
        let (mut sch, _) = running()?;
        sch.quiesce()?;
        sch.expect_end();
        for _ in 0..1000 {
            for other in [
                START | ACTIVE | INTERMEDIATE,
                START | HALT | HALT_PENDING | ACTIVE | INTERMEDIATE,
                START | HALT | ACTIVE | INTERMEDIATE,
                CLEAR | CLEAR_PENDING | INTERMEDIATE,
                START | SUSPENDED | INTERMEDIATE,
                ALERT,
            ] {
                assert!(sch.push_irb(irb(other)).is_ok());
                assert!(!sch.has_ended());
            }
        }
        Ok(())
    }

    #[test]
    fn the_end_of_any_function_ends_the_wait_of_quiesce() -> Result<(), Refusal> {
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
                sch.expect_end();
                assert!(!sch.has_ended());
                assert!(sch.push_irb(irb(end)) == Ok(None));
                assert!(sch.has_ended());
            }

            // A device that was given up is quiesced again when it is closed.
            sch.fire(Event::Gone)?;
            sch.quiesce()?;
            sch.expect_end();
            assert!(sch.push_irb(irb(end)) == Err(Refusal::Unusable));
            assert!(sch.has_ended());
        }
        Ok(())
    }

    #[test]
    fn a_new_user_finds_nothing_of_the_one_before() -> Result<(), Refusal> {
        let mut sch = open();
        assert!(sch.push_irb(irb(ALERT)).is_ok());
        sch.push_crw(Crw::path_is_gone(1));
        sch.quiesce()?;
        sch.close();
        assert!(sch.push_irb(irb(ALERT)) == Err(Refusal::Unusable));
        sch.push_crw(Crw::path_is_gone(2));
        sch.fire(Event::Open)?;
        assert!(sch.take_irb().is_none());
        assert!(sch.take_crw().is_none());
        Ok(())
    }
}
