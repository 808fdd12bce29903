// SPDX-License-Identifier: GPL-2.0

//! A channel device, opened through VFIO.
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
    sync::Arc, //
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

use container::Container;
use iommufd::Ioas;

/// Which of the kernel's two interfaces gives the device its address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `/dev/vfio/vfio` and the device's group.
    Container,
    /// `/dev/iommu` and the device's own file.
    Iommufd,
}

/// What a device may do with mapped memory.
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
    /// Leaves the address space when it is closed.
    _group: Option<File>,
}

/// Where devices find the memory that is mapped for them.
trait AddressSpace: Send + Sync {
    /// Opens a device that is to find its memory here.
    fn open(&self, mdev: &Mdev) -> Result<Files>;
    /// Maps `size` bytes at `address` of this process to `iova`.
    fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> io::Result<()>;
    /// Undoes that.
    fn unmap(&self, iova: u64, size: u64) -> io::Result<()>;
}

/// An open device.
///
/// Memory that is mapped for it lives until it is unmapped or the device is closed.
pub struct Device {
    // Closed first: the driver lets go of the memory.
    files: Files,
    backend: Backend,
    space: Arc<dyn AddressSpace>,
    mapped: BTreeMap<u64, Arc<Memory>>,
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

    /// Opens another mediated device in the address space of this one: what is mapped for one of them is
    /// mapped for both.
    pub fn open_beside(&self, mdev: &Mdev) -> Result<Self> {
        Self::open_in(mdev, self.backend, self.space.clone())
    }

    fn open_in(mdev: &Mdev, backend: Backend, space: Arc<dyn AddressSpace>) -> Result<Self> {
        Ok(Self {
            files: space.open(mdev)?,
            backend,
            space,
            mapped: BTreeMap::new(),
        })
    }

    /// The interface through which it was opened.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The device's file.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.files.device.as_fd()
    }

    /// The number of regions and interrupts.
    pub fn info(&self) -> io::Result<uapi::DeviceInfo> {
        let mut info = uapi::DeviceInfo {
            argsz: sys::size_of::<uapi::DeviceInfo>(),
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_INFO, &mut info)?;
        Ok(info)
    }

    /// Place and size of a region.
    pub fn region_info(&self, index: u32) -> io::Result<uapi::RegionInfo> {
        let mut info = uapi::RegionInfo {
            argsz: sys::size_of::<uapi::RegionInfo>(),
            index,
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_REGION_INFO, &mut info)?;
        Ok(info)
    }

    /// Abilities of an interrupt.
    pub fn irq_info(&self, index: u32) -> io::Result<uapi::IrqInfo> {
        let mut info = uapi::IrqInfo {
            argsz: sys::size_of::<uapi::IrqInfo>(),
            index,
            ..Default::default()
        };
        sys::ioctl(self.file(), uapi::DEVICE_GET_IRQ_INFO, &mut info)?;
        Ok(info)
    }

    /// Sets or fires an interrupt, with an argument that is passed as it is.
    pub fn set_irqs(&self, mut argument: uapi::IrqSet) -> io::Result<()> {
        sys::ioctl(self.file(), uapi::DEVICE_SET_IRQS, &mut argument).map(|_| ())
    }

    /// Has an eventfd signalled by an interrupt; `None` ends that.
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

    /// Resets the device: what it does is ended.
    pub fn reset(&self) -> io::Result<()> {
        sys::ioctl_number(self.file(), uapi::DEVICE_RESET, 0).map(|_| ())
    }

    /// Maps memory for the device, at an address of the caller's choice.
    ///
    /// Address and size must be multiples of the page size.
    pub fn map(&mut self, iova: u64, memory: &Arc<Memory>, access: Access) -> io::Result<()> {
        self.space
            .map(iova, memory.address(), memory.size() as u64, access)?;
        self.mapped.insert(iova, Arc::clone(memory));
        Ok(())
    }

    /// Takes memory from the device that was mapped at `iova`.
    pub fn unmap(&mut self, iova: u64) -> io::Result<()> {
        let memory = self.mapped.get(&iova).ok_or(io::ErrorKind::NotFound)?;
        self.space.unmap(iova, memory.size() as u64)?;
        self.mapped.remove(&iova);
        Ok(())
    }

    /// Reads from a region; the offset is one in the device's file.
    pub fn pread(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.files.device.read_at(bytes, offset)
    }

    /// Writes to a region; the offset is one in the device's file.
    pub fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.files.device.write_at(bytes, offset)
    }
}

/// Opens one of VFIO's files.
fn open(path: &str) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| {
            let help = match source.raw_os_error() {
                Some(libc::EBUSY) => "another program has the device open",
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
