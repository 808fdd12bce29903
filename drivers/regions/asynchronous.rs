// SPDX-License-Identifier: GPL-2.0

//! Region 1, through which the user asks for the halt and clear functions.
//!
//! C header: [`include/uapi/linux/vfio_ccw.h`](srctree/include/uapi/linux/vfio_ccw.h)

use kernel::prelude::*;

/// The length of the region in bytes: `struct ccw_cmd_region`, a command and the result of the last
/// write, which is 0 or a negative error number.
pub(crate) const SIZE: usize = 8;

/// Where the result is.
const RET_CODE: usize = 4;

/// What a write to the region asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The halt function, `VFIO_CCW_ASYNC_CMD_HSCH`.
    Halt,
    /// The clear function, `VFIO_CCW_ASYNC_CMD_CSCH`.
    Clear,
}

/// The contents of the region.
pub(crate) struct AsyncRegion([u8; SIZE]);

impl AsyncRegion {
    /// Returns a region of zeros.
    pub(crate) const fn new() -> Self {
        Self([0; SIZE])
    }

    /// Returns the bytes of the region.
    pub(crate) fn bytes(&self) -> &[u8; SIZE] {
        &self.0
    }

    /// Replaces the bytes from `start` on.
    pub(crate) fn update(&mut self, start: usize, bytes: &[u8]) {
        super::overwrite(&mut self.0, start, bytes);
    }

    /// Returns the number of what the contents ask for, known or not.
    pub(crate) fn number(&self) -> i32 {
        let [a, b, c, d, ..] = self.0;
        i32::from_ne_bytes([a, b, c, d])
    }

    /// Returns what the contents ask for; `None` if that is nothing known.
    pub(crate) fn command(&self) -> Option<Command> {
        match self.number() {
            1 => Some(Command::Halt),
            2 => Some(Command::Clear),
            _ => None,
        }
    }

    /// Shows `result` as that of the last write.
    pub(crate) fn set_result(&mut self, result: Result) {
        self.update(RET_CODE, &super::ret_code(result));
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_async_region)]
mod tests {
    use super::*;

    #[test]
    fn only_the_commands_of_the_interface_are_known() {
        let mut region = AsyncRegion::new();
        for (command, expected) in [
            (0u32, None),
            (1, Some(Command::Halt)),
            (2, Some(Command::Clear)),
            (3, None),
            (0x0100_0000, None),
            (u32::MAX, None),
        ] {
            region.update(0, &command.to_ne_bytes());
            assert!(region.command() == expected);
        }
    }

    #[test]
    fn the_result_is_beside_the_command() {
        let mut region = AsyncRegion::new();
        region.update(0, &2u32.to_ne_bytes());
        region.set_result(Err(EBUSY));
        assert_eq!(region.bytes()[4..], (-16i32).to_ne_bytes());
        assert!(region.command() == Some(Command::Clear));
    }
}
