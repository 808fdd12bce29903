// SPDX-License-Identifier: GPL-2.0

//! The subchannel-status word (SCSW), in command mode.
//!
//! Principles of Operation, "Subchannel-Status Word"; `arch/s390/include/asm/scsw.h`.

use core::fmt;

use crate::{
    ccw::{
        self,
        Format, //
    },
    format::{
        self,
        flags::flags, //
    },
};

flags! {
    /// The functions that the subchannel performs.
    pub struct FunctionControl(u8);
    /// The start function.
    START = 0x4, "start";
    /// The halt function.
    HALT = 0x2, "halt";
    /// The clear function.
    CLEAR = 0x1, "clear";
}

flags! {
    /// The progress of the functions.
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
    /// The kind of status.
    pub struct StatusControl(u8);
    /// Alert status: an unusual condition.
    ALERT = 0x10, "alert";
    /// Intermediate status: the program continues, or is suspended.
    INTERMEDIATE = 0x08, "intermediate";
    /// Primary status: the channel has ended the program.
    PRIMARY = 0x04, "primary";
    /// Secondary status: the device has ended the program.
    SECONDARY = 0x02, "secondary";
    /// Status pending: TEST SUBCHANNEL has not cleared the status yet.
    PENDING = 0x01, "pending";
}

flags! {
    /// The device status.
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
    /// The subchannel status: conditions that the channel subsystem recognized.
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
    /// Returns the SCSW with these three words.
    pub const fn from_words(words: [u32; 3]) -> Self {
        Self(words)
    }

    /// Returns the three words, as numbers.
    #[inline]
    pub const fn words(&self) -> [u32; 3] {
        self.0
    }

    /// Parses an SCSW.
    #[inline]
    pub fn from_bytes(bytes: &[u8; 12]) -> Self {
        Self(format::words_from_bytes(bytes))
    }

    /// Returns the bytes of the SCSW in memory.
    #[inline]
    pub fn to_bytes(&self) -> [u8; 12] {
        format::words_to_bytes(self.0)
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

    /// Returns the subchannel key, 0 to 15.
    pub const fn key(&self) -> u8 {
        (self.control() >> 28) as u8
    }

    /// Returns whether the extended-status word has format 0, with a subchannel logout (L, bit 5).
    #[inline]
    pub const fn logout(&self) -> bool {
        self.control() & 0x0400_0000 != 0
    }

    /// Returns the deferred condition code (bits 6 and 7).
    #[inline]
    pub const fn cc(&self) -> u8 {
        (self.control() >> 24) as u8 & 0x3
    }

    /// Returns the format of the CCWs (F, bit 8).
    #[inline]
    pub const fn format(&self) -> Format {
        if self.control() & 0x0080_0000 != 0 {
            Format::One
        } else {
            Format::Zero
        }
    }

    /// Returns this SCSW with another format of the CCWs.
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

    /// Returns whether the status tells that the program was accepted (Z, bit 13).
    pub const fn zero_condition_code(&self) -> bool {
        self.control() & 0x0004_0000 != 0
    }

    /// Returns whether the extended-control word has information (E, bit 14).
    pub const fn extended_control(&self) -> bool {
        self.control() & 0x0002_0000 != 0
    }

    /// Returns this SCSW, with the bits L and E also if they are one in another.
    #[must_use]
    pub(crate) const fn with_extended(self, other: Self) -> Self {
        const L_AND_E: u32 = 0x0402_0000;

        let ([control, cpa, status], [other, _, _]) = (self.0, other.0);
        Self([control | other & L_AND_E, cpa, status])
    }

    /// Returns the function control (bits 17 to 19).
    #[inline]
    pub const fn fctl(&self) -> FunctionControl {
        FunctionControl::from_bits((self.control() >> 12) as u8 & 0x07)
    }

    /// Returns the activity control (bits 20 to 26).
    #[inline]
    pub const fn actl(&self) -> ActivityControl {
        ActivityControl::from_bits((self.control() >> 5) as u8 & 0x7f)
    }

    /// Returns the status control (bits 27 to 31).
    #[inline]
    pub const fn stctl(&self) -> StatusControl {
        StatusControl::from_bits(self.control() as u8 & 0x1f)
    }

    /// Returns the channel-program address, as a rule that of the CCW after the one that was last
    /// in effect.
    #[inline]
    pub const fn cpa(&self) -> u32 {
        let [_, cpa, _] = self.0;
        cpa
    }

    /// Returns this SCSW with another channel-program address.
    #[inline]
    #[must_use]
    pub const fn with_cpa(self, cpa: u32) -> Self {
        let [control, _, status] = self.0;
        Self([control, cpa, status])
    }

    /// Returns the device status.
    #[inline]
    pub const fn device_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits((self.status() >> 24) as u8)
    }

    /// Returns the subchannel status.
    #[inline]
    pub const fn subchannel_status(&self) -> SubchannelStatus {
        SubchannelStatus::from_bits((self.status() >> 16) as u8)
    }

    /// Returns the residual count in bytes of the last CCW in effect.
    pub const fn count(&self) -> u16 {
        self.status() as u16
    }

    /// Returns whether the status is solicited: it belongs to a start, halt or clear function.
    /// Otherwise the device presented it on its own initiative.
    #[inline]
    pub fn is_solicited(&self) -> bool {
        self.cc() != 0
            || self.stctl() != StatusControl::ALERT.union(StatusControl::PENDING)
            || self.halted_or_cleared()
    }

    /// Returns whether a halt or clear function has been performed.
    #[inline]
    const fn halted_or_cleared(&self) -> bool {
        const PENDING: ActivityControl =
            ActivityControl::HALT_PENDING.union(ActivityControl::CLEAR_PENDING);

        self.fctl()
            .intersects(FunctionControl::HALT.union(FunctionControl::CLEAR))
            && !self.actl().intersects(PENDING)
    }

    /// Returns whether this status ends a start function, so that the channel does not use the
    /// program any more.
    ///
    /// These are secondary status, a deferred condition code, alert status while no activity is
    /// indicated, and the end of a halt or clear function.
    ///
    /// The activity control is not enough. A suspended program indicates no activity, but continues
    /// when it is resumed. If it is halted, the status that is pending then ends the halt function.
    /// Nor is the function control enough: it is zero in secondary status that follows primary
    /// status.
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

    /// Returns whether this status ends a halt or clear function, and with it the start function.
    #[inline]
    pub const fn ends_halt_or_clear(&self) -> bool {
        self.fctl()
            .intersects(FunctionControl::HALT.union(FunctionControl::CLEAR))
            && self.ends_start()
    }

    /// Returns the address of the CCW at which the program is suspended, or `None` if no program
    /// is, or if it is being resumed, halted or cleared.
    pub fn suspended_at(&self) -> Option<u32> {
        let is_suspended = self.fctl() == FunctionControl::START
            && self.actl().contains(ActivityControl::SUSPENDED)
            && !self.actl().contains(ActivityControl::RESUME_PENDING);
        is_suspended.then(|| self.cpa().checked_sub(ccw::SIZE))?
    }

    /// Accumulates `newer` into this status, as a status-pending subchannel does: returns the
    /// status bits of both, and all else of `newer`.
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
