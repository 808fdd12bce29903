// SPDX-License-Identifier: GPL-2.0

//! Command chaining, status modifier and transfer in channel.

use model::channel::{
    device_status::{
        STATUS_MODIFIER,
        UNIT_CHECK,
        UNIT_EXCEPTION, //
    },
    Ccw,
    Ending,
    Format,
    Step, //
};

use crate::program::{
    alert,
    ccw,
    codes,
    done,
    program_check,
    tic,
    Program,
    DATA,
    ENDED,
    PROGRAM, //
};

fn commands(codes: &[u8]) -> Vec<Ccw> {
    let last = codes.len() - 1;
    (0..)
        .zip(codes)
        .map(|(n, code)| ccw(*code, if n < last { Ccw::CC } else { 0 }, 4, DATA))
        .collect()
}

/// "Command Chaining": the CC flag leads to the next CCW when the device has ended the command.
#[test]
fn command_chaining_goes_on_at_the_next_ccw() {
    let mut program = Program::with(&commands(&[0x01, 0x02, 0x05]));
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(codes(&run), [0x01, 0x02, 0x05]);
    assert_eq!(run.ending, done(PROGRAM + 24, 0));
}

/// "Channel-Command Word", format 0: flags and count are elsewhere, and byte 5 is ignored.
#[test]
fn format_0_programs_run() {
    let mut program = Program::with_format0(&commands(&[0x01, 0x02]));
    program.set(u64::from(PROGRAM) + 5, &[0xff]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(codes(&run), [0x01, 0x02]);
    assert_eq!(run.ending, done(PROGRAM + 16, 0));
}

/// "Command Chaining": unit check and unit exception end the chain, with the CPA of the last CCW
/// used plus 8 ("Channel-Program Address").
#[test]
fn unusual_status_ends_the_chain() {
    for status in [ENDED | UNIT_CHECK, ENDED | UNIT_EXCEPTION, UNIT_CHECK] {
        let mut program = Program::with(&commands(&[0x01, 0x02, 0x05]));
        let run = program.run(&[Step::moves(4), Step::moves(4).with_status(status)]);
        assert_eq!(codes(&run), [0x01, 0x02]);
        assert_eq!(run.ending, alert(status, 0, PROGRAM + 16, Some(0)));
    }
}

/// "Command Chaining": device end with status modifier skips the next CCW.
#[test]
fn status_modifier_steps_over_a_ccw() {
    let mut program = Program::with(&commands(&[0x31, 0x01, 0x02]));
    let run = program.run(&[
        Step::moves(4).with_status(ENDED | STATUS_MODIFIER),
        Step::moves(4),
    ]);
    assert_eq!(codes(&run), [0x31, 0x02]);
    assert_eq!(run.ending, done(PROGRAM + 24, 0));
}

/// "Command Chaining": the usual search, with a transfer back to itself until it finds the record.
#[test]
fn status_modifier_steps_over_a_transfer() {
    let mut program = Program::with(&[
        ccw(0x31, Ccw::CC, 4, DATA),
        tic(PROGRAM),
        ccw(0x06, 0, 4, DATA),
    ]);
    let run = program.run(&[
        Step::moves(4),
        Step::moves(4),
        Step::moves(4).with_status(ENDED | STATUS_MODIFIER),
        Step::moves(4),
    ]);
    assert_eq!(codes(&run), [0x31, 0x31, 0x31, 0x06]);
    assert_eq!(run.ending, done(PROGRAM + 24, 0));
}

/// "Command Chaining": a CCW that is skipped has no effect, whether it chains or not, and even if
/// it is invalid; if it is not skipped it has.
#[test]
fn status_modifier_steps_over_what_would_end_the_program() {
    for (over, ending) in [
        (ccw(0x03, Ccw::SLI, 1, 0), Some(done(PROGRAM + 16, 1))),
        (ccw(0x00, 0, 4, DATA), Some(program_check(PROGRAM + 16))),
        (ccw(0x08, 0, 1, DATA), Some(program_check(PROGRAM + 16))),
        (ccw(0x02, Ccw::CD, 4, DATA), None),
    ] {
        for format in [Format::Zero, Format::One] {
            let ccws = [ccw(0x31, Ccw::CC, 4, DATA), over, ccw(0x06, 0, 4, DATA)];
            let mut program = match format {
                Format::Zero => Program::with_format0(&ccws),
                Format::One => Program::with(&ccws),
            };
            let found = [
                Step::moves(4).with_status(ENDED | STATUS_MODIFIER),
                Step::moves(4),
            ];
            let run = program.run(&found);
            assert_eq!(codes(&run), [0x31, 0x06], "{over:?}");
            assert_eq!(run.ending, done(PROGRAM + 24, 0), "{over:?}");

            // In format 0 the third of them is a transfer.
            let Some(ending) = ending.filter(|_| format == Format::One) else {
                continue;
            };
            let run = program.run(&[Step::moves(4), Step::immediate()]);
            assert_eq!(run.ending, ending, "{over:?}");
        }
    }
}

/// "Channel-Program Address": the target of status modifier counts as a CCW, even if there is none.
#[test]
fn status_modifier_to_where_there_is_no_memory_is_a_program_check_there() {
    let start = PROGRAM + 0xff0;
    let search = [ccw(0x31, Ccw::CC, 4, DATA), ccw(0x03, 0, 1, 0)];
    let mut program = Program::new()
        .put(Format::One, start, &search)
        .request(|request| request.cpa = start);
    let run = program.run(&[Step::moves(4).with_status(ENDED | STATUS_MODIFIER)]);
    assert_eq!(codes(&run), [0x31]);
    assert_eq!(run.ending, program_check(start + 24));
}

/// "Transfer in Channel": in format 0 the left half of the code, flags and count are ignored.
#[test]
fn a_format_0_transfer_has_only_an_address() {
    let target = PROGRAM + 0x100;
    let mut program =
        Program::with_format0(&[ccw(0x01, Ccw::CC, 4, DATA), ccw(0xf8, 0xff, 0xffff, target)]).put(
            Format::Zero,
            target,
            &commands(&[0x02]),
        );
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(codes(&run), [0x01, 0x02]);
    assert_eq!(run.ending, done(target + 8, 0));
}

/// "Transfer in Channel": in format 1 all but the address must be zero.
#[test]
fn a_format_1_transfer_has_nothing_but_an_address() {
    for (bad, target) in [
        (ccw(0x18, 0, 0, PROGRAM), PROGRAM),
        (ccw(0x08, Ccw::SLI, 0, PROGRAM), PROGRAM),
        (ccw(0x08, 0, 1, PROGRAM), PROGRAM),
        (tic(0x8000_0000 | PROGRAM), PROGRAM),
    ] {
        let mut program = Program::with(&[ccw(0x01, Ccw::CC, 4, DATA), bad]);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(codes(&run), [0x01]);
        assert_eq!(run.ending, program_check(target + 16));
    }
}

/// "Transfer in Channel": it cannot be the first CCW of a program.
#[test]
fn a_program_does_not_begin_with_a_transfer() {
    let run = Program::with(&[tic(PROGRAM + 8)]).run(&[]);
    assert_eq!(run.ending, program_check(PROGRAM + 8));
}

/// "Transfer in Channel": one must not lead to another; the second is the invalid one.
#[test]
fn a_transfer_does_not_lead_to_a_transfer() {
    let target = PROGRAM + 0x100;
    let mut program = Program::with(&[ccw(0x01, Ccw::CC, 4, DATA), tic(target)]).put(
        Format::One,
        target,
        &[tic(PROGRAM)],
    );
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(run.ending, program_check(target + 8));
}

/// "Channel-Program Address": an invalid address in a transfer is an error of the transfer.
#[test]
fn a_transfer_to_where_no_ccw_can_be_is_at_fault_itself() {
    for target in [PROGRAM + 4, 0x0005_0000] {
        let mut program = Program::with(&[ccw(0x01, Ccw::CC, 4, DATA), tic(target)]);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(run.ending, program_check(PROGRAM + 16));
    }
}

/// "Channel-Program Address": an invalid address reached by chaining counts as a CCW.
#[test]
fn chaining_to_where_there_is_no_memory_is_a_program_check_there() {
    let start = PROGRAM + 0xff8;
    let mut program = Program::new()
        .put(Format::One, start, &[ccw(0x01, Ccw::CC, 4, DATA)])
        .request(|request| request.cpa = start);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(run.ending, program_check(start + 16));
}

/// A program may run forever; a test may not.
#[test]
fn endless_programs_are_cut() {
    let mut program = Program::with(&[ccw(0x01, Ccw::CC, 4, DATA), tic(PROGRAM)]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(run.ending, Ending::Cut);
    assert_eq!(codes(&run).len(), 100);
}
