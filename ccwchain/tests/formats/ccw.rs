// SPDX-License-Identifier: GPL-2.0

//! Channel-command words, and the names of flags.

use ccwchain::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    scsw::StatusControl,
};

#[test]
fn a_ccw_is_read_and_written_in_both_formats() {
    let ccw = Ccw {
        command: 0x02,
        flags: Flags::CC.union(Flags::SLI),
        count: 0x1234,
        address: 0x0056_789a,
    };
    let zero = [0x02, 0x56, 0x78, 0x9a, 0x60, 0x00, 0x12, 0x34];
    let one = [0x02, 0x60, 0x12, 0x34, 0x00, 0x56, 0x78, 0x9a];
    for (format, bytes) in [(Format::Zero, zero), (Format::One, one)] {
        assert_eq!(Ccw::parse(format, bytes), ccw);
        assert_eq!(ccw.to_bytes(format), bytes);
    }
    assert_eq!(
        ccw.to_string(),
        "CCW 02 CC|SLI count=4660 address=0x0056789a (read)"
    );
    let ignored = [0x02, 0x56, 0x78, 0x9a, 0x60, 0xff, 0x12, 0x34];
    assert_eq!(Ccw::parse(Format::Zero, ignored), ccw);
}

#[test]
fn the_low_bits_of_a_command_code_give_its_direction() {
    for (code, direction) in [
        (0x00, Direction::Invalid),
        (0xf0, Direction::Invalid),
        (0x01, Direction::Write),
        (0x0d, Direction::Write),
        (0x02, Direction::Read),
        (0xae, Direction::Read),
        (0x03, Direction::Control),
        (0x0b, Direction::Control),
        (0x04, Direction::Sense),
        (0xe4, Direction::Sense),
        (0x08, Direction::TransferInChannel),
        (0x0c, Direction::ReadBackward),
    ] {
        assert_eq!(Direction::of(code), direction, "{code:#04x}");
        let stores = [Direction::Read, Direction::Sense, Direction::ReadBackward];
        assert_eq!(direction.stores(), stores.contains(&direction));
    }
}

#[test]
fn flags_say_whether_a_ccw_chains_and_has_a_list() {
    for bits in 0..=0xff {
        let flags = Flags::from_bits(bits);
        let ccw = Ccw {
            flags,
            ..Ccw::default()
        };
        assert_eq!(ccw.chains(), bits & 0xc0 != 0, "{flags}");
        assert_eq!(ccw.has_list(), bits & 0x05 != 0, "{flags}");
    }
}

#[test]
fn a_transfer_has_one_code_in_format_1_and_sixteen_in_format_0() {
    for code in 0..=0xff {
        let ccw = Ccw {
            command: code,
            ..Ccw::default()
        };
        assert_eq!(ccw.is_tic(Format::One), code == 0x08);
        assert_eq!(ccw.is_tic(Format::Zero), code & 0x0f == 0x08);
    }
}

#[test]
fn searches_and_poll_can_give_status_modifier() {
    let searches = [
        0x29, 0x49, 0x69, // key
        0x31, 0x51, 0x71, // identifier
        0x39, 0x59, 0x79, // home address
    ];
    for code in 0..=0xff {
        let expected = searches.contains(&(code & 0x7f)) || code == 0x09;
        let found = ccw::can_give_status_modifier(code);
        assert_eq!(found, expected, "{code:#04x}");
    }
}

#[test]
fn sets_of_flags_have_names() {
    assert_eq!(Flags::empty().to_string(), "-");
    assert_eq!(
        Flags::from_bits(0xff).to_string(),
        "CD|CC|SLI|SKIP|PCI|IDA|SUSPEND|MIDA"
    );
    assert_eq!(StatusControl::from_bits(0x81).to_string(), "pending|0x80");
}
