// SPDX-License-Identifier: GPL-2.0

//! Programs that read or write a block in pieces, in many ways.

use std::fmt::Write;

use crate::fixtures::*;

/// The use of the pieces.
#[derive(Clone, Copy, Default)]
pub(super) struct Style {
    /// CCWs of format 0.
    pub(super) format_0: bool,
    /// Lists of addresses for some.
    pub(super) lists: bool,
    /// TICs before some.
    pub(super) tics: bool,
    /// Other command codes than the first.
    pub(super) codes: bool,
    /// Some are read, but not stored.
    pub(super) skip: bool,
}

pub(super) const NONE: Style = Style {
    format_0: false,
    lists: false,
    tics: false,
    codes: false,
    skip: false,
};
pub(super) const LISTS: Style = Style {
    lists: true,
    ..NONE
};
pub(super) const TICS: Style = Style { tics: true, ..NONE };
pub(super) const CODES: Style = Style {
    codes: true,
    ..NONE
};
pub(super) const FORMAT_0: Style = Style {
    format_0: true,
    codes: true,
    ..NONE
};
pub(super) const SKIP: Style = Style { skip: true, ..NONE };
pub(super) const ALL: Style = Style {
    format_0: false,
    lists: true,
    tics: true,
    codes: true,
    skip: true,
};

/// Numbers that are the same in each run: xorshift64*.
pub(super) struct Random(u64);

impl Random {
    /// Creates the numbers of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).map_or(0, |number| number % bound)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    /// Returns one of the values.
    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Returns this many bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len)
            .map(|_| u8::try_from(self.below(256)).unwrap_or(0))
            .collect()
    }
}

const PAGE: usize = 4096;
/// The address of the first piece; each has eight pages.
const PIECES: usize = 0x10_0000;
const STEP: usize = 8 * PAGE;

/// A part of the block, and where it is in memory.
pub(super) struct Piece {
    address: usize,
    /// Its offset in the block.
    start: usize,
    len: usize,
    is_skipped: bool,
    has_list: bool,
    has_tic: bool,
    code: Option<u8>,
}

/// Cuts a block up.
pub(super) fn cut(random: &mut Random, block: usize, style: Style) -> Vec<Piece> {
    // None of these is a TIC, in either format.
    const CODES: [u8; 9] = [0x00, 0x01, 0x02, 0x03, 0x04, 0x0c, 0x1f, 0xe4, 0xff];

    let mut pieces = Vec::new();
    let mut start = 0;
    while start < block {
        let most = random.pick(&[1, 7, 100, 2000, 3 * PAGE]);
        let len = (1 + random.below(most)).min(block - start);
        let offset = match random.below(4) {
            // Up to the end of a page, and over it.
            0 => PAGE - len.min(PAGE),
            1 => PAGE - 1 - random.below(len.min(PAGE)),
            _ => random.below(PAGE),
        };
        pieces.push(Piece {
            address: PIECES + pieces.len() * STEP + offset,
            start,
            len,
            is_skipped: style.skip && random.one_in(3),
            has_list: style.lists && random.one_in(2),
            has_tic: style.tics && random.one_in(3),
            code: style.codes.then(|| random.pick(&CODES)),
        });
        start += len;
    }
    pieces
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Appends a line, which cannot fail, as the text is in memory.
pub(super) fn put(text: &mut String, line: std::fmt::Arguments<'_>) -> TestResult {
    writeln!(text, "{line}").map_err(|error| Failure::Fault(error.to_string()))
}

/// Adds CCWs for the pieces, of which the first has the command.
pub(super) fn ccws(
    text: &mut String,
    random: &mut Random,
    command: &str,
    pieces: &[&Piece],
) -> TestResult {
    for (number, piece) in pieces.iter().enumerate() {
        let mut label = String::new();
        if piece.has_tic {
            // A place of its own, at times at the very end of a page.
            let page = 0x4_0000 + number * 2 * PAGE;
            let place = page + random.pick(&[0, 8, PAGE - 16, PAGE - 8]);
            label = format!("t{number}:");
            put(text, format_args!("ccw tic,t{number}\norg {place:#x}"))?;
        }
        let Piece { len, start, .. } = piece;
        let operand = match (piece.has_list, command) {
            (true, _) => format!("idal(p{start})"),
            (false, "readback") => format!("p{start}+{}", len - 1),
            (false, _) => format!("p{start}"),
        };
        let code = match piece.code {
            Some(code) if number > 0 => format!("{code:#x}"),
            _ => command.to_owned(),
        };
        let mut flags = Vec::new();
        if number + 1 < pieces.len() {
            flags.push("cd");
        }
        if piece.is_skipped {
            flags.push("skip");
        }
        let flags = flags.join("|");
        put(
            text,
            format_args!("{label} ccw {code},{operand},{flags},{len}"),
        )?;
    }
    Ok(())
}

/// Returns the beginning of a program that works on the first block of the tape.
fn rewind(style: Style) -> String {
    let format = u8::from(!style.format_0);
    // In format 0 no count is zero.
    format!("orb format={format}\narea none at 0x20000 size 1\nccw rewind,none,cc|sli,1\n")
}

/// Returns a program that writes the block from its pieces.
pub(super) fn write_program(
    random: &mut Random,
    style: Style,
    pieces: &[Piece],
    block: &[u8],
) -> TestResult<String> {
    let mut text = rewind(style);
    for Piece {
        address,
        start,
        len,
        ..
    } in pieces
    {
        let bytes = hex(&block[*start..start + len]);
        put(
            &mut text,
            format_args!("area p{start} at {address:#x} X'{bytes}'"),
        )?;
    }
    ccws(
        &mut text,
        random,
        "write",
        &pieces.iter().collect::<Vec<_>>(),
    )?;
    Ok(text)
}

/// Adds the memory for pieces that are read; nothing may be stored after their ends.
pub(super) fn memory(text: &mut String, pieces: &[Piece], block: &[u8]) -> TestResult {
    for Piece {
        address,
        start,
        len,
        is_skipped,
        ..
    } in pieces
    {
        let bytes = match is_skipped {
            true => "EE".repeat(*len),
            false => hex(&block[*start..start + len]),
        };
        let size = len + 8;
        put(
            text,
            format_args!("area p{start} at {address:#x} size {size} fill X'EE'"),
        )?;
        put(
            text,
            format_args!("expect data p{start} X'{bytes}EEEEEEEEEEEEEEEE'"),
        )?;
    }
    Ok(())
}

/// Returns a program that reads the block into its pieces.
pub(super) fn read_program(
    random: &mut Random,
    style: Style,
    pieces: &[Piece],
    block: &[u8],
) -> TestResult<String> {
    let mut text = rewind(style);
    memory(&mut text, pieces, block)?;
    ccws(
        &mut text,
        random,
        "read",
        &pieces.iter().collect::<Vec<_>>(),
    )?;
    put(&mut text, format_args!("expect residual=0"))?;
    Ok(text)
}

/// Returns a program that reads or writes the block in one piece.
pub(super) fn whole(command: &str, block: &[u8]) -> String {
    let (size, bytes) = (block.len(), hex(block));
    let area = match command {
        "write" => format!("area all at 0x100ff0 X'{bytes}'"),
        _ => format!(
            "area all at 0x100ff0 size {size}\nexpect data all X'{bytes}'\nexpect residual=0"
        ),
    };
    format!("{}{area}\nccw {command},all\n", rewind(NONE))
}
