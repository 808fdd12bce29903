// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own lists: each word that the channel would fetch after that has
//! a program check in its place. Programs that store through lists.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    orb, //
};
use model::machine::{
    ccw,
    tic,
    Machine,
    FAULT, //
};

use crate::{
    one_ccw::NONE,
    overwrites::{
        checks,
        modifiable,
        overwritten,
        CC, //
    },
};

const CC_IDA: Flags = CC.union(Flags::IDA);

/// Stores IDAWs.
fn store_idaws(machine: &mut Machine, list: u64, idaws: &[u64]) {
    for (address, idaw) in (list..).step_by(8).zip(idaws) {
        let bytes = idaw.to_be_bytes();
        machine.guest.iommu.store(address, &bytes).unwrap();
    }
}

/// Stores MIDAWs: flags, count and address of each.
fn store_midaws(machine: &mut Machine, list: u64, midaws: &[(u64, u64, u64)]) {
    for (at, (flags, count, address)) in (list..).step_by(16).zip(midaws) {
        let bytes = [flags << 16 | count, *address].map(u64::to_be_bytes);
        machine.guest.iommu.store(at, &bytes.concat()).unwrap();
    }
}

/// Returns the guest addresses of the blocks of the CCW in a slot.
fn blocks(machine: &Machine, host: &HostOrb, slot: u32) -> Vec<u64> {
    let ccw = machine.host_ccw(host, slot);
    machine.guest_blocks(host, &ccw).unwrap()
}

#[test]
fn an_overwritten_idaw_of_a_later_ccw_is_a_fault() {
    for (store, count, expected, number) in [
        (0x18000, 8, vec![FAULT], 0x18000),
        (0x17ff8, 9, vec![FAULT], 0x18000),
        (0x18008, 8, vec![0x13800, FAULT], 0x18008),
        (0x1800f, 1, vec![0x13800, FAULT], 0x18008),
        (0x17ff8, 8, vec![0x13800, 0x14000], 0),
        (0x18010, 8, vec![0x13800, 0x14000], 0),
    ] {
        for code in [0x01, 0x02] {
            let mut machine = Machine::new();
            store_idaws(&mut machine, 0x18000, &[0x13800, 0x14000, 0x15000]);
            let later = ccw(code, Flags::IDA, 0x1000, 0x18000);
            machine.program(Format::One, 0x10000, &[ccw(0x02, CC, count, store), later]);
            let host = machine.translate(&modifiable()).unwrap();
            assert_eq!(blocks(&machine, &host, 1), expected, "{store:#x}");
            let stats = match number {
                0 => (0, None),
                number => (1, Some(number)),
            };
            assert_eq!(overwritten(&machine), stats);
        }
    }
}

#[test]
fn an_overwritten_list_is_found_among_others() {
    // Lists in any order, and one within another that is longer.
    for (lists, store) in [
        ([(0x19000, 1), (0x1a000, 1), (0x18000, 1)], 0x18000),
        ([(0x18008, 1), (0x17000, 1), (0x18000, 3)], 0x18010),
    ] {
        let mut machine = Machine::new();
        store_idaws(&mut machine, 0x17000, &[0x14000]);
        store_idaws(&mut machine, 0x18000, &[0x14000, 0x15000, 0x16000]);
        store_idaws(&mut machine, 0x19000, &[0x14000]);
        store_idaws(&mut machine, 0x1a000, &[0x14000]);
        let writes = lists.map(|(list, len)| ccw(0x01, CC_IDA, 0x1000 * len, list));
        let first = ccw(0x02, CC, 8, store);
        let last = ccw(0x03, NONE, 1, 0);
        let program: Vec<_> = [first].into_iter().chain(writes).chain([last]).collect();
        machine.program(Format::One, 0x10000, &program);
        machine.translate(&modifiable()).unwrap();
        assert_eq!(overwritten(&machine), (1, Some(store)));
    }
}

#[test]
fn idaws_tell_where_data_is_stored() {
    // A read through two IDAWs, the second of which leads to the CCW at 0x11000.
    for (count, first, second, expected) in [
        (0x800 + 1, 0x13800, 0x11000, vec![0x11000]),
        (0x800, 0x13800, 0x11000, vec![]),
        (0x1000, 0x11000, 0x14000, vec![0x11000]),
        (0x800 + 8, 0x13800, 0x10000, vec![]),
    ] {
        let mut machine = Machine::new();
        store_idaws(&mut machine, 0x18000, &[first, second]);
        machine.program(Format::One, 0x11000, &[ccw(0x03, NONE, 1, 0)]);
        let read = ccw(0x02, CC_IDA, count, 0x18000);
        let found = checks(&mut machine, &modifiable(), &[read, tic(0x11000)]);
        assert_eq!(found, expected, "{count:#x}");
    }
    // Backward, with blocks of 2 KiB: down to 0x11007.
    for (count, expected) in [(0x7f9, vec![]), (0x7fa, vec![]), (0x7fb, vec![0x11000])] {
        let mut machine = Machine::new();
        store_idaws(&mut machine, 0x18000, &[0x13801, 0x117ff]);
        machine.program(Format::One, 0x11000, &[ccw(0x03, NONE, 1, 0)]);
        let read = ccw(0x0c, CC_IDA, count, 0x18000);
        let orb = modifiable();
        let orb = orb.with_flags(orb.flags().union(orb::Flags::IDAW_2K));
        let found = checks(&mut machine, &orb, &[read, tic(0x11000)]);
        assert_eq!(found, expected, "{count:#x}");
    }
}

#[test]
fn a_store_at_the_end_of_the_address_space_is_nowhere_else() {
    for code in [0x02, 0x0c] {
        let mut machine = Machine::new();
        store_idaws(&mut machine, 0x18000, &[u64::MAX]);
        let read = ccw(code, CC_IDA, 1, 0x18000);
        let ccws = [read, ccw(0x02, CC, 8, 0x10000), ccw(0x03, NONE, 1, 0)];
        assert_eq!(checks(&mut machine, &modifiable(), &ccws), []);
        assert_eq!(overwritten(&machine), (0, None));
    }
}

#[test]
fn a_store_below_address_zero_is_nowhere_else() {
    let mut machine = Machine::new();
    let ccws = [
        ccw(0x0c, CC, 16, 4),
        ccw(0x02, CC, 8, 0x10000),
        ccw(0x03, NONE, 1, 0),
    ];
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), []);
}

#[test]
fn a_list_is_not_overwritten_by_what_it_designates() {
    let mut machine = Machine::new();
    store_idaws(&mut machine, 0x17ff8, &[0x18000, 0x18000]);
    let read = ccw(0x02, CC_IDA, 0x1001, 0x17ff8);
    machine.program(Format::One, 0x10000, &[read, ccw(0x03, NONE, 1, 0)]);
    let host = machine.translate(&modifiable()).unwrap();
    assert_eq!(blocks(&machine, &host, 0), [0x18000, 0x18000]);
    assert_eq!(overwritten(&machine), (0, None));
}

#[test]
fn a_list_in_a_loop_is_overwritten_by_the_loop() {
    let mut machine = Machine::new();
    store_idaws(&mut machine, 0x18000, &[0x13800, 0x14000]);
    let program = [
        ccw(0x01, CC_IDA, 0x1000, 0x18000),
        ccw(0x02, CC, 8, 0x18008),
        tic(0x10000),
    ];
    machine.program(Format::One, 0x10000, &program);
    let host = machine.translate(&modifiable()).unwrap();
    assert_eq!(blocks(&machine, &host, 0), [0x13800, FAULT]);
    assert_eq!(overwritten(&machine), (1, Some(0x18008)));
}

#[test]
fn a_list_in_a_loop_is_overwritten_by_its_head() {
    let mut machine = Machine::new();
    store_idaws(&mut machine, 0x18000, &[0x13800, 0x14000]);
    let program = [
        ccw(0x02, CC, 8, 0x18008),
        ccw(0x01, CC_IDA, 0x1000, 0x18000),
        tic(0x10000),
    ];
    machine.program(Format::One, 0x10000, &program);
    let host = machine.translate(&modifiable()).unwrap();
    assert_eq!(blocks(&machine, &host, 1), [0x13800, FAULT]);
    assert_eq!(overwritten(&machine), (1, Some(0x18008)));
}

#[test]
fn the_data_of_an_overwritten_ccw_is_not_pinned() {
    let mut machine = Machine::new();
    let ccws = [ccw(0x02, CC, 16, 0x10000), ccw(0x02, NONE, 80, 0x13000)];
    checks(&mut machine, &modifiable(), &ccws);
    assert_eq!(machine.translator.stats().pages, 1);
}

#[test]
fn an_overwritten_midaw_is_a_fault() {
    let midaws = [(0, 8, 0x13000), (0x40, 8, 0x13100), (0x80, 8, 0x14000)];
    for (store, expected) in [
        (0x1800f, vec![FAULT]),
        (0x18010, vec![0x13000, FAULT]),
        (0x1802f, vec![0x13000, 0, FAULT]),
        (0x18030, vec![0x13000, 0, 0x14000]),
    ] {
        let mut machine = Machine::new();
        store_midaws(&mut machine, 0x18000, &midaws);
        let later = ccw(0x02, Flags::MIDA, 24, 0x18000);
        machine.program(Format::One, 0x10000, &[ccw(0x02, CC, 1, store), later]);
        let host = machine.translate(&modifiable()).unwrap();
        let found = machine.guest_midaws(&machine.host_ccw(&host, 1));
        let skipped = |address: u64| if address < 0x1000 { 0 } else { address };
        let found: Vec<_> = found.iter().map(|midaw| skipped(midaw.address)).collect();
        assert_eq!(found, expected, "{store:#x}");
    }
}

#[test]
fn midaws_tell_where_data_is_stored() {
    for (midaws, expected) in [
        ([(0, 8, 0x10008), (0x80, 8, 0x13000)], vec![0x10008]),
        ([(0, 8, 0x13000), (0x80, 8, 0x10008)], vec![0x10008]),
        ([(0, 8, 0x13000), (0x80, 8, 0x10000)], vec![]),
        ([(0x40, 8, 0x10008), (0x80, 8, 0x13000)], vec![]),
        ([(0, 8, 0x13000), (0x80, 8, 0x10010)], vec![]),
    ] {
        let mut machine = Machine::new();
        store_midaws(&mut machine, 0x18000, &midaws);
        let read = ccw(0x02, CC.union(Flags::MIDA), 16, 0x18000);
        let ccws = [read, ccw(0x03, NONE, 1, 0)];
        assert_eq!(checks(&mut machine, &modifiable(), &ccws), expected);
    }
}

/// Data among the lists of a program, in more places than there are areas to remember.
#[test]
fn a_program_whose_data_is_among_its_lists_is_not_stopped() {
    let mut machine = Machine::new();
    let ccws: Vec<_> = (0..200_u32)
        .map(|number| {
            let list = 0x14000 + 128 * number;
            store_idaws(&mut machine, list.into(), &[u64::from(list) + 8]);
            ccw(0x02, CC_IDA, 120, list)
        })
        .chain([ccw(0x03, NONE, 1, 0)])
        .collect();
    assert_eq!(checks(&mut machine, &modifiable(), &ccws), []);
    assert_eq!(overwritten(&machine), (0, None));
}
