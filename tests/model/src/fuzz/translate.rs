// SPDX-License-Identifier: GPL-2.0

//! The channel of the host reaches only the arena and pinned pages, errors and releases leave
//! nothing pinned, and earlier programs have no effect.

use ccwchain::{
    error::{
        Bound,
        Error, //
    },
    host_orb::HostOrb,
    irb::Irb,
    memory::{
        Arena,
        PAGE_SIZE, //
    },
    scsw::Scsw,
    translator::Stats, //
};

use super::{
    case::{
        Case,
        BLOCKS, //
    },
    containment,
    hostile_guest::HostileGuest,
    input::Input,
};
use crate::machine::TranslateError;

/// Translates a program.
///
/// # Panics
///
/// If one of these guarantees is broken.
pub fn run(bytes: &[u8]) {
    let mut case = Case::new(&mut Input::new(bytes));
    let mut first = case.translate();
    check(&case, &first);
    if case.fault.is_some() && first.is_ok() {
        // A shortage may have left out what status modifier leads to past an end.
        case.machine.guest.iommu.set_fault(None);
        case.machine.arena.bytes.fill(0xee);
        first = case.translate();
        check(&case, &first);
    }
    if let Ok(host) = &first {
        let arena = case.machine.arena.clone();
        case.machine.arena.bytes.fill(0xee);
        assert_eq!(case.translate(), Ok(*host), "the second time");
        assert!(
            case.machine.arena == arena,
            "another program the second time"
        );
        case.machine.release();
        check_empty(&case);
    } else if case.fault.is_some() {
        case.machine.guest.iommu.set_fault(None);
        let without_fault = case.translate();
        check(&case, &without_fault);
        assert!(!matches!(without_fault, Err(Error::Memory(_))));
    }
}

/// Returns the guest of these bytes.
pub fn hostile_guest(bytes: &[u8]) -> HostileGuest {
    Case::new(&mut Input::new(bytes)).hostile_guest()
}

/// Checks the result of a translation.
fn check(case: &Case, result: &Result<HostOrb, TranslateError>) {
    match result {
        Ok(host) => {
            containment::check(host, &case.machine.guest, &case.machine.arena);
            check_pins(case);
        }
        Err(error) => {
            check_empty(case);
            check_error(case, error);
        }
    }
}

/// Checks that the translator knows which pages are pinned.
fn check_pins(case: &Case) {
    let pinned = &case.machine.guest.pinned;
    assert_eq!(case.machine.translator.stats().pages, pinned.len());
    assert_eq!(case.machine.guest.iommu.pins(), pinned.len());
    for number in pinned.keys() {
        for (first, count) in [(*number, 1), (number - number.min(&1), 3)] {
            let known = case
                .machine
                .translator
                .has_pinned(first * PAGE_SIZE + 4095, count * PAGE_SIZE - 4095);
            assert!(known, "page {number:#x}");
        }
        let next = number + 1;
        assert_eq!(
            case.machine.translator.has_pinned(next * PAGE_SIZE, 1),
            pinned.contains_key(&next)
        );
    }
}

/// Checks that nothing is left of a program.
fn check_empty(case: &Case) {
    assert_eq!(case.machine.guest.iommu.pins(), 0);
    assert!(case.machine.guest.pinned.is_empty());
    assert!(!case.machine.translator.has_pinned(0, u64::MAX));
    assert_eq!(case.machine.translator.stats(), Stats::default());
    for offset in [0x1000, 0x1108, 0x1110] {
        let mut irb = Irb::default();
        let address = case.machine.arena.address_of(offset);
        irb.set_scsw(Scsw::default().with_cpa(address as u32));
        case.machine.translator.write_back(&mut irb);
        assert_eq!(irb, Irb::default());
    }
}

/// Checks that an error has a reason.
fn check_error(case: &Case, error: &TranslateError) {
    let has_reason = match error {
        Error::TransportMode => case.orb.transport(),
        Error::ReservedOrbBits { control, cpa } => {
            case.orb.flags().contains(*control)
                && case.orb.cpa() & cpa == *cpa
                && !(control.is_empty() && *cpa == 0)
        }
        Error::TooLarge(Bound::Arena) => case.machine.arena.address(BLOCKS - 1).is_none(),
        Error::TooLarge(_) => true,
        Error::Memory(_) => case.fault.is_some(),
    };
    assert!(has_reason, "{error}");
    assert!(!error.to_string().is_empty());
}
