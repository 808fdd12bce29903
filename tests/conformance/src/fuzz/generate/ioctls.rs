// SPDX-License-Identifier: GPL-2.0

//! Ioctls with arguments that are nearly valid.

use ccw::sys::uapi;

use super::{
    Generator,
    NUMBERS, //
};
use crate::{
    fixtures::words,
    fuzz::{
        action::{
            Action,
            Ioctl, //
        },
        session::{
            MARK,
            MARKS, //
        }, //
    }, //
};

impl Generator<'_> {
    pub(super) fn ioctl(&mut self) -> Action {
        let ioctls = Ioctl::ALL.map(|(ioctl, _)| ioctl);
        let ioctl = match self.random.one_in(3) {
            true => Ioctl::SetIrqs,
            false => self.random.pick(&ioctls),
        };
        let mut number = |usual: &[u32]| match self.random.one_in(6) {
            true => self.random.pick(NUMBERS),
            false => self.random.pick(usual),
        };
        let mut argument = match ioctl {
            Ioctl::Info => words(&[number(&[16, 20, 24]), 0, 0, 0, 0, 0]),
            Ioctl::RegionInfo => {
                let argsz = number(&[32, 48]);
                let mut argument = words(&[argsz, 0, number(&[0, 1, 2, 3, 4]), 0]);
                argument.resize(48, 0);
                argument
            }
            Ioctl::IrqInfo => words(&[number(&[16]), 0, number(&[0, 1, 2, 3]), 0]),
            Ioctl::SetIrqs => {
                const FLAGS: [u32; 5] = [
                    uapi::IRQ_DATA_EVENTFD | uapi::IRQ_ACTION_TRIGGER,
                    uapi::IRQ_DATA_EVENTFD | uapi::IRQ_ACTION_TRIGGER,
                    uapi::IRQ_DATA_NONE | uapi::IRQ_ACTION_TRIGGER,
                    uapi::IRQ_DATA_BOOL | uapi::IRQ_ACTION_TRIGGER,
                    uapi::IRQ_DATA_NONE | uapi::IRQ_ACTION_MASK,
                ];
                let mut argument = set_eventfd(number(&[0, 0, 1, 2]), 0);
                argument[4..8].copy_from_slice(&number(&FLAGS).to_ne_bytes());
                argument[12..16].copy_from_slice(&number(&[0]).to_ne_bytes());
                argument[16..20].copy_from_slice(&number(&[1, 1, 0]).to_ne_bytes());
                argument[23] = self.random.pick(&MARKS);
                if self.random.one_in(4) {
                    argument[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
                }
                argument
            }
            Ioctl::Feature => {
                let flags = number(&[uapi::FEATURE_PROBE, uapi::FEATURE_GET, uapi::FEATURE_SET]);
                words(&[number(&[8, 16, 40]), flags | number(&[0, 1, 2, 3]), 0, 0])
            }
            Ioctl::Detach => words(&[number(&[8, 12]), number(&[0]), 0]),
        };
        if self.random.one_in(10) {
            argument.truncate(self.random.index(argument.len() + 1));
        }
        Action::Ioctl(ioctl, argument)
    }
}

/// Returns the argument of `SET_IRQS` that sets the eventfd with this number for an interrupt.
pub(super) fn set_eventfd(index: u32, eventfd: u8) -> Vec<u8> {
    let flags = uapi::IRQ_DATA_EVENTFD | uapi::IRQ_ACTION_TRIGGER;
    let mut argument = words(&[24, flags, index, 0, 1]);
    argument.extend(MARK);
    argument.push(eventfd);
    argument
}
