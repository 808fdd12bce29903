// SPDX-License-Identifier: GPL-2.0

//! Prefetching: this channel does none. What a program stores over its own CCWs and lists counts,
//! up to the moment at which the channel needs them.

use model::channel::{
    device_status::STATUS_MODIFIER,
    Ccw,
    Format,
    IdawFormat,
    Run,
    Step, //
};

use crate::program::{
    alert,
    ccw,
    codes,
    data,
    done,
    program_check,
    tic,
    transfer_check,
    Program,
    DATA,
    ENDED,
    LIST,
    PROGRAM, //
};

/// The command that is stored over the program, which ends with it.
const NEW: Ccw = ccw(0x06, Ccw::SLI, 4, DATA + 0x800);

/// Runs a program in which the CCW with this number is stored over by the one that reads first.
fn run(format: Format, ccws: &[Ccw], new: Ccw, steps: &[Step]) -> Run {
    let mut program = match format {
        Format::Zero => Program::with_format0(ccws),
        Format::One => Program::with(ccws),
    };
    program.input = new.to_bytes(format).to_vec();
    program.run(steps)
}

/// Returns the address of the CCW with this number.
const fn at(number: u32) -> u32 {
    PROGRAM + 8 * number
}

/// Returns a CCW that reads the CCW with this number.
const fn read(number: u32, flags: u8) -> Ccw {
    ccw(0x02, flags, 8, at(number))
}

/// "Command Chaining": the next CCW is fetched after the device has ended the command.
#[test]
fn a_command_can_be_read() {
    for format in [Format::Zero, Format::One] {
        let ccws = [read(1, Ccw::CC), ccw(0x01, Ccw::SLI, 2, DATA)];
        let of = |new| run(format, &ccws, new, &[Step::moves(8), Step::moves(4)]);
        assert_eq!(codes(&of(NEW)), [0x02, 0x06]);
        assert_eq!(of(NEW).ending, done(at(2), 0));
        assert_eq!(codes(&of(Ccw::default())), [0x02]);
        assert_eq!(of(Ccw::default()).ending, program_check(at(2)));
    }
}

/// "Transfer in Channel": it is fetched, and then its target.
#[test]
fn a_transfer_and_its_target_can_be_read() {
    let steps = [Step::moves(8), Step::moves(4)];
    let target = [read(2, Ccw::CC), tic(at(2)), ccw(0x01, Ccw::SLI, 2, DATA)];
    assert_eq!(codes(&run(Format::One, &target, NEW, &steps)), [0x02, 0x06]);
    let transfer = [read(1, Ccw::CC), NEW, ccw(0x01, Ccw::SLI, 4, DATA)];
    let of_transfer = run(Format::One, &transfer, tic(at(2)), &steps);
    assert_eq!(codes(&of_transfer), [0x02, 0x01]);
}

/// A TIC back to the CCW that is read: it is fetched each time.
#[test]
fn a_command_is_fetched_again_in_a_loop() {
    let ccws = [ccw(0x01, Ccw::CC, 4, DATA), read(0, Ccw::CC), tic(at(0))];
    let steps = [Step::moves(4), Step::moves(8), Step::moves(4)];
    let run = run(Format::One, &ccws, NEW, &steps);
    assert_eq!(codes(&run), [0x01, 0x02, 0x06]);
    assert_eq!(run.ending, done(at(1), 0));
}

/// Status modifier: the CCW to which it leads is fetched after the device has presented it.
#[test]
fn the_ccw_behind_a_search_can_be_read() {
    let found = Step::moves(5).with_status(ENDED | STATUS_MODIFIER);
    let ccws = [
        read(3, Ccw::CC),
        ccw(0x31, Ccw::CC, 5, DATA),
        tic(at(1)),
        ccw(0x01, Ccw::SLI, 2, DATA),
    ];
    let steps = [Step::moves(8), Step::moves(5), found, Step::moves(4)];
    let run = run(Format::One, &ccws, NEW, &steps);
    assert_eq!(codes(&run), [0x02, 0x31, 0x31, 0x06]);
}

/// "Data Chaining" on input: the next CCW is fetched after all data of the current one is stored.
#[test]
fn a_ccw_of_the_same_data_chain_can_be_read() {
    let ccws = [read(1, Ccw::CD), ccw(0, Ccw::SLI, 2, DATA)];
    for (new, ending, stored) in [
        (NEW, done(at(2), 0), [1, 2, 3, 4]),
        (Ccw::default(), transfer_check(at(2)), [0; 4]),
    ] {
        let mut program = Program::with(&ccws);
        program.input = new.to_bytes(Format::One).to_vec();
        assert_eq!(program.run(&[Step::moves(8 + 4)]).ending, ending);
        assert_eq!(program.get(NEW.address.into(), 4), stored);
        assert_eq!(program.get(DATA.into(), 4), [0; 4]);
    }
}

/// "CCW Indirect Data Addressing": each IDAW is fetched when it takes control, even if the command
/// itself has stored it.
#[test]
fn an_idaw_can_be_read() {
    for (format, size) in [(IdawFormat::One, 4), (IdawFormat::Two4K, 8)] {
        let idaw = |address: u32| u64::from(address).to_be_bytes()[8 - size..].to_vec();
        // The list is at the end of a page, and its first word designates the second.
        let list = LIST + 0x1000 - 2 * size as u32;
        let second = list + size as u32;
        let own = ccw(0x02, Ccw::IDA, size as u16 + 4, list);
        let later = [
            ccw(0x02, Ccw::CC, size as u16, second),
            ccw(0x02, Ccw::IDA, 5, list),
        ];
        for (ccws, first, lengths) in [
            (&[own][..], second, vec![size + 4]),
            (&later[..], DATA + 0xfff, vec![size, 5]),
        ] {
            let mut program = Program::with(ccws).request(|request| request.idaws = format);
            program.set(list.into(), &[idaw(first), idaw(DATA)].concat());
            program.input = idaw(DATA + 0x1000);
            let steps: Vec<_> = lengths.into_iter().map(Step::moves).collect();
            let run = program.run(&steps);
            assert_eq!(run.ending, done(at(ccws.len() as u32), 0));
            assert_ne!(program.get(u64::from(DATA) + 0x1000, 4), [0; 4]);
            assert_eq!(program.get(DATA.into(), 4), [0; 4]);
        }
    }
}

/// "Modified CCW Indirect Data Addressing": each MIDAW is fetched when it takes control.
#[test]
fn a_midaw_can_be_read() {
    const LAST: u64 = 0x80 << 16;
    let second = u64::from(LIST) + 16;
    let new = [LAST | 4, u64::from(DATA) + 0x1000];
    let invalid = [0x20 << 16 | 4, u64::from(DATA)];
    for (stored, ending) in [(new, done(at(1), 0)), (invalid, transfer_check(at(1)))] {
        let mut program = Program::with(&[ccw(0x02, Ccw::MIDA, 20, LIST)])
            .list(&[16, second, LAST | 4, u64::from(DATA)])
            .request(|request| request.midaws = true);
        program.input = stored.map(u64::to_be_bytes).concat();
        assert_eq!(program.run(&[Step::moves(20)]).ending, ending);
        assert_eq!(program.get(DATA.into(), 4), [0; 4]);
    }
}

/// Data is fetched when the device takes it.
#[test]
fn data_can_be_read_and_written() {
    let ccws = [ccw(0x02, Ccw::CC, 4, DATA), ccw(0x01, 0, 4, DATA)];
    let mut program = Program::with(&ccws);
    program.input = vec![9, 8, 7, 6];
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(data(&run), [9, 8, 7, 6, 9, 8, 7, 6]);
}

/// The current CCW and the word of its list that is in use are not fetched again.
#[test]
fn what_is_in_use_stays_in_effect() {
    let ccws = [ccw(0x02, Ccw::SLI, 8, at(0))];
    let of_ccw = run(Format::One, &ccws, Ccw::default(), &[Step::moves(6)]);
    assert_eq!(of_ccw.ending, done(at(1), 2));
    let mut program = Program::with(&[ccw(0x02, Ccw::IDA, 8, LIST)]).list(&[LIST.into()]);
    program.input = vec![0xff; 8];
    let of_idaw = program.run(&[Step::moves(8).with_status(ENDED | 0x02)]);
    assert_eq!(of_idaw.ending, alert(ENDED | 0x02, 0, at(1), Some(0)));
}
