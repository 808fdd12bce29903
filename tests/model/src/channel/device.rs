// SPDX-License-Identifier: GPL-2.0

//! The device at the end of the channel.

use std::collections::VecDeque;

use super::status::device_status::{
    CHANNEL_END,
    DEVICE_END, //
};

/// The actions of a device for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether it ends the command immediately, without asking the channel for data ("Immediate
    /// Operation").
    pub immediate: bool,
    /// The number of bytes that it moves, unless the program ends the transfer before.
    pub length: usize,
    /// The status at the end of the command.
    pub status: u8,
}

impl Step {
    /// Returns a command that moves this many bytes and ends normally.
    pub const fn moves(length: usize) -> Self {
        Self {
            immediate: false,
            length,
            status: CHANNEL_END | DEVICE_END,
        }
    }

    /// Returns a command that ends immediately and normally.
    pub const fn immediate() -> Self {
        Self {
            immediate: true,
            ..Self::moves(0)
        }
    }

    /// Returns this step with other status.
    #[must_use]
    pub const fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }
}

/// A device.
pub trait Device {
    /// Begins a command.
    fn command(&mut self, code: u8) -> Step;

    /// Returns data: a byte of what input commands read.
    fn byte(&mut self) -> u8;
}

/// A device that follows a script.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
    done: usize,
    input: VecDeque<u8>,
    given: u8,
}

impl Script {
    /// Creates a device that does these steps, and then the last of them again and again. The data
    /// that it returns are the numbers from 1 to 251, again and again.
    pub fn new(steps: &[Step]) -> Self {
        Self {
            steps: steps.to_vec(),
            done: 0,
            input: VecDeque::new(),
            given: 0,
        }
    }

    /// Returns this device with these bytes as the first data that it returns.
    #[must_use]
    pub fn with_input(self, input: &[u8]) -> Self {
        Self {
            input: input.iter().copied().collect(),
            ..self
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
        if let Some(byte) = self.input.pop_front() {
            return byte;
        }
        self.given = self.given % 251 + 1;
        self.given
    }
}
