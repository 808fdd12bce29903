// SPDX-License-Identifier: GPL-2.0

//! Words of lists: IDAWs and MIDAWs.

use ccwchain::{
    idaw,
    midaw::{
        self,
        Midaw, //
    },
};

#[test]
fn the_size_of_idaws_and_blocks_follows_from_the_format() {
    for (format, size, block) in [
        (idaw::Format::One, 4, 2048),
        (idaw::Format::Two2K, 8, 2048),
        (idaw::Format::Two4K, 8, 4096),
    ] {
        assert_eq!((format.size(), format.block()), (size, block), "{format:?}");
    }
}

#[test]
fn the_number_of_idaws_follows_from_first_address_and_count() {
    for (format, first, count, needed) in [
        (idaw::Format::Two4K, 0, 4096, 1),
        (idaw::Format::Two4K, 1, 4096, 2),
        (idaw::Format::Two4K, 0xfff, 0xffff, 17),
        (idaw::Format::Two2K, 0, 4096, 2),
        (idaw::Format::Two2K, 0x7ff, 0xffff, idaw::MAX),
        (idaw::Format::One, 0x7ff, 1, 1),
        (idaw::Format::One, 0x7ff, 2, 2),
    ] {
        assert_eq!(format.needed(first, count), needed, "{format:?} {first:#x}");
    }
}

#[test]
fn the_number_of_idaws_is_right_at_every_offset_and_boundary() {
    for format in [idaw::Format::One, idaw::Format::Two2K, idaw::Format::Two4K] {
        let block = format.block();
        let counts = (0..=32).flat_map(|blocks| {
            let border = 2048 * blocks;
            (border - 2_i32..=border + 2).filter_map(|count| u16::try_from(count).ok())
        });
        for count in counts
            .chain([u16::MAX - 1, u16::MAX])
            .filter(|count| *count > 0)
        {
            for first in 0x10000..0x10000 + block {
                let length = u64::from(count) - 1;
                let blocks = |a: u64, b: u64| (a / block - b / block + 1) as usize;
                let up = format.needed(first, count);
                assert_eq!(up, blocks(first + length, first));
                let down = format.needed_backward(first, count);
                assert_eq!(down, blocks(first + 0x10000, first + 0x10000 - length));
                assert!(up.max(down) <= idaw::MAX);
            }
        }
    }
}

#[test]
fn idaws_begin_or_end_a_block() {
    for (format, idaw, first, last) in [
        (idaw::Format::One, 0x12000, true, false),
        (idaw::Format::One, 0x12800, true, false),
        (idaw::Format::One, 0x127ff, false, true),
        (idaw::Format::Two4K, 0x12800, false, false),
        (idaw::Format::Two4K, 0x12fff, false, true),
        (idaw::Format::Two4K, u64::MAX, false, true),
    ] {
        assert_eq!(format.is_first_byte(idaw), first, "{idaw:#x}");
        assert_eq!(format.is_last_byte(idaw), last, "{idaw:#x}");
    }
    assert!(idaw::Format::One.in_range(0x7fff_ffff));
    assert!(!idaw::Format::One.in_range(0x8000_0000));
    assert!(idaw::Format::Two2K.in_range(u64::MAX));
}

#[test]
fn a_midaw_is_read_and_written_as_it_stands_in_memory() {
    let bytes = [
        0, 0, 0, 0, 0, 0xc0, 0x12, 0x34, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    ];
    let midaw = Midaw::parse(bytes).unwrap();
    assert_eq!(midaw.flags, midaw::Flags::LAST.union(midaw::Flags::SKIP));
    assert_eq!(midaw.count, 0x1234);
    assert_eq!(midaw.address, 0x0123_4567_89ab_cdef);
    assert_eq!(midaw.to_bytes(), bytes);
    assert_eq!(midaw.flags.to_string(), "last|skip");
    for bit in (0..40).chain(43..48) {
        let mut wrong = bytes;
        wrong[bit / 8] |= 0x80 >> (bit % 8);
        assert_eq!(Midaw::parse(wrong), None, "bit {bit}");
    }
}

#[test]
fn the_data_of_a_midaw_does_not_cross_a_page() {
    for (address, up, down) in [
        (0x12000, 4096, 1),
        (0x12fff, 1, 4096),
        (0x12800, 2048, 2049),
        (u64::MAX, 1, 4096),
    ] {
        for count in [0, 1, 2, 2047, 2048, 2049, 2050, 4095, 4096, 4097, u16::MAX] {
            let midaw = Midaw {
                count,
                address,
                ..Midaw::default()
            };
            assert_eq!(midaw.accepts(false), (1..=up).contains(&count));
            assert_eq!(midaw.accepts(true), (1..=down).contains(&count));
        }
    }
}
