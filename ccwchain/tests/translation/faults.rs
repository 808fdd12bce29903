// SPDX-License-Identifier: GPL-2.0

//! An invalid part of a program gives a program check at the same CCW, and at the same byte of its
//! data.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb, //
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb0,
    orb1,
    tic,
    Machine,
    FAULT, //
};

const NONE: Flags = Flags::empty();

/// Creates a machine with lists of IDAWs at 0x11000 and around the end of memory.
fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    for (address, idaws) in [
        (0x11000, [0x12004_u64, 0x13000]),
        (0x11010, [0x12004, 0x13800]),
        (0x11020, [0x12004, 0x90000]),
        (0x11030, [0x90000, 0x12000]),
        (0x11040, [0x30000, 0x12000]),
        (0x1fff0, [0x1_3004, 0x12004]),
    ] {
        for (offset, idaw) in [0, 8].into_iter().zip(idaws) {
            let bytes = idaw.to_be_bytes();
            machine.guest.iommu.store(address + offset, &bytes).unwrap();
        }
    }
    machine
}

/// Translates `wrong` after a valid command.
fn translate(format: Format, idaws: orb::Flags, wrong: Ccw) -> (Machine, HostOrb) {
    let mut machine = machine();
    let nop = ccw(0x03, Flags::CC, 1, 0);
    machine.program(format, 0x10000, &[nop, wrong]);
    let orb = match format {
        Format::Zero => orb0(0x10000),
        Format::One => orb1(0x10000),
    };
    let orb = orb.with_flags(
        orb.flags()
            .difference(orb::Flags::IDAW_64.union(orb::Flags::IDAW_2K))
            .union(idaws),
    );
    let host = machine.translate(&orb).unwrap();
    assert_eq!(machine.host_ccw(&host, 0).command, 0x03, "{wrong}");
    (machine, host)
}

#[test]
fn what_is_no_ccw_gives_it_at_the_ccw() {
    let midaw = orb::Flags::MIDAW;
    for (wrong, why) in [
        (ccw(0x08, NONE, 1, 0x10000), "a transfer with a count"),
        (ccw(0x08, Flags::SLI, 0, 0x10000), "a transfer with a flag"),
        (tic(0x10004), "a transfer to where no CCW can be"),
        (tic(0x8001_0000), "a transfer with bit 0"),
        (ccw(0x18, NONE, 0, 0x10000), "no transfer in format 1"),
        (ccw(0x00, NONE, 8, 0x12000), "no command"),
        (ccw(0xf0, NONE, 8, 0x12000), "no command"),
        (ccw(0x02, Flags::CD, 0, 0x12000), "no data to be chained"),
        (ccw(0x02, NONE, 8, 0x8001_2000), "an address with bit 0"),
        (ccw(0x03, NONE, 8, 0x8001_2000), "an address with bit 0"),
        (ccw(0x02, Flags::MIDA, 8, 0x12000), "MIDAWs, not allowed"),
    ] {
        check_ccw(Format::One, NONE_ORB, wrong, why);
    }
    for flags in [Flags::IDA, Flags::SKIP] {
        let wrong = ccw(0x02, flags.union(Flags::MIDA), 8, 0x12000);
        check_ccw(Format::One, midaw, wrong, "MIDAWs that cannot be");
    }
    for (wrong, why) in [
        (ccw(0x02, NONE, 0, 0x12000), "a count of zero"),
        (ccw(0x03, NONE, 0, 0), "a count of zero"),
        (ccw(0xf0, NONE, 8, 0x12000), "no command"),
        (tic(0x10004), "a transfer to where no CCW can be"),
    ] {
        check_ccw(Format::Zero, NONE_ORB, wrong, why);
    }
}

fn check_ccw(format: Format, flags: orb::Flags, wrong: Ccw, why: &str) {
    let (machine, host) = translate(format, flags, wrong);
    assert!(machine.is_program_check(&host, 1), "{why}: {wrong}");
    assert_eq!(machine.guest_cpa(host.orb().cpa() + 16), 0x10010, "{why}");
}

/// Checks that `wrong` gives a program check after its valid blocks `good`, and not before.
fn check_data(format: Format, idaws: orb::Flags, wrong: Ccw, good: &[u64], why: &str) {
    let (machine, host) = translate(format, idaws, wrong);
    let ccw = machine.host_ccw(&host, 1);
    assert_eq!((ccw.command, ccw.count), (wrong.command, wrong.count));
    let expected = [good, &[FAULT]].concat();
    let blocks = machine.guest_blocks(&host, &ccw);
    assert_eq!(blocks, Some(expected), "{why}: {wrong}");
}

#[test]
fn data_that_is_not_there_gives_it_at_its_first_byte() {
    let two4k = orb::Flags::IDAW_64;
    let two2k = two4k.union(orb::Flags::IDAW_2K);
    for (idaws, wrong, good) in [
        (two4k, ccw(0x02, NONE, 8, 0x90000), [].as_slice()),
        (two4k, ccw(0x02, NONE, 8192, 0x1f010), &[0x1f010]),
        (two2k, ccw(0x02, NONE, 8192, 0x1f010), &[0x1f010, 0x1f800]),
        (two4k, ccw(0x02, NONE, 8, 0x30000), &[]),
        (two4k, ccw(0x02, NONE, 8192, 0x2fff0), &[]),
        (two4k, ccw(0x01, NONE, 8192, 0x30000), &[0x30000]),
        (two4k, ccw(0x02, NONE, 8, 0x7fff_fffc), &[]),
    ] {
        check_data(Format::One, idaws, wrong, good, "direct");
    }
    let wrong = ccw(0x02, NONE, 8, 0xff_fffc);
    check_data(Format::Zero, two4k, wrong, &[], "more than 24 bits");
}

#[test]
fn a_list_gives_it_where_it_is_wrong() {
    let one = NONE_ORB;
    let two4k = orb::Flags::IDAW_64;
    let two2k = two4k.union(orb::Flags::IDAW_2K);
    for (idaws, address, good, why) in [
        (two4k, 0x11004, [].as_slice(), "not on a doubleword"),
        (one, 0x11002, &[], "not on a word"),
        (two4k, 0x90000, &[], "not in memory"),
        (two4k, 0x1fff8, &[0x12004], "half in memory"),
        (one, 0x1fffc, &[0x12004], "half in memory"),
        (two4k, 0x11010, &[0x12004], "an IDAW within a block"),
        (two4k, 0x11020, &[0x12004], "no memory"),
        (two2k, 0x11020, &[0x12004], "no memory"),
        (two2k, 0x11030, &[], "no memory in the first"),
        (two4k, 0x11040, &[], "memory that cannot be written"),
        (two4k, 0x7fff_fff8, &[], "beyond 31 bits"),
    ] {
        let wrong = ccw(0x02, Flags::IDA, 7000, address);
        check_data(Format::One, idaws, wrong, good, why);
    }
    let wrong = ccw(0x02, Flags::IDA, 4096, 0xff_fff8);
    check_data(Format::Zero, two4k, wrong, &[], "beyond 24 bits");
}

const NONE_ORB: orb::Flags = orb::Flags::empty();

#[test]
fn a_transfer_to_where_nothing_can_be_fetched_gives_its_program_check_itself() {
    let mut machine = machine();
    let host = machine.translate1(&[ccw(0x03, Flags::CC, 1, 0), tic(0x90000)]);
    assert!(machine.is_program_check(&host, 1));
    assert_eq!(machine.guest_cpa(host.orb().cpa() + 16), 0x10010);
}

#[test]
fn a_fault_in_one_ccw_leaves_the_others_as_they_are() {
    let mut machine = machine();
    let host = machine.translate1(&[
        ccw(0x02, Flags::CC, 8, 0x12000),
        ccw(0x02, Flags::CC, 8, 0x30000),
        ccw(0x01, NONE, 8, 0x30000),
    ]);
    assert_eq!(machine.host_ccw(&host, 0).command, 0x02);
    let ccw = machine.host_ccw(&host, 1);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![FAULT]));
    let ccw = machine.host_ccw(&host, 2);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![0x30000]));
}

/// Translates `wrong` in a guest whose memory does not end where that would stop it.
fn check_in_memory(
    format: Format,
    idaws: orb::Flags,
    wrong: Ccw,
    areas: &[(u64, &[u8])],
    good: &[u64],
) {
    let mut machine = Machine::new();
    for address in [0xff_f000, 0x7fff_f000] {
        machine.map(address, 0x2000, Access::Write);
    }
    machine.map(0x8001_2000, 0x1000, Access::Write);
    for (address, bytes) in areas {
        machine.guest.iommu.store(*address, bytes).unwrap();
    }
    machine.program(format, 0x10000, &[wrong]);
    let control = match format {
        Format::Zero => idaws,
        Format::One => idaws.union(orb::Flags::FORMAT_1),
    };
    let orb = orb1(0x10000).with_flags(control);
    let host = machine.translate(&orb).unwrap();
    let ccw = machine.host_ccw(&host, 0);
    let expected = [good, &[FAULT]].concat();
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(expected), "{wrong}");
}

#[test]
fn addresses_end_where_the_format_ends_even_if_memory_does_not() {
    let two4k = orb::Flags::IDAW_64;
    let [zero, one] = [0xff_fff8, 0x7fff_fff8];
    for (format, last) in [(Format::Zero, zero), (Format::One, one)] {
        let wrong = ccw(0x02, NONE, 9, last);
        check_in_memory(format, two4k, wrong, &[], &[last.into()]);
        let idaws = [[0, 0, 0, 0, 0, 1, 0, 0]; 2].concat();
        let areas = [(last.into(), idaws.as_slice())];
        let wrong = ccw(0x02, Flags::IDA, 8192, last);
        check_in_memory(format, two4k, wrong, &areas, &[0x10000]);
    }
    let areas = [(0x11000, [0x80, 0x01, 0x20, 0x00].as_slice())];
    let wrong = ccw(0x02, Flags::IDA, 8, 0x11000);
    check_in_memory(Format::One, NONE_ORB, wrong, &areas, &[]);
    let wrong = ccw(0x0c, NONE, 9, 0x7);
    let mut machine = Machine::new();
    machine.map(0, 0x1000, Access::Write);
    let host = machine.translate1(&[wrong]);
    let ccw = machine.host_ccw(&host, 0);
    let blocks = machine.guest_blocks(&host, &ccw);
    assert_eq!(blocks, Some(vec![7, FAULT]), "below zero");
}

#[test]
fn a_good_list_at_a_bad_address_is_a_bad_list() {
    let areas = [(0x11004, [0, 0, 0, 0, 0, 1, 0, 0].as_slice())];
    let wrong = ccw(0x02, Flags::IDA, 8, 0x11004);
    check_in_memory(Format::One, orb::Flags::IDAW_64, wrong, &areas, &[]);
    let areas = [(0x11002, [0, 1, 0, 0].as_slice())];
    let wrong = ccw(0x02, Flags::IDA, 8, 0x11002);
    check_in_memory(Format::One, NONE_ORB, wrong, &areas, &[]);
}

#[test]
fn a_good_ccw_at_a_bad_address_is_not_run() {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x10004, &[ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate(&orb1(0x10004)).unwrap();
    assert!(machine.is_program_check(&host, 0));
    assert_eq!(machine.guest.reads, []);
}
