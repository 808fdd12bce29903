// SPDX-License-Identifier: GPL-2.0

//! "CCW Indirect Data Addressing".

use model::channel::{
    Ccw,
    IdawFormat,
    Step,
    Use, //
};

use crate::program::{
    ccw,
    data,
    done,
    transfer_check,
    Program,
    DATA,
    LIST,
    PROGRAM, //
};

const B: u64 = DATA as u64;

fn read(count: u16) -> Program {
    Program::with(&[ccw(0x02, Ccw::IDA, count, LIST)])
}

/// The first IDAW can be any address; a block ends at its boundary, of 4 KiB or of 2 KiB.
#[test]
fn format_2_idaws_name_blocks() {
    let mut program = read(0x1002).list(&[B + 0xfff, B + 0x2000, B + 0x1000]);
    let run = program.run(&[Step::moves(0x1002)]);
    assert_eq!(
        program.data_used(),
        [(B + 0xfff, 1), (B + 0x2000, 0x1000), (B + 0x1000, 1)]
    );
    assert_eq!(run.ending, done(PROGRAM + 8, 0));

    let mut program = read(0x802)
        .list(&[B + 0x7ff, B + 0x2800, B + 0x1000])
        .request(|request| request.idaws = IdawFormat::Two2K);
    let run = program.run(&[Step::moves(0x802)]);
    assert_eq!(
        program.data_used(),
        [(B + 0x7ff, 1), (B + 0x2800, 0x800), (B + 0x1000, 1)]
    );
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
}

/// IDAWs of format 1 have 31 bits and are for blocks of 2 KiB; the list is aligned to words.
#[test]
fn format_1_idaws_are_words() {
    let mut program = read(3)
        .list(&[(B + 0x7ff) << 32 | (B + 0x1800)])
        .request(|request| request.idaws = IdawFormat::One);
    let run = program.run(&[Step::moves(3)]);
    assert_eq!(program.data_used(), [(B + 0x7ff, 1), (B + 0x1800, 2)]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));

    let mut program = read(3)
        .list(&[(0x8000_0000 | B) << 32])
        .request(|request| request.idaws = IdawFormat::One);
    assert_eq!(
        program.run(&[Step::moves(3)]).ending,
        transfer_check(PROGRAM + 8)
    );
}

/// "Read Backward": the other IDAWs are the last byte of a block.
#[test]
fn backward_idaws_name_the_ends_of_blocks() {
    let mut program = Program::with(&[ccw(0x0c, Ccw::IDA, 4, LIST)]).list(&[B + 1, B + 0x1fff]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(data(&run), [1, 2, 3, 4]);
    assert_eq!(program.get(B, 2), [2, 1]);
    assert_eq!(program.get(B + 0x1ffe, 2), [4, 3]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));

    let mut program = Program::with(&[ccw(0x0c, Ccw::IDA, 4, LIST)]).list(&[B + 1, B + 0x1000]);
    assert_eq!(
        program.run(&[Step::moves(4)]).ending,
        transfer_check(PROGRAM + 8)
    );
}

/// "Invalid IDAW Specification": the other IDAWs are the first byte of a block.
#[test]
fn other_idaws_are_aligned() {
    let mut program = read(8).list(&[B + 0xffc, B + 0x1001]);
    let run = program.run(&[Step::moves(8)]);
    assert_eq!(program.get(B + 0xffc, 4), [1, 2, 3, 4]);
    assert_eq!(run.ending, transfer_check(PROGRAM + 8));
}

/// "Invalid IDAW Address" and "Invalid IDAW-Address Specification": the list is where there is
/// memory, and is aligned to its words.
#[test]
fn lists_are_aligned_and_in_memory() {
    for list in [LIST + 4, 0x0005_0000, 0x7fff_fff8] {
        let mut program = Program::with(&[ccw(0x02, Ccw::IDA, 8, list)]).list(&[B, B]);
        assert_eq!(
            program.run(&[Step::moves(8)]).ending,
            transfer_check(PROGRAM + 8)
        );
    }
    // In format 0, the list does not continue after the end of 24 bits.
    let mut program = Program::with_format0(&[ccw(0x02, Ccw::IDA, 8, 0xff_fff8)]);
    program.map(0xff_f000);
    program.map(0x100_0000);
    program.set(0xff_fff8, &(B + 0xffc).to_be_bytes());
    program.set(0x100_0000, &B.to_be_bytes());
    let run = program.run(&[Step::moves(8)]);
    assert_eq!(program.data_used(), [(B + 0xffc, 4)]);
    assert_eq!(run.ending, transfer_check(PROGRAM + 8));
}

/// "Prefetch": this channel does not prefetch, and an IDAW that is not needed has no effect.
#[test]
fn idaws_are_fetched_when_they_are_needed() {
    let mut program = Program::with(&[ccw(0x02, Ccw::IDA | Ccw::SLI, 8, LIST + 0xff8)]);
    program.set(u64::from(LIST) + 0xff8, &(B + 0xffc).to_be_bytes());
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(run.ending, done(PROGRAM + 8, 4));
    let idaws = program.used.iter().filter(|used| used.0 == Use::Idaw);
    assert_eq!(idaws.count(), 1);
    assert_eq!(program.run(&[Step::moves(0)]).ending, done(PROGRAM + 8, 8));
}
