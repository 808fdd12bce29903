// SPDX-License-Identifier: GPL-2.0

//! The programs of a user.

use ccw::program::Program;

use crate::fixtures::*;

/// The address of the page into which programs read.
pub(super) const DATA: u64 = 0x2_0000;

/// What a program is to end with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Channel end and device end, and the data of SENSE ID.
    Data,
    /// Channel end and device end.
    Normal,
    ProgramCheck,
}

/// The programs, read once.
pub(super) struct Programs {
    pub(super) nop: Program,
    pub(super) nops: Program,
    pub(super) sense_id: Program,
    pub(super) fault: Program,
    pub(super) suspended: Program,
}

impl Programs {
    pub(super) fn new() -> TestResult<Self> {
        let nops = "ccw nop,,cc\n".repeat(40) + "ccw nop";
        let sense_id = format!("area id at {DATA:#x} size 256\nccw nop,,cc\nccw senseid,id,sli");
        Ok(Self {
            nop: program("ccw nop")?,
            nops: program(&nops)?,
            sense_id: program(&sense_id)?,
            fault: program("ccw nop,,cc\nccw tic,0x500000")?,
            suspended: program(SUSPENDED)?,
        })
    }
}
