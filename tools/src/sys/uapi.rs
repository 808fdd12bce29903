// SPDX-License-Identifier: GPL-2.0

//! Requests of VFIO, iommufd, userfaultfd and the 3270 driver, and their arguments.
//!
//! All numbers are in the byte order of the machine. `include/uapi/linux/vfio.h`,
//! `include/uapi/linux/iommufd.h`, `include/uapi/linux/userfaultfd.h`,
//! `arch/s390/include/uapi/asm/fs3270.h`.

use std::{
    fs::File,
    io,
    mem,
    os::fd::{
        BorrowedFd,
        FromRawFd,
        OwnedFd, //
    }, //
};

use super::request::{
    ioctl,
    NumberRequest,
    Request, //
};

mod userfaultfd;

pub(super) use userfaultfd::{
    UffdioApi,
    UffdioCopy,
    UffdioRegister, //
};

/// Returns the number of a request without direction and size (`_IO`).
const fn io(group: u8, nr: u8) -> libc::Ioctl {
    (group as libc::Ioctl) << 8 | nr as libc::Ioctl
}

/// Returns the number of a request of VFIO (`VFIO_BASE`).
const fn vfio(nr: u8) -> libc::Ioctl {
    io(b';', 100 + nr)
}

/// Returns the number of a request of iommufd (`IOMMUFD_CMD_BASE`).
const fn iommufd(nr: u8) -> libc::Ioctl {
    io(b';', 0x80 + nr)
}

/// The version of userfaultfd, which is also the group of its requests.
pub(super) const UFFD_API: u8 = 0xaa;

/// Returns the number of a request of userfaultfd that reads and writes a `T` (`_IOWR`).
const fn uffdio<T>(nr: u8) -> libc::Ioctl {
    const READ_AND_WRITE: libc::Ioctl = 3 << 30;
    READ_AND_WRITE | (mem::size_of::<T>() as libc::Ioctl) << 16 | io(UFFD_API, nr)
}

/// The kind of address space that vfio-ccw needs: type 1, version 2.
pub(crate) const TYPE1V2_IOMMU: u32 = 3;

/// The group can be used, because all its devices belong to VFIO.
pub(crate) const GROUP_VIABLE: u32 = 1 << 0;

/// The device can be reset.
pub const DEVICE_RESET_SUPPORTED: u32 = 1 << 0;

/// The device is a channel device.
pub const DEVICE_CCW: u32 = 1 << 4;

/// The region can be read.
pub const REGION_READ: u32 = 1 << 0;
/// The region can be written.
pub const REGION_WRITE: u32 = 1 << 1;
/// The region has capabilities.
pub const REGION_CAPS: u32 = 1 << 3;

/// The number of the capability that tells the purpose of a region.
const REGION_CAP_TYPE: u16 = 2;
/// The type of all regions of channel devices. The subtype tells the purpose of each.
const REGION_TYPE_CCW: u32 = 2;

/// The interrupt can be an eventfd.
pub const IRQ_EVENTFD: u32 = 1 << 0;

/// Flag of `SET_IRQS`: no data follow.
pub const IRQ_DATA_NONE: u32 = 1 << 0;
/// Flag of `SET_IRQS`: a byte follows, true or false.
pub const IRQ_DATA_BOOL: u32 = 1 << 1;
/// Flag of `SET_IRQS`: a descriptor of 4 bytes follows, or -1 for none.
pub const IRQ_DATA_EVENTFD: u32 = 1 << 2;
/// Flag of `SET_IRQS`: mask the interrupt.
pub const IRQ_ACTION_MASK: u32 = 1 << 3;
/// Flag of `SET_IRQS`: unmask the interrupt.
pub const IRQ_ACTION_UNMASK: u32 = 1 << 4;
/// Flag of `SET_IRQS`: set the eventfd, or signal it.
pub const IRQ_ACTION_TRIGGER: u32 = 1 << 5;

/// Argument of [`GROUP_GET_STATUS`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupStatus {
    pub(crate) argsz: u32,
    pub(crate) flags: u32,
}

/// Argument of [`DEVICE_GET_INFO`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The size of this structure.
    pub argsz: u32,
    /// [`DEVICE_CCW`] and others.
    pub flags: u32,
    /// The number of regions.
    pub num_regions: u32,
    /// The number of interrupts.
    pub num_irqs: u32,
    /// The offset of the first capability.
    pub cap_offset: u32,
    /// Padding.
    pub pad: u32,
}

/// Argument of [`DEVICE_GET_REGION_INFO`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionInfo {
    /// The size of this structure with the room for a capability.
    pub argsz: u32,
    /// [`REGION_READ`] and others.
    pub flags: u32,
    /// The index of the region.
    pub index: u32,
    /// The offset of the first capability.
    pub cap_offset: u32,
    /// The size of the region in bytes.
    pub size: u64,
    /// The offset of the region in the file of the device.
    pub offset: u64,
    /// Room for one capability.
    pub capability: RegionCapability,
}

/// A capability that tells the purpose of a region.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionCapability {
    /// The number of the capability, 2.
    pub id: u16,
    /// The version.
    pub version: u16,
    /// The offset of the next capability.
    pub next: u32,
    /// The type of the region: 2 is one of a channel device.
    pub kind: u32,
    /// The subtype, which tells the purpose.
    pub subtype: u32,
}

impl RegionInfo {
    /// Returns the subtype of a region of a channel device, if the region has one.
    pub fn subtype(&self) -> Option<u32> {
        let capability = self.capability;
        (self.flags & REGION_CAPS != 0
            && self.cap_offset != 0
            && capability.id == REGION_CAP_TYPE
            && capability.kind == REGION_TYPE_CCW)
            .then_some(capability.subtype)
    }
}

/// Argument of [`DEVICE_GET_IRQ_INFO`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IrqInfo {
    /// The size of this structure.
    pub argsz: u32,
    /// [`IRQ_EVENTFD`] and others.
    pub flags: u32,
    /// The index of the interrupt.
    pub index: u32,
    /// The number of interrupts with this index.
    pub count: u32,
}

/// Argument of [`DEVICE_SET_IRQS`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IrqSet {
    /// The size of this structure without data, 20, and of its data.
    pub argsz: u32,
    /// A flag for the data and a flag for the action.
    pub flags: u32,
    /// The index of the interrupt.
    pub index: u32,
    /// The number of the first interrupt with this index.
    pub start: u32,
    /// The number of interrupts.
    pub count: u32,
    /// The data: a descriptor, or a byte that is true or false.
    pub data: [u8; 4],
}

/// Argument of [`DEVICE_FEATURE`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feature {
    /// The size of this structure.
    pub argsz: u32,
    /// The number of the feature, and [`FEATURE_PROBE`] and others.
    pub flags: u32,
    /// Room for the data of the features of VFIO itself.
    pub data: [u64; 4],
}

/// Flag of `FEATURE`: get the feature.
pub const FEATURE_GET: u32 = 1 << 16;
/// Flag of `FEATURE`: set the feature.
pub const FEATURE_SET: u32 = 1 << 17;
/// Flag of `FEATURE`: fail if the feature does not exist.
pub const FEATURE_PROBE: u32 = 1 << 18;

/// Argument of [`DEVICE_BIND_IOMMUFD`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BindIommufd {
    pub(crate) argsz: u32,
    pub(crate) flags: u32,
    pub(crate) iommufd: i32,
    pub(crate) out_devid: u32,
    pub(crate) token_uuid_ptr: u64,
}

/// Argument of [`DEVICE_ATTACH_IOMMUFD_PT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttachIommufd {
    pub(crate) argsz: u32,
    pub(crate) flags: u32,
    pub(crate) pt_id: u32,
    pub(crate) pasid: u32,
}

/// Argument of [`DEVICE_DETACH_IOMMUFD_PT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct DetachIommufd {
    /// The size of this structure.
    pub argsz: u32,
    /// 1 stands for the address space of the process with the number `pasid`.
    pub flags: u32,
    /// The number of a process address space. It is used only with that flag.
    pub pasid: u32,
}

/// Argument of [`IOMMU_MAP_DMA`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DmaMap {
    pub(crate) argsz: u32,
    /// 1 lets the device read, 2 lets it write.
    pub(crate) flags: u32,
    pub(crate) vaddr: u64,
    pub(crate) iova: u64,
    pub(crate) size: u64,
}

/// Argument of [`IOMMU_UNMAP_DMA`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DmaUnmap {
    pub(crate) argsz: u32,
    pub(crate) flags: u32,
    pub(crate) iova: u64,
    pub(crate) size: u64,
}

/// Argument of [`IOAS_ALLOC`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IoasAlloc {
    pub(crate) size: u32,
    pub(crate) flags: u32,
    pub(crate) out_ioas_id: u32,
}

/// Argument of [`IOAS_MAP`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IoasMap {
    pub(crate) size: u32,
    /// 1 maps at this iova, 2 lets the device write, 4 lets it read.
    pub(crate) flags: u32,
    pub(crate) ioas_id: u32,
    pub(crate) reserved: u32,
    pub(crate) user_va: u64,
    pub(crate) length: u64,
    pub(crate) iova: u64,
}

/// Argument of [`IOAS_UNMAP`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IoasUnmap {
    pub(crate) size: u32,
    pub(crate) ioas_id: u32,
    pub(crate) iova: u64,
    pub(crate) length: u64,
}

macro_rules! requests {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $argument:ty = $number:expr;)*) => {
        $(
            $(#[$doc])*
            // SAFETY: For each of these the kernel's header names the structure that the type
            // repeats. It is made of numbers only. The kernel writes that structure and, if `argsz`
            // has room for them, capabilities: a region of a channel device has one of 16 bytes.
            $vis const $name: Request<$argument> = unsafe { Request::new($number) };
        )*
    };
}

requests! {
    GROUP_GET_DEVICE_FD: DeviceName = vfio(6);
    pub(crate) GROUP_GET_STATUS: GroupStatus = vfio(3);
    pub(crate) GROUP_SET_CONTAINER: i32 = vfio(4);
    /// Gets the numbers of regions and interrupts of a device.
    pub DEVICE_GET_INFO: DeviceInfo = vfio(7);
    /// Gets offset and size of a region.
    pub DEVICE_GET_REGION_INFO: RegionInfo = vfio(8);
    /// Gets the abilities of an interrupt.
    pub DEVICE_GET_IRQ_INFO: IrqInfo = vfio(9);
    /// Sets or triggers an interrupt.
    pub DEVICE_SET_IRQS: IrqSet = vfio(10);
    pub(crate) IOMMU_MAP_DMA: DmaMap = vfio(13);
    pub(crate) IOMMU_UNMAP_DMA: DmaUnmap = vfio(14);
    /// Probes, gets or sets a feature.
    pub DEVICE_FEATURE: Feature = vfio(17);
    pub(crate) DEVICE_BIND_IOMMUFD: BindIommufd = vfio(18);
    pub(crate) DEVICE_ATTACH_IOMMUFD_PT: AttachIommufd = vfio(19);
    /// Detaches the device from its address space in an iommufd.
    pub DEVICE_DETACH_IOMMUFD_PT: DetachIommufd = vfio(20);
    pub(crate) IOAS_ALLOC: IoasAlloc = iommufd(1);
    pub(crate) IOAS_MAP: IoasMap = iommufd(5);
    pub(crate) IOAS_UNMAP: IoasUnmap = iommufd(6);
    pub(super) UFFDIO_API: UffdioApi = uffdio::<UffdioApi>(0x3f);
    pub(super) UFFDIO_REGISTER: UffdioRegister = uffdio::<UffdioRegister>(0x00);
    pub(super) UFFDIO_COPY: UffdioCopy = uffdio::<UffdioCopy>(0x03);
}

macro_rules! number_requests {
    ($($(#[$doc:meta])* $vis:vis $name:ident = $number:expr;)*) => {
        $(
            $(#[$doc])*
            // SAFETY: By the kernel's headers the argument of these is a number or not used.
            $vis const $name: NumberRequest = unsafe { NumberRequest::new($number) };
        )*
    };
}

number_requests! {
    pub(crate) CHECK_EXTENSION = vfio(1);
    pub(crate) SET_IOMMU = vfio(2);
    /// Resets the device.
    pub DEVICE_RESET = vfio(11);
    /// Gets the version of containers. A device does not know this request.
    pub GET_API_VERSION = vfio(0);
    /// A number that no request has, for tests.
    pub DEVICE_NOTHING = vfio(100);
    /// Sets the command that a 3270 in full-screen mode is read with.
    pub TUBICMD = io(b'3', 3);
    /// Sets the command that a 3270 in full-screen mode is written with.
    pub TUBOCMD = io(b'3', 4);
}

/// A name, followed by a zero byte.
type DeviceName = [u8; 64];

/// Opens the device of that name in a group.
pub(crate) fn group_get_device(group: BorrowedFd<'_>, name: &str) -> io::Result<File> {
    let mut argument: DeviceName = [0; 64];
    let room = argument.len() - 1;
    argument[..room]
        .get_mut(..name.len())
        .ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(name.as_bytes());
    let fd = ioctl(group, GROUP_GET_DEVICE_FD, &mut argument)?;
    // SAFETY: The request has opened this descriptor for its caller.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
