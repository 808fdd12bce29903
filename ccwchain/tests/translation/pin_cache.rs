// SPDX-License-Identifier: GPL-2.0

//! The pin cache: pages that stay pinned between programs.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    irb::Irb,
    scsw::Scsw,
    translator::Sizes, //
};
use iommu_type1_stub::Access;
use model::machine::{
    ccw,
    orb1,
    Machine,
    BLOCKS,
    SIZES, //
};

const READ: u8 = 0x02;
const WRITE: u8 = 0x01;

/// The offset of data in its page, which a block in a cached page keeps.
const OFFSET: u32 = 0x123;

/// Creates a guest with pages from 0x10 to 0x2f, which are not replaced, and a translator with a
/// cache of this many pages.
fn machine(cached: usize) -> Machine {
    let sizes = Sizes {
        cached_pages: cached,
        ..SIZES
    };
    let mut machine = Machine::with_sizes(sizes, BLOCKS);
    machine.map(0x10000, 0x20000, Access::Write);
    machine.guest.invalidate_seq = Some(1);
    machine
}

/// Returns a program that moves data to or from the byte of each of these pages at [`OFFSET`].
fn program(pages: &[(u8, u32)]) -> Vec<Ccw> {
    let last = pages.len() - 1;
    let ccws = pages.iter().enumerate().map(|(number, (command, page))| {
        let flags = if number < last {
            Flags::CC
        } else {
            Flags::empty()
        };
        ccw(*command, flags, 1, page << 12 | OFFSET)
    });
    ccws.collect()
}

/// Runs such a program to its end. Returns the number of calls that pinned its pages.
fn run(machine: &mut Machine, pages: &[(u8, u32)]) -> usize {
    let program = program(pages);
    let before = machine.guest.iommu.counts().pin_calls;
    let host = machine.translate1(&program);
    let calls = machine.guest.iommu.counts().pin_calls - before;
    assert_eq!(machine.translator.stats().pin_calls, calls);
    for (number, guest) in (0..).zip(&program) {
        let ccw = machine.host_ccw(&host, number);
        let blocks = machine.guest_blocks(&host, &ccw);
        assert_eq!(blocks, Some(vec![u64::from(guest.address)]));
    }
    machine.release();
    assert_eq!(
        machine.guest.iommu.pins(),
        machine.translator.cached_pages()
    );
    calls
}

fn reads(pages: &[u32]) -> Vec<(u8, u32)> {
    pages.iter().map(|page| (READ, *page)).collect()
}

#[test]
fn pages_are_found_again_without_a_call() {
    let mut machine = machine(8);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x21, 0x28])), 2);
    assert_eq!(machine.translator.cached_pages(), 3);
    assert_eq!(run(&mut machine, &reads(&[0x28, 0x20, 0x21])), 0);
    assert_eq!(run(&mut machine, &reads(&[0x21])), 0);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x21, 0x22])), 1);
    assert_eq!(machine.translator.cached_pages(), 4);
}

#[test]
fn a_range_may_fill_the_cache() {
    let mut machine = machine(4);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x21, 0x22, 0x23])), 1);
    assert_eq!(machine.translator.cached_pages(), 4);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x21, 0x22, 0x23])), 0);
}

/// Returns the numbers of the guest pages that the translator names as pinned, sorted.
fn named_pages(machine: &Machine) -> Vec<u64> {
    let iommu = &machine.guest.iommu;
    let host_addresses = machine.translator.host_addresses();
    let pages = host_addresses.map(|host| iommu.iova(host).unwrap() >> 12);
    let mut pages: Vec<u64> = pages.collect();
    pages.sort_unstable();
    pages
}

#[test]
fn each_pinned_page_of_a_program_is_named_once() {
    // The last page is not mapped.
    let mut uncached = machine(0);
    uncached.translate1(&program(&reads(&[0x21, 0x20, 0x28, 0x2f, 0x30])));
    assert_eq!(named_pages(&uncached), [0x20, 0x21, 0x28, 0x2f]);
    assert_eq!(uncached.translator.pinned(), 4);

    // One page is cached, with another in its range; one takes the room of the third, and for the
    // last there is no room.
    let mut cached = machine(3);
    run(&mut cached, &reads(&[0x20, 0x21, 0x28]));
    cached.translate1(&program(&reads(&[0x20, 0x24, 0x26])));
    assert_eq!(named_pages(&cached), [0x20, 0x21, 0x24, 0x26]);
    assert_eq!(cached.translator.pinned(), 4);
    assert_eq!(cached.guest.iommu.pins(), 4);

    cached.release();
    assert_eq!(named_pages(&cached), []);
    assert_eq!(cached.translator.pinned(), 3);
}

#[test]
fn pages_stay_while_the_translator_grows() {
    let mut machine = Machine::with_sizes(
        Sizes {
            ccws: 4,
            idaws: 2,
            cached_pages: 8,
        },
        2,
    );
    machine.map(0x10000, 0x20000, Access::Write);
    machine.guest.invalidate_seq = Some(1);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x28])), 2);

    // Two of its pages are cached, and there are too many others. Then it has too many CCWs.
    let larger = program(&reads(&[0x20, 0x28, 0x21, 0x23, 0x25, 0x27]));
    machine.program(Format::One, 0x10000, &larger);
    machine
        .translate_growing(|machine| machine.translate(&orb1(0x10000)))
        .unwrap();
    let stats = machine.translator.stats();
    assert_eq!((stats.ccws, stats.blocks, stats.pin_calls), (6, 4, 4));
    machine.release();
    assert_eq!(machine.translator.cached_pages(), 6);
    assert_eq!(machine.guest.iommu.pins(), 6);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x28, 0x27])), 0);
}

#[test]
fn nothing_is_cached_unless_asked_for_and_invalidations_are_tracked() {
    for (cached, invalidate_seq) in [(0, Some(1)), (8, None)] {
        let mut machine = machine(cached);
        machine.guest.invalidate_seq = invalidate_seq;
        for _ in 0..2 {
            assert_eq!(run(&mut machine, &reads(&[0x20, 0x28])), 2);
            assert_eq!(machine.translator.cached_pages(), 0);
        }
    }
}

#[test]
fn pages_are_pinned_anew_when_they_may_have_changed() {
    let mut machine = machine(8);
    run(&mut machine, &reads(&[0x20, 0x28]));
    machine.guest.invalidate_seq = Some(2);
    assert_eq!(run(&mut machine, &reads(&[0x20])), 1);
    assert_eq!(machine.translator.cached_pages(), 1);
    machine.guest.invalidate_seq = None;
    assert_eq!(run(&mut machine, &reads(&[0x20])), 1);
    assert_eq!(machine.translator.cached_pages(), 0);
}

#[test]
fn nothing_is_cached_after_a_program_during_which_pages_may_have_been_replaced() {
    for invalidate_seq in [Some(2), None] {
        let mut machine = machine(8);
        run(&mut machine, &reads(&[0x28]));
        machine.translate1(&program(&reads(&[0x20, 0x24])));
        assert_eq!(machine.translator.cached_pages(), 3);
        machine.guest.invalidate_seq = invalidate_seq;
        machine.release();
        assert_eq!(machine.translator.cached_pages(), 0);
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
}

#[test]
fn a_change_during_the_translation_has_all_pages_pinned_anew() {
    for after in 0..2 {
        let mut machine = machine(8);
        run(&mut machine, &reads(&[0x20]));
        machine.guest.changes_after = vec![after];
        assert_eq!(run(&mut machine, &reads(&[0x20, 0x24, 0x28])), 2 + 3);
        assert_eq!(run(&mut machine, &reads(&[0x20, 0x24, 0x28])), 0);
    }
}

#[test]
fn a_guest_whose_pages_change_all_the_time_has_them_pinned_on_demand() {
    let mut machine = machine(8);
    run(&mut machine, &reads(&[0x20]));
    machine.guest.changes_after = vec![0; 100];
    let calls = run(&mut machine, &reads(&[0x20, 0x24, 0x28]));
    assert_eq!(calls, 2 + 3 + 3);
    assert_eq!(machine.translator.cached_pages(), 0);
    machine.guest.changes_after.clear();
    assert_eq!(run(&mut machine, &reads(&[0x20])), 1);
    assert_eq!(machine.translator.cached_pages(), 1);
}

#[test]
fn what_was_used_the_longest_time_ago_goes_first() {
    let mut machine = machine(4);
    for page in [0x20, 0x22, 0x24, 0x26] {
        assert_eq!(run(&mut machine, &reads(&[page])), 1);
    }
    assert_eq!(run(&mut machine, &reads(&[0x20])), 0);
    assert_eq!(run(&mut machine, &reads(&[0x28])), 1);
    assert_eq!(machine.translator.cached_pages(), 4);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x24, 0x26, 0x28])), 0);
    assert_eq!(run(&mut machine, &reads(&[0x22])), 1);
}

#[test]
fn what_the_program_uses_does_not_go() {
    let mut machine = machine(4);
    run(&mut machine, &reads(&[0x20, 0x22]));
    // Two are cached already, two find room, and two do not.
    let pages = reads(&[0x20, 0x22, 0x24, 0x26, 0x28, 0x2a]);
    assert_eq!(run(&mut machine, &pages), 4);
    assert_eq!(machine.translator.cached_pages(), 4);
    assert_eq!(run(&mut machine, &pages), 2);
    // A range that is longer than the whole cache.
    let pages = reads(&[0x11, 0x12, 0x13, 0x14, 0x15]);
    assert_eq!(run(&mut machine, &pages), 1);
    assert_eq!(machine.translator.cached_pages(), 4);
    assert_eq!(run(&mut machine, &reads(&[0x20, 0x26])), 0);
}

#[test]
fn a_page_that_is_cached_for_fetching_is_pinned_again_for_storing() {
    let mut machine = machine(8);
    assert_eq!(
        run(&mut machine, &[(WRITE, 0x20), (WRITE, 0x21), (WRITE, 0x28)]),
        2
    );
    // The other page of its range is unpinned, too.
    assert_eq!(
        run(&mut machine, &[(WRITE, 0x20), (READ, 0x21), (WRITE, 0x28)]),
        2
    );
    assert_eq!(
        run(&mut machine, &[(WRITE, 0x21), (READ, 0x21), (WRITE, 0x20)]),
        0
    );
    assert_eq!(machine.translator.cached_pages(), 3);
}

#[test]
fn a_failing_storage_address_in_a_cached_page_of_the_program_becomes_a_guest_address() {
    let mut machine = machine(8);
    run(&mut machine, &reads(&[0x20, 0x21, 0x28]));
    let mut data = [0; 2];
    for (data, page) in data.iter_mut().zip([0x28, 0x21]) {
        let host = machine.translate1(&program(&reads(&[page])));
        assert_eq!(machine.translator.stats().pages, 0);
        let ccw = machine.host_ccw(&host, 0);
        *data = machine.host_idaws(&host, &ccw)[0];
    }
    for (data, guest) in data.into_iter().zip([None, Some(0x21007)]) {
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words([0x0400_0000, 0, 0]));
        irb.set_addresses(Some(data - u64::from(OFFSET) + 7), None);
        machine.translator.write_back(&mut irb);
        assert_eq!(irb.failing_storage_address(), guest);
    }
}

#[test]
fn an_invalidation_unpins_cached_pages_and_those_of_the_same_ranges() {
    let mut machine = machine(8);
    run(&mut machine, &reads(&[0x20, 0x21, 0x28, 0x2a]));
    assert!(!machine.translator.has_pinned(0, u64::MAX));
    machine
        .translator
        .invalidate(0x21fff, 0x7000, &mut machine.guest);
    assert_eq!(machine.translator.cached_pages(), 1);
    assert_eq!(machine.guest.iommu.pins(), 1);
    assert_eq!(run(&mut machine, &reads(&[0x2a])), 0);
    machine
        .translator
        .invalidate(0, u64::MAX, &mut machine.guest);
    assert_eq!(machine.guest.iommu.pins(), 0);
}

#[test]
fn what_can_only_go_with_pages_of_the_program_counts_as_pinned_for_it() {
    let mut machine = machine(8);
    run(&mut machine, &reads(&[0x20, 0x21, 0x28]));
    machine.program(Format::One, 0x10000, &program(&reads(&[0x20])));
    machine.translate(&orb1(0x10000)).unwrap();
    for (page, is_pinned) in [(0x20, true), (0x21, true), (0x28, false)] {
        assert_eq!(
            machine.translator.has_pinned(page << 12, 1),
            is_pinned,
            "{page:x}"
        );
    }
    machine
        .translator
        .invalidate(0, u64::MAX, &mut machine.guest);
    assert_eq!(machine.translator.cached_pages(), 2);
    machine.release();
    assert!(!machine.translator.has_pinned(0x20000, 1));
}

#[test]
fn cached_pages_are_evicted_when_the_host_refuses_to_pin_more() {
    let mut machine = machine(8);
    machine.guest.iommu.set_limit(4);
    run(&mut machine, &reads(&[0x20, 0x22, 0x24]));
    assert_eq!(run(&mut machine, &reads(&[0x26, 0x28])), 3);
    assert_eq!(machine.translator.cached_pages(), 2);
    let program = program(&reads(&[0x20, 0x22, 0x24, 0x26, 0x28]));
    machine.program(Format::One, 0x10000, &program);
    assert!(machine.translate(&orb1(0x10000)).is_err());
    assert_eq!(
        machine.guest.iommu.pins(),
        machine.translator.cached_pages()
    );
    run(&mut machine, &reads(&[0x20, 0x22, 0x24, 0x2a]));
}

#[test]
fn after_any_programs_exactly_the_cached_pages_are_pinned() {
    let mut machine = machine(7);
    let mut random = 1_u32;
    let mut next = |limit: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % limit
    };
    for _ in 0..3000 {
        match next(10) {
            0 => machine.guest.invalidate_seq = [None, Some(1), Some(2)][next(3) as usize],
            1 => machine.guest.changes_after = vec![next(3) as usize],
            2 => {
                let (first, pages) = (u64::from(0x18 + next(24)), u64::from(next(5)));
                let (address, len) = (first << 12, pages << 12);
                machine
                    .translator
                    .invalidate(address, len, &mut machine.guest);
            }
            _ => {
                let length = 1 + next(9);
                let page = |_| ([READ, WRITE][next(2) as usize], 0x18 + next(24));
                let pages: Vec<_> = (0..length).map(page).collect();
                run(&mut machine, &pages);
            }
        }
        assert!(machine.translator.cached_pages() <= 7);
        assert_eq!(
            machine.guest.iommu.pins(),
            machine.translator.cached_pages()
        );
    }
    machine
        .translator
        .invalidate(0, u64::MAX, &mut machine.guest);
    assert_eq!(machine.guest.iommu.pins(), 0);
}
