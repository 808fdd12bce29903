// SPDX-License-Identifier: GPL-2.0

//! The subchannel-status word, command mode.
//!
//! Principles of Operation, "Subchannel-Status Word"; `arch/s390/include/asm/scsw.h`.

use core::fmt;

use crate::{
    ccw::Format,
    format::flags::flags,
    format::words, //
};

flags! {
    /// The functions that the subchannel is asked to perform.
    pub struct FunctionControl(u8);
    /// The start function.
    START = 0x4, "start";
    /// The halt function.
    HALT = 0x2, "halt";
    /// The clear function.
    CLEAR = 0x1, "clear";
}

flags! {
    /// How far the functions have got.
    pub struct ActivityControl(u8);
    /// A resume is pending.
    RESUME_PENDING = 0x40, "resume-pending";
    /// A start is pending.
    START_PENDING = 0x20, "start-pending";
    /// A halt is pending.
    HALT_PENDING = 0x10, "halt-pending";
    /// A clear is pending.
    CLEAR_PENDING = 0x08, "clear-pending";
    /// The subchannel is executing a program.
    SUBCHANNEL_ACTIVE = 0x04, "subchannel-active";
    /// The device is busy with a program.
    DEVICE_ACTIVE = 0x02, "device-active";
    /// The program has suspended itself.
    SUSPENDED = 0x01, "suspended";
}

flags! {
    /// What kind of status there is.
    pub struct StatusControl(u8);
    /// Something unusual is to be seen to.
    ALERT = 0x10, "alert";
    /// The program goes on, or is suspended.
    INTERMEDIATE = 0x08, "intermediate";
    /// The channel is done with the program.
    PRIMARY = 0x04, "primary";
    /// The device is done with the program.
    SECONDARY = 0x02, "secondary";
    /// There is status to be taken.
    PENDING = 0x01, "pending";
}

flags! {
    /// The status that the device gave.
    pub struct DeviceStatus(u8);
    /// Attention.
    ATTENTION = 0x80, "attention";
    /// Status modifier.
    STATUS_MODIFIER = 0x40, "status modifier";
    /// Control-unit end.
    CONTROL_UNIT_END = 0x20, "control unit end";
    /// Busy.
    BUSY = 0x10, "busy";
    /// Channel end.
    CHANNEL_END = 0x08, "channel end";
    /// Device end.
    DEVICE_END = 0x04, "device end";
    /// Unit check.
    UNIT_CHECK = 0x02, "unit check";
    /// Unit exception.
    UNIT_EXCEPTION = 0x01, "unit exception";
}

flags! {
    /// The status that the channel subsystem found.
    pub struct SubchannelStatus(u8);
    /// Program-controlled interruption.
    PCI = 0x80, "PCI";
    /// Incorrect length.
    INCORRECT_LENGTH = 0x40, "incorrect length";
    /// Program check.
    PROGRAM_CHECK = 0x20, "program check";
    /// Protection check.
    PROTECTION_CHECK = 0x10, "protection check";
    /// Channel-data check.
    CHANNEL_DATA_CHECK = 0x08, "channel data check";
    /// Channel-control check.
    CHANNEL_CONTROL_CHECK = 0x04, "channel control check";
    /// Interface-control check.
    INTERFACE_CONTROL_CHECK = 0x02, "interface control check";
    /// Chaining check.
    CHAINING_CHECK = 0x01, "chaining check";
}

/// The three words of a subchannel-status word.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scsw([u32; 3]);

impl Scsw {
    /// An SCSW of these three words.
    pub const fn from_words(words: [u32; 3]) -> Self {
        Self(words)
    }

    /// The three words of the SCSW, as numbers.
    #[inline]
    pub const fn words(&self) -> [u32; 3] {
        self.0
    }

    /// Reads an SCSW from the bytes that it has in memory.
    #[inline]
    pub fn from_bytes(bytes: &[u8; 12]) -> Self {
        Self(words::from_bytes(bytes))
    }

    /// The bytes that the SCSW has in memory.
    #[inline]
    pub fn to_bytes(&self) -> [u8; 12] {
        words::to_bytes(self.0)
    }

    #[inline]
    const fn control(&self) -> u32 {
        let [control, _, _] = self.0;
        control
    }

    #[inline]
    const fn status(&self) -> u32 {
        let [_, _, status] = self.0;
        status
    }

    /// The subchannel key.
    pub const fn key(&self) -> u8 {
        (self.control() >> 28) as u8
    }

    /// Whether the extended-status word is of format 0, with a subchannel logout (L, bit 5).
    #[inline]
    pub const fn logout(&self) -> bool {
        self.control() & 0x0400_0000 != 0
    }

    /// The deferred condition code (bits 6 and 7).
    #[inline]
    pub const fn cc(&self) -> u8 {
        (self.control() >> 24) as u8 & 0x3
    }

    /// The format of the CCWs (F, bit 8).
    #[inline]
    pub const fn format(&self) -> Format {
        if self.control() & 0x0080_0000 != 0 {
            Format::One
        } else {
            Format::Zero
        }
    }

    /// The same status with this format of the CCWs.
    #[inline]
    #[must_use]
    pub const fn with_format(self, format: Format) -> Self {
        let [control, cpa, status] = self.0;
        let control = match format {
            Format::Zero => control & !0x0080_0000,
            Format::One => control | 0x0080_0000,
        };
        Self([control, cpa, status])
    }

    /// Whether the extended-control word holds something (E, bit 14).
    pub const fn extended_control(&self) -> bool {
        self.control() & 0x0002_0000 != 0
    }

    /// The same status with the bits L and E of another.
    #[must_use]
    pub(crate) const fn with_extended(self, other: Self) -> Self {
        const L_AND_E: u32 = 0x0402_0000;

        let ([control, cpa, status], [other, _, _]) = (self.0, other.0);
        Self([control & !L_AND_E | other & L_AND_E, cpa, status])
    }

    /// The function control (bits 17 to 19).
    #[inline]
    pub const fn fctl(&self) -> FunctionControl {
        FunctionControl::from_bits((self.control() >> 12) as u8 & 0x07)
    }

    /// The activity control (bits 20 to 26).
    #[inline]
    pub const fn actl(&self) -> ActivityControl {
        ActivityControl::from_bits((self.control() >> 5) as u8 & 0x7f)
    }

    /// The status control (bits 27 to 31).
    #[inline]
    pub const fn stctl(&self) -> StatusControl {
        StatusControl::from_bits(self.control() as u8 & 0x1f)
    }

    /// The address of the CCW behind the one that was last in effect.
    #[inline]
    pub const fn cpa(&self) -> u32 {
        let [_, cpa, _] = self.0;
        cpa
    }

    /// The same status with this channel-program address.
    #[inline]
    #[must_use]
    pub const fn with_cpa(self, cpa: u32) -> Self {
        let [control, _, status] = self.0;
        Self([control, cpa, status])
    }

    /// The status of the device.
    #[inline]
    pub const fn device_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits((self.status() >> 24) as u8)
    }

    /// The status of the subchannel.
    #[inline]
    pub const fn subchannel_status(&self) -> SubchannelStatus {
        SubchannelStatus::from_bits((self.status() >> 16) as u8)
    }

    /// The residual count of the last CCW in effect, in bytes.
    pub const fn count(&self) -> u16 {
        self.status() as u16
    }

    /// Whether the status answers a function that was asked for, as against the device's own
    /// initiative.
    #[inline]
    pub fn is_solicited(&self) -> bool {
        self.cc() != 0
            || self.stctl() != StatusControl::ALERT.union(StatusControl::PENDING)
            || self.halted_or_cleared()
    }

    /// Whether a halt or clear function has been performed.
    #[inline]
    const fn halted_or_cleared(&self) -> bool {
        const PENDING: ActivityControl =
            ActivityControl::HALT_PENDING.union(ActivityControl::CLEAR_PENDING);

        self.fctl()
            .intersects(FunctionControl::HALT.union(FunctionControl::CLEAR))
            && !self.actl().intersects(PENDING)
    }

    /// Whether this status ends a start function: nothing uses the program any more.
    ///
    /// That is secondary status, a deferred condition code, an alert that finds nothing active or
    /// pending, or the end of a halt or clear function. Activity alone says nothing: a suspended
    /// program shows no activity and goes on when it is resumed, unless it is halted; when its pending
    /// status is taken then, the halt function is over with it. Nor does the function control, which
    /// is empty in the secondary status that comes after the primary one was taken.
    #[inline]
    pub const fn ends_start(&self) -> bool {
        const UNFINISHED: ActivityControl = ActivityControl::RESUME_PENDING
            .union(ActivityControl::START_PENDING)
            .union(ActivityControl::SUBCHANNEL_ACTIVE)
            .union(ActivityControl::DEVICE_ACTIVE)
            .union(ActivityControl::SUSPENDED);
        const GOES_ON: StatusControl = StatusControl::INTERMEDIATE.union(StatusControl::PRIMARY);

        let (fctl, stctl) = (self.fctl(), self.stctl());
        let finished = !self.actl().intersects(UNFINISHED);

        if !stctl.contains(StatusControl::PENDING) {
            return false;
        }
        if fctl.contains(FunctionControl::HALT) && self.actl().contains(ActivityControl::SUSPENDED)
        {
            return true;
        }
        if self.halted_or_cleared()
            && (fctl.contains(FunctionControl::CLEAR) || finished || !stctl.intersects(GOES_ON))
        {
            return true;
        }
        self.cc() != 0
            || stctl.contains(StatusControl::SECONDARY)
            || (fctl.contains(FunctionControl::START)
                && stctl.contains(StatusControl::ALERT)
                && finished)
    }

    /// Returns whether a halt or clear function, and what it was to end, is over with this status.
    #[inline]
    pub const fn ends_halt_or_clear(&self) -> bool {
        self.fctl()
            .intersects(FunctionControl::HALT.union(FunctionControl::CLEAR))
            && self.ends_start()
    }

    /// This status and then `newer`, as a subchannel shows them whose status nobody took meanwhile:
    /// the bits of both, the rest as it is now.
    #[must_use]
    pub const fn accumulate(self, newer: Self) -> Self {
        const FCTL_AND_STCTL: u32 = 0x0000_701f;
        const STATUS: u32 = 0xffff_0000;

        let ([old_control, _, old_status], [control, cpa, status]) = (self.0, newer.0);
        Self([
            control | old_control & FCTL_AND_STCTL,
            cpa,
            status | old_status & STATUS,
        ])
    }
}

impl fmt::Display for Scsw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SCSW cc={} fctl={} actl={} stctl={} cpa={:#010x} count={} device: {}, subchannel: {}",
            self.cc(),
            self.fctl(),
            self.actl(),
            self.stctl(),
            self.cpa(),
            self.count(),
            self.device_status(),
            self.subchannel_status()
        )
    }
}

impl fmt::Debug for Scsw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
