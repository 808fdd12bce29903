// SPDX-License-Identifier: GPL-2.0

//! Region 1: the user writes a command, HALT, CLEAR or RESUME SUBCHANNEL.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use super::bytes::RegionBytes;
use kernel::prelude::*;

/// The length of the region in bytes: `struct ccw_cmd_region`.
pub(crate) const SIZE: usize = 8;

/// `command`, of four bytes.
const COMMAND: usize = 0;
/// `ret_code`: the result of the last write, 0 or a negative error number.
const RET_CODE: usize = 4;

/// A command that a write to the region gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The halt function, `VFIO_CCW_ASYNC_CMD_HSCH`.
    Halt,
    /// The clear function, `VFIO_CCW_ASYNC_CMD_CSCH`.
    Clear,
    /// The resume function. Only this driver has it: QEMU requests it in region 0.
    Resume,
}

/// The contents of the region.
pub(crate) struct CmdRegion(RegionBytes<SIZE>);

impl CmdRegion {
    /// Returns a region of zeros.
    pub(crate) const fn new() -> Self {
        Self(RegionBytes::new())
    }

    /// Returns the bytes of the region.
    pub(crate) fn bytes(&self) -> &[u8; SIZE] {
        self.0.get()
    }

    /// Replaces the bytes from `start` on.
    pub(crate) fn update(&mut self, start: usize, bytes: &[u8]) {
        self.0.update(start, bytes);
    }

    /// Returns the number of the command, known or not.
    pub(crate) fn number(&self) -> i32 {
        i32::from_ne_bytes(self.0.field(COMMAND))
    }

    /// Returns the command; `None` if its number is unknown.
    pub(crate) fn command(&self) -> Option<Command> {
        match self.number() {
            1 => Some(Command::Halt),
            2 => Some(Command::Clear),
            4 => Some(Command::Resume),
            _ => None,
        }
    }

    /// Stores the result of a write.
    pub(crate) fn set_result(&mut self, result: Result) {
        self.0.set_ret_code(RET_CODE, result);
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_cmd_region)]
mod tests {
    use super::*;

    #[test]
    fn only_the_commands_of_the_interface_are_known() {
        let mut region = CmdRegion::new();
        for (command, expected) in [
            (0u32, None),
            (1, Some(Command::Halt)),
            (2, Some(Command::Clear)),
            (3, None),
            (4, Some(Command::Resume)),
            (5, None),
            (0x0100_0000, None),
            (u32::MAX, None),
        ] {
            region.update(0, &command.to_ne_bytes());
            assert!(region.command() == expected);
        }
    }

    #[test]
    fn the_result_leaves_the_command_as_it_is() {
        let mut region = CmdRegion::new();
        region.update(0, &2u32.to_ne_bytes());
        region.set_result(Err(EBUSY));
        assert_eq!(region.bytes()[4..], (-16i32).to_ne_bytes());
        assert!(region.command() == Some(Command::Clear));
    }
}
