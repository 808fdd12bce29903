// SPDX-License-Identifier: GPL-2.0

//! Any program, after a command that stores over it.

use crate::{
    agreement::{
        case::Case,
        generate::generate,
        random::Random, //
    },
    channel::{
        Ccw,
        Step, //
    },
};

/// The address of the command that stores over the program.
const START: u32 = 0x1_6100;

/// Returns the case of a seed: that of [`generate`], after a command that stores over one of its
/// CCWs or lists, which the channel may or may not fetch.
///
/// The command stores the contents of another CCW or list, or the same with one bit changed.
pub fn generate_overwrite_anywhere(seed: u64) -> Case {
    let mut random = Random::new(!seed);
    let mut case = generate(seed);
    let format = case.format();
    let contents: Vec<_> = case
        .contents()
        .filter(|(_, bytes)| bytes.len() >= 4)
        .collect();
    // The last ones are those after the CCWs that only fill an arena block.
    let recent = contents.len().min(40) as u64;
    let mut any = || &contents[contents.len() - 1 - random.below(recent) as usize];
    let ((address, old), (_, other)) = (any(), any());
    let mut record = old.clone();
    if random.one_in(2) {
        let bit = random.below(8 * record.len() as u64) as usize;
        record[bit / 8] ^= 1 << (bit % 8);
    } else {
        record.splice(
            0..other.len().min(old.len()),
            other.iter().copied().take(old.len()),
        );
    }
    let read = Ccw {
        code: 0x02,
        flags: Ccw::CC | Ccw::SLI,
        count: record.len() as u16,
        address: *address as u32 & (format.limit() - 1),
    };
    let tic = Ccw {
        code: 0x08,
        address: case.orb.cpa() & (format.limit() - 1),
        ..Ccw::default()
    };
    case.orb = case.orb.with_cpa(START);
    case.ccws.extend([(START, read), (START + 8, tic)]);
    case.steps.insert(0, Step::moves(record.len()));
    case.input = record;
    case
}
