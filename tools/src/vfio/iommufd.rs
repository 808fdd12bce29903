// SPDX-License-Identifier: GPL-2.0

//! Iommufd, the newer interface: an iommufd holds address spaces, and device files are bound to it.

use std::{
    fs::File,
    io,
    os::fd::{
        AsFd,
        AsRawFd, //
    }, //
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

pub(super) struct Ioas {
    iommufd: File,
    id: u32,
}

impl Ioas {
    pub(super) fn new() -> Result<Self> {
        let iommufd = super::open("/dev/iommu")?;
        let mut alloc = uapi::IoasAlloc {
            size: sys::size_of::<uapi::IoasAlloc>(),
            ..Default::default()
        };
        sys::ioctl(iommufd.as_fd(), uapi::IOAS_ALLOC, &mut alloc)
            .map_err(|source| Error::io("cannot make an address space in an iommufd", source))?;
        Ok(Self {
            iommufd,
            id: alloc.out_ioas_id,
        })
    }
}

fn open(ioas: &Ioas, mdev: &Mdev) -> Result<Files> {
    let path = format!("/dev/vfio/devices/{}", mdev.vfio_name()?);
    let device = super::open(&path)?;

    let mut bind = uapi::BindIommufd {
        argsz: sys::size_of::<uapi::BindIommufd>(),
        iommufd: ioas.iommufd.as_raw_fd(),
        ..Default::default()
    };
    sys::ioctl(device.as_fd(), uapi::DEVICE_BIND_IOMMUFD, &mut bind)
        .map_err(|source| Error::io(format!("cannot bind {path} to an iommufd"), source))?;

    let mut attach = uapi::AttachIommufd {
        argsz: sys::size_of::<uapi::AttachIommufd>(),
        pt_id: ioas.id,
        ..Default::default()
    };
    sys::ioctl(device.as_fd(), uapi::DEVICE_ATTACH_IOMMUFD_PT, &mut attach)
        .map_err(|source| Error::io(format!("cannot attach {path} to an address space"), source))?;
    Ok(Files {
        device,
        _group: None,
    })
}

impl AddressSpace for Ioas {
    fn open(&self, mdev: &Mdev) -> Result<Files> {
        open(self, mdev)
    }

    fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> io::Result<()> {
        const FIXED_IOVA: u32 = 1;
        const WRITEABLE: u32 = 2;
        const READABLE: u32 = 4;
        let mut argument = uapi::IoasMap {
            size: sys::size_of::<uapi::IoasMap>(),
            flags: FIXED_IOVA
                | match access {
                    Access::Read => READABLE,
                    Access::ReadWrite => READABLE | WRITEABLE,
                },
            ioas_id: self.id,
            reserved: 0,
            user_va: address,
            length: size,
            iova,
        };
        sys::ioctl(self.iommufd.as_fd(), uapi::IOAS_MAP, &mut argument).map(|_| ())
    }

    fn unmap(&self, iova: u64, size: u64) -> io::Result<()> {
        let mut argument = uapi::IoasUnmap {
            size: sys::size_of::<uapi::IoasUnmap>(),
            ioas_id: self.id,
            iova,
            length: size,
        };
        sys::ioctl(self.iommufd.as_fd(), uapi::IOAS_UNMAP, &mut argument).map(|_| ())
    }
}
