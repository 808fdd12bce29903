// SPDX-License-Identifier: GPL-2.0

//! Formats are written as the bytes from which they were parsed, and can be displayed.

use ccwchain::{
    ccw::{
        Ccw,
        Format, //
    },
    idaw,
    irb::{
        self,
        Irb, //
    },
    orb::Orb,
    scsw::{
        Scsw,
        StatusControl, //
    },
};

use super::input::Input;

/// Parses each of the formats from the bytes.
///
/// # Panics
///
/// If one is written differently than it was parsed, or a setter sets something else.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    ccw(input.bytes());
    orb(&mut input);
    scsw(input.bytes(), input.word());
    status(&mut input);
    idaws(&mut input);
}

fn ccw(bytes: [u8; 8]) {
    let one = Ccw::parse(Format::One, bytes);
    assert_eq!(one.to_bytes(Format::One), bytes);
    let zero = Ccw::parse(Format::Zero, bytes);
    let mut written = bytes;
    written[5] = 0;
    assert_eq!(zero.to_bytes(Format::Zero), written);
    assert!(zero.address <= Format::Zero.max_address());
    for ccw in [zero, one] {
        assert_eq!(ccw.to_string(), format!("{ccw:?}"));
    }
}

fn orb(input: &mut Input<'_>) {
    let bytes = input.bytes();
    let orb = Orb::from_bytes(&bytes);
    assert_eq!(orb.to_bytes(), bytes);
    let changed = orb
        .with_intparm(input.word())
        .with_cpa(input.word())
        .with_key(input.byte())
        .with_lpm(input.byte())
        .with_flags(Orb::from_bytes(&input.bytes()).flags());
    let back = changed
        .with_flags(orb.flags())
        .with_lpm(orb.lpm())
        .with_key(orb.key())
        .with_cpa(orb.cpa())
        .with_intparm(orb.intparm());
    assert_eq!(back, orb);
    assert_eq!(orb.to_string(), format!("{orb:?}"));
}

fn scsw(bytes: [u8; 12], cpa: u32) {
    let scsw = Scsw::from_bytes(&bytes);
    assert_eq!(scsw.to_bytes(), bytes);
    assert_eq!(Scsw::from_words(scsw.words()), scsw);
    assert_eq!(scsw.with_cpa(cpa).cpa(), cpa);
    assert_eq!(scsw.with_cpa(cpa).with_cpa(scsw.cpa()), scsw);
    assert_eq!(scsw.to_string(), format!("{scsw:?}"));
    if scsw.ends_start() {
        assert!(scsw.stctl().contains(StatusControl::PENDING));
    }
}

fn status(input: &mut Input<'_>) {
    let bytes: [u8; irb::SIZE] = input.bytes();
    let irb = Irb::from_bytes(&bytes);
    assert_eq!(irb.as_bytes(), &bytes);
    assert!(!format!("{irb:?}").is_empty());

    let storage = Some(input.double()).filter(|address| address % 2 == 0);
    let secondary = Some(input.word()).filter(|address| address % 2 == 0);
    let mut changed = irb;
    changed.set_addresses(storage, secondary);
    if irb.scsw().logout() {
        assert_eq!(changed.failing_storage_address(), storage);
        assert_eq!(changed.secondary_ccw_address(), secondary);
    } else {
        assert_eq!(changed.failing_storage_address(), None);
        assert_eq!(changed.secondary_ccw_address(), None);
    }
    assert_eq!(changed.scsw(), irb.scsw());
    assert_eq!(changed.sense(), irb.sense());
}

fn idaws(input: &mut Input<'_>) {
    let (first, count) = (input.double(), input.half());
    for format in [idaw::Format::One, idaw::Format::Two2K, idaw::Format::Two4K] {
        let needed = format.needed(first, count) as u64;
        let end = first % format.block() + u64::from(count);
        assert!(end <= needed * format.block() && needed as usize <= idaw::MAX);
        assert!(count == 0 || end > (needed - 1) * format.block());
    }
}
