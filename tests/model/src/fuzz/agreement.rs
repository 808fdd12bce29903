// SPDX-License-Identifier: GPL-2.0

//! The host program does what the guest program does, for any program and any device.

use ccwchain::orb::{
    Flags,
    Orb, //
};

use super::{
    hostile_guest::HostileGuest,
    input::Input, //
};
use crate::agreement::{
    check,
    check_waiting,
    Case, //
};
use crate::channel::{
    Ccw,
    Step, //
};

/// The boundaries in the guests of the agreement tests: of mappings, pages and blocks, and of what
/// CCWs of the two formats can address.
const BORDERS: [u64; 12] = [
    0x1_0000,
    0x1_1000,
    0x1_1800,
    0x1_2000,
    0x1_4000,
    0x1_5000,
    0x1_6000,
    0x1_7000,
    0,
    0x100_0000,
    0x8000_0000,
    0x12_3456_8000,
];

/// Runs a program and its translation.
///
/// # Panics
///
/// If they do not agree, or the host program is not contained.
pub fn run(bytes: &[u8]) {
    let case = case(&mut Input::new(bytes));
    for check in [check, check_waiting] {
        if let Err(failure) = check(&case) {
            panic!("{case}{failure}");
        }
    }
}

/// Returns the case that the target makes of these bytes.
pub fn of_bytes(bytes: &[u8]) -> Case {
    case(&mut Input::new(bytes))
}

/// Returns the guest of these bytes.
pub fn hostile_guest(bytes: &[u8]) -> HostileGuest {
    HostileGuest::of_case(&of_bytes(bytes))
}

pub(super) fn case(input: &mut Input<'_>) -> Case {
    let [flags, device] = input.bytes();
    let steps = (0..device % 5).map(|_| step(input)).collect();
    let mut case = Case {
        orb: orb(flags).with_cpa(input.pick(&[0x1_0000, 0x1_0fe0, 0x1_3fc0, 0xff_ffd0, 0])),
        steps,
        ..Case::default()
    };
    let mut cursor = case.orb.cpa();
    for _ in 0..40 {
        if !input.is_left() {
            break;
        }
        thing(input, &mut case, &mut cursor);
    }
    case
}

/// Command mode without reserved bits, which the translator would refuse.
fn orb(choice: u8) -> Orb {
    const FLAGS: [Flags; 8] = [
        Flags::FORMAT_1,
        Flags::IDAW_64,
        Flags::IDAW_2K,
        Flags::MIDAW,
        Flags::SUSPEND,
        Flags::LENGTH,
        Flags::PREFETCH,
        Flags::INITIAL_STATUS,
    ];
    let flags = FLAGS.iter().enumerate();
    let chosen = flags.filter(|(number, _)| choice >> number & 1 != 0);
    Orb::default().with_flags(chosen.fold(Flags::empty(), |all, (_, flag)| all.union(*flag)))
}

fn step(input: &mut Input<'_>) -> Step {
    let [how, length] = input.bytes();
    let mut step = Step::moves(match how & 3 {
        0 => usize::from(u16::MAX),
        1 => usize::from(length),
        2 => 16 * usize::from(length),
        _ => 0x800 + usize::from(length) - 0x80,
    });
    step.immediate = how & 0x1c == 0;
    step.status |= how & 0x43;
    step
}

/// Adds a CCW or a word of a list, or moves to where the next one goes.
fn thing(input: &mut Input<'_>, case: &mut Case, cursor: &mut u32) {
    match input.byte() & 0x0f {
        0 => *cursor = address(input) as u32 & !7,
        1 => *cursor = cursor.wrapping_add(8),
        2 => {
            let idaw = idaw(input) as u32;
            list(case, cursor, &idaw.to_be_bytes());
        }
        3 | 4 => {
            let idaw = idaw(input);
            list(case, cursor, &idaw.to_be_bytes());
        }
        5 | 6 => {
            let [flags, high, low] = input.bytes();
            list(
                case,
                cursor,
                &[0, 0, 0, 0, 0, flags & 0xe1, high & 0x1f, low],
            );
            let address = address(input);
            list(case, cursor, &address.to_be_bytes());
        }
        7 | 8 => {
            let target = address(input) as u32 & !7;
            ccw(case, cursor, [0x08, 0], 0, target);
        }
        9 => {
            let places = u32::from(input.byte());
            let target = cursor
                .wrapping_add(8 * (places & 15))
                .wrapping_sub(8 * (places >> 4));
            ccw(case, cursor, [0x08, 0], 0, target);
        }
        _ => {
            let code = input.pick(&[2, 1, 3, 4, 0x0c, 0x31, 7, 0, 0x18, 0x08, 0xff]);
            let flags = input.byte();
            let count = input.pick(&[8, 1, 16, 0, 256, 2048, 2049, 4096, 4097, 9000]);
            let address = address(input) as u32;
            ccw(case, cursor, [code, flags], count, address);
        }
    }
}

fn ccw(case: &mut Case, cursor: &mut u32, [code, flags]: [u8; 2], count: u16, address: u32) {
    let ccw = Ccw {
        code,
        flags,
        count,
        address,
    };
    case.ccws.push((*cursor, ccw));
    *cursor = cursor.wrapping_add(8);
}

fn list(case: &mut Case, cursor: &mut u32, bytes: &[u8]) {
    case.lists.push(((*cursor).into(), bytes.to_vec()));
    *cursor = cursor.wrapping_add(bytes.len() as u32);
}

/// Returns an address near a boundary.
fn address(input: &mut Input<'_>) -> u64 {
    let [border, offset] = input.bytes();
    let near = BORDERS[usize::from(border & 0x3f) % BORDERS.len()];
    match border >> 6 {
        0 => near.wrapping_add(offset.into()),
        1 => near.wrapping_sub(offset.into()),
        2 => near.wrapping_add(0x100 + 4 * u64::from(offset)),
        _ => near.wrapping_add(8 * u64::from(offset)),
    }
}

/// As a rule, returns an address where a block begins or, for read backward, ends.
fn idaw(input: &mut Input<'_>) -> u64 {
    let address = address(input);
    input.edge_of_block(address)
}
