// SPDX-License-Identifier: GPL-2.0

//! Channel devices that are opened through VFIO.
//!
//! `Documentation/driver-api/vfio.rst`.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::{
        fd::{
            AsFd,
            AsRawFd,
            BorrowedFd, //
        },
        unix::fs::FileExt, //
    },
    sync::{
        Arc,
        Mutex,
        PoisonError, //
    }, //
};

use crate::{
    error::{
        Error,
        Result, //
    },
    sys::{
        self,
        uapi,
        Memory, //
    },
    sysfs::Mdev, //
};

mod container;
mod iommufd;
mod users;

use container::Container;
use iommufd::Ioas;

/// The interface of the kernel that gives the device its address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `/dev/vfio/vfio` and the group of the device.
    Container,
    /// `/dev/iommu` and the file of the device.
    Iommufd,
}

/// The rights of a device to mapped memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and write.
    ReadWrite,
}

/// The files of an open device.
struct Files {
    device: File,
    /// The group, which leaves the address space when its file is closed.
    _group: Option<File>,
}

/// An address space, in which devices find the memory that is mapped for them.
trait AddressSpace: Send + Sync {
    /// Opens a device in this address space.
    fn open(&self, mdev: &Mdev) -> Result<Files>;
    /// Maps `size` bytes at `address` of this process to `iova`.
    fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> io::Result<()>;
    /// Unmaps `size` bytes at `iova`.
    fn unmap(&self, iova: u64, size: u64) -> io::Result<()>;
}

/// An open device.
///
/// Memory that is mapped for it lives until it is unmapped or the device is closed.
pub struct Device {
    // The files are closed first, so that the driver unpins the memory.
    files: Files,
    backend: Backend,
    space: Arc<dyn AddressSpace>,
    mapped: Mutex<BTreeMap<u64, Arc<Memory>>>,
}

impl Device {
    /// Opens a mediated device.
    pub fn open(mdev: &Mdev, backend: Backend) -> Result<Self> {
        let space: Arc<dyn AddressSpace> = match backend {
            Backend::Container => Arc::new(Container::new()?),
            Backend::Iommufd => Arc::new(Ioas::new()?),
        };
        Self::open_in(mdev, backend, space)
    }

    /// Opens another mediated device in the address space of this one. Memory that is mapped for one
    /// of them is mapped for both.
    pub fn open_beside(&self, mdev: &Mdev) -> Result<Self> {
        Self::open_in(mdev, self.backend, self.space.clone())
    }

    fn open_in(mdev: &Mdev, backend: Backend, space: Arc<dyn AddressSpace>) -> Result<Self> {
        Ok(Self {
            files: space
                .open(mdev)
                .map_err(|error| users::explain(error, mdev))?,
            backend,
            space,
            mapped: Mutex::default(),
        })
    }

    /// Returns the interface through which the device was opened.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Returns the file of the device.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.files.device.as_fd()
    }

    /// Returns the numbers of regions and interrupts.
    pub fn info(&self) -> io::Result<uapi::DeviceInfo> {
        let mut info = uapi::DeviceInfo {
            argsz: sys::size_of::<uapi::DeviceInfo>(),
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_INFO, &mut info)?;
        Ok(info)
    }

    /// Returns offset and size of a region.
    pub fn region_info(&self, index: u32) -> io::Result<uapi::RegionInfo> {
        let mut info = uapi::RegionInfo {
            argsz: sys::size_of::<uapi::RegionInfo>(),
            index,
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_REGION_INFO, &mut info)?;
        Ok(info)
    }

    /// Returns the abilities of an interrupt.
    pub fn irq_info(&self, index: u32) -> io::Result<uapi::IrqInfo> {
        let mut info = uapi::IrqInfo {
            argsz: sys::size_of::<uapi::IrqInfo>(),
            index,
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_IRQ_INFO, &mut info)?;
        Ok(info)
    }

    /// Sets or triggers an interrupt, with an argument that is passed unchanged.
    pub fn set_irqs(&self, mut argument: uapi::IrqSet) -> io::Result<()> {
        sys::ioctl(self.file(), uapi::DEVICE_SET_IRQS, &mut argument).map(|_| ())
    }

    /// Sets the eventfd that an interrupt signals. `None` removes it.
    pub fn set_trigger(&self, index: u32, eventfd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.set_irqs(uapi::IrqSet {
            argsz: sys::size_of::<uapi::IrqSet>(),
            flags: uapi::IRQ_DATA_EVENTFD | uapi::IRQ_ACTION_TRIGGER,
            index,
            start: 0,
            count: 1,
            data: eventfd.map_or(-1, |fd| fd.as_raw_fd()).to_ne_bytes(),
        })
    }

    /// Resets the device, which ends what it does.
    pub fn reset(&self) -> io::Result<()> {
        sys::ioctl_number(self.file(), uapi::DEVICE_RESET, 0).map(|_| ())
    }

    /// Maps memory for the device at the address `iova`.
    ///
    /// Address and size must be multiples of the page size.
    pub fn map(&self, iova: u64, memory: &Arc<Memory>, access: Access) -> io::Result<()> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        self.space
            .map(iova, memory.address(), memory.size() as u64, access)?;
        mapped.insert(iova, Arc::clone(memory));
        Ok(())
    }

    /// Unmaps the memory at `iova`.
    pub fn unmap(&self, iova: u64) -> io::Result<()> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = mapped.get(&iova).ok_or(io::ErrorKind::NotFound)?;
        self.space.unmap(iova, memory.size() as u64)?;
        mapped.remove(&iova);
        Ok(())
    }

    /// Reads from a region, at an offset in the file of the device.
    pub fn pread(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.files.device.read_at(bytes, offset)
    }

    /// Writes to a region, at an offset in the file of the device.
    pub fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.files.device.write_at(bytes, offset)
    }
}

/// Opens a file of VFIO.
fn open(path: &str) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| {
            let help = match source.raw_os_error() {
                Some(libc::EBUSY) => "another program has the device open: end it first",
                Some(libc::EACCES | libc::EPERM) => "run as root, or give your user this file",
                Some(libc::ENOENT | libc::ENODEV) if path == "/dev/iommu" => {
                    "load iommufd (modprobe iommufd), or use the other interface: --container"
                }
                Some(libc::ENOENT | libc::ENODEV) if path == "/dev/vfio/vfio" => {
                    "load vfio_iommu_type1 (modprobe vfio_iommu_type1), or use --iommufd"
                }
                Some(libc::ENOENT | libc::ENODEV) => {
                    "this kernel offers the device by the other interface only: \
                     try --container or --iommufd"
                }
                _ => return Error::io(format!("cannot open {path}"), source),
            };
            Error::io(format!("cannot open {path}"), source).help(help)
        })
}
