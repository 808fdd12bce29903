// SPDX-License-Identifier: GPL-2.0

//! Incorrect length, by the figure on the effect of the flags ("Incorrect Length").

use model::channel::{
    device_status::UNIT_CHECK,
    subchannel_status::INCORRECT_LENGTH,
    Ccw,
    Step, //
};

use crate::program::{
    alert,
    ccw,
    codes,
    done,
    Program,
    DATA,
    ENDED,
    PROGRAM, //
};

/// Runs a command of ten bytes with these flags, which is followed by another command. Returns the
/// number of commands that were run, and whether there is an incorrect length.
fn outcome(flags: u8, step: Step, format0: bool, suppress: bool) -> (usize, bool) {
    let ccws = [ccw(0x02, flags, 10, DATA), ccw(0x05, 0, 4, DATA)];
    let program = if format0 {
        Program::with_format0(&ccws)
    } else {
        Program::with(&ccws)
    };
    let mut program = program.request(|request| request.suppress_length = suppress);
    let run = program.run(&[step, Step::moves(4)]);
    let model::channel::Ending::Done(status) = run.ending else {
        panic!("{run:?}");
    };
    (codes(&run).len(), status.subchannel & INCORRECT_LENGTH != 0)
}

/// The figure, for commands that are not immediate: short, equal and long.
#[test]
fn flags_decide_on_the_length_of_regular_operations() {
    for length in [0, 9, 10, 11] {
        let wrong = length != 10;
        for format0 in [false, true] {
            let run = |flags| outcome(flags, Step::moves(length), format0, true);
            assert_eq!(run(0), (1, wrong), "{length}");
            assert_eq!(run(Ccw::SLI), (1, false), "{length}");
            assert_eq!(run(Ccw::CC), (if wrong { 1 } else { 2 }, wrong), "{length}");
            assert_eq!(run(Ccw::CC | Ccw::SLI), (2, false), "{length}");
        }
    }
    for flags in [Ccw::CD, Ccw::CD | Ccw::SLI, Ccw::CD | Ccw::CC | Ccw::SLI] {
        assert_eq!(outcome(flags, Step::moves(9), false, false), (1, true));
        assert_eq!(outcome(flags, Step::moves(14), false, false), (1, false));
    }
}

/// The figure, for immediate operations: in format 0 and in the incorrect-length-suppression mode
/// (ORB bit L) the length does not matter.
#[test]
fn immediate_operations_have_no_length_where_it_is_suppressed() {
    for (format0, suppress) in [(true, false), (true, true), (false, true)] {
        let run = |flags| outcome(flags, Step::immediate(), format0, suppress);
        assert_eq!(run(0), (1, false));
        assert_eq!(run(Ccw::CC), (2, false));
        assert_eq!(run(Ccw::CD), (1, false));
    }
}

/// The figure, for immediate operations in the incorrect-length-indication mode.
#[test]
fn immediate_operations_have_a_length_where_it_is_indicated() {
    let run = |flags| outcome(flags, Step::immediate(), false, false);
    assert_eq!(run(0), (1, true));
    assert_eq!(run(Ccw::CC), (1, true));
    assert_eq!(run(Ccw::SLI), (1, false));
    assert_eq!(run(Ccw::CC | Ccw::SLI), (2, false));
    assert_eq!(run(Ccw::CD | Ccw::SLI), (1, true));
}

/// "Incorrect Length": there is none where the command was rejected.
#[test]
fn a_rejected_command_has_no_length() {
    let mut program = Program::with(&[ccw(0x02, 0, 10, DATA)]);
    let run = program.run(&[Step::immediate().with_status(UNIT_CHECK)]);
    assert_eq!(run.ending, alert(UNIT_CHECK, 0, PROGRAM + 8, Some(10)));
}

/// "Count": the residual count is the rest of the count of the last CCW.
#[test]
fn the_residual_count_is_that_of_the_last_ccw() {
    for (length, count) in [(0, 10), (9, 1), (10, 0)] {
        let mut program = Program::with(&[ccw(0x02, Ccw::SLI, 10, DATA)]);
        let run = program.run(&[Step::moves(length)]);
        assert_eq!(run.ending, done(PROGRAM + 8, count));
    }
    let mut program = Program::with(&[ccw(0x02, 0, 10, DATA)]);
    let run = program.run(&[Step::moves(11)]);
    assert_eq!(
        run.ending,
        alert(ENDED, INCORRECT_LENGTH, PROGRAM + 8, Some(0))
    );
}

/// "Count" of a CCW: in format 1 zero is valid without data chaining, and moves nothing.
#[test]
fn a_count_of_zero_moves_nothing() {
    let ccws = [ccw(0x02, Ccw::IDA, 0, 0x7fff_ffff)];
    let run = Program::with(&ccws).run(&[Step::moves(0)]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
    let run = Program::with(&ccws).run(&[Step::immediate()]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
    let run = Program::with(&ccws).run(&[Step::moves(1)]);
    assert_eq!(
        run.ending,
        alert(ENDED, INCORRECT_LENGTH, PROGRAM + 8, Some(0))
    );
}
