// SPDX-License-Identifier: GPL-2.0

//! Data chaining: one block of a tape, one record of a disk from and into many pieces of memory.

use std::fmt::Write;

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a block is written from many pieces" => |devices| written(devices, Style::default());
        "a block is read into many pieces" => |devices| read(devices, Style::default());
        "a block is read backward into many pieces" => read_backward;
        "pieces with lists of addresses are written" => |devices| written(devices, LISTS);
        "pieces with lists of addresses are read" => |devices| read(devices, LISTS);
        "pieces behind TICs are written" => |devices| written(devices, TICS);
        "pieces behind TICs are read" => |devices| read(devices, TICS);
        "the command codes of all pieces but the first do not count for writing" =>
            |devices| written(devices, CODES);
        "the command codes of all pieces but the first do not count for reading" =>
            |devices| read(devices, CODES);
        "pieces of format 0 are written" => |devices| written(devices, FORMAT_0);
        "pieces of format 0 are read" => |devices| read(devices, FORMAT_0);
        "pieces that are skipped are not stored" => |devices| read(devices, SKIP);
        "all of it at once is written" => |devices| written(devices, ALL);
        "all of it at once is read" => |devices| read(devices, ALL);
        "a record's count, key and data come from and go into pieces" => record;
        "a block shorter than its pieces ends in one of them" => short;
    }
}

/// The number of ways in which each case cuts up a block.
const CUTS: u64 = 8;

/// The use of the pieces.
#[derive(Clone, Copy, Default)]
struct Style {
    /// CCWs of format 0.
    format_0: bool,
    /// Lists of addresses for some.
    lists: bool,
    /// TICs before some.
    tics: bool,
    /// Other command codes than the first.
    codes: bool,
    /// Some are read, but not stored.
    skip: bool,
}

const NONE: Style = Style {
    format_0: false,
    lists: false,
    tics: false,
    codes: false,
    skip: false,
};
const LISTS: Style = Style {
    lists: true,
    ..NONE
};
const TICS: Style = Style { tics: true, ..NONE };
const CODES: Style = Style {
    codes: true,
    ..NONE
};
const FORMAT_0: Style = Style {
    format_0: true,
    codes: true,
    ..NONE
};
const SKIP: Style = Style { skip: true, ..NONE };
const ALL: Style = Style {
    format_0: false,
    lists: true,
    tics: true,
    codes: true,
    skip: true,
};

/// Numbers that are the same in each run: xorshift64*.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
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

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
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
struct Piece {
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
fn cut(random: &mut Random, block: usize, style: Style) -> Vec<Piece> {
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
fn put(text: &mut String, line: std::fmt::Arguments<'_>) -> TestResult {
    writeln!(text, "{line}").map_err(|error| Failure::Fault(error.to_string()))
}

/// Adds CCWs for the pieces, of which the first has the command.
fn ccws(text: &mut String, random: &mut Random, command: &str, pieces: &[&Piece]) -> TestResult {
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

/// The beginning of a program that works on the first block of the tape.
fn rewind(style: Style) -> String {
    let format = u8::from(!style.format_0);
    // In format 0 no count is zero.
    format!("orb format={format}\narea none at 0x20000 size 1\nccw rewind,none,cc|sli,1\n")
}

/// A program that writes the block from its pieces.
fn write_program(
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
fn memory(text: &mut String, pieces: &[Piece], block: &[u8]) -> TestResult {
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

/// A program that reads the block into its pieces.
fn read_program(
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

/// A program that reads or writes the block in one piece.
fn whole(command: &str, block: &[u8]) -> String {
    let (size, bytes) = (block.len(), hex(block));
    let area = match command {
        "write" => format!("area all at 0x100ff0 X'{bytes}'"),
        _ => format!(
            "area all at 0x100ff0 size {size}\nexpect data all X'{bytes}'\nexpect residual=0"
        ),
    };
    format!("{}{area}\nccw {command},all\n", rewind(NONE))
}

/// Runs `f` for several ways to cut up a block.
fn for_cuts(mut what: impl FnMut(&mut Random, usize) -> TestResult) -> TestResult {
    for seed in 1..=CUTS {
        let mut random = Random::new(seed);
        let block = random.pick(&[20, 300, 5000, 20_000]);
        what(&mut random, block).map_err(|failure| format!("cut {seed}: {failure}"))?;
    }
    Ok(())
}

fn written(devices: &Devices, style: Style) -> TestResult {
    let mut tape = devices.open_named("tape")?;
    for_cuts(|random, size| {
        let style = Style {
            skip: false,
            ..style
        };
        let (block, pieces) = (random.bytes(size), cut(random, size, style));
        run_text(&mut tape, &write_program(random, style, &pieces, &block)?)?;
        run_text(&mut tape, &whole("read", &block))
    })
}

fn read(devices: &Devices, style: Style) -> TestResult {
    let mut tape = devices.open_named("tape")?;
    for_cuts(|random, size| {
        let (block, pieces) = (random.bytes(size), cut(random, size, style));
        run_text(&mut tape, &whole("write", &block))?;
        run_text(&mut tape, &read_program(random, style, &pieces, &block)?)
    })
}

/// The tape is positioned after the block that was written.
fn read_backward(devices: &Devices) -> TestResult {
    let mut tape = devices.open_named("tape")?;
    for_cuts(|random, size| {
        let style = Style {
            codes: true,
            tics: true,
            ..NONE
        };
        let (block, pieces) = (random.bytes(size), cut(random, size, style));
        run_text(&mut tape, &whole("write", &block))?;
        let mut text = String::new();
        memory(&mut text, &pieces, &block)?;
        let from_the_end: Vec<&Piece> = pieces.iter().rev().collect();
        ccws(&mut text, random, "readback", &from_the_end)?;
        put(&mut text, format_args!("expect residual=0"))?;
        run_text(&mut tape, &text)
    })
}

fn record(devices: &Devices) -> TestResult {
    let mut disk = devices.open()?;
    run_text(
        &mut disk,
        "area where at 0x20000 X'0000 0006 0001'
         area zero  at 0x20010 X'0006 0001 00'
         area id    at 0x20fff X'0006'
         area rest  at 0x22ffd X'0001 01'
         area count at 0x24000 X'04 0064'
         area key   at 0x25ffe C'KEY1'
         area data  at 0x27fff size 100 fill C'DATA '
               ccw  seek,where,cc
         find: ccw  searchid,zero,cc
               ccw  tic,find
               ccw  writeckd,id,cd
               ccw  0,rest,cd
               ccw  0,count,cd
               ccw  0,key,cd
               ccw  0,data",
    )?;
    // The argument of the search is in pieces, too.
    run_text(
        &mut disk,
        "area where at 0x20000 X'0000 0006 0001'
         area one   at 0x20fff X'0006'
         area two   at 0x22fff X'0001'
         area three at 0x25000 X'01'
         area key   at 0x26ffe size 4
         area most  at 0x30ffe size 90
         area rest  at 0x32ffe size 10
               ccw  seek,where,cc
         find: ccw  searchid,one,cd
               ccw  0,two,cd
               ccw  0,three,cc
               ccw  tic,find
               ccw  0x0e,key,cd
               ccw  0x0e,most,cd
               ccw  0x0e,rest
         expect residual=0
         expect data key C'KEY1'
         expect data most C'DATA DATA DATA'
         expect data rest C'DATA DATA '",
    )
}

fn short(devices: &Devices) -> TestResult {
    let mut tape = devices.open_named("tape")?;
    run_text(&mut tape, &whole("write", &Random::new(1).bytes(3000)))?;
    run_text(
        &mut tape,
        "area none at 0x20000 size 1
         area one  at 0x30800 size 2K
         area two  at 0x38800 size 2K fill X'EE'
         area rest at 0x40800 size 2K fill X'EE'
              ccw  rewind,none,cc|sli,1
              ccw  read,one,cd
         end: ccw  read,two,cd
              ccw  read,rest,sli
         expect subchannel=il residual=1096 at=end
         expect data two+952 X'EEEEEEEE'
         expect data rest X'EEEE'",
    )
}
