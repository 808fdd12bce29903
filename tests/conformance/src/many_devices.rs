// SPDX-License-Identifier: GPL-2.0

//! Many devices at once: bound, opened, used, closed and unbound, each by a thread of its own.
//!
//! The memory that a user is charged for is compared with `docs/performance.md`, "Memory". A user
//! at a limit gets an error, and no more than the limit.

use ccw::{
    program::Program,
    vfio::Backend, //
};

use crate::{
    fixtures::*,
    machine::{
        self,
        Counts,
        KernelLog, //
    },
};

mod lane;
mod memory;

use lane::{
    at_once,
    Lane, //
};
use memory::Memory;

/// The number of times that all devices are bound at once.
const BINDINGS: u32 = 2;

/// The number of programs that each device runs while the others do.
const PROGRAMS: u32 = 10;

/// A program that needs [`PAGES`] pages for its data.
const SENSE_ID: &str =
    "area id at 0x20000 size 65535\nccw senseid,id,sli\nexpect data id X'FF3832'";
const PAGES: u64 = 16;
const PAGE: u64 = 4096;

/// The devices that run the largest program.
const LARGEST: usize = 8;

/// The devices for whose programs there is room at a limit.
const WITHIN_LIMIT: u64 = 4;

/// The KiB in slabs of a device that is bound, with its mediated device (docs/performance.md).
const BOUND_KIB: u64 = 48;

/// The KiB that are charged for an open device on the debug kernel, whose objects are larger.
const OPEN_KIB: u64 = 160;

/// Binds, uses and releases the devices of these numbers.
pub(crate) fn many_devices(numbers: &[&str]) -> TestResult {
    let before = Counts::take()?;
    let pinned_before = pinned()?;
    let mut log = KernelLog::open()?;
    let mut lanes = Lane::all(numbers)?;
    let sense_id = program(SENSE_ID)?;

    let cgroup = enter_cgroup()?;
    bind(&mut lanes, cgroup.is_some())?;
    open_all(&mut lanes, cgroup.as_ref())?;
    at_once("programs", &mut lanes, |lane| {
        (0..PROGRAMS).try_for_each(|_| lane.run(&sense_id))
    })?;
    if machine::is_our_driver()? {
        let largest = largest()?;
        run_largest(&mut lanes[..LARGEST], &largest, cgroup.as_ref())?;
        if let Some(cgroup) = &cgroup {
            limit_memory(&mut lanes[LARGEST..2 * LARGEST], &largest, cgroup)?;
        }
        limit_pins(&mut lanes[LARGEST..], &sense_id)?;
    }
    at_once("a program each", &mut lanes, |lane| lane.run(&sense_id))?;
    check_eq("KiB pinned", pinned()?, pinned_before)?;

    at_once("close", &mut lanes, Lane::close)?;
    at_once("release", &mut lanes, Lane::release)?;
    let leaks = Counts::leaks_since(before)?;
    check(leaks.is_empty(), leaks.join("\n"))?;
    let trouble = log.trouble()?;
    check(trouble.is_none(), trouble.unwrap_or_default())
}

/// Returns a cgroup with this process in it, if the kernel charges memory.
fn enter_cgroup() -> TestResult<Option<Cgroup>> {
    match Cgroup::enter() {
        Ok(cgroup) => Ok(Some(cgroup)),
        Err(Failure::Skip(why)) => {
            println!("no memory is charged: {why}");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Binds all devices, and unbinds them again between two times. The objects of the debug kernel are
/// larger than documented.
fn bind(lanes: &mut [Lane<'_>], is_debug: bool) -> TestResult {
    let before = Memory::measure(None)?;
    at_once("bind", lanes, Lane::bind)?;
    for _ in 1..BINDINGS {
        at_once("unbind", lanes, Lane::unbind)?;
        at_once("bind", lanes, Lane::bind)?;
    }
    let after = Memory::measure(None)?;
    let devices = lanes.len() as u64;
    after.tell_growth("bound", devices, before);
    let slabs = after.slabs_since(before);
    let is_judged = machine::is_our_driver()? && !is_debug;
    check(
        !is_judged || slabs <= devices * BOUND_KIB,
        format!("{slabs} KiB in slabs for {devices} bound devices"),
    )
}

fn open_all(lanes: &mut [Lane<'_>], cgroup: Option<&Cgroup>) -> TestResult {
    let before = Memory::measure(cgroup)?;
    at_once("open", lanes, Lane::open)?;
    let devices = lanes.len() as u64;
    let charged = Memory::measure(cgroup)?.tell_growth("open", devices, before);
    let is_ours = machine::is_our_driver()?;
    let charged = charged.filter(|_| is_ours).unwrap_or(0);
    check(
        charged <= devices * OPEN_KIB,
        format!("{charged} KiB are charged for {devices} open devices"),
    )
}

/// Runs the largest program on one device, and then on the others at once.
fn run_largest(lanes: &mut [Lane<'_>], largest: &Program, cgroup: Option<&Cgroup>) -> TestResult {
    let (one, others) = lanes.split_at_mut(1);
    for lanes in [one, others] {
        let devices = lanes.len() as u64;
        let before = Memory::measure(cgroup)?;
        at_once("the largest program", lanes, |lane| lane.run(largest))?;
        let after = Memory::measure(cgroup)?;
        if let Some(charged) = after.tell_growth("with the largest program", devices, before) {
            check_largest(charged, devices)?;
        }
    }
    Ok(())
}

/// Starts the largest program on more devices than the cgroup has memory for.
fn limit_memory(lanes: &mut [Lane<'_>], largest: &Program, cgroup: &Cgroup) -> TestResult {
    at_once("memory for the largest program", lanes, |lane| {
        lane.map(largest)
    })?;
    cgroup.leave_room(WITHIN_LIMIT * LARGEST_KIB * 1024)?;
    // A page of its own that the user touches at the limit would have it killed.
    let started = at_once("the largest program at the limit", lanes, |lane| {
        lane.start(largest)
    })?;
    cgroup.set("memory.max", "max")?;
    check_limited("the largest program", &started)?;
    cgroup.check_nobody_killed()?;
    at_once("their ends", lanes, |lane| lane.end(largest))?;
    at_once("the largest program, without a limit", lanes, |lane| {
        lane.run(largest)
    })?;
    Ok(())
}

/// Starts programs that need more pages than the user may lock.
fn limit_pins(lanes: &mut [Lane<'_>], program: &Program) -> TestResult {
    let before = pinned()?;
    let limit = Limited::begin(WITHIN_LIMIT * PAGES * PAGE)?;
    let started = at_once("a program at the limit of locked memory", lanes, |lane| {
        lane.map(program)?;
        Ok((lane.backend(), lane.start(program)?))
    })?;
    for backend in [Backend::Container, Backend::Iommufd] {
        let of_it = started.iter().filter(|(its, _)| *its == backend);
        let of_it: Vec<bool> = of_it.map(|(_, is_started)| *is_started).collect();
        check_limited(backend_word(backend), &of_it)?;
    }
    at_once("their ends", lanes, |lane| lane.end(program))?;
    check_eq("KiB pinned", pinned()?, before)?;
    drop(limit);
    at_once("a program without a limit", lanes, |lane| lane.run(program))?;
    Ok(())
}

/// Checks that no more programs were started than there is room for at the limit. It can be fewer:
/// those that are refused have pinned pages for a moment, and keep the tables that have grown.
fn check_limited(what: &str, started: &[bool]) -> TestResult {
    let count = started.iter().filter(|is_started| **is_started).count();
    let refused = started.len() - count;
    println!("{what}: {count} were started, {refused} were EBUSY");
    check(
        count as u64 <= WITHIN_LIMIT,
        format!("{what}: there is room for {WITHIN_LIMIT} programs, and {count} were started"),
    )
}
