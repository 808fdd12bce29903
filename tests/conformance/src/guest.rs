// SPDX-License-Identifier: GPL-2.0

//! Guest memory, of which a part must not be changed by the device: what is not mapped, and what is
//! mapped for reading.

use std::{
    io,
    sync::{
        Arc,
        Mutex,
        MutexGuard,
        PoisonError, //
    }, //
};

use crate::fixtures::*;
use ccw::{
    sys::{
        Memory,
        PAGE_SIZE, //
    },
    vfio::{
        Access,
        Device, //
    }, //
};

/// Commands of virtio that take addresses as data, which no driver translates: SET_VQ, SET_IND,
/// SET_CONF_IND, SET_IND_ADAPTER.
const UNSAFE: [u8; 4] = [0x13, 0x43, 0x53, 0x73];

/// NO-OPERATION.
const NOP: u8 = 0x03;

/// The memory of a guest, in ranges.
pub(crate) struct Guest {
    ranges: Vec<Range>,
    /// Set if nothing may be stored that is an unsafe CCW of virtio.
    is_tame: bool,
}

struct Range {
    address: u64,
    is_writable: bool,
    memory: Arc<Memory>,
    state: Mutex<State>,
}

/// The relation of a range to the device.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapped {
    No,
    Yes,
    /// Perhaps for a device that another thread closes.
    Perhaps,
}

struct State {
    mapped: Mapped,
    /// The contents that the device must not change.
    kept: Vec<u8>,
}

impl Range {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.memory.size()];
        self.memory.read(0, &mut bytes);
        bytes
    }

    /// Checks that the device has not changed what it may not change.
    fn check(&self, state: &State) -> TestResult {
        if self.is_writable && state.mapped != Mapped::No {
            return Ok(());
        }
        let now = self.contents();
        if now == state.kept {
            return Ok(());
        }
        let changed = (0..).zip(state.kept.iter().zip(&now));
        let changed = changed.into_iter().find(|(_, (kept, now))| kept != now);
        match changed {
            None => Ok(()),
            Some((offset, (kept, now))) => {
                let address = self.address.wrapping_add(offset);
                let what = match state.mapped {
                    Mapped::No => "is not mapped",
                    _ => "is mapped for reading only",
                };
                let stored = format!("has stored {now:#04x} in place of {kept:#04x}");
                Err(format!("the device {stored} at {address:#x}, which {what}").into())
            }
        }
    }
}

/// Replaces what is unsafe in the words of two words that CCWs can be.
fn tame(bytes: &mut [u8]) {
    for ccw in bytes.chunks_mut(8) {
        if let Some(code) = ccw.first_mut().filter(|code| UNSAFE.contains(code)) {
            *code = NOP;
        }
    }
}

impl Guest {
    /// Creates memory of zeros, none of which is mapped: ranges of an address and a length, and
    /// whether the device may store there. Into a tame guest no unsafe command of virtio is stored.
    pub(crate) fn new(
        ranges: impl IntoIterator<Item = (u64, u64, bool)>,
        is_tame: bool,
    ) -> io::Result<Self> {
        let range = |(address, len, is_writable)| -> io::Result<Range> {
            let size = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
            Ok(Range {
                address,
                is_writable,
                memory: Arc::new(Memory::anonymous(size)?),
                state: Mutex::new(State {
                    mapped: Mapped::No,
                    kept: vec![0; size],
                }),
            })
        };
        Ok(Self {
            ranges: ranges.into_iter().map(range).collect::<io::Result<_>>()?,
            is_tame,
        })
    }

    fn range(&self, number: u8) -> Option<&Range> {
        self.ranges.get(usize::from(number))
    }

    /// Returns the memory of a range.
    ///
    /// # Panics
    ///
    /// Panics if there is no such range.
    pub(crate) fn memory(&self, number: usize) -> &Arc<Memory> {
        &self.ranges[number].memory
    }

    /// Maps a range for a device.
    pub(crate) fn map(&self, device: &Device, number: u8) -> TestResult<io::Result<()>> {
        let Some(range) = self.range(number) else {
            return Ok(Ok(()));
        };
        let mut state = range.state();
        range.check(&state)?;
        let access = match range.is_writable {
            true => Access::ReadWrite,
            false => Access::Read,
        };
        let before = state.mapped;
        state.mapped = match before {
            Mapped::No => Mapped::Yes,
            _ => before,
        };
        let result = device.map(range.address, &range.memory, access);
        if result.is_err() {
            state.mapped = before;
        } else if before == Mapped::Yes {
            state.mapped = Mapped::Perhaps;
        }
        Ok(result)
    }

    /// Unmaps a range. Afterwards the device must not change it.
    pub(crate) fn unmap(&self, device: &Device, number: u8) -> io::Result<()> {
        let Some(range) = self.range(number) else {
            return Ok(());
        };
        let mut state = range.state();
        device.unmap(range.address)?;
        if state.mapped == Mapped::Yes {
            state.mapped = Mapped::No;
            if range.is_writable {
                state.kept = range.contents();
            }
        }
        Ok(())
    }

    /// Notes that a device is closed, perhaps not at once.
    pub(crate) fn closed(&self) {
        for range in &self.ranges {
            let mut state = range.state();
            if state.mapped == Mapped::Yes {
                state.mapped = Mapped::Perhaps;
            }
        }
    }

    /// Checks the memory, and notes that no device is open any more.
    pub(crate) fn all_closed(&self) -> TestResult {
        for range in &self.ranges {
            let mut state = range.state();
            range.check(&state)?;
            *state = State {
                mapped: Mapped::No,
                kept: range.contents(),
            };
        }
        Ok(())
    }

    /// Checks the memory.
    pub(crate) fn check(&self) -> TestResult {
        let mut ranges = self.ranges.iter();
        ranges.try_for_each(|range| range.check(&range.state()))
    }

    /// Stores bytes where there is memory.
    pub(crate) fn store(&self, address: u64, bytes: &[u8]) {
        for range in &self.ranges {
            let mut state = range.state();
            let mut offset = address.wrapping_sub(range.address);
            let mut bytes = bytes;
            if offset >= range.memory.size() as u64 {
                // The first bytes can be before the range.
                let before = offset.wrapping_neg();
                let Some(rest) = usize::try_from(before).ok().and_then(|at| bytes.get(at..)) else {
                    continue;
                };
                (offset, bytes) = (0, rest);
            }
            let offset = usize::try_from(offset).unwrap_or(0);
            let len = bytes.len().min(range.memory.size() - offset);
            self.store_in(range, &mut state, offset, &bytes[..len]);
        }
    }

    /// Stores bytes that fit into a range, as whole double words.
    fn store_in(&self, range: &Range, state: &mut State, offset: usize, bytes: &[u8]) {
        let (start, end) = (offset & !7, (offset + bytes.len()).next_multiple_of(8));
        let mut words = vec![0; end - start];
        range.memory.read(start, &mut words);
        words[offset - start..][..bytes.len()].copy_from_slice(bytes);
        if self.is_tame {
            tame(&mut words);
        }
        range.memory.write(start, &words);
        state.kept[start..end].copy_from_slice(&words);
    }

    /// Discards the page at an address, where there is one.
    pub(crate) fn discard(&self, address: u64) -> io::Result<()> {
        let page = address & !(PAGE_SIZE - 1);
        for range in &self.ranges {
            let offset = page.wrapping_sub(range.address);
            if offset < range.memory.size() as u64 {
                let mut state = range.state();
                let offset = usize::try_from(offset).unwrap_or(0);
                range.memory.discard(offset)?;
                state.kept[offset..][..PAGE_SIZE as usize].fill(0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::agreement::mappings;

    use super::*;

    fn byte(guest: &Guest, number: usize, offset: usize) -> u8 {
        guest.ranges[number].contents()[offset]
    }

    #[test]
    fn bytes_are_stored_where_there_is_memory() {
        let guest = Guest::new(mappings(), false).unwrap();
        let (address, len, _) = mappings().nth(1).unwrap();
        let size = usize::try_from(len).unwrap();
        guest.store(address - 2, &[1, 2, 3]);
        assert_eq!(byte(&guest, 1, 0), 3);
        guest.store(address + len - 1, &[4, 5]);
        assert_eq!(byte(&guest, 1, size - 1), 4);
        // Address zero follows the last address.
        guest.store(u64::MAX, &[6, 7]);
        assert_eq!(byte(&guest, 0, 0), 7);
        guest.check().unwrap();
        guest.discard(address + 1).unwrap();
        assert_eq!(byte(&guest, 1, 0), 0);
        guest.check().unwrap();
    }

    #[test]
    fn a_change_by_others_is_seen() {
        let guest = Guest::new(mappings(), false).unwrap();
        guest.ranges[2].memory.write(5, &[1]);
        let failure = guest.check().unwrap_err().to_string();
        assert!(failure.contains("is not mapped"), "{failure}");
        assert!(guest.all_closed().is_err());
    }

    #[test]
    fn unsafe_commands_are_not_stored_into_a_tame_guest() {
        let guest = Guest::new(mappings(), true).unwrap();
        let address = guest.ranges[1].address;
        guest.store(address, &[0x13, 1, 2, 3, 4, 5, 6, 7, 0x02]);
        guest.store(address + 16, &[0x73]);
        guest.store(address + 17, &[0x73]);
        assert_eq!(
            [0, 8, 16, 17].map(|at| byte(&guest, 1, at)),
            [3, 2, 3, 0x73]
        );
    }
}
