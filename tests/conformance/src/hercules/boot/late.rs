// SPDX-License-Identifier: GPL-2.0

//! Boot records, the second of which is to be read to a page that does not come.

use std::{
    sync::{
        mpsc,
        Arc, //
    },
    thread,
    time::Instant, //
};

use ccw::{
    channel::Channel,
    guest::GuestMemory,
    sys::{
        userfault::Userfault,
        Memory,
        PAGE_SIZE, //
    },
    vfio::Access, //
};
use ccwchain::scsw::SubchannelStatus;

use super::{
    LOADER,
    TRACK, //
};
use crate::fixtures::*;

/// The address of the page.
const PAGE: u64 = 0x1000;

/// A program that waits for its rest, for which the page is missing.
struct Waiting {
    guest: GuestMemory,
    fault: Userfault,
    page: Arc<Memory>,
}

impl Waiting {
    fn start(disk: &mut Channel) -> TestResult<Self> {
        run_text(disk, TRACK)?;
        let mut fault = Userfault::new()
            .map_err(|error| skip(format!("userfaultfd does not work: {error}")))?;
        let page = Arc::new(Memory::anonymous(PAGE_SIZE as usize)?);
        fault.hold(&page)?;

        let loader = program(LOADER)?;
        let guest = map(disk, &loader)?;
        disk.device_mut().map(PAGE, &page, Access::ReadWrite)?;
        disk.start(loader.orb)?;
        check(fault.wait(TIMEOUT)?, "nobody asks for the page")?;
        Ok(Self { guest, fault, page })
    }
}

/// The program continues when the page comes.
pub(super) fn runs(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut disk = devices.open_named("disk2")?;
    let waiting = Waiting::start(&mut disk)?;
    expect_silence(&mut disk)?;

    waiting.fault.serve(&waiting.page, &[])?;
    let scsw = wait_end(&mut disk)?.scsw();
    check_eq("address in the status", scsw.cpa(), 0x1010)?;
    disk.device_mut().unmap(PAGE)?;
    waiting.guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// The program ends when the page does not come for ten seconds, so that a thread that waits for the
/// device, such as one that reads its status, goes on.
pub(super) fn ends(devices: &Devices) -> TestResult {
    only_ours()?;
    let mut disk = devices.open_named("disk2")?;
    let waiting = Waiting::start(&mut disk)?;
    let began = Instant::now();
    disk.irb()?;
    let time = began.elapsed();
    check(time < 3 * TIMEOUT, format!("it has waited for {time:?}"))?;
    // The status may have been read just now. Its signal waits in any case.
    let scsw = wait_end(&mut disk)?.scsw();
    check_eq(
        "subchannel status",
        scsw.subchannel_status(),
        SubchannelStatus::PROGRAM_CHECK,
    )?;
    check(began.elapsed() > TIMEOUT, "it has not waited for the page")?;
    disk.device_mut().unmap(PAGE)?;
    waiting.guest.unmap(disk.device_mut())?;
    check_usable(&mut disk)
}

/// Closing the device does not wait for the page, which the same user may have to serve.
pub(super) fn closes(devices: &Devices) -> TestResult {
    only_ours()?;
    let before = pinned()?;
    let mut disk = devices.open_named("disk2")?;
    let waiting = Waiting::start(&mut disk)?;
    let (done, closed) = mpsc::channel();
    thread::spawn(move || {
        drop(disk);
        let _ = done.send(());
    });
    let closed = closed.recv_timeout(TIMEOUT);
    drop(waiting);
    check(closed.is_ok(), "closing the device waits for the page")?;
    check_eq("KiB pinned", pinned()?, before)?;
    check_usable(&mut devices.open_named("disk2")?)
}
