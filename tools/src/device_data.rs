// SPDX-License-Identifier: GPL-2.0

//! Formats of data that describe a device or its state (SA22-7204, GA32-0274).

use crate::{
    device_kind::DeviceKind,
    text::ebcdic_text, //
};

/// A format of data that a device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// Sense data, the answer to SENSE.
    Sense,
    /// The answer to SENSE ID.
    SenseId,
    /// The answer of an ECKD disk to READ DEVICE CHARACTERISTICS.
    Characteristics,
    /// A configuration record, the answer to READ CONFIGURATION DATA.
    Configuration,
}

impl DataFormat {
    /// All formats, with their names.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("sense", Self::Sense),
        ("senseid", Self::SenseId),
        ("characteristics", Self::Characteristics),
        ("configuration", Self::Configuration),
    ];

    /// Returns the format of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, kind) = Self::NAMES.into_iter().find(|(known, _)| *known == name)?;
        Some(kind)
    }

    /// Returns what bytes in this format mean, in lines.
    pub fn decode(self, bytes: &[u8]) -> Vec<String> {
        match self {
            Self::Sense => vec![sense(bytes).trim().to_owned()],
            Self::SenseId => sense_id(bytes),
            Self::Characteristics => characteristics(bytes),
            Self::Configuration => configuration(bytes),
        }
    }
}

/// Returns the names of the bits that are one in a byte.
fn names_of(bits: &[(u8, &'static str)], byte: u8) -> Vec<&'static str> {
    let ones = bits.iter().filter(|(bit, _)| byte & bit != 0);
    ones.map(|&(_, name)| name).collect()
}

/// Returns sense bytes of an ECKD disk, with the names of the bits of the first two.
pub fn disk_sense(bytes: &[u8]) -> String {
    const BITS: [(u8, &str); 7] = [
        (0x80, "permanent error"),
        (0x40, "invalid track format"),
        (0x20, "end of cylinder"),
        (0x08, "no record found"),
        (0x04, "file protected"),
        (0x02, "write inhibited"),
        (0x01, "imprecise ending"),
    ];
    let second = names_of(&BITS, bytes.get(1).copied().unwrap_or(0)).join(", ");
    let line = sense(bytes);
    match (line.trim(), second.as_str()) {
        (line, "") => line.to_owned(),
        // Two blanks follow the bytes, unless the first one has no names.
        (line, _) if line.contains("  ") => format!("{line}, {second}"),
        (line, _) => format!("{line}  {second}"),
    }
}

/// Returns a line about sense bytes, with the names of the bits of the first one.
pub fn sense(bytes: &[u8]) -> String {
    const BITS: [(u8, &str); 8] = [
        (0x80, "command reject"),
        (0x40, "intervention required"),
        (0x20, "bus-out check"),
        (0x10, "equipment check"),
        (0x08, "data check"),
        (0x04, "overrun"),
        (0x02, "bit 6"),
        (0x01, "bit 7"),
    ];
    let first = bytes.first().copied().unwrap_or(0);
    let names = names_of(&BITS, first);
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(1, |i| i + 1);
    let shown: Vec<_> = bytes
        .iter()
        .take(used)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = format!("  sense {}  {}", shown.join(" "), names.join(", "));
    format!("{}\n", line.trim_end())
}

/// Returns the number of `len` bytes at `at`. Missing bytes count as zero.
fn number(bytes: &[u8], at: usize, len: usize) -> u32 {
    (at..at + len).fold(0, |number, at| {
        number << 8 | u32::from(bytes.get(at).copied().unwrap_or(0))
    })
}

fn unit(bytes: &[u8], at: usize) -> String {
    let (kind, model) = (number(bytes, at, 2), number(bytes, at + 2, 1));
    format!("{kind:04x} model {model:02x}")
}

/// Returns the kind of a device, from its answer to SENSE ID.
pub fn device_kind(sense_id: &[u8]) -> Option<DeviceKind> {
    let control_unit = format!("{:04x}", number(sense_id, 1, 2));
    DeviceKind::of_type(&control_unit)
}

/// Returns the command that reads configuration data, and the size of its answer, if the answer to
/// SENSE ID names it.
pub fn configuration_command(sense_id: &[u8]) -> Option<(u8, u16)> {
    let mut words = information_words(sense_id);
    let word = words.find(|word| word[0] & 0xf == 0)?;
    Some((word[1], u16::from_be_bytes([word[2], word[3]])))
}

/// Returns the command-information words in the answer to SENSE ID. They end at the first word that
/// is not one.
fn information_words(sense_id: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = sense_id.get(8..).unwrap_or_default().chunks_exact(4);
    words.take_while(|word| word[0] >> 6 == 1)
}

fn sense_id(bytes: &[u8]) -> Vec<String> {
    if bytes.first() != Some(&0xff) {
        return vec!["no sense ID: the first byte is not ff".to_owned()];
    }
    let mut lines = vec![format!("control unit {}", unit(bytes, 1))];
    if number(bytes, 4, 2) != 0 {
        lines.push(format!("device {}", unit(bytes, 4)));
    }
    for word in information_words(bytes) {
        let (head, command) = (word[0], word[1]);
        let what = match head & 0xf {
            0 => "read configuration data",
            1 => "set interface identifier",
            2 => "read node identifier",
            _ => "something else",
        };
        let count = number(word, 2, 2);
        lines.push(format!("has {what}: command {command:02x}, {count} bytes"));
    }
    lines
}

/// Returns the numbers of cylinders and of heads in the characteristics of an ECKD disk.
pub fn disk_size(characteristics: &[u8]) -> (u32, u32) {
    /// The value of the 16-bit field if the number of cylinders is in the 32-bit field.
    const LARGE: u32 = 0xfffe;

    let cylinders = match number(characteristics, 12, 2) {
        LARGE => number(characteristics, 60, 4),
        cylinders => cylinders,
    };
    (cylinders, number(characteristics, 14, 2))
}

fn characteristics(bytes: &[u8]) -> Vec<String> {
    let (cylinders, heads) = disk_size(bytes);
    vec![
        format!("control unit {}, device {}", unit(bytes, 0), unit(bytes, 3)),
        format!(
            "{cylinders} cylinders of {heads} tracks, {} bytes a track",
            number(bytes, 17, 3)
        ),
    ]
}

fn configuration(bytes: &[u8]) -> Vec<String> {
    const ELEMENT: usize = 32;
    const NODE: u8 = 3;

    bytes
        .chunks_exact(ELEMENT)
        .filter(|element| element.first().is_some_and(|flags| flags >> 6 == NODE))
        .map(|element| {
            let text =
                |from: usize, to: usize| ebcdic_text(element.get(from..to).unwrap_or_default());
            let what = match element.get(1) {
                Some(1) => "device",
                Some(2) => "control unit",
                _ => "node",
            };
            format!(
                "{what}: type {} model {}, made by {} in {}, serial number {}, tag {:04x}",
                text(4, 10),
                text(10, 13),
                text(13, 16),
                text(16, 18),
                text(18, 30),
                number(element, 30, 2)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sense_data_are_shown_as_those_of_a_status() {
        assert_eq!(
            DataFormat::Sense.decode(&[0x80, 0, 0]),
            ["sense 80  command reject"]
        );
        assert_eq!(DataFormat::Sense.decode(&[]), ["sense"]);
    }

    #[test]
    fn sense_bytes_are_named_and_shown_as_far_as_they_say_something() {
        assert_eq!(sense(&[0x80, 0, 0]), "  sense 80  command reject\n");
        assert_eq!(
            sense(&[0x41, 0, 7, 0]),
            "  sense 41 00 07  intervention required, bit 7\n"
        );
        assert_eq!(sense(&[0; 32]), "  sense 00\n");
    }

    #[test]
    fn the_second_sense_byte_of_a_disk_has_names() {
        assert_eq!(disk_sense(&[0, 8]), "sense 00 08  no record found");
        assert_eq!(
            disk_sense(&[0x80, 4, 0]),
            "sense 80 04  command reject, file protected"
        );
        assert_eq!(disk_sense(&[0x10]), "sense 10  equipment check");
    }

    #[test]
    fn sense_id_names_control_unit_device_and_commands() {
        let bytes = [
            0xff, 0x39, 0x90, 0xc2, 0x33, 0x90, 0x02, 0, 0x40, 0xfa, 1, 0, 0, 0, 0, 0,
        ];
        assert_eq!(
            DataFormat::SenseId.decode(&bytes),
            [
                "control unit 3990 model c2",
                "device 3390 model 02",
                "has read configuration data: command fa, 256 bytes"
            ]
        );
        assert_eq!(device_kind(&bytes), Some(DeviceKind::Disk));
        assert_eq!(device_kind(&[]), None);
        assert_eq!(configuration_command(&bytes), Some((0xfa, 256)));
        assert_eq!(configuration_command(&bytes[..8]), None);
        assert_eq!(
            DataFormat::SenseId.decode(&bytes[..4]),
            ["control unit 3990 model c2"]
        );
        assert_eq!(
            DataFormat::SenseId.decode(&[]),
            ["no sense ID: the first byte is not ff"]
        );
    }

    #[test]
    fn characteristics_give_the_size_of_a_disk() {
        let mut bytes = [0; 64];
        bytes[..20].copy_from_slice(&[
            0x39, 0x90, 0xc2, 0x33, 0x90, 0x02, 0xd0, 0, 0, 0, 0x20, 0x26, 0, 50, 0, 15, 0xe0, 0,
            0xe5, 0xa2,
        ]);
        let sizes = |bytes: &[u8]| DataFormat::Characteristics.decode(bytes)[1].clone();
        assert_eq!(
            sizes(&bytes),
            "50 cylinders of 15 tracks, 58786 bytes a track"
        );
        bytes[12..14].copy_from_slice(&[0xff, 0xfe]);
        bytes[60..].copy_from_slice(&[0, 1, 0, 0]);
        assert!(sizes(&bytes).starts_with("65536 cylinders"));
    }

    #[test]
    fn a_configuration_record_lists_its_nodes() {
        let mut bytes = [0; 64];
        bytes[..4].copy_from_slice(&[0xc4, 1, 1, 0]);
        bytes[4..30].copy_from_slice(&[
            0x40, 0x40, 0xf3, 0xf3, 0xf9, 0xf0, 0xf0, 0xf0, 0xf2, 0xc8, 0xd9, 0xc3, 0xe9, 0xe9,
            0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf1,
        ]);
        bytes[30..32].copy_from_slice(&[0x01, 0x20]);
        assert_eq!(
            DataFormat::Configuration.decode(&bytes),
            [
                "device: type 3390 model 002, made by HRC in ZZ, serial number 000000000001, tag 0120"
            ]
        );
    }
}
