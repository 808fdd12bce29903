// SPDX-License-Identifier: GPL-2.0

//! "Program Check": CCWs that are invalid as commands. The CPA is their address plus 8.

use model::channel::{
    Ccw,
    Format,
    IdawFormat,
    Request,
    Step, //
};

use crate::program::{
    ccw,
    codes,
    program_check,
    Program,
    DATA,
    PROGRAM, //
};

/// Checks a CCW that is invalid anywhere in a command chain.
fn check_everywhere(bad: Ccw, format: Format) {
    let program = |ccws: &[Ccw]| match format {
        Format::Zero => Program::with_format0(ccws),
        Format::One => Program::with(ccws),
    };
    let run = program(&[bad]).run(&[]);
    assert_eq!(codes(&run), [], "{bad:?}");
    assert_eq!(run.ending, program_check(PROGRAM + 8), "{bad:?}");
    let run = program(&[ccw(0x01, Ccw::CC, 1, DATA), bad]).run(&[Step::moves(1)]);
    assert_eq!(codes(&run), [0x01]);
    assert_eq!(run.ending, program_check(PROGRAM + 16), "{bad:?}");
}

/// "Invalid Command Code": the low four bits are zero; in format 1 also the code of a transfer with
/// other high bits than zeros.
#[test]
fn some_codes_are_no_commands() {
    for high in 0..=0x0f {
        check_everywhere(ccw(high << 4, 0, 4, DATA), Format::Zero);
        check_everywhere(ccw(high << 4, 0, 4, DATA), Format::One);
    }
    for high in 1..=0x0f {
        check_everywhere(ccw(high << 4 | 8, 0, 4, DATA), Format::One);
    }
}

/// "Invalid Count": zero in format 0.
#[test]
fn format_0_needs_a_count() {
    check_everywhere(ccw(0x01, 0, 0, DATA), Format::Zero);
    check_everywhere(ccw(0x03, Ccw::SLI, 0, DATA), Format::Zero);
}

/// "Invalid CCW Format": bit 32 of a format-1 CCW is one, whether or not the address is used.
#[test]
fn format_1_addresses_have_31_bits() {
    check_everywhere(ccw(0x02, Ccw::SKIP, 1, 0x8000_0000), Format::One);
    check_everywhere(ccw(0x03, 0, 0, 0x8000_0000), Format::One);
}

/// "Invalid CCW-Address Specification" and "Invalid CCW Address" in the ORB.
#[test]
fn programs_begin_where_there_can_be_a_ccw() {
    for cpa in [PROGRAM + 4, 0x0005_0000] {
        let mut program = Program::with(&[]).request(|request| request.cpa = cpa);
        assert_eq!(program.run(&[]).ending, program_check(cpa + 8));
    }
    let mut program = Program::with_format0(&[]).request(|request| request.cpa = 1 << 24);
    program.map(1 << 24);
    assert_eq!(program.run(&[]).ending, program_check((1 << 24) + 8));
}

/// "Operation-Request Block": the bits that this channel uses.
#[test]
fn requests_are_read_from_orbs() {
    let request = |control| Request::from_orb([0, control, PROGRAM]);
    let none = Request {
        format: Format::Zero,
        idaws: IdawFormat::One,
        ..Request::new(PROGRAM)
    };
    assert_eq!(request(0), none);
    assert_eq!(request(0x0001_0000), none);
    assert_eq!(request(0x0082_0000), Request::new(PROGRAM));
    assert_eq!(request(0x0003_0000).idaws, IdawFormat::Two2K);
    assert!(request(0x0800_0000).suspend);
    assert!(request(0x0008_0000).suppress_suspended);
    assert!(request(0x0000_0080).suppress_length);
    assert!(request(0x0000_0040).midaws);
}
