// SPDX-License-Identifier: GPL-2.0

//! Programs at random: the guest's and the host's must do the same, and only what they may.

use std::{
    cell::RefCell,
    collections::HashSet, //
};

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::Error,
    host_orb::HostOrb,
    orb::{
        self,
        Orb, //
    },
    translator::Sizes, //
};
use iommu_type1_stub::Access;

use crate::{
    channel::{
        run,
        Event,
        Memory, //
    },
    machine::Machine,
};

/// A generator of pseudo-random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Memory as the guest's own channel would see it.
struct GuestView<'a>(&'a RefCell<Machine>);

impl Memory for GuestView<'_> {
    fn fetch<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut machine = self.0.borrow_mut();
        machine.guest.iommu.read(address, &mut bytes).ok()?;
        Some(bytes)
    }

    fn block(&self, address: u64, stores: bool) -> Option<u64> {
        let access = if stores { Access::Write } else { Access::Read };
        let iommu = &mut self.0.borrow_mut().guest.iommu;
        iommu.pin(address / 4096, access, &mut [0]).ok()?;
        iommu.unpin(address / 4096, 1);
        Some(address)
    }

    fn is_sink(&self, _: &[u64]) -> bool {
        false
    }
}

/// Memory as the host's channel sees it: nothing but the arena and pinned pages.
struct HostView<'a>(&'a RefCell<Machine>);

impl Memory for HostView<'_> {
    fn fetch<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let bytes = self.0.borrow().arena.get(address);
        assert!(bytes.is_some(), "fetch at {address:#x}, not in the arena");
        bytes
    }

    fn block(&self, address: u64, stores: bool) -> Option<u64> {
        let access = if stores { Access::Write } else { Access::Read };
        let iommu = &self.0.borrow().guest.iommu;
        assert!(
            iommu.pinned_for(address) >= Some(access),
            "{address:#x} is not pinned for {access:?}"
        );
        iommu.iova(address)
    }

    fn is_sink(&self, idaws: &[u64]) -> bool {
        let sink = u64::from(self.0.borrow().arena.address);
        idaws.iter().any(|idaw| (sink..sink + 4096).contains(idaw))
    }
}

/// Where programs and data are: the last page is read-only, and there is none between.
const SPACE: u64 = 0x10000;
const MAPPED: u64 = 0x14000;
const READ_ONLY: u64 = 0x15000;

fn address(random: &mut Random) -> u32 {
    let address = match random.below(12) {
        0 => random.next() as u32,
        1 => (READ_ONLY - 256 + random.below(4096)) as u32,
        2 => (MAPPED - 8 * random.below(8)) as u32,
        _ => (SPACE + random.below(MAPPED - SPACE)) as u32,
    };
    if random.one_in(16) {
        address
    } else {
        address & !7
    }
}

fn random_ccw(random: &mut Random, at: u32) -> Ccw {
    let near = at - 8 * 4 + 8 * random.below(9) as u32;
    let mut ccw = Ccw {
        command: random.pick(&[1, 2, 3, 4, 5, 7, 0x0b, 0x12, 0x24, 0xe4, 0x31, 0x14]),
        flags: Flags::from_bits(random.pick(&[0x40, 0x60, 0x44, 0x54, 0x42, 0x48, 0x04, 0x20])),
        count: random.pick(&[1, 8, 80, 4096, 2048, 4000, 5000, 0]),
        address: address(random),
    };
    if random.one_in(5) {
        let target = if random.one_in(3) {
            address(random)
        } else {
            near
        };
        ccw = Ccw {
            command: 0x08,
            address: target,
            ..Ccw::default()
        };
    }
    if random.one_in(40) {
        ccw.command = random.next() as u8;
    }
    if random.one_in(40) {
        ccw.flags = Flags::from_bits(random.next() as u8);
    }
    ccw
}

/// A guest with a few programs that lead into each other, and lists of IDAWs.
fn random_guest(random: &mut Random, machine: &mut Machine, format: Format) {
    machine.map(SPACE, MAPPED - SPACE, Access::Write);
    machine.map(READ_ONLY, 0x1000, Access::Read);
    for _ in 0..6 {
        let list = SPACE + (random.below(MAPPED - SPACE - 64) & !7);
        for number in 0..6 {
            let idaw = u64::from(address(random)) & random.pick(&[!0, !0x7ff, !0xfff]);
            let store = &mut machine.guest.iommu;
            if random.one_in(2) {
                let idaw = (idaw as u32).to_be_bytes();
                store.store(list + 4 * number, &idaw).unwrap();
            } else {
                store.store(list + 8 * number, &idaw.to_be_bytes()).unwrap();
            }
        }
    }
    for _ in 0..4 {
        let start = random.pick(&[SPACE, SPACE + 64, SPACE + 0x1000 - 32, MAPPED - 64]) as u32;
        for number in 0..1 + random.below(8) as u32 {
            let at = start + 8 * number;
            let ccw = random_ccw(random, at);
            machine.program(format, at, &[ccw]);
        }
    }
}

fn random_orb(random: &mut Random, format: Format) -> Orb {
    let mut flags = orb::Flags::from_bits(0);
    if format == Format::One {
        flags = flags.union(orb::Flags::FORMAT_1);
    }
    for flag in [
        orb::Flags::IDAW_64,
        orb::Flags::IDAW_2K,
        orb::Flags::SUSPEND,
    ] {
        if random.one_in(2) {
            flags = flags.union(flag);
        }
    }
    let cpa = random.pick(&[SPACE, SPACE + 64, SPACE + 0x1000 - 32, MAPPED - 64]);
    Orb::default().with_flags(flags).with_cpa(cpa as u32)
}

/// Checks all that is in the slots of the host's program, whether or not something leads there.
fn check_containment(machine: &Machine, host: &HostOrb) {
    let arena = &machine.arena;
    let within = |address: u32| {
        let offset = address.checked_sub(arena.address);
        offset.is_some_and(|offset| (offset as usize) < arena.bytes.len())
    };
    let slots = (0..)
        .map(|number| arena.address + 4096 + 256 + 8 * number)
        .take_while(|slot| machine.guest_cpa(*slot) != 0);
    let mut count = 0;
    for slot in slots {
        count += 1;
        let ccw = Ccw::parse(Format::One, arena.get(u64::from(slot)).unwrap());
        if ccw.is_tic(Format::One) {
            assert!(within(ccw.address) && machine.guest_cpa(ccw.address) != 0);
        } else if ccw.command != 0 {
            assert!(within(ccw.address), "{ccw}");
            machine.guest_blocks(host, &ccw);
        }
    }
    assert!(count >= 4);
}

fn without_host_addresses(machine: &RefCell<Machine>, events: Vec<Event>) -> Vec<Event> {
    let guest_cpa = |cpa| machine.borrow().guest_cpa(cpa);
    let translated = |event| match event {
        Event::End(cpa) => Event::End(guest_cpa(cpa)),
        Event::ProgramCheck(cpa) => Event::ProgramCheck(guest_cpa(cpa)),
        event => event,
    };
    events.into_iter().map(translated).collect()
}

#[test]
fn the_hosts_program_does_what_the_guests_does_and_reaches_nothing_else() {
    let mut unsupported = 0;
    let mut seen = HashSet::new();
    for seed in 1..=8000_u64 {
        let random = &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let format = random.pick(&[Format::Zero, Format::One]);
        let mut machine = Machine::with_sizes(
            Sizes {
                ccws: 256,
                idaws: 512,
            },
            0x8000,
        );
        random_guest(random, &mut machine, format);
        let orb = random_orb(random, format);
        let host = match machine.translate(&orb) {
            Ok(host) => host,
            Err(Error::Unsupported(..)) => {
                unsupported += 1;
                assert_eq!(machine.guest.iommu.pins(), 0);
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        check_containment(&machine, &host);
        let machine = RefCell::new(machine);
        for modifiers in [0, !0, random.next()] {
            let mut passed = HashSet::new();
            let guest = run(&GuestView(&machine), &orb, |step, is_transfer| {
                is_transfer && modifiers >> step & 1 != 0 && passed.insert(step)
            });
            let on_host = run(&HostView(&machine), &host.orb(), |step, _| {
                passed.contains(&step)
            });
            let on_host = without_host_addresses(&machine, on_host);
            assert_eq!(guest, on_host, "seed {seed}, {orb}");
            seen.extend(guest.last().map(std::mem::discriminant));
        }
        let mut machine = machine.into_inner();
        machine.release();
        assert_eq!(machine.guest.iommu.pins(), 0);
    }
    assert!(unsupported < 2000, "{unsupported} programs were refused");
    assert_eq!(seen.len(), 3, "programs that end, fail and run on");
}
