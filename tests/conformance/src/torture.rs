// SPDX-License-Identifier: GPL-2.0

//! Torture: several devices at once, each with users that do all that they may until they are
//! killed, and with a host that takes the device away in the midst of it.
//!
//! A seed decides what each device meets. How that falls together does not follow from it, but the
//! same seed leads to the same kinds of meetings.

use std::{
    sync::{
        atomic::{
            AtomicBool,
            AtomicU64,
            Ordering, //
        },
        Arc,
        Mutex, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use crate::{
    fixtures::*,
    host_side::Host,
    machine::{
        Counts,
        KernelLog, //
    },
    random::Random,
    unplug::NoAutoprobe, //
};

mod lane;
mod process;
mod programs;
mod tally;
mod user;

use lane::Lane;
use tally::Tally;

pub(crate) use user::user;

/// The time between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(15);

/// The time for which the same devices are at work.
const TURN: Duration = Duration::from_secs(10);

/// The time that the host may take for what waits for nobody: the kernel looks through all
/// subchannels when one comes or goes, which takes long with lockdep on several processors.
const PATIENCE: Duration = Duration::from_secs(240);

/// The settings and the counts that all devices share.
struct Torture {
    seed: u64,
    begun: Instant,
    length: Duration,
    /// Set when one device has failed.
    is_stopped: AtomicBool,
    /// A bit for each device, set if it is at work.
    at_work: AtomicU64,
    tally: Arc<Tally>,
    host: Mutex<Host>,
    /// Held while a device is unplugged.
    unplugging: Mutex<()>,
}

impl Torture {
    fn is_over(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed) || self.begun.elapsed() > self.length
    }

    fn is_at_work(&self, lane: u64) -> bool {
        self.at_work.load(Ordering::Relaxed) >> lane & 1 != 0
    }

    /// Has one to all of the devices work, and the others rest when their users are gone: the fewer
    /// there are, the more each of them does.
    fn choose(&self, devices: usize, random: &mut Random) {
        let count = 1 + random.below(devices as u64);
        let first = random.below(devices as u64);
        let chosen = (first..first + count).map(|lane| 1 << (lane % devices as u64));
        self.at_work.store(chosen.sum(), Ordering::Relaxed);
    }
}

/// Tortures devices, given by their numbers, for so many seconds.
pub(crate) fn torture(seed: &str, seconds: &str, numbers: &[&str]) -> TestResult {
    let number = |text: &str| -> TestResult<u64> {
        Ok(text.parse().map_err(|_| format!("{text:?} is no number"))?)
    };
    let _no_autoprobe = NoAutoprobe::new()?;
    let before = Counts::take()?;
    let mut log = KernelLog::open()?;
    let torture = Torture {
        seed: number(seed)?,
        begun: Instant::now(),
        length: Duration::from_secs(number(seconds)?),
        is_stopped: AtomicBool::new(false),
        at_work: AtomicU64::new(0),
        tally: Arc::default(),
        host: Mutex::new(Host::new()?),
        unplugging: Mutex::new(()),
    };
    println!(
        "torture: seed {seed}, {seconds} s, devices {}",
        numbers.join(" ")
    );
    let lanes: Vec<_> = (0..)
        .zip(numbers)
        .map(|(lane, number)| Lane::new(&torture, number, lane))
        .collect::<TestResult<_>>()?;
    let results = thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .into_iter()
            .map(|lane| {
                scope.spawn(|| {
                    let result = lane.run();
                    if let Err(failure) = &result {
                        println!(
                            "FAILED after {} s: {failure}",
                            torture.begun.elapsed().as_secs()
                        );
                        torture.is_stopped.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        let (mut told, mut turn) = (Instant::now(), Instant::now());
        let mut random = Random::new(torture.seed, numbers.len() as u64);
        torture.choose(numbers.len(), &mut random);
        while !threads.iter().all(|thread| thread.is_finished()) {
            thread::sleep(Duration::from_millis(100));
            if turn.elapsed() > TURN {
                turn = Instant::now();
                torture.choose(numbers.len(), &mut random);
            }
            if told.elapsed() > PROGRESS {
                told = Instant::now();
                let seconds = torture.begun.elapsed().as_secs();
                println!(
                    "{seconds} of {} s: {}",
                    torture.length.as_secs(),
                    torture.tally
                );
            }
        }
        threads
            .into_iter()
            .map(join)
            .collect::<TestResult<Vec<_>>>()
    })?;
    println!("seed {seed}: {}", torture.tally);
    results.into_iter().collect::<TestResult<()>>()?;
    let leaks = Counts::leaks_since(before)?;
    check(leaks.is_empty(), leaks.join("\n"))?;
    let trouble = log.trouble()?;
    check(trouble.is_none(), trouble.unwrap_or_default())
}
