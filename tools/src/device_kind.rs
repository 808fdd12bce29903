// SPDX-License-Identifier: GPL-2.0

//! Kinds of channel devices, and the names of their commands.
//!
//! `drivers/s390/block/dasd_eckd.h`, `drivers/s390/char/tape_std.h`,
//! `drivers/s390/virtio/virtio_ccw.c`; GA32-0274 (disks), GA23-0059 (displays), GA24-3312
//! (printers, card readers).

use ccwchain::ccw::Direction;

mod commands;

/// A kind of devices that have the same commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Disks with extended count-key-data (ECKD) commands.
    Disk,
    /// Magnetic tapes.
    Tape,
    /// 3270 displays.
    Display,
    /// Printers.
    Printer,
    /// Card readers.
    Reader,
    /// Operator consoles with a keyboard and a printer.
    Console,
    /// Virtio devices of QEMU.
    Virtio,
}

impl DeviceKind {
    /// Returns the kind of a device of that type, such as `3390`, or the type of its control unit.
    /// A model after the type, as in `3390/0c`, does not matter.
    pub fn of_type(device_type: &str) -> Option<Self> {
        let number = device_type.get(..4)?;
        Some(match number {
            "2105" | "2107" | "1750" | "3880" | "3990" | "3380" | "3390" | "9343" | "9345" => {
                Self::Disk
            }
            "3420" | "3422" | "3430" | "3480" | "3490" | "3590" | "3592" => Self::Tape,
            "3174" | "3270" | "3272" | "3274" | "3277" | "3278" | "3279" => Self::Display,
            "1403" | "3203" | "3211" => Self::Printer,
            "2501" | "3505" => Self::Reader,
            "1052" | "3215" => Self::Console,
            "3832" => Self::Virtio,
            _ => return None,
        })
    }

    fn commands(self) -> &'static [(u8, &'static str)] {
        match self {
            Self::Disk => commands::DISK,
            Self::Tape => commands::TAPE,
            Self::Display => commands::DISPLAY,
            Self::Printer => commands::PRINTER,
            Self::Reader => commands::READER,
            Self::Console => commands::CONSOLE,
            Self::Virtio => commands::VIRTIO,
        }
    }
}

/// Returns the name of a command. Without a kind of device only commands that all devices share
/// have names; the others are shown with the direction of their data and their code.
pub fn command_name(kind: Option<DeviceKind>, command: u8) -> String {
    let own = kind.map_or(&[][..], DeviceKind::commands);
    let mut known = own.iter().chain(commands::COMMON);
    match known.find(|&&(code, _)| code == command) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("{} {command:02x}", Direction::of(command)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [DeviceKind; 7] = [
        DeviceKind::Disk,
        DeviceKind::Tape,
        DeviceKind::Display,
        DeviceKind::Printer,
        DeviceKind::Reader,
        DeviceKind::Console,
        DeviceKind::Virtio,
    ];

    #[test]
    fn the_kind_follows_from_the_type() {
        for (device_type, kind) in [
            ("3390/0c", DeviceKind::Disk),
            ("3990/e9 3390/0c", DeviceKind::Disk),
            ("3490", DeviceKind::Tape),
            ("3270/00", DeviceKind::Display),
            ("1403", DeviceKind::Printer),
            ("3505", DeviceKind::Reader),
            ("3215", DeviceKind::Console),
            ("3832/04", DeviceKind::Virtio),
        ] {
            assert_eq!(DeviceKind::of_type(device_type), Some(kind));
        }
        assert_eq!(DeviceKind::of_type("1731/01"), None);
        assert_eq!(DeviceKind::of_type("33"), None);
    }

    #[test]
    fn one_code_has_another_name_on_each_device() {
        let names = ALL.map(|kind| command_name(Some(kind), 0x07));
        assert_eq!(names[..2], ["seek", "rewind"]);
        assert_eq!(command_name(Some(DeviceKind::Disk), 0xde), "read track");
        assert_eq!(
            command_name(Some(DeviceKind::Display), 0x0d),
            "erase/write alternate"
        );
        assert_eq!(command_name(None, 0x0d), "write 0d");
    }

    #[test]
    fn common_commands_have_names_without_a_device() {
        assert_eq!(command_name(None, 0x03), "no-operation");
        assert_eq!(command_name(Some(DeviceKind::Tape), 0xe4), "sense ID");
        assert_eq!(command_name(None, 0x02), "read 02");
    }

    #[test]
    fn no_code_is_listed_twice() {
        for table in ALL
            .map(DeviceKind::commands)
            .into_iter()
            .chain([commands::COMMON])
        {
            let mut codes: Vec<u8> = table.iter().map(|&(code, _)| code).collect();
            let count = codes.len();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), count);
        }
    }
}
