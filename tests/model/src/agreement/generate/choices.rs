// SPDX-License-Identifier: GPL-2.0

//! Addresses and values where faults are likely.

/// The addresses where programs begin: at the beginning and in the middle of a mapping, at a page
/// boundary, in the last bytes before a hole, where nothing can be stored, at address zero, and in
/// the last bytes that 24 and 31 bits can address.
pub(super) const STARTS: &[u32] = &[
    0x1_0000,
    0x1_0400,
    0x1_0fe0,
    0x1_3fc0,
    0x1_5000,
    0,
    0xff_ffd0,
    0x7fff_ffd0,
];

/// The boundaries near which data is placed: of blocks and pages, of mappings, of access rights, of
/// address formats.
pub(super) const BORDERS: &[u64] = &[
    0x1_0800,
    0x1_1000,
    0x1_1800,
    0x1_2000,
    0x1_3000,
    0x1_4000,
    0x1_5000,
    0x1_6000,
    0x1_7000,
    0,
    0x1000,
    0x100_0000,
    0x8000_0000,
    0x12_3456_8000,
    0xffff_ffff_ffff_f000,
];

/// The addresses of lists. Most have room, some end at a page boundary or before a hole.
pub(super) const LISTS: &[u64] = &[
    0x1_2400,
    0x1_2500,
    0x1_2600,
    0x1_2700,
    0x1_2ff0,
    0x1_3ff0,
    0x1_3ff8,
    0x1_0ff8,
    0xff_fff0,
    0x7fff_fff8,
];

/// Counts of data, around the sizes of blocks and pages.
pub(super) const COUNTS: &[u16] = &[
    1, 2, 7, 8, 16, 80, 512, 2047, 2048, 2049, 4000, 4095, 4096, 4097, 8192, 9000,
];

/// Command codes, those that move data more often than others.
pub(super) const CODES: &[u8] = &[
    0x01, 0x02, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0c, 0x0c, 0x12, 0x24, 0xe4, 0x31, 0x14,
    0x9c, 0x31, 0xd1, 0x29, 0x09,
];

/// Commands that a device can end with status modifier.
pub(super) const SEARCHES: &[u8] = &[0x31, 0x71, 0xb1, 0x29, 0xc9, 0x39, 0x09];
