// SPDX-License-Identifier: GPL-2.0

//! Containers, the older interface: a container holds the address space, and groups join it.

use std::{
    fs::File,
    io,
    os::fd::{
        AsFd,
        AsRawFd, //
    },
    sync::OnceLock, //
};

use super::{
    Access,
    AddressSpace,
    Files, //
};
use crate::{
    error::{
        Error,
        Result, //
    },
    sys::{
        self,
        uapi, //
    },
    sysfs::Mdev, //
};

pub(super) struct Container {
    container: File,
    /// Set after the first group has joined, which gives the container its address space.
    is_set: OnceLock<()>,
}

impl Container {
    pub(super) fn new() -> Result<Self> {
        let container = super::open("/dev/vfio/vfio")?;
        let offered = sys::ioctl_number(
            container.as_fd(),
            uapi::CHECK_EXTENSION,
            uapi::TYPE1V2_IOMMU,
        )
        .map_err(|source| Error::io("cannot ask for type1v2 address spaces", source))?;
        if offered == 0 {
            return Err(Error::new("this kernel has no type1v2 address spaces")
                .help("load vfio_iommu_type1 (modprobe vfio_iommu_type1), or use --iommufd"));
        }
        Ok(Self {
            container,
            is_set: OnceLock::new(),
        })
    }
}

fn open(container: &Container, mdev: &Mdev) -> Result<Files> {
    let path = format!("/dev/vfio/{}", mdev.group()?);
    let group = super::open(&path)?;
    let mut status = uapi::GroupStatus {
        argsz: sys::size_of::<uapi::GroupStatus>(),
        ..Default::default()
    };
    sys::ioctl(group.as_fd(), uapi::GROUP_GET_STATUS, &mut status)
        .map_err(|source| Error::io(format!("cannot read the state of {path}"), source))?;
    if status.flags & uapi::GROUP_VIABLE == 0 {
        return Err(Error::new(format!("{path} cannot be used"))
            .help("unbind the other devices of this group from their drivers"));
    }
    sys::ioctl(
        group.as_fd(),
        uapi::GROUP_SET_CONTAINER,
        &mut container.container.as_raw_fd(),
    )
    .map_err(|source| Error::io(format!("cannot put {path} into a container"), source))?;
    if container.is_set.get().is_none() {
        // Type 1 without v2 would accept the device, and then refuse to pin pages for it.
        let container = container.container.as_fd();
        sys::ioctl_number(container, uapi::SET_IOMMU, uapi::TYPE1V2_IOMMU)
            .map_err(|source| Error::io("cannot make a type1v2 address space", source))?;
    }
    container.is_set.get_or_init(|| ());
    let device = uapi::group_get_device(group.as_fd(), mdev.uuid())
        .map_err(|source| Error::io(format!("cannot open device {}", mdev.uuid()), source))?;
    Ok(Files {
        device,
        _group: Some(group),
    })
}

impl AddressSpace for Container {
    fn open(&self, mdev: &Mdev) -> Result<Files> {
        open(self, mdev)
    }

    fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> io::Result<()> {
        let mut argument = uapi::DmaMap {
            argsz: sys::size_of::<uapi::DmaMap>(),
            flags: match access {
                Access::Read => 1,
                Access::ReadWrite => 1 | 2,
            },
            vaddr: address,
            iova,
            size,
        };
        sys::ioctl(self.container.as_fd(), uapi::IOMMU_MAP_DMA, &mut argument).map(|_| ())
    }

    fn unmap(&self, iova: u64, size: u64) -> io::Result<()> {
        let mut argument = uapi::DmaUnmap {
            argsz: sys::size_of::<uapi::DmaUnmap>(),
            flags: 0,
            iova,
            size,
        };
        sys::ioctl(self.container.as_fd(), uapi::IOMMU_UNMAP_DMA, &mut argument).map(|_| ())
    }
}
