// SPDX-License-Identifier: GPL-2.0

//! Operation-request blocks.

use ccwchain::orb::{
    self,
    Orb, //
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
        assert_eq!(orb.suspend(), flag == orb::Flags::SUSPEND);
        assert_eq!(orb.format1(), flag == orb::Flags::FORMAT_1);
        assert_eq!(orb.prefetch(), flag == orb::Flags::PREFETCH);
        assert_eq!(orb.initial_status(), flag == orb::Flags::INITIAL_STATUS);
        assert_eq!(orb.transport(), flag == orb::Flags::TRANSPORT);
        assert_eq!(orb.idaw64(), flag == orb::Flags::IDAW_64);
        assert_eq!(orb.idaw2k(), flag == orb::Flags::IDAW_2K);
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
