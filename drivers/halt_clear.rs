// SPDX-License-Identifier: GPL-2.0

//! The halt and clear functions, which the user asks for by writing to region 1.

use crate::{
    device::Device,
    observer::Instruction,
    regions::asynchronous::{
        self,
        AsyncRegion,
        Command, //
    },
    start::refusal,
    triggers::SubchannelData, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    css::{
        ConditionCode,
        Locked, //
    },
    trace, //
};

impl Device {
    /// Writes the bytes `range` of region 1, and does what the region then asks for.
    ///
    /// Returns `EAGAIN` while a write to the device is being worked on.
    pub(crate) fn write_async(
        &self,
        range: Range<usize>,
        mut from: UserSliceReader,
    ) -> Result<usize> {
        let mut bytes = [0; asynchronous::SIZE];
        let bytes = bytes.get_mut(..range.len()).ok_or(EINVAL)?;
        from.read_slice(bytes)?;

        let mut guard = self.io.try_lock().ok_or(EAGAIN)?;
        let io = Option::as_mut(&mut guard).ok_or(EIO)?;
        io.asynchronous.update(range.start, bytes);

        let result = self.halt_or_clear(&io.asynchronous);
        io.asynchronous.set_result(result);
        result.map(|()| range.len())
    }

    /// Reads the bytes `range` of region 1.
    pub(crate) fn read_async(&self, range: Range<usize>, mut to: UserSliceWriter) -> Result<usize> {
        let bytes = *Option::as_mut(&mut self.io.lock())
            .ok_or(EIO)?
            .asynchronous
            .bytes();

        to.write_slice(bytes.get(range.clone()).ok_or(EINVAL)?)?;
        Ok(range.len())
    }

    /// HALT SUBCHANNEL or CLEAR SUBCHANNEL, whose status comes as that of a start function does.
    ///
    /// Returns `EIO` when the device is not operational, `EAGAIN` when another request is being
    /// worked on, `EINVAL` when the command is neither, `EBUSY` when the subchannel or the user has
    /// to get rid of status first, and `ENODEV` when there is no device.
    fn halt_or_clear(&self, region: &AsyncRegion) -> Result {
        let mut sch = self.sch.lock()?;
        sch.halt_or_clear().map_err(refusal)?;

        let result = region
            .command()
            .ok_or(EINVAL)
            .and_then(|command| issue(&mut sch, command));
        trace::fsm_async_request(sch.device(), region.number(), result);
        result
    }
}

fn issue(sch: &mut Locked<'_, SubchannelData>, command: Command) -> Result {
    let (instruction, cc) = match command {
        Command::Halt => (Instruction::Halt, sch.halt()),
        Command::Clear => (Instruction::Clear, sch.clear()),
    };
    sch.notifier.observer.instruction(instruction, cc);

    match cc {
        ConditionCode::Initiated => Ok(()),
        ConditionCode::StatusPending | ConditionCode::Busy => Err(EBUSY),
        ConditionCode::NotOperational => Err(ENODEV),
    }
}
