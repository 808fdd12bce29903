// SPDX-License-Identifier: GPL-2.0

//! Programs that do not fit into one arena block.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    memory::BLOCK,
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb1,
    tic,
    Machine,
    BLOCKS,
    SIZES, //
};

/// The number of CCWs of a sequential program in the first block, and in each further one.
const FIRST: u32 = 474;
const FURTHER: u32 = 1019;

/// The number of bytes that a channel may fetch ahead.
const READ_AHEAD: usize = 16;

const NOP: Ccw = Ccw {
    command: 0x03,
    flags: Flags::CC,
    count: 1,
    address: 0,
};

fn machine() -> Machine {
    let mut machine = Machine::with_sizes(SIZES, BLOCKS);
    machine.map(0x10000, 0x10000, Access::Write);
    machine
}

/// Returns the host CCW at an address.
fn at(machine: &Machine, address: u32) -> Ccw {
    Ccw::parse(Format::One, machine.arena.get(address.into()).unwrap())
}

/// Returns CCW `number` and its address, continuing as the channel does when commands are chained.
fn follow(machine: &Machine, cpa: u32, number: u32) -> (u32, Ccw) {
    let mut address = cpa;
    for _ in 0..number {
        assert!(!at(machine, address).is_tic(Format::One));
        address += 8;
        let next = at(machine, address);
        if next.is_tic(Format::One) {
            address = next.address;
        }
    }
    (address, at(machine, address))
}

/// Sequential programs and others: a TIC after the last CCW makes a program of the second kind.
fn programs(ccws: u32) -> [Vec<Ccw>; 2] {
    let mut sequential: Vec<_> = (0..ccws)
        .map(|number| Ccw {
            count: 1 + number as u16,
            ..NOP
        })
        .collect();
    let mut other = sequential.clone();
    other.push(tic(0x1fff8));
    sequential.last_mut().unwrap().flags = Flags::empty();
    [sequential, other]
}

#[test]
fn each_ccw_leads_to_the_next_and_status_modifier_to_the_one_after_it() {
    let ends = [FIRST, FIRST + FURTHER, FIRST + 2 * FURTHER];
    for ccws in ends.into_iter().flat_map(|end| end - 3..end + 4) {
        for program in programs(ccws) {
            let mut machine = machine();
            machine.map(0x20000, 0x10000, Access::Write);
            machine.program(Format::One, 0x1fff8, &[NOP]);
            let host = machine.translate1(&program);
            let cpa = host.orb().cpa();
            let mut addresses = vec![cpa];
            for number in 1..ccws {
                let (address, ccw) = follow(&machine, addresses[number as usize - 1], 1);
                assert_eq!(u32::from(ccw.count), 1 + number, "{ccws}");
                addresses.push(address);
            }
            for (number, address) in (0..).zip(&addresses) {
                let guest = 0x10000 + 8 * number;
                assert_eq!(machine.guest_cpa(*address), guest, "{ccws}: {number}");
                // The channel presents the address after the current CCW.
                assert_eq!(
                    machine.guest_cpa(address + 8),
                    guest + 8,
                    "{ccws}: {number}"
                );
                if number + 2 < ccws {
                    let mut past = address + 16;
                    let ccw = at(&machine, past);
                    if ccw.is_tic(Format::One) {
                        past = ccw.address;
                    }
                    assert_eq!(past, addresses[number as usize + 2], "{ccws}: {number}");
                    assert!(machine.guest_cpa(address + 16) == guest + 16);
                }
            }
        }
    }
}

#[test]
fn a_sequential_program_ends_with_guards_wherever_its_end_is() {
    for ccws in FIRST - 3..FIRST + 4 {
        let [program, _] = programs(ccws);
        let mut machine = machine();
        let host = machine.translate1(&program);
        let (last, _) = follow(&machine, host.orb().cpa(), ccws - 1);
        for guard in 1..4 {
            let poison = ccw(0, Flags::empty(), 0, 0x8000_0000);
            assert_eq!(at(&machine, last + 8 * guard), poison, "{ccws}");
        }
        assert_eq!(machine.guest_cpa(last + 24), 0x10000 + 8 * (ccws + 2));
        assert_eq!(machine.guest_cpa(last + 32), 0);
        let blocks = 1 + usize::from(ccws > FIRST);
        assert_eq!(machine.translator.stats().runs, blocks);
    }
}

#[test]
fn a_data_chain_goes_on_in_the_next_block() {
    let mut program = vec![ccw(0x02, Flags::CD, 1, 0x12000); FIRST as usize + 100];
    program.push(ccw(0x00, Flags::empty(), 1, 0x12000));
    let mut machine = machine();
    let host = machine.translate1(&program);
    let (mut address, mut transfers) = (host.orb().cpa(), 0);
    for number in 1..program.len() as u32 {
        address += 8;
        let next = at(&machine, address);
        if next.is_tic(Format::One) {
            transfers += 1;
            // Status modifier does not lead anywhere in a data chain.
            assert!(!at(&machine, address + 8).is_tic(Format::One));
            address = next.address;
        }
        assert_eq!(at(&machine, address).command, 0x02);
        assert_eq!(machine.guest_cpa(address), 0x10000 + 8 * number);
    }
    assert_eq!(transfers, 1);
}

#[test]
fn what_a_channel_fetches_ahead_is_in_the_block() {
    // Lists of 1 to 17 IDAWs, and of MIDAWs that fill pages.
    let lists = (0..1000).map(|number: u32| {
        let count = 1 + number * 4099 % 0xffff;
        ccw(0x02, Flags::CC, count as u16, 0x12000 + number)
    });
    let [nops, _] = programs(2000);
    let midaws = vec![ccw(0x02, Flags::CC.union(Flags::MIDA), 256, 0x18000); 12];
    for mut program in [lists.collect(), nops, midaws] {
        program.last_mut().unwrap().flags = Flags::empty();
        let mut machine = Machine::with_sizes(
            ccwchain::translator::Sizes {
                ccws: 4096,
                idaws: 20000,
                cached_pages: 0,
            },
            BLOCKS,
        );
        machine.map(0x10000, 0x20000, Access::Write);
        machine.store_midaws(0x18000);
        let orb = orb1(0x10000);
        let orb = orb.with_flags(orb.flags().union(ccwchain::orb::Flags::MIDAW));
        machine.program(Format::One, 0x10000, &program);
        machine.translate(&orb).unwrap();
        let used = |block: &&[u8]| block.iter().any(|byte| *byte != 0xee);
        let blocks: Vec<_> = machine.arena.bytes.chunks(BLOCK).filter(used).collect();
        assert!(blocks.len() > 2);
        for block in blocks {
            let ahead = &block[BLOCK - READ_AHEAD..];
            assert!(ahead.iter().all(|byte| *byte == 0xee));
        }
    }
}

#[test]
fn an_address_behind_a_block_is_that_of_no_ccw() {
    let mut machine = machine();
    let last = ccw(0x03, Flags::empty(), 1, 0);
    let host = machine.translate1(&[[NOP; FIRST as usize + 1].as_slice(), &[last]].concat());
    let blocks = &machine.arena.blocks;
    let is_in_first = |address: &u32| (blocks[0]..blocks[0] + BLOCK as u32).contains(address);
    assert!(is_in_first(&host.orb().cpa()));
    let behind = blocks[0] + BLOCK as u32;
    assert!(!blocks.contains(&behind));
    for address in [behind, behind + 8] {
        assert_eq!(machine.guest_cpa(address), 0, "{address:#x}");
    }
}
