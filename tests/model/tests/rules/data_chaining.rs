// SPDX-License-Identifier: GPL-2.0

//! Data chaining.

use model::channel::{
    device_status::STATUS_MODIFIER,
    subchannel_status::INCORRECT_LENGTH,
    Ccw,
    Format,
    Step, //
};

use crate::program::{
    alert,
    ccw,
    codes,
    data,
    done,
    tic,
    transfer_check,
    Program,
    DATA,
    ENDED,
    PROGRAM, //
};

/// "Data Chaining": the command of the first CCW stays in effect, whatever the codes of the others.
#[test]
fn the_command_in_effect_is_that_of_the_first_ccw() {
    for code in [0x00, 0x01, 0x0c, 0x02, 0xff] {
        let mut program =
            Program::with(&[ccw(0x02, Ccw::CD, 4, DATA), ccw(code, 0, 4, DATA + 0x100)]);
        let run = program.run(&[Step::moves(8)]);
        assert_eq!(codes(&run), [0x02]);
        assert_eq!(program.get(DATA.into(), 4), [1, 2, 3, 4]);
        assert_eq!(program.get(u64::from(DATA) + 0x100, 4), [5, 6, 7, 8]);
        assert_eq!(run.ending, done(PROGRAM + 16, 0));
    }
}

/// "Data Chaining": the same applies to output.
#[test]
fn output_is_gathered() {
    let mut program = Program::with(&[ccw(0x01, Ccw::CD, 2, DATA), ccw(0x02, 0, 2, DATA + 0x100)]);
    program.set(DATA.into(), &[10, 11]);
    program.set(u64::from(DATA) + 0x100, &[12, 13]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(data(&run), [10, 11, 12, 13]);
}

/// "Command Chaining" after a data chain: status modifier is that of the command in effect.
#[test]
fn status_modifier_skips_a_ccw_after_a_data_chain() {
    let mut program = Program::with(&[
        ccw(0x31, Ccw::CD, 2, DATA),
        ccw(0x02, Ccw::CC, 3, DATA + 8),
        ccw(0x03, 0, 1, 0),
        ccw(0x06, 0, 4, DATA),
    ]);
    let run = program.run(&[
        Step::moves(5).with_status(ENDED | STATUS_MODIFIER),
        Step::moves(4),
    ]);
    assert_eq!(codes(&run), [0x31, 0x06]);
    assert_eq!(run.ending, done(PROGRAM + 32, 0));
}

/// "Data Chaining" through a transfer in channel, whose code is recognized nevertheless.
#[test]
fn a_transfer_may_be_in_a_data_chain() {
    let target = PROGRAM + 0x100;
    let mut program = Program::with(&[ccw(0x02, Ccw::CD, 4, DATA), tic(target)]).put(
        Format::One,
        target,
        &[ccw(0, Ccw::CC, 4, DATA + 8), ccw(0x05, 0, 4, DATA)],
    );
    let run = program.run(&[Step::moves(8), Step::moves(4)]);
    assert_eq!(codes(&run), [0x02, 0x05]);
    assert_eq!(run.ending, done(target + 16, 0));
}

/// "Data Chaining": after the last byte of the area of a CCW the next CCW takes control, though the
/// device may have ended; the count of that CCW is not used then.
#[test]
fn the_next_ccw_takes_control_with_the_last_byte() {
    let mut program = Program::with(&[ccw(0x02, Ccw::CD, 4, DATA), ccw(0, 0, 6, DATA + 8)]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(
        run.ending,
        alert(ENDED, INCORRECT_LENGTH, PROGRAM + 16, Some(6))
    );
}

/// "Data Chaining": an error in the next CCW is recognized when it takes control.
#[test]
fn an_error_in_the_next_ccw_counts_as_soon_as_it_takes_control() {
    for bad in [
        ccw(0, 0, 0, DATA),
        ccw(0, 0, 4, 0x8000_0000),
        ccw(0, Ccw::SUSPEND, 4, DATA),
        ccw(0, Ccw::MIDA, 4, DATA),
        ccw(0x18, 0, 4, DATA),
    ] {
        let mut program = Program::with(&[ccw(0x02, Ccw::CD, 4, DATA), bad])
            .request(|request| request.suspend = true);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(program.get(DATA.into(), 4), [1, 2, 3, 4]);
        assert_eq!(run.ending, transfer_check(PROGRAM + 16), "{bad:?}");
        // It is not if the device has ended before.
        let run = program.run(&[Step::moves(3)]);
        assert_eq!(
            run.ending,
            alert(ENDED, INCORRECT_LENGTH, PROGRAM + 8, Some(1))
        );
    }
}

/// "Invalid Count": a count of zero is invalid before and after data chaining.
#[test]
fn a_count_of_zero_does_not_chain_data() {
    let mut program = Program::with(&[ccw(0x02, Ccw::CD, 0, DATA), ccw(0, 0, 4, DATA)]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(run.ending, crate::program::program_check(PROGRAM + 8));
}

/// "Skipping": the flag applies to each CCW of a data chain by itself.
#[test]
fn parts_of_a_record_can_be_skipped() {
    let mut program = Program::with(&[
        ccw(0x02, Ccw::CD | Ccw::SKIP, 4, 0x7fff_ffff),
        ccw(0, 0, 4, DATA),
    ]);
    let run = program.run(&[Step::moves(8)]);
    assert_eq!(data(&run), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(program.get(DATA.into(), 4), [5, 6, 7, 8]);
    assert_eq!(run.ending, done(PROGRAM + 16, 0));
}
