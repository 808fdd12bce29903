// SPDX-License-Identifier: GPL-2.0

//! The key of a state: two states with the same key cannot be told apart by any sequence of moves.
//! Programs, generations and IRBs are renumbered in the order in which they are found.

use crate::{
    driver::{
        Driver,
        Request,
        Task, //
    },
    invariants::{
        About,
        GUEST,
        HOST, //
    }, //
};
use state::Answer;
use std::hash::{
    Hash,
    Hasher, //
};

/// A fast hash that is good enough for some millions of states (FNV, a word at a time).
pub(crate) struct Words(u64);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(u64::try_from(word).unwrap_or(u64::MAX));
    }

    fn write_isize(&mut self, word: isize) {
        self.write_usize(word.unsigned_abs());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Words {
    fn default() -> Self {
        Self(0x9e37_79b9)
    }
}

/// Numbers in the order in which they are found, from 1.
#[derive(Default)]
struct Names(Vec<u64>);

impl Names {
    fn of(&mut self, number: impl Into<u64>) -> usize {
        let number = number.into();
        match self.0.iter().position(|known| *known == number) {
            Some(at) => at + 1,
            None => {
                self.0.push(number);
                self.0.len()
            }
        }
    }
}

/// Returns the key of the state.
pub(crate) fn key(driver: &mut Driver) -> u64 {
    let mut programs = Names::default();
    let mut generations = Names::default();
    let mut statuses = Names::default();
    let mut hasher = Words::default();
    let h = &mut hasher;
    let eventfds = driver.sch.notifier;
    let epoch = driver.hardware.ledger.epoch;

    generations.of(eventfds.generation);
    let channel = driver.hardware.channel;
    let program = channel
        .program()
        .map(|program| u32::try_from(programs.of(program)).unwrap_or(u32::MAX));
    channel.with_program(program).hash(h);
    core::mem::discriminant(&eventfds.state).hash(h);
    (eventfds.io, eventfds.crw, driver.failed).hash(h);
    (eventfds.late, eventfds.timer).hash(h);
    // It matters only while a quiesce waits.
    let waits = |task: &Task| matches!(task, Task::QuiesceWait(..));
    let waits = driver.tasks.iter().flatten().any(waits);
    (
        waits && driver.sch.has_ended(),
        driver.hardware.ledger.clears,
    )
        .hash(h);

    let ledger = &driver.hardware.ledger;
    (
        ledger.stuck,
        ledger.untested_by_guest,
        programs.of(ledger.last),
    )
        .hash(h);
    (ledger.shuts_down, ledger.is_down, driver.hardware.may_run).hash(h);
    ledger
        .unanswered
        .map(|(program, generation)| (programs.of(program), generations.of(generation)))
        .hash(h);
    if let Some(session) = driver.session {
        session.translator.pinned.map(|p| programs.of(p)).hash(h);
        session.translator.knows.map(|p| programs.of(p)).hash(h);
        generations.of(session.generation).hash(h);
        (session.is_copied, statuses.of(session.in_region)).hash(h);
    } else {
        0.hash(h);
    }
    ledger.in_region.map(|serial| statuses.of(serial)).hash(h);

    if let Some((answer, ends)) = driver.sch.untested() {
        match answer {
            Answer::Start(generation) => generations.of(generation).hash(h),
            Answer::HaltOrClear => 1.hash(h),
            Answer::Unsolicited => 2.hash(h),
        }
        ends.hash(h);
    }

    for owed in &ledger.owed {
        match owed.about {
            About::Start {
                program,
                generation,
            } => (programs.of(program), generations.of(generation)).hash(h),
            About::HaltOrClear => 1.hash(h),
            About::Device => 2.hash(h),
        }
        (statuses.of(owed.serial), owed.over).hash(h);
    }

    for entry in driver.sch.irbs().entries() {
        match entry.answer {
            Answer::Start(generation) => generations.of(generation).hash(h),
            Answer::HaltOrClear => 1.hash(h),
            Answer::Unsolicited => 2.hash(h),
        }
        let scsw = entry.irb.scsw();
        let cpa = scsw.cpa();
        let program = (cpa & !(HOST | GUEST)) >> 3;
        (cpa & (HOST | GUEST), programs.of(program)).hash(h);
        (
            statuses.of(scsw.count()),
            entry.ends,
            entry.has_host_addresses,
        )
            .hash(h);
    }
    for crw in driver.reports() {
        crw.word().hash(h);
    }

    // The slot of a task makes no difference.
    let mut tasks = [0; crate::driver::TASKS];
    for (slot, task) in driver.tasks.iter().enumerate() {
        let mut own = Words::default();
        if let Some(task) = task {
            let mut request =
                |request: &Request| (generations.of(request.generation), request.epoch == epoch);
            core::mem::discriminant(task).hash(&mut own);
            (driver.session_lock == Some(slot)).hash(&mut own);
            (driver.quiescing == Some(slot)).hash(&mut own);
            match task {
                Task::StartTranslated(r, program) => {
                    (request(r), programs.of(*program)).hash(&mut own);
                }
                Task::Resume(step) | Task::Rest(step) => {
                    core::mem::discriminant(step).hash(&mut own);
                    let numbers = step
                        .translator()
                        .map(|translator| [translator.knows, translator.pinned]);
                    let named = numbers.map(|n| n.map(|n| n.map(|p| programs.of(p))));
                    named.hash(&mut own);
                }
                Task::StartUnpin(r)
                | Task::StartTranslate(r)
                | Task::StartFired(r)
                | Task::StartRelease(r)
                | Task::StartCancel(r) => request(r).hash(&mut own),
                Task::ReadUnpin(irb) | Task::ReadCopy(irb) | Task::ReadCopied(irb) => {
                    (statuses.of(irb.serial), irb.more_wait).hash(&mut own);
                }
                Task::CrwCopy(crw) | Task::CrwPutBack(crw) => crw.word().hash(&mut own),
                Task::QuiesceLock(what) | Task::QuiesceBegin(what) | Task::QuiesceLook(what) => {
                    what.hash(&mut own)
                }
                Task::QuiesceWait(what, progress) => (what, progress).hash(&mut own),
                Task::QuiesceUnpin(what, ended) | Task::QuiesceEnd(what, ended) => {
                    (what, ended).hash(&mut own);
                }
                Task::StartRequest
                | Task::ReadTake
                | Task::ReadAnnounce
                | Task::CrwTake
                | Task::CrwAnnounce
                | Task::UnmapLook
                | Task::UnmapWait => {}
            }
        }
        tasks[slot] = own.finish();
    }
    tasks.sort_unstable();
    tasks.hash(h);
    hasher.finish()
}
