// SPDX-License-Identifier: GPL-2.0

//! Region 1: the user requests the halt and clear functions.

use crate::{
    device::Device,
    log::Instruction,
    region::cmd::{
        self,
        CmdRegion,
        Command, //
    },
    subchannel::{
        refusal_errno,
        SubchannelData, //
    },
};
use ccwchain::condition_code::ConditionCode;
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    css::Locked,
    trace,
    vfio::Open, //
};

/// Copies the bytes `range` of the region from the user, and issues the command in the region.
///
/// Returns `EAGAIN` while another thread writes to region 0 or 1.
pub(super) fn write(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut from: UserSliceReader,
) -> Result<usize> {
    let mut bytes = [0; cmd::SIZE];
    let bytes = bytes.get_mut(..range.len()).ok_or(EINVAL)?;
    from.read_slice(bytes)?;

    let mut guard = dev.session.try_lock().ok_or(EAGAIN)?;
    let session = Option::as_mut(&mut guard).ok_or(EIO)?;
    session.cmd.update(range.start, bytes);

    let result = halt_or_clear(dev, &session.cmd);
    session.cmd.set_result(result);
    result.map(|()| range.len())
}

/// Copies the bytes `range` of the region to the user.
pub(super) fn read(
    dev: &Open<'_, Device>,
    range: Range<usize>,
    mut to: UserSliceWriter,
) -> Result<usize> {
    let bytes = *Option::as_mut(&mut dev.session.lock())
        .ok_or(EIO)?
        .cmd
        .bytes();

    to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?)?;
    Ok(range.len())
}

/// Issues HALT SUBCHANNEL or CLEAR SUBCHANNEL. Its IRB is read from region 0.
///
/// Returns `EIO` when the device is not operational, `EAGAIN` while another request is being worked
/// on, `EINVAL` when the command is neither, `EBUSY` when status is pending or the user has to read
/// IRBs first, and `ENODEV` when the device is gone.
fn halt_or_clear(dev: &Device, region: &CmdRegion) -> Result {
    let mut sch = dev.sch.lock()?;
    sch.halt_or_clear().map_err(refusal_errno)?;

    let result = region
        .command()
        .ok_or(EINVAL)
        .and_then(|command| issue(&mut sch, command));
    trace::fsm_async_request(sch.device(), region.number(), result);
    result
}

fn issue(sch: &mut Locked<'_, SubchannelData>, command: Command) -> Result {
    let (instruction, cc) = match command {
        Command::Halt => (Instruction::Halt, sch.halt()),
        Command::Clear => (Instruction::Clear, sch.clear()),
    };
    sch.notifier.issued(instruction, cc);

    match cc {
        ConditionCode::Initiated => Ok(()),
        ConditionCode::StatusPending | ConditionCode::Busy => Err(EBUSY),
        ConditionCode::NotOperational => Err(ENODEV),
    }
}
