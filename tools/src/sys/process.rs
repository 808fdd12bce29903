// SPDX-License-Identifier: GPL-2.0

//! Priority, processor, rights and limits of this process, and the end of others.

use std::io;

use rustix::{
    process::{
        getrlimit,
        kill_process_group,
        nice,
        setpriority_process,
        setrlimit,
        Pid,
        Resource,
        Signal, //
    },
    thread::{
        capabilities,
        sched_setaffinity,
        set_capabilities,
        CapabilitySet,
        CpuSet, //
    }, //
};

use super::request::to_result;

/// Lets this process run before all ordinary ones (`SCHED_FIFO`).
pub fn run_first() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 50 };
    // SAFETY: The kernel reads a valid structure.
    to_result(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &priority) }).map(|_| ())
}

/// Lets this process run after all ordinary ones, with the lowest priority.
pub fn run_last() -> io::Result<()> {
    Ok(nice(19).map(drop)?)
}

/// Lets another process, which runs last, run as ordinary ones do.
pub fn run_as_others(process: u32) -> io::Result<()> {
    Ok(setpriority_process(Some(pid(process)?), 0)?)
}

/// Lets this process run on one processor only.
pub fn run_on(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    Ok(sched_setaffinity(None, &cpus)?)
}

/// Takes from this thread the capability to lock memory beyond the limit (`CAP_IPC_LOCK`).
pub fn obey_lock_limit() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    Ok(set_capabilities(None, sets)?)
}

/// Sets how many bytes this process may lock. `None` stands for the hard limit.
pub fn set_lock_limit(bytes: Option<u64>) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Memlock);
    limit.current = bytes.or(limit.maximum);
    Ok(setrlimit(Resource::Memlock, limit)?)
}

/// Kills a group of processes.
pub fn kill_group(leader: u32) -> io::Result<()> {
    Ok(kill_process_group(pid(leader)?, Signal::KILL)?)
}

fn pid(number: u32) -> io::Result<Pid> {
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    Ok(pid.ok_or(io::ErrorKind::InvalidInput)?)
}
