// SPDX-License-Identifier: GPL-2.0

//! A shortage of the host is an error, and everything is undone. A fault of the guest is no error.

use ccwchain::{
    ccw::{
        Flags,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    orb::{
        self,
        Orb, //
    },
    translator::Stats, //
};
use iommu_type1_stub::{
    Access,
    Error as Type1Error,
    Fault,
    Operation, //
};
use model::machine::{
    ccw,
    orb1,
    tic,
    Machine,
    SIZES, //
};

/// The reads that the program below needs. Two of them belong to the attempt to translate it as a
/// sequential one.
const READS: usize = 8;

/// The reads that it needs if it may be modified. It stores on both sides of its CCWs and lists, so
/// that it is written three times.
const READS_IF_MODIFIABLE: usize = 16;

/// The calls that pin its pages.
const PINS: usize = 5;

/// A program with lists of both kinds and a data chain.
fn machine() -> Machine {
    let mut machine = Machine::new();
    let cc = Flags::CC;
    let listed = cc.union(Flags::IDA);
    for (address, idaw) in [(0x18000, 0x13800_u64), (0x18008, 0x19000)] {
        let bytes = idaw.to_be_bytes();
        machine.guest.iommu.store(address, &bytes).unwrap();
    }
    let first = [
        ccw(0x02, cc, 0x1800, 0x12000),
        ccw(0x01, listed, 0x1000, 0x18000),
        tic(0x11000),
        ccw(0x03, Flags::empty(), 1, 0),
    ];
    let second = [
        ccw(0x02, cc, 80, 0x1c000),
        ccw(0x02, Flags::CD, 80, 0x1d000),
        ccw(0x00, Flags::MIDA, 32, 0x1a010),
    ];
    machine.program(Format::One, 0x10000, &first);
    machine.program(Format::One, 0x11000, &second);
    for (address, midaw) in [
        (0x1a010, [16, 0x15000]),
        (0x1a020, [16 | 0x80 << 16, 0x17000_u64]),
    ] {
        let bytes = midaw.map(u64::to_be_bytes).concat();
        machine.guest.iommu.store(address, &bytes).unwrap();
    }
    machine
}

fn orb() -> Orb {
    let orb = orb1(0x10000);
    let flags = orb::Flags::MIDAW.union(orb::Flags::PREFETCH);
    orb.with_flags(orb.flags().union(flags))
}

/// Returns an ORB for which the program may be modified.
fn modifiable() -> Orb {
    orb().with_flags(orb().flags().difference(orb::Flags::PREFETCH))
}

fn translate_with_fault(
    orb: &Orb,
    operation: Operation,
    after: usize,
    error: Type1Error,
) -> (Machine, Result<Stats, Error<Type1Error>>) {
    let mut machine = machine();
    machine.guest.iommu.set_fault(Some(Fault {
        operation,
        after,
        error,
    }));
    let result = machine.translate(orb);
    let stats = machine.translator.stats();
    (machine, result.map(|_| stats))
}

#[test]
fn a_shortage_at_any_step_leaves_nothing_pinned() {
    for (orb, all_reads) in [(orb(), READS), (modifiable(), READS_IF_MODIFIABLE)] {
        let mut machine = machine();
        machine.translate(&orb).unwrap();
        let reads = machine.guest.iommu.counts().reads;
        let pins = machine.guest.iommu.counts().pin_calls;
        assert_eq!((reads, pins), (all_reads, PINS));

        for (operation, times) in [(Operation::Read, reads), (Operation::Pin, pins)] {
            for after in 0..times {
                let error = Type1Error::NoMemory;
                let (machine, result) = translate_with_fault(&orb, operation, after, error);
                assert_eq!(result, Err(Error::Memory(error)));
                assert_eq!(machine.guest.iommu.pins(), 0, "{operation:?} {after}");
                assert_eq!(machine.translator.stats(), Stats::default());
                assert_eq!(machine.guest_cpa(0x7000_1108), 0);
            }
        }
    }
}

#[test]
fn any_limit_on_pins_leaves_nothing_pinned() {
    for limit in 0..7 {
        let mut machine = machine();
        machine.guest.iommu.set_limit(limit);
        let result = machine.translate(&orb());
        assert_eq!(result, Err(Error::Memory(Type1Error::NoMemory)));
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
    let mut machine = machine();
    machine.guest.iommu.set_limit(7);
    machine.translate(&orb()).unwrap();
}

#[test]
fn a_fault_of_the_guest_at_any_step_is_not_an_error() {
    for (operation, times) in [(Operation::Read, READS), (Operation::Pin, PINS)] {
        for after in 0..times {
            let (mut machine, result) =
                translate_with_fault(&orb(), operation, after, Type1Error::Unmapped);
            let stats = result.unwrap();
            assert_eq!(machine.guest.iommu.pins(), stats.pages);
            machine.release();
            assert_eq!(machine.guest.iommu.pins(), 0);
        }
    }
}

#[test]
fn an_arena_of_any_size_leaves_nothing_pinned() {
    let listed = ccw(0x02, Flags::CC, 0xf000, 0x12000);
    let last = ccw(0x03, Flags::empty(), 1, 0);
    // Both have 400 lists of 15 IDAWs, of which 17 fit between two boundaries of 2 KiB, and 16 at
    // the end of a block. The slots of the sequential one have a block of their own.
    let sequential = [vec![listed; 400], vec![last]].concat();
    let other = [vec![listed; 400], vec![tic(0x1f000)]].concat();
    for (program, needed) in [(sequential, 7), (other, 7)] {
        for blocks in 0..9 {
            let mut machine = Machine::with_sizes(SIZES, blocks);
            machine.map(0x10000, 0x10000, Access::Write);
            machine.program(Format::One, 0x10000, &program);
            machine.program(Format::One, 0x1f000, &[last]);
            match machine.translate(&orb()) {
                Ok(_) => assert!(blocks >= needed, "{blocks}"),
                Err(error) => {
                    assert!(blocks < needed, "{blocks}: {error}");
                    assert_eq!(error, Error::TooLarge(Bound::Arena));
                    assert_eq!(machine.guest.iommu.pins(), 0);
                    assert_eq!(machine.translator.stats(), Stats::default());
                }
            }
        }
    }
}
