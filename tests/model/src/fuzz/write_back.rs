// SPDX-License-Identifier: GPL-2.0

//! The status that the guest sees does not depend on host addresses.

use ccwchain::{
    irb::{
        self,
        Irb, //
    },
    memory::PAGE_SIZE,
};

use super::{
    case::Case,
    hostile_guest::HostileGuest,
    input::Input, //
};

/// A part of the host whose address a status can contain.
#[derive(Clone, Copy)]
enum Place {
    /// A byte of the arena or after it.
    Arena(u16),
    /// A byte of a pinned page.
    Page(u8, u16),
    /// Nothing.
    Nothing,
}

impl Place {
    fn new(input: &mut Input<'_>) -> Self {
        match input.byte() & 0x03 {
            0 => Self::Arena(0x1108 + 8 * u16::from(input.byte())),
            1 => Self::Arena(input.half()),
            2 => Self::Page(input.byte(), input.half() & 0x0fff),
            _ => Self::Nothing,
        }
    }

    fn address(self, case: &Case) -> u64 {
        match self {
            Self::Arena(offset) => case.machine.arena.address_of(offset.into()),
            Self::Page(number, offset) => {
                let mut host_addresses = case
                    .machine
                    .guest
                    .pinned
                    .values()
                    .map(|(host_address, _)| host_address);
                let host_address = host_addresses.nth(usize::from(number));
                host_address.map_or(0, |host_address| host_address + u64::from(offset))
            }
            Self::Nothing => 0,
        }
    }
}

/// Translates the same program for two guests, of which the second has other host addresses, and
/// writes back the same status for both.
///
/// # Panics
///
/// If the guests do not see the same, or see a bit of a host address.
pub fn run(bytes: &[u8]) {
    let (mut here, irb, places) = case(bytes);
    let (mut there, _, _) = case(bytes);
    there.machine.arena.move_to(0x2000_0000);
    there.machine.guest.shift = 0x40_0000_0000;

    let (Ok(_), Ok(_)) = (here.translate(), there.translate()) else {
        return;
    };
    let (seen_here, seen_there) = (
        seen(&here, irb, places),
        seen(&there, irb, places), //
    );
    assert_eq!(seen_here.as_bytes(), seen_there.as_bytes());
    check(&here, &seen_here);
    for mut case in [here, there] {
        case.machine.release();
        let nothing = seen(&case, irb, places);
        assert_eq!(nothing.scsw().cpa(), 0);
        assert_eq!(nothing.failing_storage_address(), None);
        assert_eq!(nothing.secondary_ccw_address(), None);
    }
}

/// Returns the guest of these bytes.
pub fn hostile_guest(bytes: &[u8]) -> HostileGuest {
    case(bytes).0.hostile_guest()
}

/// A guest, a status and the meaning of three addresses in it.
fn case(bytes: &[u8]) -> (Case, [u8; irb::SIZE], [Place; 3]) {
    let mut input = Input::new(bytes);
    let irb = input.bytes();
    let places = [(); 3].map(|()| Place::new(&mut input));
    (Case::new(&mut input), irb, places)
}

/// Returns the status that the guest sees if it contains these three addresses.
fn seen(case: &Case, mut bytes: [u8; irb::SIZE], places: [Place; 3]) -> Irb {
    let [cpa, storage, secondary] = places.map(|place| place.address(case));
    bytes[4..8].copy_from_slice(&(cpa as u32).to_be_bytes());
    bytes[20..28].copy_from_slice(&storage.to_be_bytes());
    bytes[28..32].copy_from_slice(&(secondary as u32).to_be_bytes());
    let mut irb = Irb::from_bytes(&bytes);
    if storage < 1 << 31 && irb.erw() & 0x0040_0000 == 0 {
        bytes[20..28].copy_from_slice(&(storage << 32).to_be_bytes());
        irb = Irb::from_bytes(&bytes);
    }
    case.machine.translator.write_back(&mut irb);
    irb
}

/// Checks that the addresses are guest addresses.
fn check(case: &Case, seen: &Irb) {
    if let Some(address) = seen.failing_storage_address() {
        let is_data = case
            .machine
            .guest
            .pinned
            .contains_key(&(address / PAGE_SIZE));
        assert!(is_data || address < 1 << 31, "{address:#x}");
    }
    assert_eq!(seen.scsw().cpa() >> 31, 0);
    assert_eq!(seen.secondary_ccw_address().unwrap_or(0) >> 31, 0);
}
