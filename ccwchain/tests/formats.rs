// SPDX-License-Identifier: GPL-2.0

//! The formats of the architecture, bit by bit.

use ccwchain::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    idaw,
    irb::Irb,
    midaw::{
        self,
        Midaw, //
    },
    orb::{
        self,
        Orb, //
    },
    scsw::{
        ActivityControl,
        DeviceStatus,
        FunctionControl,
        Scsw,
        StatusControl,
        SubchannelStatus, //
    },
};

#[test]
fn an_orb_is_read_and_written_as_it_stands_in_memory() {
    let bytes = [
        0x12, 0x34, 0x56, 0x78, 0x98, 0x42, 0x80, 0x80, 0x00, 0x01, 0x20, 0x08,
    ];
    let orb = Orb::from_bytes(&bytes);
    assert_eq!(orb.intparm(), 0x1234_5678);
    assert_eq!(orb.key(), 9);
    assert_eq!(orb.lpm(), 0x80);
    assert_eq!(orb.cpa(), 0x0001_2008);
    assert!(orb.suspend() && orb.prefetch() && orb.idaw64());
    assert!(!orb.format1() && !orb.idaw2k() && !orb.transport() && !orb.initial_status());
    assert_eq!(orb.to_bytes(), bytes);
    assert_eq!(
        orb.to_string(),
        "ORB intparm=0x12345678 key=9 lpm=0x80 cpa=0x00012008 suspend|prefetch|64-bit-idaw|length"
    );
}

#[test]
fn every_bit_of_an_orb_has_its_place() {
    for (flag, bit) in [
        (orb::Flags::SUSPEND, 4),
        (orb::Flags::STREAMING, 5),
        (orb::Flags::MODIFICATION, 6),
        (orb::Flags::SYNCHRONIZE, 7),
        (orb::Flags::FORMAT_1, 8),
        (orb::Flags::PREFETCH, 9),
        (orb::Flags::INITIAL_STATUS, 10),
        (orb::Flags::ADDRESS_LIMIT, 11),
        (orb::Flags::SUPPRESS_SUSPENDED, 12),
        (orb::Flags::TRANSPORT, 13),
        (orb::Flags::IDAW_64, 14),
        (orb::Flags::IDAW_2K, 15),
        (orb::Flags::LENGTH, 24),
        (orb::Flags::MIDAW, 25),
        (orb::Flags::EXTENSION, 31),
    ] {
        let orb = Orb::default().with_flags(flag);
        assert_eq!(orb.words(), [0, 0x8000_0000 >> bit, 0], "{flag}");
        assert!(!flag.to_string().starts_with("0x"));
    }
    let all = Orb::default()
        .with_intparm(!0)
        .with_flags(orb::Flags::from_bits(!0))
        .with_cpa(!0);
    assert_eq!(all.words(), [!0, 0x0fff_00ff, !0], "no key, no path mask");
    assert_eq!(all.with_key(0xf).with_lpm(0xff).words(), [!0; 3]);
    let none = Orb::default().with_key(0xff).with_lpm(0xff);
    assert_eq!(none.words(), [0, 0xf000_ff00, 0]);
}

#[test]
fn a_program_may_be_modified_unless_it_is_prefetched_without_modification_control() {
    let (prefetch, modification) = (orb::Flags::PREFETCH, orb::Flags::MODIFICATION);
    for (flags, may_be_modified) in [
        (orb::Flags::empty(), true),
        (modification, true),
        (prefetch, false),
        (prefetch.union(modification), true),
    ] {
        let orb = Orb::default().with_flags(flags);
        assert_eq!(orb.may_be_modified(), may_be_modified, "{flags}");
    }
}

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

#[test]
fn the_number_of_idaws_follows_from_first_address_and_count() {
    for (format, first, count, needed) in [
        (idaw::Format::Two4K, 0, 4096, 1),
        (idaw::Format::Two4K, 1, 4096, 2),
        (idaw::Format::Two4K, 0xfff, 0xffff, 17),
        (idaw::Format::Two2K, 0, 4096, 2),
        (idaw::Format::Two2K, 0x7ff, 0xffff, idaw::MAX),
        (idaw::Format::One, 0x7ff, 1, 1),
        (idaw::Format::One, 0x7ff, 2, 2),
    ] {
        assert_eq!(format.needed(first, count), needed, "{format:?} {first:#x}");
    }
}

#[test]
fn the_number_of_idaws_is_right_at_every_offset_and_boundary() {
    for format in [idaw::Format::One, idaw::Format::Two2K, idaw::Format::Two4K] {
        let block = format.block();
        let counts = (0..=32).flat_map(|blocks| {
            let border = 2048 * blocks;
            (border - 2_i32..=border + 2).filter_map(|count| u16::try_from(count).ok())
        });
        for count in counts
            .chain([u16::MAX - 1, u16::MAX])
            .filter(|count| *count > 0)
        {
            for first in 0x10000..0x10000 + block {
                let length = u64::from(count) - 1;
                let blocks = |a: u64, b: u64| (a / block - b / block + 1) as usize;
                let up = format.needed(first, count);
                assert_eq!(up, blocks(first + length, first));
                let down = format.needed_backward(first, count);
                assert_eq!(down, blocks(first + 0x10000, first + 0x10000 - length));
                assert!(up.max(down) <= idaw::MAX);
            }
        }
    }
}

#[test]
fn idaws_begin_or_end_a_block() {
    for (format, idaw, first, last) in [
        (idaw::Format::One, 0x12000, true, false),
        (idaw::Format::One, 0x12800, true, false),
        (idaw::Format::One, 0x127ff, false, true),
        (idaw::Format::Two4K, 0x12800, false, false),
        (idaw::Format::Two4K, 0x12fff, false, true),
        (idaw::Format::Two4K, u64::MAX, false, true),
    ] {
        assert_eq!(format.is_first_byte(idaw), first, "{idaw:#x}");
        assert_eq!(format.is_last_byte(idaw), last, "{idaw:#x}");
    }
    assert!(idaw::Format::One.in_range(0x7fff_ffff));
    assert!(!idaw::Format::One.in_range(0x8000_0000));
    assert!(idaw::Format::Two2K.in_range(u64::MAX));
}

#[test]
fn a_midaw_is_read_and_written_as_it_stands_in_memory() {
    let bytes = [
        0, 0, 0, 0, 0, 0xc0, 0x12, 0x34, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    ];
    let midaw = Midaw::parse(bytes).unwrap();
    assert_eq!(midaw.flags, midaw::Flags::LAST.union(midaw::Flags::SKIP));
    assert_eq!(midaw.count, 0x1234);
    assert_eq!(midaw.address, 0x0123_4567_89ab_cdef);
    assert_eq!(midaw.to_bytes(), bytes);
    assert_eq!(midaw.flags.to_string(), "last|skip");
    for bit in (0..40).chain(43..48) {
        let mut wrong = bytes;
        wrong[bit / 8] |= 0x80 >> (bit % 8);
        assert_eq!(Midaw::parse(wrong), None, "bit {bit}");
    }
}

#[test]
fn the_data_of_a_midaw_does_not_cross_a_page() {
    for (address, up, down) in [
        (0x12000, 4096, 1),
        (0x12fff, 1, 4096),
        (0x12800, 2048, 2049),
        (u64::MAX, 1, 4096),
    ] {
        for count in [0, 1, 2, 2047, 2048, 2049, 2050, 4095, 4096, 4097, u16::MAX] {
            let midaw = Midaw {
                count,
                address,
                ..Midaw::default()
            };
            assert_eq!(midaw.accepts(false), (1..=up).contains(&count));
            assert_eq!(midaw.accepts(true), (1..=down).contains(&count));
        }
    }
}

fn scsw(fctl: FunctionControl, actl: ActivityControl, stctl: StatusControl) -> Scsw {
    let control = u32::from(fctl.bits()) << 12;
    let control = control | u32::from(actl.bits()) << 5 | u32::from(stctl.bits());
    Scsw::from_words([control, 0, 0])
}

#[test]
fn an_scsw_is_read_and_written_as_it_stands_in_memory() {
    let bytes = [
        0x96, 0x82, 0x48, 0x5f, 0x00, 0x01, 0x20, 0x08, 0x0e, 0x60, 0x12, 0x34,
    ];
    let scsw = Scsw::from_bytes(&bytes);
    assert_eq!(scsw.key(), 9);
    assert_eq!(scsw.cc(), 2);
    assert!(scsw.logout() && scsw.extended_control());
    assert_eq!(scsw.format(), Format::One);
    assert_eq!(scsw.fctl(), FunctionControl::START);
    assert_eq!(
        scsw.actl(),
        ActivityControl::RESUME_PENDING.union(ActivityControl::DEVICE_ACTIVE)
    );
    assert_eq!(scsw.stctl().bits(), 0x1f);
    assert_eq!(scsw.cpa(), 0x0001_2008);
    assert_eq!(scsw.with_cpa(8).cpa(), 8);
    assert_eq!(scsw.with_format(Format::One), scsw);
    assert_eq!(scsw.with_format(Format::Zero).format(), Format::Zero);
    assert_eq!(
        scsw.with_format(Format::Zero).with_format(Format::One),
        scsw
    );
    let device = DeviceStatus::CHANNEL_END
        .union(DeviceStatus::DEVICE_END)
        .union(DeviceStatus::UNIT_CHECK);
    assert_eq!(scsw.device_status(), device);
    let subchannel = SubchannelStatus::INCORRECT_LENGTH.union(SubchannelStatus::PROGRAM_CHECK);
    assert_eq!(scsw.subchannel_status(), subchannel);
    assert_eq!(scsw.count(), 0x1234);
    assert_eq!(scsw.to_bytes(), bytes);
    assert!(scsw.to_string().ends_with(
        "device: channel end|device end|unit check, subchannel: incorrect length|program check"
    ));
}

#[test]
fn only_status_ends_a_start() {
    use ActivityControl as A;
    use StatusControl as S;

    let start = FunctionControl::START;
    let final_status = S::PRIMARY.union(S::SECONDARY).union(S::PENDING);
    let alert = S::ALERT.union(S::PENDING);
    for (ends, status, why) in [
        (true, scsw(start, A::empty(), final_status), "the end"),
        (
            true,
            scsw(start, A::empty(), final_status.union(S::ALERT)),
            "a check",
        ),
        (
            true,
            scsw(start, A::empty(), S::SECONDARY.union(S::PENDING)),
            "device end after channel end",
        ),
        (
            false,
            scsw(start, A::DEVICE_ACTIVE, S::PRIMARY.union(S::PENDING)),
            "channel end before device end",
        ),
        (
            false,
            scsw(start, A::SUSPENDED, S::INTERMEDIATE.union(S::PENDING)),
            "a program that suspends itself",
        ),
        (
            false,
            scsw(start, A::SUSPENDED, alert),
            "attention while suspended",
        ),
        (
            false,
            scsw(start, A::RESUME_PENDING, alert),
            "attention while resuming",
        ),
        (
            false,
            scsw(
                start,
                A::SUBCHANNEL_ACTIVE.union(A::DEVICE_ACTIVE),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a program-controlled interruption",
        ),
        (
            false,
            scsw(start, A::DEVICE_ACTIVE, alert.union(S::PRIMARY)),
            "a check, with device end to come",
        ),
        (
            true,
            scsw(start, A::empty(), alert.union(S::PRIMARY)),
            "a check that ends all",
        ),
        (
            false,
            scsw(FunctionControl::empty(), A::empty(), alert),
            "attention without a start",
        ),
        (
            true,
            scsw(FunctionControl::CLEAR, A::empty(), S::PENDING),
            "the end of a clear",
        ),
        (
            true,
            scsw(FunctionControl::HALT, A::empty(), S::PENDING),
            "the end of a halt",
        ),
        (
            true,
            scsw(FunctionControl::HALT, A::empty(), alert),
            "the end of a halt that found an error",
        ),
        (
            false,
            scsw(
                start.union(FunctionControl::HALT),
                A::HALT_PENDING.union(A::DEVICE_ACTIVE),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a halt to come",
        ),
        (
            false,
            scsw(
                start.union(FunctionControl::HALT),
                A::DEVICE_ACTIVE,
                S::PRIMARY.union(S::PENDING),
            ),
            "a halt, with device end to come",
        ),
        (
            true,
            scsw(
                start.union(FunctionControl::HALT),
                A::HALT_PENDING.union(A::SUSPENDED),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a halt that met the status of a suspension",
        ),
        (
            true,
            scsw(
                FunctionControl::empty(),
                A::empty(),
                S::SECONDARY.union(S::PENDING),
            ),
            "device end after channel end was taken",
        ),
        (
            false,
            scsw(FunctionControl::CLEAR, A::empty(), S::empty()),
            "a clear whose status was taken",
        ),
        (false, scsw(start, A::empty(), S::empty()), "no status"),
    ] {
        assert_eq!(status.ends_start(), ends, "{why}: {status}");
    }
    let [control, _, _] = scsw(start, A::START_PENDING, alert).words();
    let deferred = Scsw::from_words([control | 3 << 24, 0, 0]);
    assert!(deferred.ends_start(), "a deferred condition code");
}

#[test]
fn attention_alone_is_unsolicited() {
    let alert = StatusControl::ALERT.union(StatusControl::PENDING);
    let none = (FunctionControl::empty(), ActivityControl::empty());
    assert!(!scsw(none.0, none.1, alert).is_solicited());
    assert!(scsw(none.0, none.1, alert.union(StatusControl::SECONDARY)).is_solicited());
    assert!(scsw(none.0, none.1, StatusControl::PENDING).is_solicited());
}

#[test]
fn the_end_of_a_halt_with_an_alert_is_solicited() {
    let alert = StatusControl::ALERT.union(StatusControl::PENDING);
    let (none, pending) = (ActivityControl::empty(), ActivityControl::HALT_PENDING);
    assert!(scsw(FunctionControl::HALT, none, alert).is_solicited());
    assert!(!scsw(FunctionControl::HALT, pending, alert).is_solicited());
}

#[test]
fn status_that_nobody_takes_accumulates() {
    let old = Scsw::from_words([0x0402_4018, 0x1000, 0x8480_0123]);
    let new = Scsw::from_words([0x0000_4007, 0x2000, 0x0c40_0004]);
    let both = Scsw::from_words([0x0000_401f, 0x2000, 0x8cc0_0004]);
    assert_eq!(old.accumulate(new), both);

    // Sense bytes remain until there are others.
    let mut bytes = [0; 64];
    bytes[..12].copy_from_slice(&old.to_bytes());
    bytes[32] = 0x40;
    let sensed = Irb::from_bytes(&bytes);
    let mut plain = Irb::default();
    plain.set_scsw(new);

    let mut irb = sensed;
    irb.accumulate(&plain);
    assert_eq!(irb.as_bytes()[32], 0x40);
    assert!(irb.scsw().extended_control() && irb.scsw().logout());
    assert_eq!(irb.scsw().cpa(), 0x2000);

    let mut irb = plain;
    irb.accumulate(&sensed);
    assert_eq!(irb.as_bytes()[32..], sensed.as_bytes()[32..]);
    assert_eq!(irb.scsw().cpa(), 0x1000);
}

fn irb(erw: u32) -> Irb {
    let mut bytes = [0; 64];
    bytes[0] = 0x04;
    bytes[16..20].copy_from_slice(&erw.to_be_bytes());
    bytes[20..24].copy_from_slice(&[0x12, 0x34, 0x56, 0x78]);
    bytes[24..28].copy_from_slice(&[0x9a, 0xbc, 0xde, 0xf0]);
    bytes[28..32].copy_from_slice(&[0x00, 0x01, 0x20, 0x08]);
    bytes[32..36].copy_from_slice(&[0x40, 1, 2, 3]);
    Irb::from_bytes(&bytes)
}

#[test]
fn sense_is_there_if_the_report_word_says_so() {
    assert_eq!(irb(0).sense(), None);
    assert_eq!(irb(0x0102_0000).sense(), Some(&[0x40, 1][..]));
    assert_eq!(irb(0x0100_2000).sense().map(<[u8]>::len), Some(32));
    assert_eq!(irb(0x013f_0000).sense().map(<[u8]>::len), Some(32));
}

#[test]
fn addresses_of_a_logout_are_there_if_the_report_word_says_so() {
    assert_eq!(irb(0).failing_storage_address(), None);
    assert_eq!(
        irb(0x0200_0000).failing_storage_address(),
        Some(0x1234_5678)
    );
    assert_eq!(
        irb(0x0240_0000).failing_storage_address(),
        Some(0x1234_5678_9abc_def0)
    );
    assert_eq!(irb(0).secondary_ccw_address(), None);
    assert_eq!(irb(0x0080_0000).secondary_ccw_address(), Some(0x0001_2008));
    let mut no_logout = irb(0x0280_0000);
    no_logout.set_scsw(Scsw::default());
    assert_eq!(no_logout.failing_storage_address(), None);
    assert_eq!(no_logout.secondary_ccw_address(), None);
}

#[test]
fn addresses_of_a_logout_can_be_replaced() {
    let mut irb = irb(0x0300_0000);
    for (storage, ccw) in [
        (Some(0x1000), None),
        (Some(1 << 31), Some(0x1000)),
        (Some(u64::MAX), Some(0x7fff_fff8)),
        (None, Some(0)),
        (None, None),
    ] {
        irb.set_addresses(storage, ccw);
        assert_eq!(irb.failing_storage_address(), storage);
        assert_eq!(irb.secondary_ccw_address(), ccw);
        assert_eq!(
            irb.sense().map(<[u8]>::len),
            Some(32),
            "nothing else changes"
        );
    }
    assert_eq!(irb.as_bytes()[20..32], [0; 12]);
}
