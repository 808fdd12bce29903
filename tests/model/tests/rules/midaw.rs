// SPDX-License-Identifier: GPL-2.0

//! "Modified CCW Indirect Data Addressing".

use model::channel::{
    Ccw,
    Ending,
    Step, //
};

use crate::program::{
    ccw,
    data,
    done,
    program_check,
    transfer_check,
    Program,
    DATA,
    LIST,
    PROGRAM, //
};

const B: u64 = DATA as u64;
const LAST: u64 = 0x80 << 16;
const SKIP: u64 = 0x40 << 16;

/// Creates a machine with one command that uses these MIDAWs: their flags with counts, and
/// addresses.
fn program(code: u8, count: u16, midaws: &[(u64, u64)]) -> Program {
    let words: Vec<u64> = midaws.iter().flat_map(|(a, b)| [*a, *b]).collect();
    Program::with(&[ccw(code, Ccw::MIDA, count, LIST)])
        .list(&words)
        .request(|request| request.midaws = true)
}

fn ending(code: u8, count: u16, midaws: &[(u64, u64)]) -> Ending {
    program(code, count, midaws)
        .run(&[Step::moves(count.into())])
        .ending
}

/// MIDAWs have areas of any address and length.
#[test]
fn midaws_name_areas() {
    let midaws = [(3, B + 0x1ffd), (2, B + 5), (LAST | 1, B + 0x3001)];
    let mut input = program(0x02, 6, &midaws);
    let run = input.run(&[Step::moves(6)]);
    assert_eq!(
        input.data_used(),
        [(B + 0x1ffd, 3), (B + 5, 2), (B + 0x3001, 1)]
    );
    assert_eq!(run.ending, done(PROGRAM + 8, 0));

    let mut output = program(0x01, 6, &midaws);
    output.set(B + 5, &[10, 11]);
    assert_eq!(data(&output.run(&[Step::moves(6)])), [0, 0, 0, 10, 11, 0]);
}

/// "Read Backward": the address is the last byte of the area.
#[test]
fn backward_midaws_name_the_ends_of_areas() {
    let mut program = program(0x0c, 3, &[(2, B + 1), (LAST | 1, B + 0x1000)]);
    let run = program.run(&[Step::moves(3)]);
    assert_eq!(program.get(B, 2), [2, 1]);
    assert_eq!(program.get(B + 0x1000, 1), [3]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
    assert_eq!(
        ending(0x0c, 3, &[(LAST | 3, B + 1)]),
        transfer_check(PROGRAM + 8)
    );
}

/// The skip flag of a MIDAW leaves out its part of the input. Then its address has no meaning, and
/// the area may be longer than a page.
#[test]
fn midaws_can_skip() {
    let midaws = [(SKIP | 0x2000, u64::MAX), (LAST | 2, B)];
    let mut program = program(0x02, 0x2002, &midaws);
    let run = program.run(&[Step::moves(0x2002)]);
    assert_eq!(program.data_used(), [(B, 2)]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
}

/// An area does not cross a boundary of 4 KiB.
#[test]
fn areas_stay_in_a_page() {
    assert_eq!(
        ending(0x02, 4, &[(LAST | 4, B + 0xffc)]),
        done(PROGRAM + 8, 0)
    );
    assert_eq!(
        ending(0x02, 4, &[(LAST | 4, B + 0xffd)]),
        transfer_check(PROGRAM + 8)
    );
}

/// A list is on a boundary of 16 bytes, and does not cross one of 4 KiB.
#[test]
fn lists_stay_in_a_page() {
    let run = |list: u32, length| {
        let mut program = Program::with(&[ccw(0x02, Ccw::MIDA | Ccw::SLI, 2, list)])
            .request(|request| request.midaws = true);
        for number in 0..2 {
            program.set(u64::from(list) + number * 16 + 7, &[1]);
            program.set(u64::from(list) + number * 16 + 8, &B.to_be_bytes());
        }
        program.run(&[Step::moves(length)]).ending
    };
    assert_eq!(run(DATA + 0x2000 - 32, 2), done(PROGRAM + 8, 0));
    assert_eq!(run(DATA + 0x2000 - 16, 1), done(PROGRAM + 8, 1));
    assert_eq!(run(DATA + 0x2000 - 16, 2), transfer_check(PROGRAM + 8));
    assert_eq!(run(DATA + 0x2000 - 40, 1), transfer_check(PROGRAM + 8));
}

/// Reserved bits, the flag for data-transfer interruption, and a count of zero are invalid.
#[test]
fn midaws_are_well_formed() {
    for word in [
        0x10_0000_0000_0004,
        0x100_0004,
        0x20_0004,
        0x10_0004,
        0x1_0004,
        0,
    ] {
        assert_eq!(
            ending(0x02, 4, &[(word, B)]),
            transfer_check(PROGRAM + 8),
            "{word:#x}"
        );
    }
}

/// The counts add up to that of the CCW: not to more, and not to less with the last MIDAW.
#[test]
fn counts_add_up() {
    for midaws in [
        [(4, B), (5, B)],
        [(9, B), (0, B)],
        [(LAST | 4, B), (4, B)],
        [(4, B), (LAST | 3, B)],
    ] {
        assert_eq!(ending(0x02, 8, &midaws), transfer_check(PROGRAM + 8));
    }
    for last in [0, LAST] {
        assert_eq!(
            ending(0x02, 8, &[(4, B), (last | 4, B)]),
            done(PROGRAM + 8, 0)
        );
    }
}

/// The flag is valid only in programs of an ORB with the D bit, and neither with indirect data
/// addressing nor with skipping.
#[test]
fn the_flag_is_for_requests_that_allow_it() {
    for (flags, midaws) in [(0, false), (Ccw::IDA, true), (Ccw::SKIP, true)] {
        let mut program = Program::with(&[ccw(0x02, Ccw::MIDA | flags, 4, LIST)])
            .request(|request| request.midaws = midaws);
        assert_eq!(program.run(&[]).ending, program_check(PROGRAM + 8));
    }
}
