// SPDX-License-Identifier: GPL-2.0

//! What the program is told ("Subchannel-Status Word").

/// Bits of [`Status::control`].
pub mod status_control {
    /// Something unusual is to be seen to.
    pub const ALERT: u8 = 0x10;
    /// The program goes on, or is suspended.
    pub const INTERMEDIATE: u8 = 0x08;
    /// The channel is done.
    pub const PRIMARY: u8 = 0x04;
    /// The device is done.
    pub const SECONDARY: u8 = 0x02;
    /// There is status.
    pub const PENDING: u8 = 0x01;
}

/// Bits of [`Status::device`].
pub mod device_status {
    /// The next CCW is to be stepped over.
    pub const STATUS_MODIFIER: u8 = 0x40;
    /// The device is done with the channel.
    pub const CHANNEL_END: u8 = 0x08;
    /// The device is done with the command.
    pub const DEVICE_END: u8 = 0x04;
    /// Something unusual, which sense data describes.
    pub const UNIT_CHECK: u8 = 0x02;
    /// Something unusual, such as a tape mark.
    pub const UNIT_EXCEPTION: u8 = 0x01;
}

/// Bits of [`Status::subchannel`].
pub mod subchannel_status {
    /// A CCW with the PCI flag took control.
    pub const PCI: u8 = 0x80;
    /// The device moved another number of bytes than the program says.
    pub const INCORRECT_LENGTH: u8 = 0x40;
    /// The program is wrong.
    pub const PROGRAM_CHECK: u8 = 0x20;
    /// The program uses storage that is protected against it.
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
    /// The residual count; none where the architecture calls the field unpredictable.
    pub count: Option<u16>,
}
