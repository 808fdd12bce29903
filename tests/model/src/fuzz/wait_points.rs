// SPDX-License-Identifier: GPL-2.0

//! Programs that change while they run, by what they store or by what the guest stores, wait for
//! their rests: they stay contained, and leave nothing pinned. One that only the program itself
//! changes does what the guest program does, or ends with a program check.

use ccwchain::orb::Flags;

use super::{
    agreement,
    hostile_guest::HostileGuest,
    input::Input, //
};
use crate::agreement::{
    check_contained,
    check_waiting,
    Case,
    Failure, //
};
use crate::channel::Ccw;

/// The greatest number of bytes that the device has for the program, other than zeros.
const DATA: u8 = 64;

/// Runs a program and its translation.
///
/// # Panics
///
/// If one of these guarantees is broken.
pub fn run(bytes: &[u8]) {
    let case = case(&mut Input::new(bytes));
    if let Err(failure) = check(&case) {
        panic!("{case}{failure}");
    }
}

/// Returns the guest of these bytes.
pub fn hostile_guest(bytes: &[u8]) -> HostileGuest {
    HostileGuest::of_case(&case(&mut Input::new(bytes)))
}

fn check(case: &Case) -> Result<(), Failure> {
    // What the guest changes at another place than a wait point may be too late.
    match case.responses.is_empty() {
        true => check_waiting(case).map(|_| ()),
        false => check_contained(case),
    }
}

fn case(input: &mut Input<'_>) -> Case {
    let [len, count] = input.bytes();
    let data = (0..len % DATA).map(|_| input.byte()).collect();
    let choices: Vec<_> = (0..count % 4).map(|_| input.bytes::<6>()).collect();
    let mut case = agreement::case(input);
    case.orb = case
        .orb
        .with_flags(case.orb.flags().difference(Flags::PREFETCH));
    case.input = data;
    case.responses = choices
        .into_iter()
        .map(|choices| response(&case, choices))
        .collect();
    case
}

/// Returns what the guest stores at an interruption: a CCW, as a rule over one of the program.
fn response(case: &Case, choices: [u8; 6]) -> (u64, Vec<u8>) {
    let [place, kind, flags, target, high, low] = choices;
    let address = |number: u8| match case.ccws.len() {
        0 => case.orb.cpa(),
        len => {
            let (address, _) = case.ccws[usize::from(number & 0x3f) % len];
            address.wrapping_add(8 * u32::from(number >> 6))
        }
    };
    let ccw = match kind % 4 {
        0 | 1 => Ccw {
            code: 0x08,
            address: address(target),
            ..Ccw::default()
        },
        2 => Ccw {
            code: 0x03,
            flags,
            count: 1,
            address: 0,
        },
        _ => Ccw {
            code: kind,
            flags,
            count: u16::from(target),
            address: u32::from_be_bytes([0, 1, high, low]),
        },
    };
    (address(place).into(), ccw.to_bytes(case.format()).to_vec())
}
