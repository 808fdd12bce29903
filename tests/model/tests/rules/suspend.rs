// SPDX-License-Identifier: GPL-2.0

//! Suspending, and program-controlled interruption.

use model::channel::{
    status_control::{
        INTERMEDIATE,
        PENDING, //
    },
    subchannel_status::PCI,
    Ccw,
    Ending,
    Event,
    Status,
    Step, //
};

use crate::program::{
    ccw,
    codes,
    program_check,
    Program,
    DATA,
    PROGRAM, //
};

/// "Suspension of Channel-Program Execution": before the CCW with the flag, even the first one, if
/// the ORB allows it.
#[test]
fn the_flag_suspends_before_its_ccw() {
    for first in [true, false] {
        let flag = |here| if here { Ccw::SUSPEND } else { 0 };
        let mut program = Program::with(&[
            ccw(0x01, Ccw::CC | flag(first), 4, DATA),
            ccw(0x02, flag(!first), 4, DATA),
        ])
        .request(|request| request.suspend = true);
        let run = program.run(&[Step::moves(4)]);
        assert_eq!(codes(&run).len(), if first { 0 } else { 1 });
        let status = Status {
            control: INTERMEDIATE | PENDING,
            cpa: PROGRAM + if first { 8 } else { 16 },
            ..Status::default()
        };
        assert_eq!(run.ending, Ending::Suspended(status));
    }
}

/// "Suppress-Suspended-Interruption Control": no status is presented then.
#[test]
fn the_status_can_be_suppressed() {
    let mut program = Program::with(&[ccw(0x01, Ccw::SUSPEND, 4, DATA)]).request(|request| {
        request.suspend = true;
        request.suppress_suspended = true;
    });
    assert_eq!(
        program.run(&[]).ending,
        Ending::Suspended(Status::default())
    );
}

/// "Invalid Suspend Flag": the ORB does not allow suspending.
#[test]
fn the_flag_is_for_requests_that_allow_it() {
    let run = Program::with(&[ccw(0x01, Ccw::SUSPEND, 4, DATA)]).run(&[]);
    assert_eq!(run.ending, program_check(PROGRAM + 8));
}

/// "Program-Controlled Interruption": each CCW with the flag causes one when it takes control, in a
/// data chain as well.
#[test]
fn the_pci_flag_interrupts() {
    let mut program = Program::with(&[
        ccw(0x02, Ccw::CD | Ccw::PCI, 2, DATA),
        ccw(0, Ccw::PCI, 2, DATA),
    ]);
    let run = program.run(&[Step::moves(4)]);
    let interruption = |cpa| {
        Event::Interruption(Status {
            control: INTERMEDIATE | PENDING,
            subchannel: PCI,
            cpa,
            ..Status::default()
        })
    };
    assert_eq!(run.events.len(), 3);
    assert_eq!(run.events[0], interruption(PROGRAM + 8));
    assert_eq!(run.events[2], interruption(PROGRAM + 16));
}
