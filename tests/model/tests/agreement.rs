// SPDX-License-Identifier: GPL-2.0

//! Random programs: guest and host agree, and the host program is contained.

use std::{
    collections::BTreeMap,
    env,
    thread, //
};

use model::agreement::{
    check,
    generate,
    shrink, //
};

/// The number of programs, unless `AGREEMENT_PROGRAMS` is set.
const PROGRAMS: u64 = 20_000;

/// The seed of the first program, unless `AGREEMENT_SEED` is set. The others have the next seeds.
const SEED: u64 = 0x1964_0407;

/// Returns the number in an environment variable: decimal, or hexadecimal after 0x.
fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = env::var(name) else {
        return default;
    };
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    }
    .unwrap_or_else(|error| {
        panic!("{name}={text} is no number ({error}); give one, such as 12 or 0x12")
    })
}

/// Runs the programs of these seeds, and counts their results.
fn run(seeds: impl Iterator<Item = u64>) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for seed in seeds {
        let case = generate(seed);
        match check(&case) {
            Ok(outcome) => *kinds.entry(format!("{:?}", outcome.kind)).or_default() += 1,
            Err(_) => {
                let small = shrink(&case, |case| check(case).is_err());
                let failure = check(&small).expect_err("a failing case");
                panic!(
                    "AGREEMENT_SEED={seed:#x} AGREEMENT_PROGRAMS=1 fails; smallest program:\n\
                     {small}{failure}"
                );
            }
        }
    }
    kinds
}

#[test]
fn the_host_program_does_what_the_guest_program_does_and_reaches_nothing_else() {
    let (first, count) = (
        number("AGREEMENT_SEED", SEED),
        number("AGREEMENT_PROGRAMS", PROGRAMS),
    );
    println!("AGREEMENT_SEED={first:#x} AGREEMENT_PROGRAMS={count}");
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let mut kinds = BTreeMap::<String, u64>::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let offsets = (worker..count).step_by(threads as usize);
                scope.spawn(move || run(offsets.map(|offset| first.wrapping_add(offset))))
            })
            .collect();
        for worker in workers {
            let Ok(counts) = worker.join() else {
                panic!("a program fails; the message is above");
            };
            for (kind, count) in counts {
                *kinds.entry(kind).or_default() += count;
            }
        }
    });
    println!("{kinds:#?}");
    // Random programs are useful only if they end in all ways.
    if count >= PROGRAMS {
        assert_eq!(kinds.len(), 7, "kinds of endings: {kinds:?}");
        let few = kinds.iter().find(|(_, programs)| **programs < count / 200);
        assert_eq!(few, None, "of {count} programs");
    }
}
