// SPDX-License-Identifier: GPL-2.0

//! Each allocation fails once: of the module's load, of binding, of opening, of each request.
//!
//! The kernel has the first allocation of a system call fail, then the second, until there is none
//! left (`Documentation/fault-injection/fault-injection.rst`, `fail-nth`). Each time the call must
//! either succeed all the same, or fail with an error that is documented; nothing may stay pinned;
//! and the next try must succeed. The allocations of work that the call leaves to others do not
//! fail.

use std::{
    ffi::CStr,
    fs::{
        self,
        File, //
    },
    io,
    os::unix::fs::FileExt,
    path::{
        Path,
        PathBuf, //
    },
    thread,
    time::Duration, //
};

use ccw::{
    error::Error,
    sysfs::{
        Mdev,
        Subchannel, //
    },
    vfio::Backend, //
};

use crate::{
    fixtures::*,
    host_side::Host,
    machine::{
        Counts,
        KernelLog, //
    },
};

mod device;

/// More allocations than any of the calls has.
const MOST: u32 = 5000;

/// The parameters of the module in these tests.
const PARAMETERS: &CStr = c"allow_unsafe_virtio=1";
const MODULE: &CStr = c"vfio_ccw";

/// The result of a call, with the error number if it has failed.
type Outcome = Result<(), Option<i32>>;

/// The settings of failures of `kmalloc()` and of the page allocator.
const SLABS: &str = "/sys/kernel/debug/failslab";
const PAGES: &str = "/sys/kernel/debug/fail_page_alloc";

/// The file that says which allocation of this thread fails.
struct FailNth(File);

impl FailNth {
    fn new() -> TestResult<Self> {
        for folder in [SLABS, PAGES].map(Path::new) {
            if !folder.exists() {
                return Err(skip("this kernel cannot have allocations fail"));
            }
            // Those that may wait fail, too, and nothing is written to the log.
            fs::write(folder.join("ignore-gfp-wait"), "N")?;
            fs::write(folder.join("verbose"), "0")?;
        }
        fs::write(Path::new(PAGES).join("min-order"), "0")?;
        // Spares the allocations of the memory checks themselves, which complain with locks held.
        fs::write(Path::new(SLABS).join("cache-filter"), "Y")?;
        for cache in fs::read_dir("/sys/kernel/slab")? {
            let cache = cache?;
            if cache.file_name().to_string_lossy().contains("kmalloc") {
                fs::write(cache.path().join("failslab"), "1")?;
            }
        }
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth");
        Ok(Self(file?))
    }

    /// Makes a call whose allocation number `nth` fails. Also returns whether there was one.
    fn call<T>(&self, nth: u32, call: impl FnOnce() -> T) -> TestResult<(T, bool)> {
        self.0.write_at(nth.to_string().as_bytes(), 0)?;
        let result = call();
        let mut left = [0; 16];
        let read = self.0.read_at(&mut left, 0);
        self.0.write_at(b"0", 0)?;
        let left = String::from_utf8_lossy(&left[..read?]).into_owned();
        Ok((result, left.trim() == "0"))
    }
}

/// The errors that a shortage of memory may have.
struct Errors(&'static [i32]);

/// The errors of loading: the kernel has `EINVAL` when it cannot register a driver.
const NOT_REGISTERED: Errors = Errors(&[libc::ENOMEM, libc::EINVAL]);
/// The error that is documented for all calls but START.
const NO_MEMORY: Errors = Errors(&[libc::ENOMEM]);
/// A start that finds no memory may be tried again.
const BUSY: Errors = Errors(&[libc::EBUSY, libc::ENOMEM]);

/// Fails each allocation of a call once.
///
/// `prepare` makes what the call works on, `call` makes the call, and `check` checks and undoes what
/// it has done, or tries it again if it failed.
struct Steps<'a> {
    fail: &'a FailNth,
    failed: u32,
    survived: u32,
}

impl Steps<'_> {
    fn each<P>(
        &mut self,
        name: &str,
        errors: &Errors,
        mut prepare: impl FnMut() -> TestResult<P>,
        mut call: impl FnMut(&mut P) -> Outcome,
        mut check_after: impl FnMut(P, bool) -> TestResult,
    ) -> TestResult {
        let mut refused = 0;
        for nth in 1..MOST {
            let mut prepared = prepare()?;
            let (outcome, has_failed) = self.fail.call(nth, || call(&mut prepared))?;
            let at = format!("{name}, where allocation {nth} fails");
            match outcome {
                Ok(()) => {}
                Err(Some(errno)) if has_failed && errors.0.contains(&errno) => refused += 1,
                Err(errno) => return Err(format!("{at}: error {errno:?}").into()),
            }
            check_after(prepared, outcome.is_ok()).map_err(|failure| format!("{at}: {failure}"))?;
            if !has_failed {
                let most = nth - 1;
                println!("{name}: {most} allocations, each failed once: {refused} times refused");
                self.failed += most;
                self.survived += most - refused;
                return Ok(());
            }
        }
        Err(format!("{name} has more than {MOST} allocations").into())
    }
}

/// Returns the outcome of a call of the library.
fn outcome<T>(result: Result<T, Error>) -> Outcome {
    result.map(drop).map_err(|error| error.errno())
}

fn io_outcome<T>(result: io::Result<T>) -> Outcome {
    result.map(drop).map_err(|error| error.raw_os_error())
}

/// Steps through all calls, on one device.
pub(crate) fn fail_nth(number: &str) -> TestResult {
    let fail = FailNth::new()?;
    let mut log = KernelLog::open()?;
    let mut steps = Steps {
        fail: &fail,
        failed: 0,
        survived: 0,
    };
    tolerating(&mut log, |log| load(&mut steps, log))?;
    let all = Subchannel::all()?;
    let mut numbers = all.iter();
    let subchannel =
        numbers.find(|subchannel| subchannel.device_number().as_deref() == Some(number));
    let subchannel = subchannel.ok_or_else(|| format!("there is no device {number}"))?;
    let uuid = subchannel.bind(None, &mut |_| {})?.uuid().to_owned();
    let before = Counts::take()?;
    binding(&mut steps, &mut log, subchannel, &uuid)?;
    for backend in [Backend::Container, Backend::Iommufd] {
        device::device(&mut steps, &Mdev::find(&uuid)?, backend)?;
    }
    let leaks = Counts::leaks_since(before)?;
    check(leaks.is_empty(), leaks.join("\n"))?;
    subchannel.release(&mut |_| {})?;
    let trouble = log.trouble()?;
    check(trouble.is_none(), trouble.unwrap_or_default())?;
    let Steps {
        failed, survived, ..
    } = steps;
    println!("{failed} allocations failed; in spite of {survived} of them the call succeeded");
    Ok(())
}

/// Words of complaints of the kernel's own code that finds no memory: for the fields of trace events
/// and for pages of a module, and for the device of a VFIO group, which it then releases too early
/// (`vfio_create_group()`). It shows the call trace.
const COMPLAINTS: [&str; 4] = [
    "event_define_fields",
    "vfio_group_release",
    "Call Trace:",
    "cut here",
];

/// Checks that the kernel has complained of nothing since the last call but what is known.
fn check_complaints(log: &mut KernelLog) -> TestResult {
    let is_known = |line: &String| COMPLAINTS.iter().any(|what| line.contains(what));
    let unknown = log.all_trouble()?.into_iter().find(|line| !is_known(line));
    check(unknown.is_none(), unknown.unwrap_or_default())
}

/// Has the harness tolerate the complaints of the kernel during `steps`, which check them.
fn tolerating(log: &mut KernelLog, steps: impl FnOnce(&mut KernelLog) -> TestResult) -> TestResult {
    let host = Host::new()?;
    host.tolerate(true)?;
    steps(log)?;
    // The harness must have read all complaints before they fail the run again.
    thread::sleep(Duration::from_secs(1));
    check_complaints(log)?;
    host.tolerate(false)
}

/// Loads the module, which is loaded at the beginning and at the end.
fn load(steps: &mut Steps<'_>, log: &mut KernelLog) -> TestResult {
    let path = module_path()?;
    let load = |file: &File| rustix::system::finit_module(file, PARAMETERS, 0);
    steps.each(
        "load",
        &NOT_REGISTERED,
        || {
            let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
            rustix::system::delete_module(MODULE, flags).map_err(io::Error::from)?;
            Ok(File::open(&path)?)
        },
        |file| io_outcome(load(file).map_err(io::Error::from)),
        |file, is_loaded| {
            check_complaints(log)?;
            match is_loaded {
                true => Ok(()),
                false => Ok(load(&file).map_err(io::Error::from)?),
            }
        },
    )
}

/// Creates the mediated device after it could not be created.
///
/// The kernel loses an instance if it finds no memory for the device itself
/// (`mdev_device_create()`): that takes a new binding.
fn create_again(subchannel: &Subchannel, create: &str, uuid: &str) -> TestResult {
    match fs::write(create, uuid) {
        Err(error) if error.raw_os_error() == Some(libc::EUSERS) => {
            unbind(subchannel)?;
            Ok(subchannel.bind(Some(uuid), &mut |_| {}).map(drop)?)
        }
        result => Ok(result?),
    }
}

/// Returns the file of our module.
fn module_path() -> TestResult<PathBuf> {
    let mut folders = fs::read_dir("/lib/modules")?;
    let release = folders
        .next()
        .ok_or_else(|| "there are no modules".to_owned())??;
    Ok(release.path().join("updates/vfio_ccw.ko"))
}

/// Binds the subchannel, creates and removes the mediated device, and sets its attribute.
fn binding(
    steps: &mut Steps<'_>,
    log: &mut KernelLog,
    subchannel: &Subchannel,
    uuid: &str,
) -> TestResult {
    let bus_id = subchannel.bus_id().to_string();
    let driver = "/sys/bus/css/drivers/vfio_ccw";
    let remove = format!("/sys/bus/mdev/devices/{uuid}/remove");
    let types = format!("/sys/bus/css/devices/{bus_id}/mdev_supported_types");
    let create = format!("{types}/vfio_ccw-io/create");
    let attribute = format!("/sys/bus/mdev/devices/{uuid}/pin_cache_pages");
    let write = |path: &str, text: &str| io_outcome(fs::write(path, text));
    steps.each(
        "set attribute",
        &NO_MEMORY,
        || Ok(()),
        |()| write(&attribute, "16"),
        |(), _| Ok(fs::write(&attribute, "0")?),
    )?;
    steps.each(
        "remove mediated device",
        &NO_MEMORY,
        || Ok(()),
        |()| write(&remove, "1"),
        |(), is_removed| {
            if !is_removed {
                fs::write(&remove, "1")?;
            }
            Ok(fs::write(&create, uuid)?)
        },
    )?;
    tolerating(log, |log| {
        steps.each(
            "create mediated device",
            &NO_MEMORY,
            || Ok(fs::write(&remove, "1")?),
            |()| write(&create, uuid),
            |(), is_created| {
                check_complaints(log)?;
                match is_created {
                    true => Ok(()),
                    false => create_again(subchannel, &create, uuid),
                }
            },
        )
    })?;
    steps.each(
        "unbind",
        &NO_MEMORY,
        || Ok(()),
        |()| write(&format!("{driver}/unbind"), &bus_id),
        |(), is_unbound| {
            if !is_unbound {
                fs::write(format!("{driver}/unbind"), &bus_id)?;
            }
            Ok(subchannel.bind(Some(uuid), &mut |_| {}).map(drop)?)
        },
    )?;
    steps.each(
        "bind",
        &NO_MEMORY,
        || Ok(fs::write(format!("{driver}/unbind"), &bus_id)?),
        |()| write(&format!("{driver}/bind"), &bus_id),
        |(), _| Ok(subchannel.bind(Some(uuid), &mut |_| {}).map(drop)?),
    )
}
