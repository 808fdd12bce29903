// SPDX-License-Identifier: GPL-2.0

//! No program of the guest's leads the channel out of what is mapped for the device.
//!
//! A page of this process is marked, and programs have its real address in all places that the
//! architecture has for an address. As long as the page is not mapped for the device, it stays as
//! it is, and nothing of it is seen. A control for each of them maps the page where the program
//! looks, and sees it change, or be seen.
//!
//! These are promises of our driver, and not asked of the C driver.

mod marked;

use ccw::{
    channel::Channel,
    program::Program,
    sys::PAGE_SIZE,
    vfio::Access, //
};
use ccwchain::{
    irb::Irb,
    scsw::SubchannelStatus, //
};

use crate::{
    case::*,
    fixtures::*, //
};

use marked::{
    Marked,
    LIST,
    MARK, //
};

use super::{
    ENDLESS,
    THERE,
    WHICH, //
};

/// Word 1 of an ORB as usual that allows modified IDAWs.
const MIDAWS: &str = "0x00c2ff40";

/// The access of the channel to the marked page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Change it.
    Stores,
    /// Have what is in it be seen.
    Shows,
}

/// The bytes that are written to the guest's memory while a program runs, and their address, by the
/// real address of the page.
type Change = fn(u64) -> (u64, Vec<u8>);

/// A way that could lead out of what is mapped.
struct Way {
    device: &'static str,
    effect: Effect,
    /// The program, with the real address of the page.
    text: fn(u64) -> String,
    change: Option<Change>,
}

/// A program on a disk that stores.
const fn stores(text: fn(u64) -> String) -> Way {
    Way {
        device: "disk",
        effect: Effect::Stores,
        text,
        change: None,
    }
}

/// Makes a way of a program that stores from the tape, which is positioned after its first block.
const fn stores_from_tape(text: fn(u64) -> String) -> Way {
    Way {
        device: "tape",
        ..stores(text)
    }
}

/// A program that writes to the tape; it stands before its second block.
const fn shows(text: fn(u64) -> String) -> Way {
    Way {
        device: "tape",
        effect: Effect::Shows,
        text,
        change: None,
    }
}

/// A program that stores at its end, for which it waits, and is changed before.
const fn changed(text: fn(u64) -> String, change: Change) -> Way {
    Way {
        change: Some(change),
        ..stores(text)
    }
}

/// The address of the first of the CCWs that end a changed program.
const CHANGED_CCW: u64 = 0x1_0018;

/// A program that waits, and then has these CCWs; it stores at 0x30000.
fn waiting(ccws: &str) -> String {
    let (wait, _) = ENDLESS.rsplit_once('\n').unwrap_or((ENDLESS, ""));
    format!("area id at 0x30000 size 256\n{wait}\n{ccws}")
}

/// Two blocks are on the tape, and it stands between them.
const BLOCKS: &str = "\
area none at 0x20000 size 1
area block at 0x20100 size 100 fill X'5A'
     ccw  rewind,none,cc|sli,1
     ccw  write,block,cc
     ccw  write,block,cc
     ccw  rewind,none,cc|sli,1
     ccw  read,block";

/// Reads what is on the tape then, of which there may be nothing.
const READ: &str = "\
area none at 0x20000 size 1
area all at 0x30000 size 4K
     ccw  rewind,none,cc|sli,1
     ccw  read,all,cc|sli,2048
     ccw  read,all+2048,sli,2048";

/// Waits for the end of a program.
fn end(channel: &mut Channel) -> TestResult<Irb> {
    let irb = channel.wait_end(TIMEOUT, &mut Vec::new())?;
    Ok(irb.ok_or_else(|| "the program does not end".to_owned())?)
}

/// Runs a program, whatever comes of it.
fn run(channel: &mut Channel, program: &Program) -> TestResult<Irb> {
    channel.start(program.orb)?;
    end(channel)
}

/// The result of a way.
struct Outcome {
    /// The page was changed, or seen.
    got_at: bool,
    /// Of the program.
    status: SubchannelStatus,
}

/// Goes the way, perhaps with the page mapped.
fn go(devices: &Devices, way: &Way, is_mapped: bool) -> TestResult<Outcome> {
    only_ours()?;
    let mut channel = devices.open_named(way.device)?;
    if way.device == "tape" {
        run_text(&mut channel, BLOCKS)?;
    }
    let marked = Marked::new()?;
    let program = program(&(way.text)(marked.page))?;
    let guest = map(&mut channel, &program)?;
    if is_mapped {
        let device = channel.device_mut();
        device.map(marked.page, &marked.memory, Access::ReadWrite)?;
    }

    let irb = match way.change {
        None => run(&mut channel, &program)?,
        Some(change) => {
            let (address, bytes) = change(marked.page);
            // In the control the change is there when the program is read.
            if is_mapped {
                guest.write(address, &bytes);
            }
            channel.start(program.orb)?;
            check(
                channel.wait(SILENCE)?.is_none(),
                "the program does not wait",
            )?;
            guest.write(address, &bytes);
            guest.write(WHICH, &THERE);
            end(&mut channel)?
        }
    };
    guest.unmap(channel.device_mut())?;
    let got_at = match way.effect {
        Effect::Stores => marked.read() != marked.contents,
        Effect::Shows => {
            let program = self::program(READ)?;
            let guest = map(&mut channel, &program)?;
            run(&mut channel, &program)?;
            let all = guest.read(0x3_0000, 4096);
            guest.unmap(channel.device_mut())?;
            all.windows(MARK.len()).any(|bytes| bytes == MARK)
        }
    };
    check_usable(&mut channel)?;
    let status = irb.scsw().subchannel_status();
    Ok(Outcome { got_at, status })
}

fn contained(devices: &Devices, way: &Way) -> TestResult {
    let Outcome { got_at, status } = go(devices, way, false)?;
    check(!got_at, "the channel has got at a page that is not mapped")?;
    let expected = match way.change {
        None => SubchannelStatus::PROGRAM_CHECK,
        // The program is as it was when it was started.
        Some(_) => SubchannelStatus::default(),
    };
    check_eq("status of the program", status, expected)
}

fn control(devices: &Devices, way: &Way) -> TestResult {
    let Outcome { got_at, status } = go(devices, way, true)?;
    check(
        got_at,
        "the test does not see what the channel does to a page",
    )?;
    check_eq("status of the program", status, SubchannelStatus::default())
}

/// A case and its control for each way.
macro_rules! ways {
    ($($name:literal => $way:expr;)*) => {
        vec![
            $(
                Case::new($name, |devices| contained(devices, &$way)),
                Case::new(concat!("control: ", $name), |devices| control(devices, &$way)),
            )*
        ]
    };
}

pub(crate) fn cases() -> Vec<Case> {
    ways! {
        "a data address" => stores(|page| format!(
            "ccw senseid,{page:#x},sli,7"
        ));
        "data that cross into a page" => stores(|page| format!(
            "area edge at {:#x} size 2\n\
             ccw senseid,edge,sli,7", page - 2
        ));
        "the address of a data-chained CCW" => stores_from_tape(|page| format!(
            "area part at 0x20000 size 2\n\
             ccw read,part,cd\n\
             ccw read,{page:#x},sli,7"
        ));
        "the address of a data-chained CCW of another command" => stores_from_tape(|page| format!(
            "area part at 0x20000 size 2\n\
             ccw read,part,cd\n\
             ccw nop,{page:#x},sli,7"
        ));
        "the address of a data-chained CCW behind a TIC" => stores_from_tape(|page| format!(
            "area part at 0x20000 size 2\n\
             ccw read,part,cd\n\
             ccw tic,next\n\
             org 0x18000\n\
             next: ccw write,{page:#x},sli,7"
        ));
        "an IDAW of a format-0 CCW" => stores(|page| format!(
            "orb format=0\n\
             area list at 0x20000 X'{page:016X}'\n\
             ccw senseid,list,ida|sli,7"
        ));
        "an IDAW" => stores(|page| format!(
            "area list at 0x20000 X'{page:016X}'\n\
             ccw senseid,list,ida|sli,7"
        ));
        "a later IDAW" => stores(|page| format!(
            "area list at 0x20000 X'0000000000030FFE {page:016X}'\n\
             area part at 0x30ffe size 2\n\
             ccw senseid,list,ida|sli,7"
        ));
        "a format-1 IDAW" => stores(|page| format!(
            "orb idaw=1\n\
             area list at 0x20000 X'{page:08X}'\n\
             ccw senseid,list,ida|sli,7"
        ));
        "an IDAW of a data-chained CCW of another command" => stores_from_tape(|page| format!(
            "area list at 0x20000 X'{page:016X}'\n\
             area part at 0x21000 size 2\n\
             ccw read,part,cd\n\
             ccw nop,list,ida|sli,7"
        ));
        "an IDAW for 2 KiB" => stores(|page| format!(
            "orb idaw=2/2K\n\
             area list at 0x20000 X'00000000000307FE {page:016X}'\n\
             area part at 0x307fe size 2\n\
             ccw senseid,list,ida|sli,7"
        ));
        "a modified IDAW" => stores(|page| format!(
            "orb control={MIDAWS}\n\
             area list at 0x20000 X'0000000000800007 {page:016X}'\n\
             ccw senseid,list,mida|sli,7"
        ));
        "a later modified IDAW" => stores(|page| format!(
            "orb control={MIDAWS}\n\
             area list at 0x20000 X'0000000000000002 0000000000030FFE 0000000000800005 {page:016X}'\n\
             area part at 0x30ffe size 2\n\
             ccw senseid,list,mida|sli,7"
        ));
        "a list of IDAWs" => stores(|page| format!(
            "ccw senseid,{:#x},ida|sli,7", page + LIST
        ));
        "a TIC" => stores(|page| format!(
            "ccw nop,,cc\n\
             ccw tic,{page:#x}"
        ));
        "the CPA" => stores(|page| format!(
            "orb cpa={page:#x}\n\
             ccw nop"
        ));
        "command chaining over the end of a page" => stores(|page| format!(
            "org {:#x}\n\
             ccw nop,,cc", page - 8
        ));
        "data chaining over the end of a page" => stores_from_tape(|page| format!(
            "area part at 0x20000 size 2\n\
             org {:#x}\n\
             ccw read,part,cd", page - 8
        ));
        "a status modifier over the end of a page" => stores(|page| format!(
            "area where at 0x20000 X'0000 0000 0000'\n\
             area home  at 0x20200 size 5\n\
             area which at 0x20010 X'0000 0000 01'\n\
             org {:#x}\n\
             ccw seek,where,cc\n\
             ccw 0x1a,home,cc\n\
             again: ccw searchid,which,cc\n\
             ccw tic,again", page - 32
        ));
        "reading backward over the start of a page" => stores_from_tape(|page| format!(
            "area above at {:#x} size 2\n\
             ccw readback,above+1,sli,8", page + PAGE_SIZE
        ));
        "a list of IDAWs, read backward" => stores_from_tape(|page| format!(
            "area list at 0x20000 X'{:016X}'\n\
             ccw readback,list,ida|sli,8", page + 64
        ));
        "a data address to write from" => shows(|page| format!(
            "ccw write,{page:#x},,64"
        ));
        "data to write that cross into a page" => shows(|page| format!(
            "area edge at {:#x} size 2\n\
             ccw write,edge,,64", page - 2
        ));
        "the address of a data-chained CCW to write from" => shows(|page| format!(
            "area part at 0x20000 size 30\n\
             ccw write,part,cd\n\
             ccw write,{page:#x},,64"
        ));
        "that of another command" => shows(|page| format!(
            "area part at 0x20000 size 30\n\
             ccw write,part,cd\n\
             ccw nop,{page:#x},,64"
        ));
        "an IDAW to write from" => shows(|page| format!(
            "area list at 0x20000 X'{page:016X}'\n\
             ccw write,list,ida,64"
        ));
        "a CCW that is changed while the program runs" => changed(
            |_| waiting("ccw senseid,id,sli,7"),
            |page| (CHANGED_CCW + 4, page.to_be_bytes()[4..].to_vec()),
        );
        "a CCW that becomes a TIC while the program runs" => changed(
            |_| waiting("ccw senseid,id,sli,7"),
            |page| (CHANGED_CCW, [&[8, 0, 0, 0], &page.to_be_bytes()[4..]].concat()),
        );
        "a CCW that gets another command while the program runs" => changed(
            |_| waiting("ccw readdata,id,cd,2\nccw nop,id+2,sli,6"),
            |page| (CHANGED_CCW + 12, page.to_be_bytes()[4..].to_vec()),
        );
        "a modified IDAW that is changed while the program runs" => changed(
            |_| waiting(&format!(
                "area list at 0x22000 X'0000000000800007 0000000000030000'\n\
                 orb control={MIDAWS}\n\
                 ccw senseid,list,mida|sli,7"
            )),
            |page| (0x2_2008, page.to_be_bytes().to_vec()),
        );
        "an IDAW that is changed while the program runs" => changed(
            |_| waiting("area list at 0x22000 X'0000000000030000'\nccw senseid,list,ida|sli,7"),
            |page| (0x2_2000, page.to_be_bytes().to_vec()),
        );
    }
}
