// SPDX-License-Identifier: GPL-2.0

//! The memory that a channel works on.

/// Why a location cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such location: a program check.
    Addressing,
    /// The location must not be used for this access: a protection check.
    Protection,
}

/// The purpose of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A CCW is fetched.
    Ccw,
    /// An IDAW is fetched.
    Idaw,
    /// A MIDAW is fetched.
    Midaw,
    /// Data is fetched or stored.
    Data,
}

/// Memory by absolute addresses. No access crosses a boundary of 4 KiB.
pub trait Memory {
    /// Fetches bytes. After an error the contents of `buffer` are undefined.
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault>;

    /// Stores data: all of `bytes` or nothing.
    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault>;

    /// Lets the owner of the memory respond to a program-controlled interruption, of a CCW that is
    /// not one of a wait ([`Self::is_wait`]).
    fn interrupted(&mut self) {}

    /// Returns whether the CCW at `address` is a NO-OPERATION with which a driver lets a program
    /// wait. It is neither counted nor recorded, and the device is not asked: it has no effect.
    fn is_wait(&self, address: u32) -> bool {
        let _ = address;
        false
    }
}
