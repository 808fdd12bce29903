// SPDX-License-Identifier: GPL-2.0

//! No host address reaches the guest.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    irb::{
        self,
        Irb, //
    },
    scsw::Scsw, //
};
use model::machine::{
    ccw,
    orb0,
    orb1,
    tic,
    Machine, //
};

const LOGOUT: u32 = 0x0400_0000;

fn machine() -> (Machine, HostOrb) {
    let mut machine = Machine::new();
    machine.program(Format::One, 0x13000, &[ccw(0x03, Flags::empty(), 1, 0)]);
    let host = machine.translate1(&[ccw(0x02, Flags::CC, 80, 0x12040), tic(0x13000)]);
    (machine, host)
}

fn logout(failing: Option<u64>, secondary: Option<u32>) -> Irb {
    let mut irb = Irb::default();
    irb.set_scsw(Scsw::from_words([LOGOUT, 0, 0]));
    irb.set_addresses(failing, secondary);
    irb
}

#[test]
fn a_cpa_becomes_that_of_the_guest_ccw() {
    let (machine, host) = machine();
    let first = host.orb().cpa();
    for (host_cpa, guest) in [
        (first, 0x10000),
        (first + 8, 0x10008),
        (first + 16, 0x10010),
        (first + 24, 0x10018),
        (first + 32, 0x10020),
        (first + 40, 0x10028),
        (first + 48, 0x13000),
        (first + 56, 0x13008),
        (first + 72, 0x13018),
    ] {
        assert_eq!(machine.guest_cpa(host_cpa), guest, "{host_cpa:#x}");
    }
}

#[test]
fn a_cpa_that_is_not_in_the_program_becomes_zero() {
    let (mut machine, host) = machine();
    let first = host.orb().cpa();
    for cpa in [
        0,
        8,
        first - 8,
        first + 4,
        first + 80,
        0x7fff_fff8,
        0xffff_ffff,
    ] {
        assert_eq!(machine.guest_cpa(cpa), 0, "{cpa:#x}");
    }
    machine.release();
    assert_eq!(machine.guest_cpa(first), 0);
}

#[test]
fn the_rest_of_the_status_is_left_as_it_is() {
    let (machine, host) = machine();
    let mut irb = Irb::from_bytes(&[0xa5; 64]);
    let scsw = irb.scsw().with_cpa(host.orb().cpa() + 8);
    irb.set_scsw(scsw);
    let before = irb;
    machine.translator.write_back(&mut irb);
    assert_eq!(irb.scsw(), scsw.with_cpa(0x10008));
    assert_eq!(irb.as_bytes()[12..16], before.as_bytes()[12..16]);
}

#[test]
fn a_failing_storage_address_becomes_a_guest_address() {
    let (machine, host) = machine();
    let ccw = machine.host_ccw(&host, 0);
    let [data] = machine.host_idaws(&host, &ccw)[..] else {
        panic!("{ccw}");
    };
    for (failing, guest) in [
        (data + 7, Some(0x12047)),
        (u64::from(host.orb().cpa()), Some(0x10000)),
        (u64::from(ccw.address), None),
        (u64::from(machine.arena.blocks[0]), None),
        (0x1234_5678_9000, None),
        (0, None),
    ] {
        let mut irb = logout(Some(failing), None);
        machine.translator.write_back(&mut irb);
        assert_eq!(irb, logout(guest, None), "{failing:#x}");
        assert_eq!(irb.failing_storage_address(), guest);
    }
}

#[test]
fn an_address_of_the_program_before_stands_for_nothing() {
    let (mut machine, host) = machine();
    let ccw = machine.host_ccw(&host, 0);
    let [data] = machine.host_idaws(&host, &ccw)[..] else {
        panic!("{ccw}");
    };
    machine.translate1(&[self::ccw(0x02, Flags::empty(), 80, 0x90000)]);
    let mut irb = logout(Some(data), None);
    machine.translator.write_back(&mut irb);
    assert_eq!(irb.failing_storage_address(), None);
}

#[test]
fn a_secondary_ccw_address_becomes_a_guest_address() {
    let (machine, host) = machine();
    for (secondary, guest) in [(host.orb().cpa() + 8, Some(0x10008)), (0x1238, None)] {
        let mut irb = logout(None, Some(secondary));
        machine.translator.write_back(&mut irb);
        assert_eq!(irb.secondary_ccw_address(), guest);
        assert_eq!(irb, logout(None, guest));
    }
}

#[test]
fn fields_that_are_not_valid_say_nothing_either() {
    let (machine, host) = machine();
    let mut bytes = [0; 64];
    bytes[20..24].copy_from_slice(&host.orb().cpa().to_be_bytes());
    bytes[28..32].copy_from_slice(&host.orb().cpa().to_be_bytes());
    let mut irb = Irb::from_bytes(&bytes);
    machine.translator.write_back(&mut irb);
    assert_eq!(irb, Irb::default());
}

#[test]
fn the_status_has_the_format_of_the_guest_ccws() {
    let mut machine = Machine::new();
    for (format, orb) in [(Format::Zero, orb0(0x10000)), (Format::One, orb1(0x10000))] {
        machine.program(format, 0x10000, &[ccw(0x03, Flags::empty(), 1, 0)]);
        machine.translate(&orb).unwrap();
        for (of_host, of_guest) in [(Format::One, format), (Format::Zero, Format::Zero)] {
            let mut irb = Irb::default();
            irb.set_scsw(Scsw::default().with_format(of_host));
            machine.translator.write_back(&mut irb);
            assert_eq!(irb.scsw().format(), of_guest);
        }
    }
    machine.release();
    let mut irb = Irb::default();
    irb.set_scsw(Scsw::default().with_format(Format::One));
    machine.translator.write_back(&mut irb);
    assert_eq!(irb.scsw().format(), Format::One, "no program of ours");
}

#[test]
fn a_fault_in_a_list_is_no_guest_address() {
    let mut machine = Machine::new();
    machine.translate1(&[ccw(0x02, Flags::empty(), 80, 0x90000)]);
    let mut irb = logout(Some(0xffff_ffff_ffff_f001), None);
    machine.translator.write_back(&mut irb);
    assert_eq!(irb, logout(None, None));
}

#[test]
fn only_sense_bytes_are_left_of_the_extended_control_word() {
    /// Returns the bit for extended control, and the extended-report word with this many sense
    /// bytes.
    const E: u32 = 0x0002_0000;
    let erw = |sense: bool, count: u32| u32::from(sense) << 24 | count << 16;
    for (control, erw, left) in [
        (0, 0, 0),
        (E, 0, 0),
        (0, erw(true, 4), 0),
        (E, erw(false, 4), 0),
        (E, erw(true, 4), 4),
        (E, erw(true, 31), 31),
        // QEMU leaves the count zero, and no machine has more.
        (E, erw(true, 0), 32),
        (E, erw(true, 63), 32),
    ] {
        let mut bytes = [0x70; irb::SIZE];
        bytes[..4].copy_from_slice(&(control | 0x4017).to_be_bytes());
        bytes[12..32].fill(0);
        bytes[16..20].copy_from_slice(&erw.to_be_bytes());
        let mut irb = Irb::from_bytes(&bytes);
        Machine::new().translator.write_back(&mut irb);
        let (sense, rest) = irb.as_bytes()[32..].split_at(left);
        assert!(sense.iter().all(|byte| *byte == 0x70), "{control:#x}");
        assert!(rest.iter().all(|byte| *byte == 0), "{control:#x} {erw:#x}");
    }
}

#[test]
fn both_forms_of_a_failing_storage_address_become_guest_addresses() {
    let mut machine = Machine::new();
    machine.map(0x1_2345_6000, 0x1000, iommu_type1_stub::Access::Write);
    let bytes = 0x1_2345_6040_u64.to_be_bytes();
    machine.guest.iommu.store(0x18000, &bytes).unwrap();
    let host = machine.translate1(&[
        ccw(0x02, Flags::CC.union(Flags::IDA), 80, 0x18000),
        ccw(0x02, Flags::empty(), 80, 0x12040),
    ]);
    for (number, guest) in [(0, 0x1_2345_6041), (1, 0x12041)] {
        let ccw = machine.host_ccw(&host, number);
        let [data] = machine.host_idaws(&host, &ccw)[..] else {
            panic!("{ccw}");
        };
        let mut irb = logout(Some(data + 1), None);
        machine.translator.write_back(&mut irb);
        assert_eq!(irb, logout(Some(guest), None));
    }
}
