// SPDX-License-Identifier: GPL-2.0

//! A user that performs actions, perhaps in several threads.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Read, //
    },
    os::fd::{
        AsFd,
        AsRawFd, //
    },
    sync::{
        Arc,
        Mutex,
        PoisonError, //
    },
    thread,
    time::Duration, //
};

use ccw::{
    channel::request,
    sys::{
        self,
        uapi,
        Edge, //
    },
    sysfs::Mdev,
    vfio::Device, //
};
use ccwchain::scsw::FunctionControl;
use model::{
    agreement::{
        generate,
        generate_append,
        generate_overwrite_anywhere,
        mappings,
        Case, //
    },
    fuzz, //
};

use super::{
    action::{
        Action,
        Ioctl,
        Kind,
        Which, //
    },
    judge, //
};
use crate::{
    fixtures::*,
    guest::Guest, //
};

/// The bytes that stand for a descriptor in the data of `SET_IRQS`; its number follows.
pub(super) const MARK: [u8; 3] = *b"efd";

/// The numbers of descriptors: two eventfds, and a file that is none.
pub(super) const MARKS: [u8; 3] = [0, 1, 2];

/// The bytes that an access has at most: a page.
const LONGEST: usize = 4096;

/// The devices, and the files that stand for marks.
pub(super) struct Place<'a> {
    pub(super) terminal: &'a Mdev,
    pub(super) rng: &'a Mdev,
    eventfds: [File; 2],
    no_eventfd: File,
}

impl<'a> Place<'a> {
    pub(super) fn new(devices: &'a Devices) -> TestResult<Self> {
        Ok(Self {
            terminal: devices.named("terminal")?,
            rng: devices.named("rng")?,
            eventfds: [sys::eventfd()?, sys::eventfd()?],
            no_eventfd: File::open("/dev/null")?,
        })
    }

    pub(super) fn mdev(&self, which: Which) -> &Mdev {
        match which {
            Which::Terminal => self.terminal,
            Which::Rng => self.rng,
        }
    }

    /// Sets how many pages the driver keeps pinned between programs.
    pub(super) fn set_pin_cache(&self, pages: u32) -> TestResult {
        for mdev in [self.terminal, self.rng] {
            let path = format!("/sys/bus/mdev/devices/{}/pin_cache_pages", mdev.uuid());
            match fs::write(path, pages.to_string()) {
                Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                    return Err(error.into())
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the argument of an ioctl with descriptors in the place of marks.
    fn argument(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(data) = bytes.get_mut(20..24) {
            if data[..3] == MARK {
                let file = match data[3] {
                    0 => &self.eventfds[0],
                    1 => &self.eventfds[1],
                    _ => &self.no_eventfd,
                };
                data.copy_from_slice(&file.as_raw_fd().to_ne_bytes());
            }
        }
        bytes
    }
}

/// A user of one device at a time.
pub(super) struct Session<'a> {
    place: &'a Place<'a>,
    /// Other threads may still use the device when it is taken out of here.
    device: Mutex<Option<Arc<Device>>>,
    guest: Guest,
    /// Set if one thread performs all actions.
    is_serial: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(place: &'a Place<'a>, is_tame: bool, is_serial: bool) -> io::Result<Self> {
        Ok(Self {
            place,
            device: Mutex::new(None),
            guest: Guest::new(mappings(), is_tame)?,
            is_serial,
        })
    }

    pub(super) fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Performs actions until one has an answer that it may not have.
    pub(super) fn perform_all(&self, actions: &[&Action]) -> TestResult {
        actions.iter().try_for_each(|action| {
            let result = self.perform(action);
            result.map_err(|failure| format!("{action}: {failure}").into())
        })
    }

    /// Closes the device.
    pub(super) fn close(&self) {
        self.guest.closed();
        let device = self.device.lock();
        drop(device.unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Returns the open device. Others may open, use and close it meanwhile.
    fn device(&self) -> Option<Arc<Device>> {
        let device = self.device.lock();
        device.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Performs an action. One that needs an open device does nothing while there is none.
    fn perform(&self, action: &Action) -> TestResult {
        match action {
            Action::Open(which, backend) => {
                let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
                if device.is_some() {
                    return Ok(());
                }
                match Device::open(self.place.mdev(*which), *backend) {
                    Ok(opened) => *device = Some(Arc::new(opened)),
                    // Another thread may have it open for a moment longer.
                    Err(error) => {
                        let is_busy = matches!(error.errno(), Some(libc::EBUSY | libc::EINVAL));
                        check(is_busy && !self.is_serial, error.to_string())?;
                    }
                }
                return Ok(());
            }
            Action::Close => {
                self.close();
                return Ok(());
            }
            Action::Cache(pages) => return self.place.set_pin_cache(*pages),
            Action::Store(address, bytes) => {
                self.guest.store(*address, bytes);
                return Ok(());
            }
            Action::Discard(address) => return Ok(self.guest.discard(*address)?),
            Action::Wait(milliseconds) => return self.wait(*milliseconds),
            _ => {}
        }
        match self.device() {
            Some(device) => self.on(&device, action),
            None => Ok(()),
        }
    }

    /// Performs an action on an open device.
    fn on(&self, device: &Device, action: &Action) -> TestResult {
        match action {
            // The back end has its reasons, such as a range that is mapped.
            Action::Map(number) => self.guest.map(device, *number).map(drop),
            Action::Unmap(number) => match self.guest.unmap(device, *number) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            },
            Action::Program(kind, seed) => self.start(
                device,
                &match kind {
                    Kind::Any => generate(*seed),
                    Kind::Overwrite => generate_overwrite_anywhere(*seed),
                    Kind::Append => generate_append(*seed),
                },
            ),
            Action::Coded(bytes) => self.start(device, &fuzz::agreement::of_bytes(bytes)),
            Action::Reset => Ok(device.reset()?),
            Action::Ioctl(ioctl, bytes) => self.ioctl(device, *ioctl, bytes),
            Action::Number(number) => judge::number(&sys::ioctl_any(device.file(), *number)),
            Action::Read { offset, len, room } => {
                let room = usize::from(*room).min(LONGEST);
                let len = usize::from(*len).min(LONGEST);
                let edge = Edge::new(&vec![0xee; room])?;
                let result = sys::pread_edge(device.file(), &edge, len, *offset);
                judge::read(&result, (*offset, len, room))?;
                match (result, *offset >> 10, *offset & 0x3ff) {
                    (Ok(done), 2, 0) => judge::schib(&edge.bytes()[..done]),
                    _ => Ok(()),
                }
            }
            Action::Write { offset, len, bytes } => self.write(device, *offset, *len, bytes),
            _ => Ok(()),
        }
    }

    fn write(&self, device: &Device, offset: i64, len: u16, bytes: &[u8]) -> TestResult {
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        let len = usize::from(len).min(LONGEST);
        let result = sys::pwrite_edge(device.file(), &Edge::new(bytes)?, len, offset);
        judge::write(&result, (offset, len, bytes.len()), device.backend())
    }

    /// Stores a program, and starts it.
    fn start(&self, device: &Device, case: &Case) -> TestResult {
        for (address, bytes) in case.contents() {
            self.guest.store(address, &bytes);
        }
        let region = request(case.orb.with_lpm(0xff), FunctionControl::START);
        let len = u16::try_from(region.len()).unwrap_or(0);
        self.write(device, 0, len, &region)
    }

    fn ioctl(&self, device: &Device, ioctl: Ioctl, bytes: &[u8]) -> TestResult {
        let before = self.place.argument(&bytes[..bytes.len().min(LONGEST)]);
        let edge = Edge::new(&before)?;
        let file = device.file();
        let result = match ioctl {
            Ioctl::Info => sys::ioctl_edge(file, uapi::DEVICE_GET_INFO, &edge),
            Ioctl::RegionInfo => sys::ioctl_edge(file, uapi::DEVICE_GET_REGION_INFO, &edge),
            Ioctl::IrqInfo => sys::ioctl_edge(file, uapi::DEVICE_GET_IRQ_INFO, &edge),
            Ioctl::SetIrqs => sys::ioctl_edge(file, uapi::DEVICE_SET_IRQS, &edge),
            Ioctl::Feature => sys::ioctl_edge(file, uapi::DEVICE_FEATURE, &edge),
            Ioctl::Detach => sys::ioctl_edge(file, uapi::DEVICE_DETACH_IOMMUFD_PT, &edge),
        };
        judge::ioctl(&result, ioctl, &before, &edge.bytes())
    }

    /// Waits for the interrupt of an IRB, if the first eventfd is set for it.
    fn wait(&self, milliseconds: u8) -> TestResult {
        let [mut eventfd, _] = self.place.eventfds.each_ref();
        let time = Duration::from_millis(milliseconds.into());
        if sys::wait_readable(eventfd.as_fd(), time)? {
            // Another thread may have been faster.
            let _ = eventfd.read(&mut [0; 8]);
        }
        thread::yield_now();
        Ok(())
    }
}
