// SPDX-License-Identifier: GPL-2.0

//! The memory that `ccwchain` works with: arrays of the kernel, the arena, and the memory that the
//! user has mapped for the device.

use crate::pin_gate::PinGate;
use ccwchain::{
    error::Bound,
    memory::{
        Access,
        GuestMemory,
        MemoryError,
        PinnedRange,
        Storage,
        PAGE_SIZE, //
    },
    translator::{
        grown,
        Sizes,
        Translator, //
    },
};
use kernel::{
    alloc::AllocError,
    prelude::*, //
};
use mdev::{
    charged::ChargedVec,
    dma::Area,
    mm_invalidations::MmInvalidations,
    vfio::{
        Open,
        Operations, //
    },
};

/// Arrays that are charged to the user.
pub(crate) enum KernelStorage {}

impl Storage for KernelStorage {
    type Of<T> = ChargedVec<T>;
    type Error = AllocError;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Self::Of<T>, Self::Error> {
        ChargedVec::from_elem(T::default(), len, GFP_KERNEL_ACCOUNT)
    }
}

/// Makes room for a program that exceeds `bound`. Returns whether there is more room now.
///
/// After an error all is as before. The old room is freed only when there is a larger one.
pub(crate) fn grow(
    translator: &mut Translator<KernelStorage>,
    arena: &mut Area,
    bound: Bound,
) -> Result<bool> {
    if bound != Bound::Arena {
        return Ok(translator.grow(bound)?);
    }
    let Some(blocks) = grown(arena.blocks(), Sizes::MAX_ARENA) else {
        return Ok(false);
    };
    *arena = Area::new(blocks)?;
    Ok(true)
}

/// The memory that a user has mapped for the device.
pub(crate) struct UserMemory<'a, 'b, D: Operations> {
    dev: &'a Open<'b, D>,
    gate: &'a PinGate,
    invalidations: Option<&'a MmInvalidations>,
    has_pinned: bool,
}

impl<'a, 'b, D: Operations> UserMemory<'a, 'b, D> {
    /// Returns the memory of the user of `dev`, whose pins `gate` is for. `invalidations` are those
    /// of the user's address space, if pins are cached between programs.
    pub(crate) fn new(
        dev: &'a Open<'b, D>,
        gate: &'a PinGate,
        invalidations: Option<&'a MmInvalidations>,
    ) -> Self {
        Self {
            dev,
            gate,
            invalidations,
            has_pinned: false,
        }
    }

    /// Returns whether pages were pinned through this value, or tried to be.
    pub(crate) fn has_pinned(&self) -> bool {
        self.has_pinned
    }

    fn about_to_pin(&mut self) {
        if !core::mem::replace(&mut self.has_pinned, true) {
            self.gate.about_to_pin();
        }
    }
}

impl<D: Operations> GuestMemory for UserMemory<'_, '_, D> {
    type Error = Error;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
        let dev = self.dev;
        dev.dma_read(address, buffer).map_err(|error| {
            let try_pin = || {
                self.about_to_pin();
                dev.try_pin(address)
            };
            classify_read(error, try_pin, || dev.check_attached())
        })
    }

    fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let iova = first.checked_mul(PAGE_SIZE).ok_or(MemoryError::Guest)?;

        self.about_to_pin();
        self.dev
            .pin_pages(iova, access, host_addresses)
            .map_err(|error| classify(error, || self.dev.check_attached()))
    }

    fn unpin(&mut self, range: PinnedRange) {
        self.dev.unpin_pages(range);
    }

    fn invalidate_seq(&mut self) -> Option<u64> {
        self.invalidations?.invalidate_seq()
    }
}

/// Classifies an error of VFIO: a fault of the guest becomes a program check, any other error fails
/// the request. `check_attached` fails if the device has no address space, which is no fault of the
/// guest.
fn classify(error: Error, check_attached: impl FnOnce() -> Result) -> MemoryError<Error> {
    if error == ENOENT {
        if let Err(error) = check_attached() {
            return MemoryError::Host(error);
        }
    }
    // The errors of the back ends for memory that is not mapped, is mapped read-only, or does not
    // exist.
    if [EINVAL, ENOENT, EPERM, EFAULT].contains(&error) {
        MemoryError::Guest
    } else {
        MemoryError::Host(error)
    }
}

/// Classifies an error of reading. A page that `try_pin` can pin exists: then the read has failed
/// as its process is not the one that has mapped the memory.
fn classify_read(
    error: Error,
    try_pin: impl FnOnce() -> Result,
    check_attached: impl FnOnce() -> Result,
) -> MemoryError<Error> {
    if error != EFAULT {
        return classify(error, check_attached);
    }
    match try_pin() {
        Ok(()) => MemoryError::Host(error),
        Err(error) => classify(error, check_attached),
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
mod tests;
