// SPDX-License-Identifier: GPL-2.0

//! Coverage of the kernel by a thread (`Documentation/dev-tools/kcov.rst`).

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    ptr::{
        self,
        NonNull, //
    },
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
};

use rustix::mm::{
    self,
    MapFlags,
    ProtFlags, //
};

use super::{
    memory::PAGE,
    request::{
        ioctl_number,
        NumberRequest, //
    }, //
};

/// The file through which the kernel offers coverage.
const PATH: &str = "/sys/kernel/debug/kcov";

/// Gives the buffer a size in words (`_IOR('c', 1, unsigned long)`).
const INIT_TRACE: NumberRequest = number(2 << 30 | 8 << 16 | 1);
/// Begins to record what this thread executes; the argument is the kind of coverage.
const ENABLE: NumberRequest = number(100);
/// Ends that.
const DISABLE: NumberRequest = number(101);

/// The kind of coverage: the addresses that were executed.
const TRACE_PC: u32 = 0;

const fn number(number: libc::Ioctl) -> NumberRequest {
    // SAFETY: By `include/uapi/linux/kcov.h` the argument of these is a number.
    unsafe { NumberRequest::new((b'c' as libc::Ioctl) << 8 | number) }
}

/// A buffer into which the kernel writes addresses of its code that a thread has executed.
///
/// # Invariants
///
/// `area` is the start of a mapping of `words` words that only this object uses and removes. The
/// first word is the number of addresses, which are in the words after it.
#[derive(Debug)]
pub struct Kcov {
    file: File,
    area: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: A mapping belongs to the process, not to a thread.
unsafe impl Send for Kcov {}

impl Kcov {
    /// Creates a buffer of so many pages; addresses that do not fit are not recorded.
    pub fn new(pages: u16) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(PATH)?;
        let words = usize::from(pages) * (PAGE / 8);
        let size = u32::try_from(words).map_err(|_| io::ErrorKind::InvalidInput)?;
        ioctl_number(file.as_fd(), INIT_TRACE, size)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: The kernel chooses an address where nothing is mapped.
        let area = unsafe {
            mm::mmap(
                ptr::null_mut(),
                words * 8,
                access,
                MapFlags::SHARED,
                &file,
                0,
            )
        };
        let area = NonNull::new(area?.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // INVARIANT: The mapping is new, and its size is what the kernel has agreed to.
        Ok(Self { file, area, words })
    }

    /// Returns the word with this number, which is within the buffer.
    fn word(&self, number: usize) -> &AtomicU64 {
        assert!(number < self.words);
        // SAFETY: By the type invariants the word is in the mapping, which is aligned to a page.
        // This process accesses it as an atomic number only.
        unsafe { self.area.add(number).as_ref() }
    }

    /// Begins to record what this thread executes. What was recorded before is lost.
    pub fn start(&mut self) -> io::Result<()> {
        self.word(0).store(0, Ordering::Relaxed);
        ioctl_number(self.file.as_fd(), ENABLE, TRACE_PC).map(|_| ())
    }

    /// Ends what the same thread has begun.
    pub fn stop(&mut self) -> io::Result<()> {
        ioctl_number(self.file.as_fd(), DISABLE, 0).map(|_| ())
    }

    /// Returns the recorded addresses, in the order of execution.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        let len = usize::try_from(self.word(0).load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let len = len.min(self.words - 1);
        (1..=len).map(|number| self.word(number).load(Ordering::Relaxed))
    }
}

impl Drop for Kcov {
    fn drop(&mut self) {
        // SAFETY: By the invariants nothing else uses the mapping.
        let removed = unsafe { mm::munmap(self.area.as_ptr().cast(), self.words * 8) };
        debug_assert!(removed.is_ok());
    }
}
