// SPDX-License-Identifier: GPL-2.0

//! Runs the parts of the driver that need no lock in all orders of their accesses to memory that
//! the processor may choose, with [`loom`].
//!
//! The files are those of the module itself. Their atomics are those of loom.

#![cfg(test)]

/// The name under which the files know the atomics.
extern crate self as kernel;

mod sync;

#[path = "../../../mdev/invalidate_seq.rs"]
mod invalidate_seq;
#[path = "../../../mdev/vfio/pin_exclusion.rs"]
mod pin_exclusion;
#[path = "../../../drivers/pin_gate.rs"]
mod pin_gate;
#[path = "../../../drivers/region/status_seq.rs"]
mod status_seq;

mod invalidations;
mod reads;
mod unmaps;

/// The most interruptions of a thread in an execution. Two suffice for most faults; the number of
/// executions grows fast with it.
const INTERRUPTIONS: usize = 3;

/// Runs `execution` in all orders of its accesses.
fn explore(execution: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(INTERRUPTIONS);
    model.check(execution);
}
