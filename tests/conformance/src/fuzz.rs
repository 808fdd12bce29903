// SPDX-License-Identifier: GPL-2.0

//! A fuzzer of the whole interface of a device, as a user sees it.
//!
//! A [sequence](sequence::Sequence) of actions opens a device, maps memory, sends ioctls, accesses
//! regions, starts programs and closes the device. Each answer must be one that is documented. When
//! all is closed, nothing is pinned, memory that was not mapped for the device is as it was, the
//! kernel has not complained, and the device runs a program.
//!
//! The kernel tells which code of the module a sequence has executed (KCOV). A sequence that is the
//! first to reach some is kept, and mutated. The seed decides what is generated and mutated; which
//! sequences are kept can depend on how threads and interrupts fall together.
//!
//! The sequence that is under way is in the file `sequence`, which survives the machine, and
//! [`replay`] runs it again. Those that were kept are in the file `corpus`.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Write, //
    },
    os::unix::fs::FileExt,
    process,
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        Arc, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use crate::{
    corpus::inputs,
    fixtures::*,
    machine::Counts,
    random::Random, //
};

mod action;
mod coverage;
mod generate;
mod judge;
mod mutate;
mod recorder;
mod runner;
mod sequence;
mod session;
mod text;

use generate::Generator;
use mutate::mutate;
use runner::Runner;
use sequence::Sequence;

/// The file with the sequence that is under way.
const CURRENT: &str = "sequence";

/// The file with the sequences that were kept.
const CORPUS: &str = "corpus";

/// The time between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(15);

/// The time that a sequence may take.
const PATIENCE: Duration = Duration::from_secs(200);

/// The number of times that a sequence of several threads is replayed.
const REPLAYS: u32 = 100;

/// Ends this process if no sequence ends for too long.
struct Watchdog(Arc<AtomicU64>);

impl Watchdog {
    fn new() -> Self {
        let ended = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&ended);
        thread::spawn(move || {
            let (mut last, mut since) = (0, Instant::now());
            loop {
                thread::sleep(Duration::from_secs(1));
                let now = seen.load(Ordering::Relaxed);
                if now != last {
                    (last, since) = (now, Instant::now());
                } else if since.elapsed() > PATIENCE {
                    println!("FAILED: a sequence does not end\n{}", stacks());
                    process::exit(1);
                }
            }
        });
        Self(ended)
    }

    fn ended(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns where the threads of this process are in the kernel.
fn stacks() -> String {
    let tasks = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let stacks = tasks.filter_map(|task| fs::read_to_string(task.path().join("stack")).ok());
    stacks.collect::<Vec<_>>().join("\n")
}

/// The file with the sequence that is under way, in a folder of the host.
struct Current {
    file: File,
    len: usize,
}

impl Current {
    fn new() -> io::Result<Self> {
        let file = File::create(CURRENT)?;
        Ok(Self { file, len: 0 })
    }

    /// Replaces the contents of the file. It is not truncated, as the host would then write it to
    /// its disk each time.
    fn set(&mut self, sequence: &Sequence) -> io::Result<()> {
        let mut text = sequence.to_string().into_bytes();
        self.len = self.len.max(text.len());
        text.resize(self.len, b'\n');
        self.file.write_all_at(&text, 0)
    }
}

/// Runs a sequence, which is in a file meanwhile.
fn run(runner: &mut Runner<'_>, current: &mut Current, sequence: &Sequence) -> TestResult<usize> {
    current.set(sequence)?;
    runner.run(sequence).map_err(|failure| {
        println!("FAILED: {failure}\n{sequence}");
        failure
    })
}

/// Checks that nothing is left of all sequences.
fn check_idle(runner: &Runner<'_>, before: Counts) -> TestResult {
    for mdev in [runner.place().terminal, runner.place().rng] {
        let statistics = Statistics::of(mdev)?;
        check_eq("state", statistics.text("state")?.as_str(), "closed")?;
        for name in ["irbs_waiting", "pages_pinned"] {
            check_eq(name, statistics.get(name)?, 0)?;
        }
    }
    let leaks = Counts::leaks_since(before)?;
    check(leaks.is_empty(), leaks.join("\n"))
}

/// Fuzzes devices: `run SEED SECONDS`, or `replay FILE`.
pub(crate) fn fuzz(devices: &Devices, words: &[&str]) -> TestResult {
    match words {
        ["run", seed, seconds] => run_for(devices, seed, seconds),
        ["replay", file] => replay(devices, file),
        _ => Err(format!("fuzz: {words:?} is neither run nor replay").into()),
    }
}

/// Fuzzes the devices for so many seconds.
fn run_for(devices: &Devices, seed: &str, seconds: &str) -> TestResult {
    let number = |text: &str| -> TestResult<u64> {
        Ok(text.parse().map_err(|_| format!("{text:?} is no number"))?)
    };
    let mut random = Random::new(number(seed)?, 0);
    let length = Duration::from_secs(number(seconds)?);
    let mut runner = Runner::new(devices)?;
    let before = Counts::take()?;
    let programs: Vec<_> = inputs("agreement")?
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    println!(
        "fuzz: seed {seed}, {seconds} s, {} programs",
        programs.len()
    );

    let mut current = Current::new()?;
    let watchdog = Watchdog::new();
    let mut file = File::create(CORPUS)?;
    let mut corpus: Vec<Sequence> = Vec::new();
    let (mut sequences, mut actions) = (0, 0);
    let (begun, mut told) = (Instant::now(), Instant::now());
    loop {
        let tell = |runner: &Runner<'_>, corpus: &[Sequence]| {
            let (time, points, kept) = (begun.elapsed().as_secs(), runner.points(), corpus.len());
            println!(
                "{time} of {seconds} s: {actions} actions, {sequences} sequences, \
                 {points} coverage points, {kept} sequences kept"
            );
        };
        if begun.elapsed() > length {
            tell(&runner, &corpus);
            break;
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            tell(&runner, &corpus);
        }
        let mut generator = Generator {
            random: &mut random,
            programs: &programs,
        };
        let sequence = match corpus.len() {
            len if len > 0 && !generator.random.one_in(4) => {
                let [one, other] = [(); 2].map(|()| generator.random.index(len));
                mutate(&corpus[one], &corpus[other], &mut generator)
            }
            _ => generator.sequence(),
        };
        if run(&mut runner, &mut current, &sequence)? > 0 {
            // Writes all in one call, as each call goes to the host.
            file.write_all(format!("{sequence}\n").as_bytes())?;
            corpus.push(sequence.clone());
        }
        watchdog.ended();
        sequences += 1;
        actions += sequence.0.len();
    }
    check_idle(&runner, before)
}

/// Runs the sequences of a file again.
fn replay(devices: &Devices, file: &str) -> TestResult {
    let sequences = Sequence::parse_all(&fs::read_to_string(file)?)?;
    let mut runner = Runner::new(devices)?;
    let before = Counts::take()?;
    let mut current = Current::new()?;
    let watchdog = Watchdog::new();
    for sequence in &sequences {
        for _ in 0..if sequence.is_serial() { 1 } else { REPLAYS } {
            run(&mut runner, &mut current, sequence)?;
            watchdog.ended();
        }
    }
    println!(
        "replayed {} sequences: {} coverage points",
        sequences.len(),
        runner.points()
    );
    check_idle(&runner, before)
}
