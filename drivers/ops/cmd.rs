// SPDX-License-Identifier: GPL-2.0

//! Region 1: the user requests the halt, clear and resume functions.

use crate::{
    device::{
        Device,
        Session, //
    },
    log::Instruction,
    ops::io::{
        errno_for_user,
        resume, //
    },
    region::cmd::{
        self,
        Command, //
    },
    subchannel::refusal_errno, //
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

    let (number, command) = (session.cmd.number(), session.cmd.command());
    if command == Some(Command::Resume) {
        drop(guard);
        guard = Session::lock_to_translate(dev).map_err(|error| errno_for_user(dev, error))?;
    }
    let session = Option::as_mut(&mut guard).ok_or(EIO)?;
    let result = match command {
        Some(Command::Resume) => {
            let result = resume(dev, session);
            trace::fsm_async_request(dev.sch.device(), number, result);
            result
        }
        command => halt_or_clear(dev, number, command),
    };
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
/// on, `EINVAL` when the command `number` is neither, `EBUSY` when status is pending or the user
/// has to read IRBs first, and `ENODEV` when the device is gone.
fn halt_or_clear(dev: &Device, number: i32, command: Option<Command>) -> Result {
    let mut sch = dev.sch.lock()?;
    sch.halt_or_clear().map_err(refusal_errno)?;

    let issued = match command {
        Some(Command::Halt) => Ok((Instruction::Halt, sch.halt())),
        Some(Command::Clear) => Ok((Instruction::Clear, sch.clear())),
        Some(Command::Resume) | None => Err(EINVAL),
    };
    let result = issued.and_then(|(instruction, cc)| {
        sch.notifier.issued(instruction, cc);
        match cc {
            ConditionCode::Initiated => Ok(()),
            ConditionCode::StatusPending | ConditionCode::Busy => Err(EBUSY),
            ConditionCode::NotOperational => Err(ENODEV),
        }
    });
    trace::fsm_async_request(sch.device(), number, result);
    result
}
