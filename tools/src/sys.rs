// SPDX-License-Identifier: GPL-2.0

//! What the library asks of Linux beyond the standard library: the only unsafe code here.

use std::{
    ffi::c_int,
    fs::File,
    io,
    mem,
    os::fd::{
        AsRawFd,
        BorrowedFd,
        FromRawFd,
        OwnedFd, //
    },
    ptr::{
        self,
        NonNull, //
    },
    time::Duration, //
};

pub mod uapi;
pub mod userfault;

/// The size of a page on s390x and on the hosts that run the unit tests.
pub const PAGE_SIZE: u64 = 4096;

/// The same.
const PAGE: usize = 4096;

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn checked_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Anonymous memory that a device may be allowed to use.
///
/// The device stores into it when it likes, so no reference to the bytes is ever made; they are
/// copied in and out.
///
/// # Invariants
///
/// `start` is the start of a private mapping of `size` bytes that only this object knows of.
#[derive(Debug)]
pub struct Memory {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: A mapping belongs to the process, not to a thread.
unsafe impl Send for Memory {}

// SAFETY: Without references to the bytes, threads meet as the device and a thread do: in copies
// whose bytes may be old or new.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps zeroed memory of `size` bytes, which must not be zero.
    pub fn anonymous(size: usize) -> io::Result<Self> {
        // SAFETY: A new mapping at an address of the kernel's choice touches nothing.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // INVARIANT: This is the mapping just made.
        Ok(Self { start, size })
    }

    /// Discards the page at `offset`: the next access finds a new one, of zeros.
    pub fn discard(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        // SAFETY: The page is part of this mapping, whose bytes nobody has references to.
        match unsafe { libc::madvise(page.cast(), PAGE, libc::MADV_DONTNEED) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Maps a new page of zeros in place of the one at `offset`.
    pub fn replace(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        // SAFETY: As above.
        let mapped = unsafe {
            libc::mmap(
                page.cast(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Moves the page at `from` to `offset`, in place of the one there; a new page comes to `from`.
    pub fn move_page(&self, from: usize, offset: usize) -> io::Result<()> {
        let (old, new) = (self.part(from, PAGE), self.part(offset, PAGE));
        // SAFETY: As above; both are part of this mapping.
        let moved = unsafe {
            libc::mremap(
                old.cast(),
                PAGE,
                PAGE,
                libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                new,
            )
        };
        if moved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        self.replace(from)
    }

    /// Takes all rights to the page at `offset` from this process, which must not touch it any more.
    pub fn forbid(&self, offset: usize) -> io::Result<()> {
        let page = self.part(offset, PAGE);
        // SAFETY: The page is part of this mapping, whose bytes nobody has references to.
        checked(unsafe { libc::mprotect(page.cast(), PAGE, libc::PROT_NONE) }).map(|_| ())
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where it is in this process.
    pub fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Where `len` bytes at `offset` begin.
    ///
    /// # Panics
    ///
    /// When they are not all inside.
    fn part(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(
            offset <= self.size && len <= self.size - offset,
            "{len} bytes at {offset} are beyond the {} of this memory",
            self.size
        );
        self.start.as_ptr().wrapping_add(offset)
    }

    /// Copies `bytes` in at `offset`.
    ///
    /// # Panics
    ///
    /// When they do not all fit.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.part(offset, bytes.len());
        // SAFETY: `part` has checked the range, and the caller's slice cannot be inside it, since
        // there are no references to this memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Copies `bytes.len()` bytes out from `offset`.
    ///
    /// # Panics
    ///
    /// When there are not that many.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        let from = self.part(offset, bytes.len());
        // SAFETY: As in `write`.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: The mapping is this object's own, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

/// Bytes behind which there is nothing: the next page cannot be accessed. For tests.
#[derive(Debug)]
pub struct Edge {
    memory: Memory,
    offset: usize,
}

impl Edge {
    /// Places bytes, at most a page of them, at the edge.
    pub fn new(bytes: &[u8]) -> io::Result<Self> {
        let page = PAGE;
        let offset = page
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let memory = Memory::anonymous(2 * page)?;
        let second = memory.part(page, page).cast();
        // SAFETY: The page is this mapping's own, and `offset` keeps this object away from it.
        checked(unsafe { libc::mprotect(second, page, libc::PROT_NONE) })?;
        memory.write(offset, bytes);
        Ok(Self { memory, offset })
    }

    /// The bytes as they are now.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE - self.offset];
        self.memory.read(self.offset, &mut bytes);
        bytes
    }

    /// Where `len` bytes begin that are within the two pages.
    ///
    /// # Panics
    ///
    /// When they are not.
    fn start(&self, len: usize) -> *mut u8 {
        self.memory.part(self.offset, len)
    }
}

/// Sends a request whose argument begins at an edge.
pub fn ioctl_edge<T>(fd: BorrowedFd<'_>, request: Request<T>, edge: &Edge) -> io::Result<c_int> {
    let argument = edge.start(mem::size_of::<T>());
    // SAFETY: `Request::new` demands that the kernel takes no more for the argument than `T` has;
    // that lies within the mapping, which has no references to it.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), request.number, argument) })
}

/// Reads `len` bytes of a file to an edge.
pub fn pread_edge(fd: BorrowedFd<'_>, edge: &Edge, len: usize, offset: i64) -> io::Result<usize> {
    let to = edge.start(len);
    // SAFETY: The bytes are within the mapping, which has no references to it.
    checked_size(unsafe { libc::pread(fd.as_raw_fd(), to.cast(), len, offset) })
}

/// Writes `len` bytes from an edge to a file.
pub fn pwrite_edge(fd: BorrowedFd<'_>, edge: &Edge, len: usize, offset: i64) -> io::Result<usize> {
    let from = edge.start(len);
    // SAFETY: As in `pread_edge`.
    checked_size(unsafe { libc::pwrite(fd.as_raw_fd(), from.cast(), len, offset) })
}

/// Maps a page of a file into memory, and takes it away again.
pub fn map_page(fd: BorrowedFd<'_>, offset: i64) -> io::Result<()> {
    let size = PAGE_SIZE as usize;
    // SAFETY: A new mapping at an address of the kernel's choice touches nothing.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            offset,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The mapping is new, and nothing refers to it.
    checked(unsafe { libc::munmap(start, size) }).map(|_| ())
}

/// Makes an eventfd whose reads do not block.
pub fn eventfd() -> io::Result<File> {
    // SAFETY: No memory is involved.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: The descriptor is new, so it has no other owner.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Makes an eventfd whose reads wait.
pub fn blocking_eventfd() -> io::Result<File> {
    // SAFETY: No memory is involved.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })?;
    // SAFETY: The descriptor is new, so it has no other owner.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Waits until `fd` can be read; `false` when that takes longer than `timeout`.
pub fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: `poll` is one valid entry.
    checked(unsafe { libc::poll(&mut poll, 1, millis) }).map(|ready| ready > 0)
}

/// Whether this is the superuser.
pub fn is_root() -> bool {
    // SAFETY: The call has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// Has this process run before all of the ordinary ones: SCHED_FIFO.
pub fn run_first() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 50 };
    // SAFETY: `priority` is valid.
    checked(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &priority) }).map(|_| ())
}

/// Has this process run on one processor only.
pub fn run_on(cpu: usize) -> io::Result<()> {
    let size = std::mem::size_of::<libc::cpu_set_t>();
    // SAFETY: A set of zeros is one without processors; numbers beyond its size are not set.
    unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut cpus);
        checked(libc::sched_setaffinity(0, size, &cpus)).map(|_| ())
    }
}

/// Takes from this thread the capability to lock memory beyond the limit (`CAP_IPC_LOCK`).
pub fn obey_lock_limit() -> io::Result<()> {
    /// `struct __user_cap_header_struct`, `include/uapi/linux/capability.h`.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `struct __user_cap_data_struct`.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    const IPC_LOCK: u32 = 1 << 14;

    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: Of this version the kernel writes the header and two elements.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    if got != 0 {
        return Err(io::Error::last_os_error());
    }
    sets[0].effective &= !IPC_LOCK;
    // SAFETY: The kernel reads two elements.
    match unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets how many bytes this process may lock; without a number, as many as it ever may.
pub fn set_lock_limit(bytes: Option<u64>) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) })?;
    limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
    // SAFETY: `limit` is valid.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) }).map(|_| ())
}

/// Kills a group of processes.
pub fn kill_group(leader: u32) -> io::Result<()> {
    let group = libc::pid_t::try_from(leader).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: No memory is involved.
    checked(unsafe { libc::killpg(group, libc::SIGKILL) }).map(|_| ())
}

/// An `ioctl` request whose argument is a `T` that the kernel reads and may fill in.
#[derive(Clone, Copy, Debug)]
pub struct Request<T> {
    number: libc::Ioctl,
    argument: std::marker::PhantomData<fn(&mut T)>,
}

impl<T> Request<T> {
    /// Makes a request from its number.
    ///
    /// # Safety
    ///
    /// The kernel must take that number with a pointer to a `T`, leave valid values in it, and
    /// write nothing behind it.
    const unsafe fn new(number: libc::Ioctl) -> Self {
        Self {
            number,
            argument: std::marker::PhantomData,
        }
    }
}

/// An `ioctl` request whose argument is a number.
#[derive(Clone, Copy, Debug)]
pub struct NumberRequest(libc::Ioctl);

impl NumberRequest {
    /// Makes a request from its number.
    ///
    /// # Safety
    ///
    /// The kernel must not take the argument of that number for an address.
    pub const unsafe fn new(number: libc::Ioctl) -> Self {
        Self(number)
    }
}

/// Sends a request with an argument; the result is what the kernel returned.
pub fn ioctl<T>(fd: BorrowedFd<'_>, request: Request<T>, argument: &mut T) -> io::Result<c_int> {
    // SAFETY: `Request::new` demands that the kernel uses the argument as the `T` it is.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), request.number, ptr::from_mut(argument)) })
}

/// Sends a request whose argument is a number.
pub fn ioctl_number(fd: BorrowedFd<'_>, request: NumberRequest, number: u32) -> io::Result<c_int> {
    // SAFETY: `NumberRequest::new` demands that the number is not used as an address.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), request.0, libc::c_ulong::from(number)) })
}

/// Sends a request with the null address as its argument, for tests.
pub fn ioctl_null<T>(fd: BorrowedFd<'_>, request: Request<T>) -> io::Result<c_int> {
    // SAFETY: Nothing is mapped at null, so the kernel can neither read nor write there.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), request.number, ptr::null_mut::<T>()) })
}

/// Reads `len` bytes of a file to the null address, for tests.
pub fn pread_null(fd: BorrowedFd<'_>, len: usize, offset: i64) -> io::Result<usize> {
    // SAFETY: Nothing is mapped at null, so the kernel cannot write there.
    checked_size(unsafe { libc::pread(fd.as_raw_fd(), ptr::null_mut(), len, offset) })
}

/// Writes `len` bytes from the null address to a file, for tests.
pub fn pwrite_null(fd: BorrowedFd<'_>, len: usize, offset: i64) -> io::Result<usize> {
    // SAFETY: Nothing is mapped at null, so the kernel cannot read there.
    checked_size(unsafe { libc::pwrite(fd.as_raw_fd(), ptr::null(), len, offset) })
}

/// The descriptor that a request returned, which the caller owns from now on.
fn owned(fd: c_int) -> File {
    // SAFETY: The callers have just got it from a request that makes a new one.
    File::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The size of an argument, as the fields `argsz` and `size` want it.
pub fn size_of<T>() -> u32 {
    u32::try_from(mem::size_of::<T>()).unwrap_or(u32::MAX)
}
