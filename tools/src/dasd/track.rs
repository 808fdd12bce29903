// SPDX-License-Identifier: GPL-2.0

//! Records of a track.

use std::fmt::{
    self,
    Write, //
};

use crate::text::Dump;

/// The size of a count field.
const COUNT: usize = 8;
/// The bytes that READ TRACK gives after the last record.
const END: [u8; COUNT] = [0xff; COUNT];

/// A record of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The number of the cylinder in the count field.
    pub cylinder: u32,
    /// The number of the head in the count field.
    pub head: u8,
    /// The number of the record.
    pub number: u8,
    /// The key, which most records do not have.
    pub key: &'a [u8],
    /// The data.
    pub data: &'a [u8],
}

/// Splits a track, as READ TRACK gives it, into its records. Fails if it ends within one.
pub fn records(track: &[u8]) -> Result<Vec<Record<'_>>, String> {
    let mut records = Vec::new();
    let mut rest = track;
    while !rest.is_empty() && !rest.starts_with(&END) {
        let cut = || {
            let at = track.len() - rest.len();
            format!("the track ends within the record at byte {at}")
        };
        let (count, after) = rest.split_at_checked(COUNT).ok_or_else(cut)?;
        let &[c0, c1, h0, h1, number, key_len, d0, d1] = count else {
            unreachable!("a count field has 8 bytes");
        };
        let head = u16::from_be_bytes([h0, h1]);
        let (key, after) = after.split_at_checked(key_len.into()).ok_or_else(cut)?;
        let data_len = u16::from_be_bytes([d0, d1]);
        let (data, after) = after.split_at_checked(data_len.into()).ok_or_else(cut)?;
        records.push(Record {
            cylinder: u32::from(head >> 4) << 16 | u32::from(u16::from_be_bytes([c0, c1])),
            head: (head & 0xf) as u8,
            number,
            key,
            data,
        });
        rest = after;
    }
    Ok(records)
}

/// A record, shown with at most `limit` bytes of its key and of its data.
pub struct Shown<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// The number of bytes that are shown.
    pub limit: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record {
            cylinder,
            head,
            number,
            key,
            data,
        } = self.record;
        write!(f, "record {number}: cylinder {cylinder} head {head}")?;
        if !key.is_empty() {
            write!(f, ", key of {} bytes", key.len())?;
        }
        match data.len() {
            0 => writeln!(f, ", end of file")?,
            len => writeln!(f, ", data of {len} bytes")?,
        }
        let mut dump = String::new();
        for bytes in [key, data] {
            let shown = bytes.get(..self.limit).unwrap_or(bytes);
            let indent = "  ";
            let part = Dump {
                address: 0,
                bytes: shown,
                indent,
            };
            write!(dump, "{part}")?;
            if shown.len() < bytes.len() {
                writeln!(dump, "{indent}and {} more bytes", bytes.len() - shown.len())?;
            }
        }
        f.write_str(&dump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first track of a disk: record 0, and a label with a key.
    fn track() -> Vec<u8> {
        let mut track = vec![0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        track.extend([0, 0, 0, 0, 3, 4, 0, 6]);
        track.extend([0xe5, 0xd6, 0xd3, 0xf1, 0xd3, 0xd5, 0xe7, 0xf1, 0xf2, 0xf0]);
        track.extend([0, 0, 0, 0, 4, 0, 0, 0]);
        track
    }

    #[test]
    fn a_track_has_records() {
        let mut track = track();
        let expected = |track: &[u8]| {
            let records = records(track).unwrap();
            let sizes: Vec<_> = records
                .iter()
                .map(|record| (record.number, record.key.len(), record.data.len()))
                .collect();
            assert_eq!(sizes, [(0, 0, 8), (3, 4, 6), (4, 0, 0)]);
        };
        expected(&track);
        track.extend(END);
        track.extend([0; 100]);
        expected(&track);
        assert_eq!(records(&END), Ok(Vec::new()));
    }

    #[test]
    fn a_track_that_is_cut_off_is_an_error() {
        let track = track();
        for len in [1, 7, 15, 17, 27, 33] {
            let error = records(&track[..len]).unwrap_err();
            assert!(error.contains("ends within the record"), "{len}: {error}");
        }
    }

    #[test]
    fn a_large_cylinder_is_put_together() {
        let count = [0x23, 0x45, 0x00, 0x1e, 1, 0, 0, 0];
        let records = records(&count).unwrap();
        assert_eq!((records[0].cylinder, records[0].head), (0x1_2345, 14));
    }

    #[test]
    fn a_record_is_shown_in_part() {
        let track = track();
        let records = records(&track).unwrap();
        let shown = |index: usize, limit| {
            let record: &Record<'_> = &records[index];
            Shown { record, limit }.to_string()
        };
        let text = shown(1, 4);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "record 3: cylinder 0 head 0, key of 4 bytes, data of 6 bytes"
        );
        assert!(lines[1].contains("e5d6d3f1") && lines[1].contains("VOL1"));
        assert!(lines[2].contains("d3d5e7f1"));
        assert_eq!(lines[3], "  and 2 more bytes");
        assert_eq!(shown(2, 4), "record 4: cylinder 0 head 0, end of file\n");
    }
}
