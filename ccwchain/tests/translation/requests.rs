// SPDX-License-Identifier: GPL-2.0

//! The guest ORB and the host ORB.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    error::Error,
    orb, //
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb0,
    orb1,
    Machine, //
};

fn machine() -> Machine {
    let mut machine = Machine::new();
    let program = [ccw(0x03, Flags::empty(), 1, 0)];
    machine.program(Format::One, 0x10000, &program);
    machine
}

#[test]
fn transport_mode_is_refused() {
    let orb = orb1(0x10000).with_flags(orb::Flags::TRANSPORT);
    assert_eq!(machine().translate(&orb), Err(Error::TransportMode));
}

#[test]
fn bits_that_must_be_zero_are_refused() {
    for bit in [26, 27, 28, 29, 30] {
        let orb = orb1(0x10000);
        let control = orb::Flags::from_bits(1 << (31 - bit));
        let orb = orb.with_flags(orb.flags().union(control));
        let error = machine().translate(&orb).unwrap_err();
        assert_eq!(error, Error::ReservedOrbBits { control, cpa: 0 });
        assert!(error.to_string().contains(&format!("{control}")));
    }
    assert_eq!(
        machine().translate(&orb1(0x8001_0000)),
        Err(Error::ReservedOrbBits {
            control: orb::Flags::empty(),
            cpa: 0x8000_0000
        })
    );
}

#[test]
fn the_host_gets_what_the_guest_asks_for() {
    let unchanged = orb::Flags::SUSPEND
        .union(orb::Flags::STREAMING)
        .union(orb::Flags::MODIFICATION)
        .union(orb::Flags::SYNCHRONIZE)
        .union(orb::Flags::PREFETCH)
        .union(orb::Flags::INITIAL_STATUS)
        .union(orb::Flags::ADDRESS_LIMIT)
        .union(orb::Flags::SUPPRESS_SUSPENDED)
        .union(orb::Flags::LENGTH);
    let replaced = orb::Flags::FORMAT_1
        .union(orb::Flags::MIDAW)
        .union(orb::Flags::EXTENSION);
    let orb = orb1(0x10000)
        .with_flags(unchanged.union(replaced))
        .with_key(9)
        .with_lpm(0x40)
        .with_intparm(0x1234);
    let mut machine = machine();
    let host = machine.translate(&orb).unwrap();
    let expected = orb::Orb::default()
        .with_flags(
            unchanged
                .union(orb::Flags::FORMAT_1)
                .union(orb::Flags::IDAW_64)
                .union(orb::Flags::IDAW_2K),
        )
        .with_key(9)
        .with_lpm(0x80)
        .with_intparm(0xfeed_f00d)
        .with_cpa(machine.arena.blocks[0] + 4096 + 264);
    let [intparm, control, cpa] = expected.words();
    let words = host.words(0xfeed_f00d, 0x80);
    assert_eq!(words, [intparm, control, cpa, 0, 0, 0, 0, 0]);
}

/// The effect of a bit of the guest ORB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The bit is the same in the host ORB.
    Passed,
    /// The bit does not change the host ORB.
    Replaced,
    /// The bit changes the host program, or there is none.
    Interpreted,
    /// The bit is an error.
    Refused,
}

/// Returns the effect of each bit of the three words. Bit 0 is the most significant.
fn fate(word: usize, bit: u32) -> Fate {
    match (word, bit) {
        // The interruption parameter of the host is another one.
        (0, _) => Fate::Replaced,
        // The key, S, C, M, Y.
        (1, 0..=7) => Fate::Passed,
        // F, the format of the CCWs: host programs have format 1.
        (1, 8) => Fate::Interpreted,
        // P, I, A, U.
        (1, 9..=12) => Fate::Passed,
        // B, transport mode.
        (1, 13) => Fate::Refused,
        // H and T, the format of IDAWs: host programs have format 2, with blocks as large as in the
        // guest.
        (1, 14 | 15) => Fate::Interpreted,
        // The path mask of the host is another one.
        (1, 16..=23) => Fate::Replaced,
        // L.
        (1, 24) => Fate::Passed,
        // D: host programs with MIDAWs have it, but not this one.
        (1, 25) => Fate::Replaced,
        // Reserved.
        (1, 26..=30) => Fate::Refused,
        // X: the guest has no room for an extension.
        (1, 31) => Fate::Replaced,
        // Addresses have 31 bits.
        (2, 0) => Fate::Refused,
        (2, _) => Fate::Interpreted,
        _ => unreachable!("an ORB has three words"),
    }
}

#[test]
fn every_bit_of_an_orb_is_passed_on_replaced_interpreted_or_refused() {
    // A program that is another one with other formats of CCWs and IDAWs.
    let translate = |orb: &orb::Orb| {
        let mut machine = machine();
        machine.map(0, 0x1000, Access::Write);
        for (address, idaw) in [(0x11000, 0x18000_u64), (0x11008, 0x19000)] {
            let idaw = idaw.to_be_bytes();
            machine.guest.iommu.store(address, &idaw).unwrap();
        }
        let program = [ccw(0x02, Flags::IDA, 4096, 0x11000)];
        machine.program(Format::One, 0x10000, &program);
        let host = machine.translate(orb).ok()?;
        Some((host.words(0xfeed_f00d, 0x80), machine.arena.bytes))
    };
    let guest = orb1(0x10000).words();
    let (before, arena) = translate(&orb1(0x10000)).unwrap();
    for word in 0..3 {
        for bit in 0..32 {
            let mask = 0x8000_0000_u32 >> bit;
            let mut words = guest;
            words[word] ^= mask;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            let orb = orb::Orb::from_bytes(&bytes.try_into().unwrap());
            let mut passed = before;
            passed[word] ^= mask;
            let found = match translate(&orb) {
                None => Fate::Refused,
                Some((words, bytes)) if bytes == arena && words == passed => Fate::Passed,
                Some((words, bytes)) if bytes == arena && words == before => Fate::Replaced,
                Some(_) => Fate::Interpreted,
            };
            assert_eq!(found, fate(word, bit), "word {word}, bit {bit}");
        }
    }
}

#[test]
fn midaws_are_asked_for_only_where_they_are_used() {
    let midaw = orb::Flags::MIDAW;
    for flags in [Flags::empty(), Flags::MIDA] {
        let mut machine = machine();
        let program = [ccw(0x02, flags, 16, 0x18000)];
        machine.program(Format::One, 0x10000, &program);
        let orb = orb1(0x10000);
        let orb = orb.with_flags(orb.flags().union(midaw));
        let host = machine.translate(&orb).unwrap();
        let asked = host.orb().flags().contains(midaw);
        assert_eq!(asked, flags == Flags::MIDA);
    }
}

#[test]
fn immediate_operations_of_format_0_programs_keep_having_no_incorrect_length() {
    let mut machine = machine();
    machine.program(Format::Zero, 0x10000, &[ccw(0x03, Flags::empty(), 1, 0)]);
    let host = machine.translate(&orb0(0x10000)).unwrap();
    assert!(host.orb().flags().contains(orb::Flags::LENGTH));
    for length in [orb::Flags::empty(), orb::Flags::LENGTH] {
        let orb = orb1(0x10000);
        let orb = orb.with_flags(orb.flags().union(length));
        let host = machine.translate(&orb).unwrap();
        let found = host.orb().flags().intersection(orb::Flags::LENGTH);
        assert_eq!(found, length, "programs of format 1 say it themselves");
    }
}
