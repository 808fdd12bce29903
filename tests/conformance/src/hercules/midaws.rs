// SPDX-License-Identifier: GPL-2.0

//! Modified IDAWs: lists of pieces of any size, each within a page.
//!
//! Not asked of the C driver, which does not know them.

use crate::{
    case::*,
    fixtures::*, //
};

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "data go into pieces" => |devices| run(devices, PIECES);
        "a piece that is skipped is not stored" => |devices| run(devices, SKIPPED);
        "data come from pieces" => |devices| run(devices, WRITTEN);
        "a piece where the guest has no memory is a program check" => |devices| run(devices, GONE);
    }
}

// The ORB is as usual, and allows them.
const PIECES: &str = "\
orb  control=0x00c2ff40
area list  at 0x20000 X'0000000000000002 0000000000030FFE' X'0000000000000001 0000000000041001'
area more  at 0x20020 X'0000000000800004 0000000000050123'
area one   at 0x30ffe size 2
area two   at 0x41000 size 3 fill X'EE'
area three at 0x50123 size 5 fill X'EE'
     ccw  senseid,list,mida|sli,7
expect data one X'FF39'
expect data two X'EE90EE'
expect data three+4 X'EE'";

// Data after the skipped piece are wrong in Hercules, which takes the skipped data for them.
const SKIPPED: &str = "\
orb  control=0x00c2ff40
area list  at 0x20000 X'0000000000000001 0000000000030FFE' X'0000000000400001 0000000000041001'
area more  at 0x20020 X'0000000000800005 0000000000050123'
area one   at 0x30ffe size 2 fill X'EE'
area two   at 0x41000 size 3 fill X'EE'
area three at 0x50123 size 6 fill X'EE'
     ccw  senseid,list,mida|sli,7
expect data one X'FFEE'
expect data two X'EEEEEE'";

const WRITTEN: &str = "\
orb  control=0x00c2ff40
area where at 0x20000 X'0000 0000 0000'
area list  at 0x20100 X'0000000000000002 0000000000030FFE' X'0000000000800003 0000000000041001'
area one   at 0x30ffe X'0000'
area two   at 0x41001 X'000003'
area label at 0x50000 size 80
      ccw  seek,where,cc
find: ccw  searchid,list,cc|mida,5
      ccw  tic,find
      ccw  readdata,label
expect data label C'VOL1'";

const GONE: &str = "\
orb  control=0x00c2ff40
area list  at 0x20000 X'0000000000000002 0000000000030FFE' X'0000000000800005 0000000000500000'
area one   at 0x30ffe size 2
     ccw  nop,,cc
bad: ccw  senseid,list,mida|sli,7
expect subchannel=prog at=bad";

fn run(devices: &Devices, text: &str) -> TestResult {
    only_ours()?;
    run_text(&mut devices.open()?, text)
}
