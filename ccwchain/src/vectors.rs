// SPDX-License-Identifier: GPL-2.0

//! One program, its translation and a status of it, byte by byte: what they are must not depend on
//! the byte order of the machine that runs this. Cargo replays them on a host, KUnit in the kernel.

use crate::{
    irb::Irb,
    memory::{
        Access,
        Arena,
        GuestMemory,
        MemoryError,
        Storage, //
    },
    orb::Orb,
    translator::{
        Sizes,
        Translator, //
    },
};

/// Key 2, suspend, prefetch, path mask 0x80, a program of format-0 CCWs and format-1 IDAWs.
const ORB: [u8; 12] = [
    0x12, 0x34, 0x56, 0x78, 0x28, 0x40, 0x80, 0x00, 0x00, 0x00, 0x10, 0x00,
];

/// The guest's page at 0x1000, as far as it is not zero.
const PROGRAM: [u8; 48] = [
    // No-operation, chained.
    0x03, 0x00, 0x00, 0x00, 0x60, 0x00, 0x00, 0x01, //
    // Write of 2049 bytes through the list at 0x1028, chained.
    0x01, 0x00, 0x10, 0x28, 0x64, 0xff, 0x08, 0x01, //
    // Transfer to 0x1020.
    0x08, 0x00, 0x10, 0x20, 0x00, 0x00, 0x00, 0x00, //
    // For status modifier: a read with a count of zero, which is wrong.
    0x02, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, //
    // Read of 256 bytes at 0x2010.
    0x02, 0x00, 0x20, 0x10, 0x20, 0x00, 0x01, 0x00, //
    // The list.
    0x00, 0x00, 0x3f, 0xff, 0x00, 0x00, 0x28, 0x00,
];

/// Where the slots of a program are in an arena.
const SLOTS: usize = 4096 + 32 * 8;

/// Where the arena is in the host.
const ARENA: u32 = 0x4000_0000;

/// Where the guest's memory is in the host.
const MEMORY: u64 = 0x0123_4567_8000_0000;

const HOST_ORB: [u32; 8] = [0x1234_5678, 0x28c3_8000, 0x4000_1100, 0, 0, 0, 0, 0];

/// The host's five slots, three guards and two lists.
const HOST_PROGRAM: [u8; 88] = [
    0x03, 0x64, 0x00, 0x01, 0x40, 0x00, 0x10, 0x00, //
    0x01, 0x64, 0x08, 0x01, 0x40, 0x00, 0x11, 0x40, //
    0x08, 0x00, 0x00, 0x00, 0x40, 0x00, 0x11, 0x20, //
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, //
    0x02, 0x24, 0x01, 0x00, 0x40, 0x00, 0x11, 0x50, //
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, //
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, //
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, //
    0x01, 0x23, 0x45, 0x67, 0x80, 0x00, 0x3f, 0xff, //
    0x01, 0x23, 0x45, 0x67, 0x80, 0x00, 0x28, 0x00, //
    0x01, 0x23, 0x45, 0x67, 0x80, 0x00, 0x20, 0x10, //
];

/// Words 0 to 9 of a status, with an address of the host's in the CPA and as failing storage.
const HOST_IRB: [u8; 40] = [
    0x04, 0x80, 0x40, 0x17, 0x40, 0x00, 0x11, 0x28, 0x0e, 0x40, 0x00, 0xf0, //
    0x04, 0x80, 0x40, 0x00, 0x03, 0x42, 0x00, 0x00, 0x01, 0x23, 0x45, 0x67, //
    0x80, 0x00, 0x20, 0x15, 0x00, 0x00, 0x00, 0x00, 0x80, 0x40, 0x00, 0x00, //
    0x00, 0x00, 0x00, 0x00,
];

/// The same for the guest.
const GUEST_IRB: [u8; 40] = [
    0x04, 0x80, 0x40, 0x17, 0x00, 0x00, 0x10, 0x28, 0x0e, 0x40, 0x00, 0xf0, //
    0x04, 0x80, 0x40, 0x00, 0x03, 0x02, 0x00, 0x00, 0x00, 0x00, 0x20, 0x15, //
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x40, 0x00, 0x00, //
    0x00, 0x00, 0x00, 0x00,
];

/// Guest memory with the program in it, and zeros around it.
struct Memory;

impl GuestMemory for Memory {
    type Error = ();

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<()>> {
        let offset = address.checked_sub(0x1000).ok_or(MemoryError::Guest)?;
        let bytes = PROGRAM.iter().copied().chain([0].into_iter().cycle());
        for (to, from) in buffer.iter_mut().zip(bytes.skip(offset as usize)) {
            *to = from;
        }
        Ok(())
    }

    fn pin(&mut self, first: u64, _: Access, frames: &mut [u64]) -> Result<(), MemoryError<()>> {
        for (frame, number) in frames.iter_mut().zip(first..) {
            *frame = MEMORY + 4096 * number;
        }
        Ok(())
    }

    fn unpin(&mut self, _: u64, _: usize) {}
}

/// The part of an arena that is behind the sink page and its list.
struct Window([u8; HOST_PROGRAM.len()]);

impl Arena for Window {
    fn address(&self) -> u32 {
        ARENA
    }

    fn size(&self) -> usize {
        SLOTS + self.0.len()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let window = offset.checked_sub(SLOTS);
        for (to, from) in window
            .and_then(|at| self.0.get_mut(at..))
            .unwrap_or_default()
            .iter_mut()
            .zip(bytes)
        {
            *to = *from;
        }
    }
}

/// A status with these first words, and zeros behind.
fn irb(words: &[u8; 40]) -> Irb {
    let mut bytes = [0; 64];
    for (to, from) in bytes.iter_mut().zip(words) {
        *to = *from;
    }
    Irb::from_bytes(&bytes)
}

/// Translates the program and its status. Says what came out wrong.
pub fn replay<S: Storage>() -> Result<(), &'static str> {
    let sizes = Sizes { ccws: 8, idaws: 4 };
    let mut translator = Translator::<S>::new(sizes, 1).map_err(|_| "no memory")?;
    let mut window = Window([0; HOST_PROGRAM.len()]);
    let host = translator
        .translate(&Orb::from_bytes(&ORB), &mut Memory, &mut window)
        .map_err(|_| "the program is refused")?;
    if host.words() != HOST_ORB {
        return Err("the host's ORB");
    }
    if window.0 != HOST_PROGRAM {
        return Err("the host's program");
    }
    let mut status = irb(&HOST_IRB);
    translator.write_back(&mut status);
    if status != irb(&GUEST_IRB) {
        return Err("the guest's IRB");
    }
    translator.release(&mut Memory);
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::convert::Infallible;
    use std::{
        vec,
        vec::Vec, //
    };

    use super::*;

    struct Heap;

    impl Storage for Heap {
        type Of<T> = Vec<T>;
        type Error = Infallible;

        fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
            Ok(vec![T::default(); len])
        }
    }

    #[test]
    fn a_program_its_translation_and_its_status_are_the_same_bytes_everywhere() {
        assert_eq!(replay::<Heap>(), Ok(()));
    }
}
