// SPDX-License-Identifier: GPL-2.0

//! Memory that a device may use.

use std::{
    io,
    os::fd::BorrowedFd,
    ptr::{
        self,
        NonNull, //
    }, //
};

use rustix::mm::{
    self,
    Advice,
    MapFlags,
    MprotectFlags,
    ProtFlags, //
};

/// The size of a page on s390x and on the machines that run the unit tests.
pub const PAGE_SIZE: u64 = 4096;

/// [`PAGE_SIZE`] as a size in this process.
pub(super) const PAGE: usize = 4096;

/// Anonymous memory that a device may be allowed to use.
///
/// The device can write to it at any time. For that reason bytes are only copied in and out, and no
/// reference to them exists.
///
/// # Invariants
///
/// `start` is the start of a mapping of `size` bytes that only this object uses and removes.
#[derive(Debug)]
pub struct Memory {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: A mapping belongs to the process, not to a thread.
unsafe impl Send for Memory {}

// SAFETY: Threads copy bytes in and out as the device does. There are no references to the bytes,
// and whoever copies them accepts old and new ones.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps zeroed memory of `size` bytes, which must not be zero.
    pub fn anonymous(size: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: The kernel chooses an address where nothing is mapped.
        let start = unsafe { mm::mmap_anonymous(ptr::null_mut(), size, access, MapFlags::PRIVATE) };
        let start = NonNull::new(start?.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // INVARIANT: The mapping is new.
        Ok(Self { start, size })
    }

    /// Discards the page at `offset`. The next access finds a new page of zeros.
    pub fn discard(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        // SAFETY: The page is in this mapping, to whose bytes there are no references.
        Ok(unsafe { mm::madvise(page.cast(), PAGE, Advice::LinuxDontNeed) }?)
    }

    /// Maps a new page of zeros in place of the one at `offset`.
    pub fn replace(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: The page is in this mapping, to whose bytes there are no references.
        unsafe { mm::mmap_anonymous(page.cast(), PAGE, access, flags) }?;
        Ok(())
    }

    /// Moves the page at `from` to `offset`, in place of the one there, and maps a new page at
    /// `from`.
    pub fn move_page(&self, from: usize, offset: usize) -> io::Result<()> {
        // `rustix::mm::mremap_fixed` passes MAP_FIXED in place of MREMAP_FIXED where it uses libc.
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let (old, new) = (self.part(from, PAGE), self.part(offset, PAGE));
        // SAFETY: Both pages are in this mapping, to whose bytes there are no references.
        let moved = unsafe { libc::mremap(old.cast(), PAGE, PAGE, flags, new) };
        if moved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        self.replace(from)
    }

    /// Takes all rights to the page at `offset` from this process, which must not use it any more.
    pub fn forbid(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        // SAFETY: The page is in this mapping, to whose bytes there are no references.
        Ok(unsafe { mm::mprotect(page.cast(), PAGE, MprotectFlags::empty()) }?)
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the address in this process.
    pub fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Returns a pointer to `len` bytes at `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the bytes are not all in this memory.
    pub(super) fn part(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(
            offset <= self.size && len <= self.size - offset,
            "{len} bytes at {offset} are beyond the {} bytes of this memory",
            self.size
        );
        self.start.as_ptr().wrapping_add(offset)
    }

    /// Copies `bytes` in, to `offset`.
    ///
    /// # Panics
    ///
    /// Panics if they do not all fit.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.part(offset, bytes.len());
        // SAFETY: `part` has checked the range. The slice cannot overlap it, since there are no
        // references to this memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Copies `bytes.len()` bytes out, from `offset`.
    ///
    /// # Panics
    ///
    /// Panics if this memory does not have that many.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        let from = self.part(offset, bytes.len());
        // SAFETY: `part` has checked the range. The slice cannot overlap it, since there are no
        // references to this memory.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: By the invariants nothing else uses the mapping.
        let removed = unsafe { mm::munmap(self.start.as_ptr().cast(), self.size) };
        debug_assert!(removed.is_ok());
    }
}

/// Maps a page of a file for reading, and removes the mapping again.
pub fn map_page(fd: BorrowedFd<'_>, offset: i64) -> io::Result<()> {
    let offset = u64::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: The kernel chooses an address where nothing is mapped.
    let start = unsafe {
        mm::mmap(
            ptr::null_mut(),
            PAGE,
            ProtFlags::READ,
            MapFlags::SHARED,
            fd,
            offset,
        )
    };
    let start = NonNull::new(start?.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
    // INVARIANT: The mapping is new. Dropping the object removes it.
    drop(Memory { start, size: PAGE });
    Ok(())
}
