// SPDX-License-Identifier: GPL-2.0

//! The answers that are documented (`Documentation/arch/s390/vfio-ccw.rst`, `vfio.h`).

use std::io;

use ccw::{
    program,
    sys::uapi,
    vfio::Backend, //
};

use super::action::Ioctl;
use crate::fixtures::*;

/// The sizes of the regions, by their index.
pub(super) const REGION_SIZES: [u64; 4] = [124, 8, 52, 8];

/// The number of interrupts.
const IRQS: u32 = 3;

/// Returns the region and the offset in it that an offset in the file stands for.
fn place(offset: i64) -> Option<(usize, u64)> {
    let offset = u64::try_from(offset).ok()?;
    let region = usize::try_from(offset >> 10).ok()?;
    Some((region, offset & 0x3ff))
}

/// Checks an answer to an access of `len` bytes, of which `room` are accessible, to a region.
fn access(
    result: &io::Result<usize>,
    (offset, len, room): (i64, usize, usize),
    allowed: &[i32],
) -> TestResult {
    let done = match result {
        Err(error) => return errno(error, allowed),
        Ok(done) => *done,
    };
    check_eq("bytes", done, len)?;
    check(len <= room, "bytes that cannot be accessed were accessed")?;
    let end = place(offset).and_then(|(region, at)| {
        let size = REGION_SIZES.get(region)?;
        Some(at + len as u64 <= *size)
    });
    // Nothing is accessed by an access to nothing.
    check(
        end == Some(true) || len == 0,
        "an access beyond a region has succeeded",
    )
}

/// Checks that an error is one of these.
fn errno(error: &io::Error, allowed: &[i32]) -> TestResult {
    let number = error.raw_os_error().unwrap_or(0);
    let name = program::errno_name(number).unwrap_or("?");
    check(
        allowed.contains(&number),
        format!("error {name} ({number}), which is not documented for it"),
    )
}

/// Checks the answer to a read.
pub(super) fn read(result: &io::Result<usize>, access_to: (i64, usize, usize)) -> TestResult {
    access(result, access_to, &[libc::EINVAL, libc::EFAULT])
}

/// Checks the answer to a write. Nothing in this machine makes the device go or its paths fail.
pub(super) fn write(
    result: &io::Result<usize>,
    access_to: (i64, usize, usize),
    backend: Backend,
) -> TestResult {
    let mut allowed = vec![
        libc::EINVAL,
        libc::EFAULT,
        libc::EAGAIN,
        libc::EBUSY,
        libc::EACCES,
        libc::EOPNOTSUPP,
    ];
    if backend == Backend::Iommufd {
        allowed.push(libc::ENOENT); // It can be detached.
    }
    access(result, access_to, &allowed)?;
    let is_writable = place(access_to.0).is_some_and(|(region, _)| region < 2);
    check(
        result.is_err() || is_writable || access_to.1 == 0,
        "a region that can only be read was written",
    )
}

/// Returns the word with this number in the argument of an ioctl; zero if there is none.
fn word(argument: &[u8], number: usize) -> u32 {
    let bytes = argument
        .get(4 * number..)
        .and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// Checks the answer to an ioctl, with its argument before and after it.
pub(super) fn ioctl(
    result: &io::Result<i32>,
    ioctl: Ioctl,
    before: &[u8],
    after: &[u8],
) -> TestResult {
    if let Err(error) = result {
        let more: &[i32] = match ioctl {
            Ioctl::SetIrqs => &[libc::EBADF],
            Ioctl::Feature => &[libc::ENOTTY],
            // The latter for a PASID, which no mediated device has.
            Ioctl::Detach => &[libc::ENOTTY, libc::EOPNOTSUPP],
            _ => &[],
        };
        return errno(error, &[&[libc::EINVAL, libc::EFAULT], more].concat());
    }
    match ioctl {
        Ioctl::Info => {
            check(word(before, 0) >= 16, "argsz was too small")?;
            check_eq("regions", word(after, 2), 4)?;
            check_eq("interrupts", word(after, 3), IRQS)
        }
        Ioctl::RegionInfo => {
            let region = word(before, 2);
            let size = usize::try_from(region).ok();
            let size = size.and_then(|region| REGION_SIZES.get(region));
            let size = size.ok_or_else(|| format!("there is no region {region}"))?;
            let words = [word(after, 4), word(after, 5)];
            check_eq("size", two(words), *size)?;
            let words = [word(after, 6), word(after, 7)];
            check_eq("offset", two(words), u64::from(region) << 10)
        }
        Ioctl::IrqInfo => {
            check(word(before, 2) < IRQS, "there is no such interrupt")?;
            check_eq("flags", word(after, 1), uapi::IRQ_EVENTFD)?;
            check_eq("count", word(after, 3), 1)
        }
        Ioctl::SetIrqs => {
            let [index, start, count] = [2, 3, 4].map(|number| word(before, number));
            let is_there = index < IRQS && start == 0 && count <= 1;
            check(is_there, "there is no such interrupt")
        }
        Ioctl::Feature | Ioctl::Detach => Ok(()),
    }
}

/// Returns the number of 64 bits that two words are on a machine of this byte order.
fn two([first, second]: [u32; 2]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

/// Checks the answer to an ioctl of any number with a null pointer.
pub(super) fn number(result: &io::Result<i32>) -> TestResult {
    let allowed = [libc::ENOTTY, libc::EINVAL, libc::EFAULT, libc::EPERM];
    result
        .as_ref()
        .map_or_else(|error| errno(error, &allowed), |_| Ok(()))
}

/// Checks what is read of an SCHIB: its addresses and its interruption parameter are those of the
/// host, and zero.
pub(super) fn schib(bytes: &[u8]) -> TestResult {
    let is_zero = |range: std::ops::Range<usize>| {
        let bytes = bytes.get(range);
        bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    check(is_zero(0..4), "the SCHIB has an interruption parameter")?;
    check(is_zero(32..36), "the SCHIB has a channel-program address")?;
    check(is_zero(40..48), "the SCHIB has a measurement-block address")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed<T>(errno: i32) -> io::Result<T> {
        Err(io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn accesses_within_a_region_may_succeed() {
        assert!(read(&Ok(124), (0, 124, 124)).is_ok());
        assert!(read(&Ok(0), (5000, 0, 0)).is_ok());
        assert!(read(&Ok(8), (2044, 8, 8)).is_err());
        assert!(read(&Ok(125), (0, 125, 125)).is_err());
        assert!(read(&Ok(4), (0, 8, 8)).is_err());
        assert!(read(&Ok(8), (0, 8, 4)).is_err());
        assert!(read(&Ok(1), (4 << 10, 1, 1)).is_err());
        assert!(write(&Ok(8), (1024, 8, 8), Backend::Container).is_ok());
        assert!(write(&Ok(8), (2048, 8, 8), Backend::Container).is_err());
    }

    #[test]
    fn only_documented_errors_are_allowed() {
        assert!(read(&failed(libc::EFAULT), (0, 8, 0)).is_ok());
        assert!(read(&failed(libc::EIO), (0, 8, 8)).is_err());
        let access_to = (0, 8, 8);
        assert!(write(&failed(libc::ENOENT), access_to, Backend::Iommufd).is_ok());
        assert!(write(&failed(libc::ENOENT), access_to, Backend::Container).is_err());
        assert!(ioctl(&failed(libc::EBADF), Ioctl::SetIrqs, &[], &[]).is_ok());
        assert!(ioctl(&failed(libc::EBADF), Ioctl::Info, &[], &[]).is_err());
        assert!(ioctl(&failed(libc::EOPNOTSUPP), Ioctl::Detach, &[], &[]).is_ok());
        assert!(ioctl(&failed(libc::EOPNOTSUPP), Ioctl::Feature, &[], &[]).is_err());
        assert!(number(&failed(libc::ENOTTY)).is_ok());
        assert!(number(&failed(libc::ENOMEM)).is_err());
    }

    #[test]
    fn an_ioctl_succeeds_only_for_what_exists() {
        let irq = |index| words(&[20, 0, index, 0, 1]);
        assert!(ioctl(&Ok(0), Ioctl::SetIrqs, &irq(2), &[]).is_ok());
        assert!(ioctl(&Ok(0), Ioctl::SetIrqs, &irq(3), &[]).is_err());
        let info = words(&[16, 0, 4, 3]);
        assert!(ioctl(&Ok(0), Ioctl::Info, &info, &info).is_ok());
        assert!(ioctl(&Ok(0), Ioctl::Info, &words(&[15]), &info).is_err());
        let mut region = words(&[32, 0, 1, 0]);
        region.extend(8_u64.to_ne_bytes());
        region.extend(1024_u64.to_ne_bytes());
        assert!(ioctl(&Ok(0), Ioctl::RegionInfo, &region, &region).is_ok());
        region[8..12].copy_from_slice(&4_u32.to_ne_bytes());
        assert!(ioctl(&Ok(0), Ioctl::RegionInfo, &region, &region).is_err());
    }

    #[test]
    fn an_schib_has_no_addresses_of_the_host() {
        let mut bytes = [0xff; 52];
        for range in [0..4, 32..36, 40..48] {
            bytes[range].fill(0);
        }
        assert!(schib(&bytes).is_ok());
        bytes[33] = 1;
        assert!(schib(&bytes).is_err());
    }
}
