// SPDX-License-Identifier: GPL-2.0

//! The bytes of a fuzzer as a series of choices.

/// The rest of the bytes. After their end there are zeros.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Creates a series of choices by these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns whether bytes are left.
    pub(crate) fn is_left(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns the next bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let (taken, left) = self.0.split_at(N.min(self.0.len()));
        bytes[..taken.len()].copy_from_slice(taken);
        self.0 = left;
        bytes
    }

    /// Returns the next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    /// Returns the next two bytes.
    pub(crate) fn half(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes())
    }

    /// Returns the next four bytes.
    pub(crate) fn word(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    /// Returns the next eight bytes.
    pub(crate) fn double(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// Returns, as a rule, the first byte of the block of an address or, for read backward, its last.
    pub(crate) fn edge_of_block(&mut self, address: u64) -> u64 {
        match self.byte() % 6 {
            0 | 1 => address & !0xfff,
            2 => address & !0x7ff,
            3 => address | 0xfff,
            4 => address | 0x7ff,
            _ => address,
        }
    }

    /// Returns one of the items, which is the first one at the end of the input.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }
}
