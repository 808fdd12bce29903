// SPDX-License-Identifier: GPL-2.0

//! A thread starts programs through a duplicate, while another one closes, resets or unmaps.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        atomic::{
            AtomicBool,
            AtomicUsize,
            Ordering, //
        },
        Arc, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

use ccw::{
    channel::{
        request,
        Channel, //
    },
    sys::{
        self,
        uapi,
        Memory,
        PAGE_SIZE, //
    },
    vfio::Access, //
};
use ccwchain::{
    orb::Orb,
    scsw::FunctionControl, //
};

use crate::fixtures::*;

/// Has another thread start programs through a duplicate until it is stopped.
fn start_storm(channel: &Channel, orb: Orb, stop: &Arc<AtomicBool>) -> TestResult<Storm> {
    let (file, stop) = (
        File::from(channel.device().file().try_clone_to_owned()?),
        Arc::clone(stop),
    );
    let started = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&started);
    let thread = thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let region = request(orb, FunctionControl::START);
            match file.write_at(&region, 0) {
                Ok(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                // There is room again when status is taken.
                Err(_) => {
                    let _ = file.read_at(&mut [0; 64], ccw::channel::IRB_OFFSET);
                }
            }
        }
    });
    Ok(Storm { thread, started })
}

struct Storm {
    thread: thread::JoinHandle<()>,
    /// The number of programs that were started so far.
    started: Arc<AtomicUsize>,
}

impl Storm {
    /// Waits for the thread, which was told to stop.
    fn join(self) -> TestResult<Arc<AtomicUsize>> {
        let ended = self.thread.join();
        ended.map_err(|_| "the other thread has panicked".to_owned())?;
        Ok(self.started)
    }
}

pub(super) fn close_beside_start(devices: &Devices) -> TestResult {
    let before = pinned()?;
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    for _ in 0..5 {
        let stop = Arc::new(AtomicBool::new(false));
        let mut channel = devices.open()?;
        map(&mut channel, &sense_id)?;
        let storm = start_storm(&channel, sense_id.orb, &stop)?;
        thread::sleep(SILENCE * 2);
        // The address space may go while programs are started in it.
        within("close", move || drop(channel))?;
        stop.store(true, Ordering::Relaxed);
        let started = storm.join()?.load(Ordering::Relaxed);
        check(started > 0, "no program was started")?;
        check_eq("KiB pinned", pinned()?, before)?;
    }
    check_usable(&mut devices.open()?)
}

pub(super) fn resets_beside_starts(devices: &Devices, threads: usize) -> TestResult {
    let mut channel = devices.open()?;
    let sense_id = program("area id at 0x20000 size 256\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &sense_id)?;
    let before = pinned()?;
    let stop = Arc::new(AtomicBool::new(false));
    let storm = start_storm(&channel, sense_id.orb, &stop)?;
    let (begun, resets) = (Instant::now(), AtomicUsize::new(0));
    let device = channel.device().file();
    let result = thread::scope(|scope| -> TestResult {
        let resetting: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while overlap(begun, [&storm.started, &resets]) {
                        // Two at once may be in each other's way.
                        let reset = sys::ioctl_number(device, uapi::DEVICE_RESET, 0);
                        match reset.map_err(|error| error.raw_os_error()) {
                            Ok(_) => drop(resets.fetch_add(1, Ordering::Relaxed)),
                            Err(Some(libc::EAGAIN | libc::EBUSY)) => {}
                            Err(errno) => return Err(format!("a reset fails: {errno:?}")),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in resetting {
            join(thread)??;
        }
        Ok(())
    });
    stop.store(true, Ordering::Relaxed);
    let started = storm.join()?;
    result?;
    check_overlap([("starts", &started), ("resets", &resets)])?;
    channel.device().reset()?;
    take_rest(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}

pub(super) fn unmap_beside_starts(devices: &Devices) -> TestResult {
    const DATA: u64 = 0x2_0000;
    let mut channel = devices.open()?;
    let sense_id = program("area id at 0x20000 size 256 unmapped\nccw senseid,id,sli")?;
    let guest = map(&mut channel, &sense_id)?;
    let before = pinned()?;
    let stop = Arc::new(AtomicBool::new(false));
    let storm = start_storm(&channel, sense_id.orb, &stop)?;
    let (begun, mapped) = (Instant::now(), AtomicUsize::new(0));
    while overlap(begun, [&storm.started, &mapped]) {
        let memory = Arc::new(Memory::anonymous(PAGE_SIZE as usize)?);
        channel.device_mut().map(DATA, &memory, Access::ReadWrite)?;
        thread::sleep(Duration::from_micros(300));
        channel.device_mut().unmap(DATA)?;
        mapped.fetch_add(1, Ordering::Relaxed);
    }
    stop.store(true, Ordering::Relaxed);
    let started = storm.join()?;
    check_overlap([("starts", &started), ("times mapped", &mapped)])?;
    channel.device().reset()?;
    take_rest(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    // Pins were refused for a while, so that the last unmapping came to its end. Who gets EAGAIN
    // tries again, as QEMU does.
    let end = Instant::now() + TIMEOUT;
    while let Err(error) = channel.start(sense_id.orb) {
        if error.raw_os_error() != Some(libc::EAGAIN) || Instant::now() > end {
            return Err(error.into());
        }
        thread::sleep(SILENCE);
    }
    check(channel.wait(TIMEOUT)?.is_some(), "no status came")?;
    guest.unmap(channel.device_mut())?;
    check_usable(&mut channel)
}
