// SPDX-License-Identifier: GPL-2.0

//! Threads whose coverage of the module is recorded.

use std::thread;

use ccw::sys::Kcov;

use super::{
    coverage::Coverage,
    sequence::THREADS, //
};
use crate::fixtures::*;

/// The pages for addresses that a thread executes: 64 Ki of them.
const PAGES: u16 = 128;

/// Coverage of all that was executed so far, and a buffer for each thread.
pub(super) struct Recorder {
    kcovs: Vec<Kcov>,
    coverage: Coverage,
}

/// Runs `what` in this thread, and has the addresses recorded that it executes.
fn recorded(kcov: &mut Kcov, what: impl FnOnce() -> TestResult) -> TestResult {
    kcov.start()?;
    let result = what();
    kcov.stop()?;
    result
}

impl Recorder {
    pub(super) fn new() -> TestResult<Self> {
        let kcovs = (0..THREADS).map(|_| Kcov::new(PAGES));
        let kcovs = kcovs.collect::<Result<_, _>>();
        Ok(Self {
            kcovs: kcovs.map_err(|error| format!("this kernel has no KCOV: {error}"))?,
            coverage: Coverage::default(),
        })
    }

    /// Returns how many addresses were executed.
    pub(super) fn points(&self) -> usize {
        self.coverage.points()
    }

    /// Runs `what` in this thread.
    pub(super) fn alone(&mut self, what: impl FnOnce() -> TestResult) -> TestResult {
        let kcov = &mut self.kcovs[0];
        let result = recorded(kcov, what);
        self.coverage.add(kcov.addresses());
        result
    }

    /// Runs `what` with each item in a thread of its own, and waits until all have ended.
    pub(super) fn beside<T: Sync>(
        &mut self,
        items: &[T; THREADS],
        what: impl Fn(&T) -> TestResult + Sync,
    ) -> TestResult {
        let what = &what;
        let results = thread::scope(|scope| {
            let threads: Vec<_> = self
                .kcovs
                .iter_mut()
                .zip(items)
                .map(|(kcov, item)| scope.spawn(move || recorded(kcov, || what(item))))
                .collect();
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        for kcov in &self.kcovs {
            self.coverage.add(kcov.addresses());
        }
        results.into_iter().try_for_each(|result| result?)
    }
}
