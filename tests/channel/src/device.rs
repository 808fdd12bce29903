// SPDX-License-Identifier: GPL-2.0

//! The device at the end of the channel.

use crate::status::device_status::{
    CHANNEL_END,
    DEVICE_END, //
};

/// What a device does with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether it ends the command at once, without the channel being asked for data ("Immediate
    /// Operation").
    pub immediate: bool,
    /// How many bytes it takes or gives, unless the program ends the transfer before.
    pub length: usize,
    /// The status at the end of the command.
    pub status: u8,
}

impl Step {
    /// A command that moves this many bytes and ends well.
    pub const fn moves(length: usize) -> Self {
        Self {
            immediate: false,
            length,
            status: CHANNEL_END | DEVICE_END,
        }
    }

    /// A command that ends well at once.
    pub const fn immediate() -> Self {
        Self {
            immediate: true,
            ..Self::moves(0)
        }
    }

    /// The same with other status.
    #[must_use]
    pub const fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }
}

/// A device.
pub trait Device {
    /// Takes a command.
    fn command(&mut self, code: u8) -> Step;

    /// Gives data: a byte of what input commands read.
    fn byte(&mut self) -> u8;
}

/// A device that does what it is told to.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
    done: usize,
    given: u8,
}

impl Script {
    /// A device that takes these steps, and the last of them for ever. The data that it gives are
    /// the numbers from 1 to 251, again and again.
    pub fn new(steps: &[Step]) -> Self {
        Self {
            steps: steps.to_vec(),
            done: 0,
            given: 0,
        }
    }
}

impl Device for Script {
    fn command(&mut self, _: u8) -> Step {
        let step = self.steps.get(self.done).or(self.steps.last());
        self.done += 1;
        step.copied().unwrap_or(Step::immediate())
    }

    fn byte(&mut self) -> u8 {
        self.given = self.given % 251 + 1;
        self.given
    }
}
