// SPDX-License-Identifier: GPL-2.0

//! Memory of the guest, in which a program is laid out.

use std::{
    io,
    ops::Range,
    sync::Arc, //
};

use crate::{
    program::Chunk,
    sys::{
        Memory,
        PAGE_SIZE, //
    },
    vfio::{
        Access,
        Device, //
    }, //
};

/// Memory that is mapped for a device. It consists of ranges of pages, with holes between them.
#[derive(Default)]
pub struct GuestMemory {
    runs: Vec<Run>,
}

struct Run {
    address: u64,
    memory: Arc<Memory>,
    access: Access,
}

/// Returns the ranges of pages that sorted chunks need. Adjacent ranges with equal rights are joined.
fn runs(chunks: &[Chunk]) -> Vec<(Range<u64>, Access)> {
    let mut runs: Vec<(Range<u64>, Access)> = Vec::new();
    for chunk in chunks {
        let Some(access) = chunk.access else {
            continue;
        };
        let start = chunk.address / PAGE_SIZE * PAGE_SIZE;
        let end = chunk.end().next_multiple_of(PAGE_SIZE);
        match runs.last_mut() {
            Some((last, same)) if start <= last.end && *same == access => {
                last.end = last.end.max(end);
            }
            _ => runs.push((start..end, access)),
        }
    }
    runs
}

impl GuestMemory {
    /// Lays out chunks, and maps their pages for a device.
    pub fn map(device: &mut Device, chunks: &[Chunk]) -> io::Result<Self> {
        let mut guest = Self::default();
        for (range, access) in runs(chunks) {
            let size = usize::try_from(range.end - range.start)
                .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
            guest.runs.push(Run {
                address: range.start,
                memory: Arc::new(Memory::anonymous(size)?),
                access,
            });
        }
        for chunk in chunks.iter().filter(|chunk| chunk.access.is_some()) {
            guest.write(chunk.address, &chunk.bytes);
        }
        for run in &guest.runs {
            if let Err(error) = device.map(run.address, &run.memory, run.access) {
                guest.unmap(device)?;
                return Err(error);
            }
        }
        Ok(guest)
    }

    /// Unmaps the memory from the device.
    pub fn unmap(&self, device: &mut Device) -> io::Result<()> {
        for run in &self.runs {
            match device.unmap(run.address) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the memory at a guest address, and the offset in it.
    ///
    /// # Panics
    ///
    /// Panics if there is no memory. A program that was read uses only memory that it describes.
    pub fn memory(&self, address: u64) -> (&Memory, usize) {
        let place = self.runs.iter().find_map(|run| {
            let offset = usize::try_from(address.checked_sub(run.address)?).ok()?;
            (offset < run.memory.size()).then_some((run.memory.as_ref(), offset))
        });
        place.unwrap_or_else(|| panic!("the guest has no memory at {address:#x}"))
    }

    /// Writes bytes to a guest address.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let (memory, offset) = self.memory(address);
        memory.write(offset, bytes);
    }

    /// Reads bytes from a guest address.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let (memory, offset) = self.memory(address);
        memory.read(offset, &mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(address: u64, len: usize, access: Option<Access>) -> Chunk {
        Chunk {
            name: String::new(),
            address,
            access,
            bytes: vec![0; len],
        }
    }

    #[test]
    fn pages_that_touch_are_one_run() {
        let (read, write) = (Some(Access::Read), Some(Access::ReadWrite));
        let chunks = [
            chunk(0x1008, 8, write),
            chunk(0x1ff8, 16, write),
            chunk(0x3000, 1, read),
            chunk(0x4000, 1, None),
            chunk(0x5fff, 2, write),
        ];
        assert_eq!(
            runs(&chunks),
            [
                (0x1000..0x3000, Access::ReadWrite),
                (0x3000..0x4000, Access::Read),
                (0x5000..0x7000, Access::ReadWrite),
            ]
        );
    }
}
