// SPDX-License-Identifier: GPL-2.0

//! A model of a subchannel and its device.
//!
//! It follows the Principles of Operation, "I/O Instructions" and "I/O Interruptions". The model
//! does not interpret programs: each [`Act`] that is possible may happen at any time, or never.

pub(crate) mod control;

use ccwchain::{
    condition_code::ConditionCode,
    scsw::Scsw, //
};
use control::*;

/// Bits of the device status.
const ATTENTION: u32 = 0x80 << 24;
const CHANNEL_END: u32 = 0x08 << 24;
const DEVICE_END: u32 = 0x04 << 24;
const UNIT_CHECK: u32 = 0x02 << 24;

/// An action of the device or the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The program presents intermediate status and continues.
    Intermediate,
    /// The program suspends itself.
    Suspend,
    /// The program ends.
    End,
    /// The program ends with unit check.
    UnitCheck,
    /// The program presents channel end without device end.
    ChannelEnd,
    /// The device presents device end.
    DeviceEnd,
    /// The program is not started: a deferred condition code.
    Deferred(u8),
    /// The halt function is performed.
    Halted,
    /// The clear function is performed.
    Cleared,
    /// The device presents attention.
    Attention,
}

impl Act {
    pub(crate) const ALL: [Self; 11] = [
        Self::Intermediate,
        Self::Suspend,
        Self::End,
        Self::UnitCheck,
        Self::ChannelEnd,
        Self::DeviceEnd,
        Self::Deferred(1),
        Self::Deferred(3),
        Self::Halted,
        Self::Cleared,
        Self::Attention,
    ];
}

/// The status that TEST SUBCHANNEL stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Status {
    pub(crate) control: u32,
    pub(crate) device: u32,
    /// Whether it is unsolicited.
    pub(crate) own: bool,
    /// Whether it ends a start function.
    pub(crate) over: bool,
}

impl Status {
    /// Returns whether neither channel nor device is active.
    pub(crate) fn is_inactive(&self) -> bool {
        self.control & (SUBCHANNEL_ACTIVE | DEVICE_ACTIVE) == 0
    }
}

/// A subchannel. A program is identified by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    present: bool,
    enabled: bool,
    control: u32,
    device: u32,
    own: bool,
    program: Option<u32>,
}

impl Channel {
    /// Returns a subchannel that is not enabled.
    pub(crate) fn new() -> Self {
        Self {
            present: true,
            enabled: false,
            control: 0,
            device: 0,
            own: false,
            program: None,
        }
    }

    /// Returns the program that the channel executes.
    pub(crate) fn program(&self) -> Option<u32> {
        self.program
    }

    /// Returns the same subchannel with another number for the program.
    pub(crate) fn with_program(self, program: Option<u32>) -> Self {
        Self { program, ..self }
    }

    /// Returns its state in words.
    pub(crate) fn describe(&self) -> String {
        if !self.present {
            return "gone".into();
        }
        if !self.enabled {
            return "disabled".into();
        }
        let scsw = Scsw::from_words([self.control, 0, self.device]);
        let program = self.program.map(|program| format!(" program {program}"));
        format!(
            "fctl={} actl={} stctl={}{}",
            scsw.fctl(),
            scsw.actl(),
            scsw.stctl(),
            program.unwrap_or_default()
        )
    }

    pub(crate) fn is_present(&self) -> bool {
        self.present
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Returns whether a clear function is pending.
    pub(crate) fn is_clearing(&self) -> bool {
        self.has(CLEAR_PENDING)
    }

    /// Returns whether an interrupt is pending.
    pub(crate) fn is_pending(&self) -> bool {
        self.has(PENDING)
    }

    /// Returns whether a function is pending, or a program or the device is active.
    pub(crate) fn is_busy(&self) -> bool {
        self.has(FUNCTIONS | SUBCHANNEL_ACTIVE | DEVICE_ACTIVE)
    }

    fn has(&self, bits: u32) -> bool {
        self.control & bits != 0
    }

    fn is_operational(&self) -> bool {
        self.present && self.enabled
    }

    /// Executes START SUBCHANNEL.
    pub(crate) fn start(&mut self, program: u32) -> ConditionCode {
        if !self.is_operational() {
            return ConditionCode::NotOperational;
        }
        if self.is_pending() {
            return ConditionCode::StatusPending;
        }
        if self.has(FUNCTIONS) {
            return ConditionCode::Busy;
        }
        // The device end of an earlier program is not presented after another program is started.
        self.control = START | START_PENDING;
        self.program = Some(program);
        ConditionCode::Initiated
    }

    /// Executes HALT SUBCHANNEL.
    pub(crate) fn halt(&mut self) -> ConditionCode {
        if !self.is_operational() {
            return ConditionCode::NotOperational;
        }
        if self.is_pending() && self.control & STATUS != INTERMEDIATE | PENDING {
            return ConditionCode::StatusPending;
        }
        if self.has(HALT | CLEAR) {
            return ConditionCode::Busy;
        }
        self.control |= HALT | HALT_PENDING;
        ConditionCode::Initiated
    }

    /// Executes CLEAR SUBCHANNEL.
    pub(crate) fn clear(&mut self) -> ConditionCode {
        if !self.is_operational() {
            return ConditionCode::NotOperational;
        }
        self.control = CLEAR | CLEAR_PENDING;
        self.device = 0;
        self.own = false;
        ConditionCode::Initiated
    }

    /// Executes CANCEL SUBCHANNEL.
    pub(crate) fn cancel(&mut self) -> ConditionCode {
        if !self.is_operational() {
            return ConditionCode::NotOperational;
        }
        if self.is_pending() {
            return ConditionCode::StatusPending;
        }
        if !self.has(START_PENDING | SUSPENDED) || self.has(HALT | CLEAR) {
            return ConditionCode::Busy;
        }
        self.control = 0;
        self.program = None;
        ConditionCode::Initiated
    }

    /// Returns whether the program is suspended: `Scsw::suspended_at`.
    pub(crate) fn is_suspended(&self) -> bool {
        self.has(SUSPENDED) && self.control & (FUNCTIONS | RESUME_PENDING) == START
    }

    /// Executes RESUME SUBCHANNEL, after which the program has another number.
    pub(crate) fn resume(&mut self, program: u32) -> ConditionCode {
        if !self.is_operational() {
            return ConditionCode::NotOperational;
        }
        if self.is_pending() {
            return ConditionCode::StatusPending;
        }
        if !self.is_suspended() {
            return ConditionCode::Busy;
        }
        self.control = START | SUBCHANNEL_ACTIVE | DEVICE_ACTIVE;
        self.program = Some(program);
        ConditionCode::Initiated
    }

    /// Gives the program, if the channel still executes it, another number: it follows a TIC.
    pub(crate) fn continue_as(&mut self, program: u32) {
        self.program = self.program.map(|_| program);
    }

    /// Executes MODIFY SUBCHANNEL.
    pub(crate) fn modify(&mut self, enabled: bool) -> ConditionCode {
        if !self.present {
            return ConditionCode::NotOperational;
        }
        if self.is_pending() {
            return ConditionCode::StatusPending;
        }
        if self.has(FUNCTIONS) {
            return ConditionCode::Busy;
        }
        if !enabled {
            self.control = 0;
        }
        self.enabled = enabled;
        ConditionCode::Initiated
    }

    /// Executes TEST SUBCHANNEL.
    pub(crate) fn test(&mut self) -> Option<Status> {
        if !self.is_operational() || !self.is_pending() {
            return None;
        }
        let (control, device, own) = (self.control, self.device, self.own);

        // A halt function ends together with the pending status of a suspended program.
        let halted = self.has(HALT) && self.has(SUSPENDED);
        if control & STATUS != INTERMEDIATE | PENDING || halted {
            let kept = SUBCHANNEL_ACTIVE | DEVICE_ACTIVE;
            if !self.has(kept) {
                self.program = None;
            }
            self.control &= kept;
        } else if self.has(SUSPENDED) {
            self.control &= !RESUME_PENDING;
        }
        self.control &= !(STATUS | 3 << DEFERRED);
        self.device = 0;
        self.own = false;

        Some(Status {
            control,
            device,
            own,
            over: !self.is_busy(),
        })
    }

    /// Removes the device, which ends all functions.
    pub(crate) fn vanish(&mut self) {
        *self = Self {
            present: false,
            ..Self::new()
        };
    }

    /// Returns whether `act` is possible.
    pub(crate) fn may(&self, act: Act) -> bool {
        let works = self.program.is_some()
            && self.has(START)
            && !self.has(CLEAR | SUSPENDED)
            && !self.has(PRIMARY | SECONDARY | ALERT);

        self.is_operational()
            && match act {
                // By the architecture it is presented until a clear function is initiated, but by
                // an emulator until that is performed.
                Act::Intermediate => {
                    (works || self.is_clearing() && self.program.is_some())
                        && !self.has(INTERMEDIATE)
                }
                Act::Suspend => works && !self.has(HALT),
                Act::End | Act::UnitCheck | Act::ChannelEnd => works,
                Act::DeviceEnd => self.program.is_none() && self.has(DEVICE_ACTIVE),
                Act::Deferred(_) => works && self.has(START_PENDING),
                Act::Halted => self.has(HALT_PENDING) && !self.has(PRIMARY | SECONDARY | ALERT),
                Act::Cleared => self.has(CLEAR_PENDING),
                Act::Attention => {
                    !self.is_pending() && (!self.is_busy() || self.control == START | SUSPENDED)
                }
            }
    }

    /// Performs `act`, which must be possible.
    pub(crate) fn act(&mut self, act: Act) {
        const ACTIVITY: u32 = START_PENDING | SUBCHANNEL_ACTIVE | DEVICE_ACTIVE;

        let (cleared, set, device) = match act {
            Act::Intermediate if self.is_clearing() => (0, INTERMEDIATE, 0),
            Act::Intermediate => (
                ACTIVITY,
                SUBCHANNEL_ACTIVE | DEVICE_ACTIVE | INTERMEDIATE,
                0,
            ),
            Act::Suspend => (ACTIVITY, SUSPENDED | INTERMEDIATE, 0),
            Act::End => (ACTIVITY, PRIMARY | SECONDARY, CHANNEL_END | DEVICE_END),
            Act::UnitCheck => (
                ACTIVITY,
                ALERT | PRIMARY | SECONDARY,
                CHANNEL_END | DEVICE_END | UNIT_CHECK,
            ),
            Act::ChannelEnd => (ACTIVITY, DEVICE_ACTIVE | PRIMARY, CHANNEL_END),
            Act::DeviceEnd => (DEVICE_ACTIVE, SECONDARY, DEVICE_END),
            Act::Deferred(1) => (
                ACTIVITY,
                1 << DEFERRED | ALERT | PRIMARY | SECONDARY,
                ATTENTION,
            ),
            Act::Deferred(code) => (ACTIVITY, u32::from(code) << DEFERRED | ALERT, 0),
            Act::Halted => {
                let set = match self.control & (SUBCHANNEL_ACTIVE | DEVICE_ACTIVE) {
                    0 => 0,
                    DEVICE_ACTIVE => SECONDARY,
                    _ => PRIMARY | SECONDARY,
                };
                // While intermediate status is pending, a suspended program is indicated as
                // suspended.
                let cleared = match self.has(INTERMEDIATE) {
                    true => HALT_PENDING | ACTIVITY,
                    false => HALT_PENDING | ACTIVITY | SUSPENDED,
                };
                (cleared, set, 0)
            }
            Act::Cleared => (!CLEAR, 0, 0),
            Act::Attention => (0, ALERT, ATTENTION),
        };
        self.control = self.control & !cleared | set | PENDING;
        self.device |= device;
        self.own = act == Act::Attention;

        if !matches!(act, Act::Intermediate | Act::Suspend | Act::Attention) {
            self.program = None;
        }
    }
}
