// SPDX-License-Identifier: GPL-2.0

//! Programs of one CCW, with lists of every format.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    orb::{
        self,
        Orb, //
    },
};
use model::machine::{
    ccw,
    orb0,
    Machine, //
};

pub(crate) const NONE: Flags = Flags::empty();
pub(crate) const ONE: orb::Flags = orb::Flags::FORMAT_1;
pub(crate) const TWO_4K: orb::Flags = ONE.union(orb::Flags::IDAW_64);
pub(crate) const TWO_2K: orb::Flags = TWO_4K.union(orb::Flags::IDAW_2K);

/// Stores a list of IDAWs, of the format that the ORB flags name.
pub(crate) fn list(machine: &mut Machine, flags: orb::Flags, address: u64, idaws: &[u64]) {
    for (number, idaw) in (0..).zip(idaws) {
        let iommu = &mut machine.guest.iommu;
        if flags == ONE {
            let bytes = u32::try_from(*idaw).unwrap().to_be_bytes();
            iommu.store(address + 4 * number, &bytes).unwrap();
        } else {
            let bytes = idaw.to_be_bytes();
            iommu.store(address + 8 * number, &bytes).unwrap();
        }
    }
}

/// Translates a program of one CCW. Returns its host CCW, and the guest addresses of its blocks.
pub(crate) fn translate_one(
    machine: &mut Machine,
    flags: orb::Flags,
    ccw: Ccw,
) -> (Ccw, Option<Vec<u64>>) {
    let orb = Orb::default().with_flags(flags).with_cpa(0x10000);
    machine.program(Format::of(&orb), 0x10000, &[ccw]);
    let host = machine.translate(&orb).unwrap();
    let ccw = machine.host_ccw(&host, 0);
    (ccw, machine.guest_blocks(&host, &ccw))
}

#[test]
fn a_tic_of_format_1_leads_to_a_program() {
    let mut machine = Machine::new();
    machine.program(Format::Zero, 0x10000, &[ccw(0x03, NONE, 1, 0)]);
    let orb = orb0(0x10000);
    let program = machine
        .translator
        .translate(&orb, &mut machine.guest, &mut machine.arena);
    let Ok(program) = program else {
        panic!("it is not translated");
    };
    let tic = Ccw::parse(Format::One, program.tic());
    let expected = ccw(0x08, NONE, 0, program.orb().orb().cpa());
    assert_eq!(tic, expected);
}
