// SPDX-License-Identifier: GPL-2.0

//! The transfer of data between memory and device.

use model::channel::{
    subchannel_status::PROTECTION_CHECK,
    Ccw,
    Event,
    Step, //
};

use crate::program::{
    alert,
    ccw,
    codes,
    data,
    done,
    transfer_check,
    Program,
    DATA,
    ENDED,
    PROGRAM, //
};

/// "Command Code": write and control fetch data from memory; read and sense store it there.
#[test]
fn the_code_gives_the_direction() {
    for code in [0x01, 0x05, 0x03, 0x07, 0x0b, 0xff] {
        let mut program = Program::with(&[ccw(code, 0, 4, DATA)]);
        program.set(DATA.into(), &[10, 11, 12, 13]);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(data(&run), [10, 11, 12, 13], "{code:#x}");
        assert_eq!(run.ending, done(PROGRAM + 8, 0));
    }
    for code in [0x02, 0x06, 0x0a, 0x0e, 0x04, 0xe4, 0xfe] {
        let mut program = Program::with(&[ccw(code, 0, 4, DATA)]);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(data(&run), [1, 2, 3, 4]);
        assert_eq!(program.get(DATA.into(), 4), [1, 2, 3, 4], "{code:#x}");
    }
}

/// "Read Backward": the address is that of the last byte, and data goes downward.
#[test]
fn read_backward_stores_downwards() {
    let mut program = Program::with(&[ccw(0x0c, 0, 4, DATA + 0x1001)]);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(data(&run), [1, 2, 3, 4]);
    assert_eq!(program.get(u64::from(DATA) + 0xffe, 4), [4, 3, 2, 1]);
    assert_eq!(program.data_used(), [(0x9000, 2), (0x8ffe, 2)]);
    assert_eq!(run.ending, done(PROGRAM + 8, 0));
}

/// "Read Backward" below address zero is an invalid data address.
#[test]
fn read_backward_does_not_wrap() {
    let mut program = Program::with(&[ccw(0x0c, 0, 4, 1)]);
    program.map(0);
    let run = program.run(&[Step::moves(4)]);
    assert_eq!(program.data_used(), [(0, 2)]);
    assert_eq!(run.ending, transfer_check(PROGRAM + 8));
}

/// "Skipping": data that is read is not stored, and no address is used; for input only.
#[test]
fn skipping_uses_no_memory() {
    for code in [0x02, 0x0c, 0x04] {
        for flags in [Ccw::SKIP, Ccw::SKIP | Ccw::IDA] {
            let mut program = Program::with(&[ccw(code, flags, 0xffff, 0x7fff_fff1)]);
            let run = program.run(&[Step::moves(0xffff)]);
            assert_eq!(data(&run).len(), 0xffff);
            assert_eq!(run.ending, done(PROGRAM + 8, 0));
            assert_eq!(program.used.len(), 1);
        }
    }
    let mut program = Program::with(&[ccw(0x01, Ccw::SKIP, 4, DATA)]);
    program.set(DATA.into(), &[10, 11, 12, 13]);
    assert_eq!(data(&program.run(&[Step::moves(4)])), [10, 11, 12, 13]);
}

/// "Program Check": an invalid data address counts when data is to be moved there, and not before.
#[test]
fn data_addresses_count_when_data_is_moved() {
    let hole = DATA + 0x8000;
    let ccws = [
        ccw(0x02, Ccw::CC | Ccw::SLI, 8, hole - 4),
        ccw(0x05, 0, 1, DATA),
    ];
    let mut program = Program::with(&ccws);
    let run = program.run(&[Step::moves(4), Step::moves(1)]);
    assert_eq!(codes(&run), [0x02, 0x05]);
    assert_eq!(run.ending, done(PROGRAM + 16, 0));
    let run = program.run(&[Step::moves(5)]);
    assert_eq!(program.get(u64::from(hole) - 4, 4), [1, 2, 3, 4]);
    assert_eq!(run.ending, transfer_check(PROGRAM + 8));
}

/// "Program Check": direct addresses end with the bits of the format.
#[test]
fn direct_addresses_do_not_wrap() {
    for (format0, end) in [(true, 1_u64 << 24), (false, 1 << 31)] {
        let ccws = [ccw(0x02, 0, 8, (end - 4) as u32)];
        let mut program = if format0 {
            Program::with_format0(&ccws)
        } else {
            Program::with(&ccws)
        };
        program.map(end - 4096);
        program.map(end);
        let run = program.run(&[Step::moves(8)]);
        assert_eq!(program.data_used(), [(end - 4, 4)]);
        assert_eq!(run.ending, transfer_check(PROGRAM + 8));
    }
}

/// "Protection Check": nothing is stored into protected storage.
#[test]
fn protection_is_a_check_of_its_own() {
    let mut program = Program::with(&[ccw(0x02, 0, 8, DATA + 0xffc)]);
    program.protected.push(u64::from(DATA) / 4096 + 1);
    let run = program.run(&[Step::moves(8)]);
    assert_eq!(program.get(u64::from(DATA) + 0xffc, 4), [1, 2, 3, 4]);
    assert_eq!(
        run.ending,
        alert(ENDED, PROTECTION_CHECK, PROGRAM + 8, None)
    );
}

/// "Command Chaining": the events at the device, and the CPA at the end of each command.
#[test]
fn commands_are_noted_with_data_and_cpa() {
    let mut program = Program::with(&[ccw(0x04, Ccw::CC, 2, DATA), ccw(0x01, 0, 2, DATA)]);
    let run = program.run(&[Step::moves(2)]);
    let event = |code, cpa| Event::Command {
        code,
        data: vec![1, 2],
        cpa: Some(cpa),
    };
    assert_eq!(
        run.events,
        [event(0x04, PROGRAM + 8), event(0x01, PROGRAM + 16)]
    );
}
