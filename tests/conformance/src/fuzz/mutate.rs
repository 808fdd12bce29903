// SPDX-License-Identifier: GPL-2.0

//! Mutation of sequences that were worth keeping.

use super::{
    action::Action,
    generate::Generator,
    sequence::{
        Sequence,
        THREADS, //
    }, //
};
use crate::random::Random;

/// The number of actions that a sequence has at most.
const LONGEST: usize = 80;

/// The number of bytes that mutation leaves in an action, with one more.
const MOST_BYTES: usize = 512;

/// Values of a byte that are at the ends of ranges.
const BYTES: &[u8] = &[0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff];

/// Returns a sequence that differs from `sequence` at a few places, and may go on as `other` does.
pub(super) fn mutate(
    sequence: &Sequence,
    other: &Sequence,
    generator: &mut Generator<'_>,
) -> Sequence {
    let mut steps = sequence.0.clone();
    for _ in 0..=generator.random.below(4) {
        let at = generator.random.index(steps.len() + 1);
        let there = at.min(steps.len().saturating_sub(1));
        match generator.random.below(12) {
            0..=2 => {
                let thread = steps.get(there).map_or(0, |(thread, _)| *thread);
                steps.insert(at, (thread, generator.action()));
            }
            3 if !steps.is_empty() => drop(steps.remove(there)),
            4 if !steps.is_empty() => steps.insert(at, steps[there].clone()),
            5 if !steps.is_empty() => {
                let with = generator.random.index(steps.len());
                steps.swap(there, with);
            }
            6 if !other.0.is_empty() => {
                let from = generator.random.index(other.0.len());
                steps.truncate(at);
                steps.extend_from_slice(&other.0[from..]);
            }
            7 if !steps.is_empty() => steps[there].0 = generator.random.index(THREADS),
            // All actions from here on get threads of their own, or return to the first.
            8 if generator.random.one_in(4) => {
                let is_serial = generator.random.one_in(2);
                for (thread, _) in steps.iter_mut().skip(at) {
                    *thread = match is_serial {
                        true => 0,
                        false => generator.random.index(THREADS),
                    };
                }
            }
            _ => {
                if let Some((_, action)) = steps.get_mut(there) {
                    change(action, generator.random);
                }
            }
        }
    }
    steps.truncate(LONGEST);
    if !matches!(steps.first(), Some((0, Action::Open(..)))) {
        steps.insert(0, (0, generator.open()));
    }
    Sequence(steps)
}

/// Changes a value of an action.
fn change(action: &mut Action, random: &mut Random) {
    match action {
        Action::Open(..) | Action::Close | Action::Reset => {}
        Action::Cache(pages) => *pages = random.pick(&[0, 1, 3, 16, 4096]),
        Action::Map(range) | Action::Unmap(range) => *range ^= 1 << random.below(3),
        Action::Discard(address) => *address ^= 1 << random.below(16),
        Action::Store(address, bytes) => match random.one_in(3) {
            true => *address ^= 1 << random.below(16),
            false => change_bytes(bytes, random),
        },
        Action::Program(_, seed) => *seed = seed.wrapping_add(1 + random.below(64)),
        Action::Coded(bytes) | Action::Ioctl(_, bytes) => change_bytes(bytes, random),
        Action::Number(number) => *number ^= 1 << random.below(32),
        Action::Read { offset, len, room } => match random.below(3) {
            0 => change_offset(offset, random),
            1 => *len ^= 1 << random.below(8),
            _ => *room ^= 1 << random.below(8),
        },
        Action::Write { offset, len, bytes } => match random.below(6) {
            0 => change_offset(offset, random),
            1 => *len ^= 1 << random.below(8),
            _ => change_bytes(bytes, random),
        },
        Action::Wait(milliseconds) => *milliseconds = random.pick(BYTES),
    }
}

fn change_offset(offset: &mut i64, random: &mut Random) {
    *offset = match random.one_in(8) {
        true => *offset ^ 1 << random.below(64),
        false => *offset ^ 1 << random.below(13),
    };
}

/// Changes bytes at one place, or their number.
fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    bytes.truncate(MOST_BYTES);
    let at = random.index(bytes.len() + 1);
    match (random.below(6), bytes.get_mut(at)) {
        (0 | 1, Some(byte)) => *byte ^= 1 << random.below(8),
        (2, Some(byte)) => *byte = random.pick(BYTES),
        (3, Some(byte)) => *byte = random.next().to_be_bytes()[0],
        (4, Some(_)) => drop(bytes.remove(at)),
        _ => bytes.insert(at, random.pick(BYTES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutations(seed: u64) -> Vec<Sequence> {
        let mut random = Random::new(seed, 0);
        let mut generator = Generator {
            random: &mut random,
            programs: &[],
        };
        let mut sequences = vec![generator.sequence(), generator.sequence()];
        for number in 0..1000 {
            let (last, other) = (&sequences[number + 1], &sequences[number]);
            let next = mutate(last, other, &mut generator);
            sequences.push(next);
        }
        sequences
    }

    #[test]
    fn a_seed_decides_the_mutations() {
        assert_eq!(mutations(1), mutations(1));
        assert_ne!(mutations(1), mutations(2));
    }

    #[test]
    fn mutations_open_a_device_first_and_are_the_same_after_their_text() {
        let sequences = mutations(3);
        for sequence in &sequences {
            assert!(matches!(sequence.0.first(), Some((0, Action::Open(..)))));
            assert!(sequence.0.len() <= LONGEST + 1);
        }
        let text: Vec<_> = sequences.iter().map(Sequence::to_string).collect();
        assert_eq!(Sequence::parse_all(&text.join("\n")), Ok(sequences));
    }

    #[test]
    fn empty_sequences_can_be_mutated() {
        let mut random = Random::new(5, 0);
        let mut generator = Generator {
            random: &mut random,
            programs: &[],
        };
        let empty = Sequence::default();
        for _ in 0..200 {
            assert!(!mutate(&empty, &empty, &mut generator).0.is_empty());
        }
    }
}
