// SPDX-License-Identifier: GPL-2.0

//! Status modifier past a CCW that ends the program: "SEARCH; end if it is not found; READ".
//!
//! Track 0 has records 0 to 3, of which 0 comes first after a SEEK.
//!
//! The cases test guarantees of our driver. They skip the C driver, whose copy of the program ends
//! where the channel goes on.

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "past an end: what is there is run if the record is found" =>
            |devices| both_formats(devices, FOUND, PROGRAM, READ);
        "past an end: the program is over if it is not found" =>
            |devices| both_formats(devices, ANOTHER, PROGRAM, OVER);
        "past an end: over the end of a page if the record is found" =>
            |devices| both_formats(devices, FOUND, OVER_A_PAGE, READ);
        "past an end: over the end of a page if it is not found" =>
            |devices| both_formats(devices, ANOTHER, OVER_A_PAGE, OVER);
        "past an end: where nothing is mapped if the record is found" =>
            |devices| both_formats(devices, FOUND, END_OF_MAPPING, CHECK);
        "past an end: where nothing is mapped if it is not found" =>
            |devices| both_formats(devices, ANOTHER, END_OF_MAPPING, OVER);
        "past an end: to what is no CCW if the record is found" =>
            |devices| both_formats(devices, FOUND, NO_CCW, CHECK);
        "past an end: to what is no CCW if it is not found" =>
            |devices| both_formats(devices, ANOTHER, NO_CCW, OVER);
        "past an end: more than a program may have is no reason to refuse it" =>
            |devices| both_formats(devices, ANOTHER, TOO_LONG, OVER);
        "past an end: behind a search whose argument is in pieces" =>
            |devices| both_formats(devices, FOUND, PIECES, READ);
        "past an end: behind such a search that does not find" =>
            |devices| both_formats(devices, ANOTHER, PIECES, OVER);
        "past an end: to a TIC" => |devices| both_formats(devices, FOUND, TO_A_TIC, READ);
        "past an end: two of them in a row" => |devices| both_formats(devices, FOUND, TWICE, COUNT);
    }
}

/// The identifier of record 0, and one that no record has, at `which`.
const FOUND: &str = "area which at 0x20010 X'0000 0000 00'";
const ANOTHER: &str = "area which at 0x20010 X'0000 0000 07'";

/// The areas of all programs.
const AREAS: &str = "\
area where at 0x20000 X'0000 0000 0000'
area one   at 0x20018 X'0000 0000 01'
area data  at 0x20100 size 24 fill X'EE'
";

/// Record 0 was read, which is 8 bytes of zero.
const READ: &str = "\
expect at=last
expect data data X'0000000000000000 EEEE'";
/// The no-operation has ended the program.
const OVER: &str = "\
expect at=end
expect data data X'EEEE'";
/// The CCW after it has ended the program.
const CHECK: &str = "\
expect device=0 subchannel=prog cpa=0x11008
expect data data X'EEEE'";
/// The identifier of record 2 was read.
const COUNT: &str = "\
expect at=last
expect data data X'0000 0000 02'";

const PROGRAM: &str = "\
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
last: ccw  readdata,data,sli
";
const OVER_A_PAGE: &str = "\
      org  0x10fe8
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
last: ccw  readdata,data,sli
";
const END_OF_MAPPING: &str = "\
area gone  at 0x11000 size 8 unmapped
      org  0x10fe8
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
";
const NO_CCW: &str = "\
      org  0x10fe8
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
      dc   X'F0FF FFFF FFFF FFFF'
";
/// The area is full of no-operations that chain, in either format: 7680 of them.
const TOO_LONG: &str = "\
area far   at 0x11000 size 60K fill X'0340404040404040'
      org  0x10fe8
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
";
const PIECES: &str = "\
      ccw  seek,where,cc
      ccw  searchid,which,cd,2
      ccw  readdata,which+2,cc,3
end:  ccw  nop,data,sli,1
last: ccw  readdata,data,sli
";
const TO_A_TIC: &str = "\
      ccw  seek,where,cc
      ccw  searchid,which,cc
end:  ccw  nop,data,sli,1
      ccw  tic,last
      org  0x18000
last: ccw  readdata,data,sli
";
const TWICE: &str = "\
      ccw  seek,where,cc
      ccw  searchid,which,cc
      ccw  nop,data,sli,1
      ccw  searchid,one,cc
      ccw  nop,data,sli,1
last: ccw  0x12,data,sli,8
";

/// Runs a program of CCWs of format 1 and of format 0.
fn both_formats(devices: &Devices, which: &str, ccws: &str, expected: &str) -> TestResult {
    only_ours()?;
    let mut disk = devices.open()?;
    for format in [1, 0] {
        let text = format!("orb format={format}\n{which}\n{AREAS}{ccws}{expected}");
        run_text(&mut disk, &text).map_err(|failure| format!("format {format}: {failure}"))?;
    }
    Ok(())
}
