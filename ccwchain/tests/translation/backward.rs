// SPDX-License-Identifier: GPL-2.0

//! Read backward: data goes toward lower addresses.

use ccwchain::ccw::Flags;
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    Machine,
    FAULT, //
};

use crate::one_ccw::{
    list,
    translate_one,
    NONE,
    ONE,
    TWO_2K,
    TWO_4K, //
};

#[test]
fn a_direct_area_goes_down_from_its_address() {
    for (flags, address, count, blocks) in [
        (TWO_4K, 0x12fff, 4096, vec![0x12fff]),
        (TWO_4K, 0x12ffe, 4096, vec![0x12ffe, 0x11fff]),
        (TWO_4K, 0x12000, 1, vec![0x12000]),
        (TWO_2K, 0x12fff, 4096, vec![0x12fff, 0x127ff]),
        (TWO_2K, 0x12800, 2050, vec![0x12800, 0x127ff, 0x11fff]),
        (ONE, 0x12800, 2, vec![0x12800, 0x127ff]),
        (TWO_4K, 0x10004, 6, vec![0x10004, FAULT]),
    ] {
        let mut machine = Machine::new();
        let read = ccw(0x0c, NONE, count, address);
        let (host, found) = translate_one(&mut machine, flags, read);
        assert_eq!((host.flags, host.count), (Flags::IDA, count));
        assert_eq!(found, Some(blocks), "{flags}");
    }
}

#[test]
fn all_idaws_but_the_first_name_the_last_byte_of_a_block() {
    for (flags, count, idaws, good) in [
        (TWO_4K, 4096, vec![0x12004, 0x15fff], 2),
        (TWO_4K, 4096, vec![0x12004, 0x15000], 1),
        (TWO_4K, 4096, vec![0x12004, 0x157ff], 1),
        (TWO_4K, 5, vec![0x12004], 1),
        (TWO_2K, 4096, vec![0x12fff, 0x157ff], 2),
        (TWO_2K, 4097, vec![0x12fff, 0x157ff, 0x13fff], 3),
        (TWO_2K, 4097, vec![0x12fff, 0x157ff, 0x13800], 2),
    ] {
        let mut machine = Machine::new();
        list(&mut machine, flags, 0x18000, &idaws);
        let read = ccw(0x0c, Flags::IDA, count, 0x18000);
        let (_, blocks) = translate_one(&mut machine, flags, read);
        let mut expected = idaws.clone();
        if good < idaws.len() {
            expected.truncate(good);
            expected.push(FAULT);
        }
        assert_eq!(blocks, Some(expected), "{idaws:x?}");
    }
}

#[test]
fn pages_are_pinned_for_writing() {
    let mut machine = Machine::new();
    machine.map(0x30000, 0x1000, Access::Read);
    let host = machine.translate1(&[ccw(0x0c, NONE, 8, 0x30800)]);
    let ccw = machine.host_ccw(&host, 0);
    assert_eq!(machine.guest_blocks(&host, &ccw), Some(vec![FAULT]));
}
