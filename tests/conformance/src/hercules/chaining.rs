// SPDX-License-Identifier: GPL-2.0

//! Data chaining: one block of a tape, one record of a disk from and into many pieces of memory.

mod pieces;

use pieces::*;

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

/// Runs `what` for several ways to cut up a block.
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
