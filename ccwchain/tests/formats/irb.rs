// SPDX-License-Identifier: GPL-2.0

//! Interruption-response blocks.

use ccwchain::{
    irb::Irb,
    scsw::Scsw, //
};

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
    assert_eq!(irb.scsw().words(), [0x0402_401f, 0x2000, 0x8cc0_0004]);

    let mut irb = plain;
    irb.accumulate(&sensed);
    assert_eq!(irb.as_bytes()[32..], sensed.as_bytes()[32..]);
    assert_eq!(irb.scsw().cpa(), 0x1000);

    // Of two, the newer ones remain.
    bytes[32] = 0x80;
    let mut irb = sensed;
    irb.accumulate(&Irb::from_bytes(&bytes));
    assert_eq!(irb.as_bytes()[32], 0x80);
}

#[test]
fn a_logout_or_sense_bytes_alone_remain_until_there_are_others() {
    for extended in [0x0400_0000, 0x0002_0000] {
        let mut bytes = [0; 64];
        bytes[..12].copy_from_slice(&Scsw::from_words([extended, 0, 0]).to_bytes());
        bytes[32] = 0x40;
        let mut irb = Irb::from_bytes(&bytes);
        irb.accumulate(&Irb::default());
        assert_eq!(irb.as_bytes()[32], 0x40, "{extended:#010x}");
        assert_eq!(irb.scsw().words(), [extended, 0, 0]);
    }
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
        (Some((1 << 31) - 1), None),
        (Some(1 << 31), Some(0x1000)),
        (Some(u64::MAX), Some(0x7fff_fff8)),
        (None, Some(0)),
        (None, None),
    ] {
        irb.set_addresses(storage, ccw);
        assert_eq!(irb.failing_storage_address(), storage);
        assert_eq!(irb.secondary_ccw_address(), ccw);
        let has_64_bits = irb.erw() & 0x0040_0000 != 0;
        assert_eq!(has_64_bits, storage.is_some_and(|at| at >= 1 << 31));
        assert_eq!(
            irb.sense().map(<[u8]>::len),
            Some(32),
            "nothing else changes"
        );
    }
    assert_eq!(irb.as_bytes()[20..32], [0; 12]);
}
