// SPDX-License-Identifier: GPL-2.0

//! Names that stand for numbers in programs.

use ccwchain::{
    ccw::Flags,
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use crate::device_kind::DeviceKind;

/// A table of names and their values.
pub(super) struct Names<T: 'static> {
    /// The noun for a value in error messages.
    pub(super) what: &'static str,
    names: &'static [(&'static str, T)],
}

impl<T: Copy> Names<T> {
    /// Returns the value of a name, which can be in capitals or not.
    pub(super) fn get(&self, name: &str) -> Option<T> {
        self.names
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
    }

    /// Returns the names for an error message.
    pub(super) fn list(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|&(name, _)| name).collect();
        names.join(" ")
    }
}

/// Names of programs that only one kind of device has in its commands.
const OWN_COMMANDS: &[(DeviceKind, &[&str])] = &[
    (DeviceKind::Display, &["w", "ew", "ewa", "wsf", "rb", "rm"]),
    (
        DeviceKind::Disk,
        &[
            "writedata",
            "readdata",
            "seek",
            "writeckd",
            "readckd",
            "searchid",
            "locate",
            "readtrack",
            "extent",
            "rdc",
        ],
    ),
    (DeviceKind::Tape, &["readback", "rewind", "tapemark"]),
    (DeviceKind::Printer, &["print"]),
];

/// Returns the kind of device that a command is for, if its name tells.
pub(super) fn kind_of_command(name: &str) -> Option<DeviceKind> {
    let has_name = |names: &&[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut kinds = OWN_COMMANDS.iter();
    kinds.find_map(|(kind, names)| has_name(names).then_some(*kind))
}

/// Command codes: those of all devices, then those of a 3270, of disks, tapes and printers.
pub(super) const COMMANDS: Names<u8> = Names {
    what: "command",
    names: &[
        ("write", 0x01),
        ("read", 0x02),
        ("nop", 0x03),
        ("sense", 0x04),
        ("tic", 0x08),
        ("readback", 0x0c),
        ("senseid", 0xe4),
        ("w", 0x01),
        ("ew", 0x05),
        ("ewa", 0x0d),
        ("wsf", 0x11),
        ("rb", 0x02),
        ("rm", 0x06),
        ("writedata", 0x05),
        ("readdata", 0x06),
        ("seek", 0x07),
        ("writeckd", 0x1d),
        ("readckd", 0x1e),
        ("searchid", 0x31),
        ("locate", 0x47),
        ("readtrack", 0x5e),
        ("extent", 0x63),
        ("rdc", 0x64),
        ("rcd", 0xfa),
        ("rewind", 0x07),
        ("tapemark", 0x1f),
        ("print", 0x09),
    ],
};

/// Flags of a CCW.
pub(super) const FLAGS: Names<u8> = Names {
    what: "flag",
    names: &[
        ("cd", Flags::CD.bits()),
        ("cc", Flags::CC.bits()),
        ("sli", Flags::SLI.bits()),
        ("skip", Flags::SKIP.bits()),
        ("pci", Flags::PCI.bits()),
        ("ida", Flags::IDA.bits()),
        ("suspend", Flags::SUSPEND.bits()),
        ("mida", Flags::MIDA.bits()),
    ],
};

/// Device status.
pub(super) const DEVICE_STATUS: Names<u8> = Names {
    what: "device status",
    names: &[
        ("attention", DeviceStatus::ATTENTION.bits()),
        ("sm", DeviceStatus::STATUS_MODIFIER.bits()),
        ("cue", DeviceStatus::CONTROL_UNIT_END.bits()),
        ("busy", DeviceStatus::BUSY.bits()),
        ("ce", DeviceStatus::CHANNEL_END.bits()),
        ("de", DeviceStatus::DEVICE_END.bits()),
        ("uc", DeviceStatus::UNIT_CHECK.bits()),
        ("ux", DeviceStatus::UNIT_EXCEPTION.bits()),
    ],
};

/// Subchannel status.
pub(super) const SUBCHANNEL_STATUS: Names<u8> = Names {
    what: "subchannel status",
    names: &[
        ("pci", SubchannelStatus::PCI.bits()),
        ("il", SubchannelStatus::INCORRECT_LENGTH.bits()),
        ("prog", SubchannelStatus::PROGRAM_CHECK.bits()),
        ("prot", SubchannelStatus::PROTECTION_CHECK.bits()),
        ("cdc", SubchannelStatus::CHANNEL_DATA_CHECK.bits()),
        ("ccc", SubchannelStatus::CHANNEL_CONTROL_CHECK.bits()),
        ("ifcc", SubchannelStatus::INTERFACE_CONTROL_CHECK.bits()),
        ("chain", SubchannelStatus::CHAINING_CHECK.bits()),
    ],
};

/// Error numbers that the driver gives.
pub(super) const ERRNOS: Names<i32> = Names {
    what: "error number",
    names: &[
        ("EPERM", libc::EPERM),
        ("ENOENT", libc::ENOENT),
        ("EIO", libc::EIO),
        ("E2BIG", libc::E2BIG),
        ("EBADF", libc::EBADF),
        ("EAGAIN", libc::EAGAIN),
        ("ENOMEM", libc::ENOMEM),
        ("EACCES", libc::EACCES),
        ("EFAULT", libc::EFAULT),
        ("EBUSY", libc::EBUSY),
        ("ENODEV", libc::ENODEV),
        ("EINVAL", libc::EINVAL),
        ("ENOTTY", libc::ENOTTY),
        ("EOVERFLOW", libc::EOVERFLOW),
        ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ],
};

/// Returns the name of an error number.
pub(super) fn errno_name(errno: i32) -> Option<&'static str> {
    let names = ERRNOS.names.iter();
    names
        .copied()
        .find_map(|(name, known)| (known == errno).then_some(name))
}
