// SPDX-License-Identifier: GPL-2.0

//! The status of a program ("Subchannel-Status Word").

/// Bits of [`Status::control`].
pub mod status_control {
    /// Alert status: an unusual condition.
    pub const ALERT: u8 = 0x10;
    /// Intermediate status: the program continues, or is suspended.
    pub const INTERMEDIATE: u8 = 0x08;
    /// Primary status: the channel has ended the program.
    pub const PRIMARY: u8 = 0x04;
    /// Secondary status: the device has ended the program.
    pub const SECONDARY: u8 = 0x02;
    /// Status pending.
    pub const PENDING: u8 = 0x01;
}

/// Bits of [`Status::device`].
pub mod device_status {
    /// Status modifier: the next CCW is skipped.
    pub const STATUS_MODIFIER: u8 = 0x40;
    /// Channel end: the device does not need the channel any more.
    pub const CHANNEL_END: u8 = 0x08;
    /// Device end: the device has ended the command.
    pub const DEVICE_END: u8 = 0x04;
    /// Unit check: an unusual condition, which sense data describes.
    pub const UNIT_CHECK: u8 = 0x02;
    /// Unit exception: an unusual condition, such as a tape mark.
    pub const UNIT_EXCEPTION: u8 = 0x01;
}

/// Bits of [`Status::subchannel`].
pub mod subchannel_status {
    /// Program-controlled interruption: a CCW with the PCI flag took control.
    pub const PCI: u8 = 0x80;
    /// Incorrect length: the device moved another number of bytes than the program specifies.
    pub const INCORRECT_LENGTH: u8 = 0x40;
    /// Program check: the program is invalid.
    pub const PROGRAM_CHECK: u8 = 0x20;
    /// Protection check: the program uses protected storage.
    pub const PROTECTION_CHECK: u8 = 0x10;
}

/// The fields of a subchannel-status word that come from running a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The status control.
    pub control: u8,
    /// The device status.
    pub device: u8,
    /// The subchannel status.
    pub subchannel: u8,
    /// The channel-program address.
    pub cpa: u32,
    /// The residual count, or `None` where it is unpredictable.
    pub count: Option<u16>,
}
