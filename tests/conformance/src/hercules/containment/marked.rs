// SPDX-License-Identifier: GPL-2.0

//! A page that no program must reach.

use std::{
    fs::File,
    ops::Range,
    os::unix::fs::FileExt,
    sync::Arc, //
};

use ccw::sys::{
    Memory,
    PAGE_SIZE, //
};

use crate::fixtures::*;

/// The offset of an IDAW in the marked page, which begins with a CCW. Both store into the page.
pub(super) const LIST: u64 = 8;
/// The byte that fills the rest of the page.
pub(super) const MARK: [u8; 16] = *b"Not for channels";

/// A page that is not mapped for any device.
pub(super) struct Marked {
    pub(super) memory: Arc<Memory>,
    /// The real address of the page.
    pub(super) page: u64,
    pub(super) contents: Vec<u8>,
}

/// Returns the real address of the first page of `memory`.
fn real_address(memory: &Memory) -> TestResult<u64> {
    const PRESENT: u64 = 1 << 63;
    const FRAME: u64 = (1 << 55) - 1;

    // Documentation/admin-guide/mm/pagemap.rst
    let mut entry = [0; 8];
    File::open("/proc/self/pagemap")?
        .read_exact_at(&mut entry, memory.address() / PAGE_SIZE * 8)?;
    let entry = u64::from_ne_bytes(entry);
    check(entry & PRESENT != 0, "the page is not present")?;
    Ok((entry & FRAME) * PAGE_SIZE)
}

impl Marked {
    /// Marks a page, whose real address a program can have.
    pub(super) fn new() -> TestResult<Self> {
        let size = usize::try_from(PAGE_SIZE).map_err(|error| error.to_string())?;
        // Programs have nothing of their own at this address; below are 256 pages, which it may be
        // given first.
        const USABLE: Range<u64> = 0x10_0000..1 << 31;
        const TRIES: usize = 300;

        let mut unusable = Vec::new();
        let (memory, page) = loop {
            let memory = Arc::new(Memory::anonymous(size)?);
            memory.write(0, &MARK.repeat(size / MARK.len()));
            let page = real_address(&memory)?;
            if USABLE.contains(&page) {
                break (memory, page);
            }
            unusable.push(memory);
            check(
                unusable.len() < TRIES,
                format!(
                    "the marked page has the real address {page:#x}, which is none for programs"
                ),
            )?;
        };

        // SENSE ID after the list.
        let target = page + 256;
        memory.write(0, &[0xe4, 0x20, 0, 7]);
        memory.write(4, &target.to_be_bytes()[4..]);
        memory.write(8, &target.to_be_bytes());
        let mut marked = Self {
            memory,
            page,
            contents: Vec::new(),
        };
        marked.contents = marked.read();
        Ok(marked)
    }

    /// Returns what is in the page now.
    pub(super) fn read(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.memory.size()];
        self.memory.read(0, &mut bytes);
        bytes
    }
}
