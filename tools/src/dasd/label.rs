// SPDX-License-Identifier: GPL-2.0

//! Volume labels, the data of record 3 of the first track.
//!
//! `arch/s390/include/uapi/asm/vtoc.h`, `block/partitions/ibm.c`.

use crate::text::ebcdic_text;

/// The bytes of a label that are of interest. That of a z/OS-compatible disk has 80.
pub const SIZE: usize = 84;

/// Returns what a label says, in lines. Fails if there is none.
pub fn decode(data: &[u8]) -> Result<Vec<String>, String> {
    let text = |from: usize, to: usize| {
        let bytes = data.get(from..to.min(data.len())).unwrap_or_default();
        ebcdic_text(bytes)
    };
    let word = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let id = text(0, 4);
    let layout = match id.as_str() {
        "VOL1" => "compatible disk layout (CDL)",
        "LNX1" => "Linux disk layout (LDL)",
        "CMS1" => "CMS",
        _ => {
            return Err(format!(
                "record 3 has no volume label: it begins with {id:?}"
            ))
        }
    };
    let mut lines = vec![
        format!("volume {}", text(4, 10)),
        format!("label {id}, {layout}"),
    ];
    match (id.as_str(), data.get(11..16)) {
        ("VOL1", Some(&[c0, c1, h0, h1, record])) => {
            let head = u16::from_be_bytes([h0, h1]);
            let cylinder = u32::from(head >> 4) << 16 | u32::from(u16::from_be_bytes([c0, c1]));
            let head = head & 0xf;
            lines.push(format!(
                "VTOC at cylinder {cylinder} head {head} record {record}"
            ));
            let owner = text(37, 51);
            if !owner.is_empty() {
                lines.push(format!("owner {owner}"));
            }
        }
        ("CMS1", _) => {
            if let Some(size) = word(12) {
                lines.push(format!("blocks of {size} bytes"));
            }
        }
        _ => {}
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::to_ebcdic;

    fn label(text: &str) -> Vec<u8> {
        text.chars().map(|c| to_ebcdic(c).unwrap()).collect()
    }

    #[test]
    fn a_label_of_a_compatible_disk_has_a_vtoc() {
        let mut data = label("VOL1LNX120");
        data.resize(80, 0x40);
        data[11..16].copy_from_slice(&[0, 0, 0, 1, 1]);
        data[37..44].copy_from_slice(&label("OWNER 1"));
        assert_eq!(
            decode(&data).unwrap(),
            [
                "volume LNX120",
                "label VOL1, compatible disk layout (CDL)",
                "VTOC at cylinder 0 head 1 record 1",
                "owner OWNER 1",
            ]
        );
    }

    #[test]
    fn other_labels_have_less() {
        assert_eq!(
            decode(&label("LNX1LDL001")).unwrap(),
            ["volume LDL001", "label LNX1, Linux disk layout (LDL)"]
        );
        let mut data = label("CMS1CMS191");
        data.extend([0, 0, 0, 0, 0x10, 0]);
        assert_eq!(
            decode(&data).unwrap(),
            ["volume CMS191", "label CMS1, CMS", "blocks of 4096 bytes"]
        );
        assert_eq!(decode(&label("VOL1LNX120")).unwrap().len(), 2);
    }

    #[test]
    fn other_data_are_no_label() {
        assert_eq!(
            decode(&[0; 80]).unwrap_err(),
            "record 3 has no volume label: it begins with \"....\""
        );
        decode(&[]).unwrap_err();
    }
}
