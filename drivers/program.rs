// SPDX-License-Identifier: GPL-2.0

//! What the translator of channel programs needs of the kernel: the user's memory, and room to work
//! in.

use crate::device::Device;
use ccwchain::{
    error::{
        Bound,
        Error as TranslationError, //
    },
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
    dma::Area,
    mm_invalidations::MmInvalidations,
    vfio::{
        Open,
        Protection, //
    },
};

/// Arrays on the kernel's heap, charged to the user.
pub(crate) enum KernelStorage {}

impl Storage for KernelStorage {
    type Of<T> = KVVec<T>;
    type Error = AllocError;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Self::Of<T>, Self::Error> {
        KVVec::from_elem(T::default(), len, GFP_KERNEL_ACCOUNT)
    }
}

/// Makes room for a program that is too large in `bound`. Returns whether there is more room now.
///
/// An error leaves all as it was. What was there before goes only when there is more.
pub(crate) fn grow(
    translator: &mut Translator<KernelStorage>,
    area: &mut Area,
    bound: Bound,
) -> Result<bool> {
    if bound != Bound::Arena {
        return Ok(translator.grow(bound)?);
    }
    let Some(blocks) = grown(area.blocks(), Sizes::MAX_ARENA) else {
        return Ok(false);
    };
    *area = Area::new(blocks)?;
    Ok(true)
}

/// The memory that a user has mapped for the device.
pub(crate) struct UserMemory<'a, 'b> {
    dev: &'a Open<'b, Device>,
    watch: Option<&'a MmInvalidations>,
    has_pinned: bool,
}

impl<'a, 'b> UserMemory<'a, 'b> {
    pub(crate) fn new(dev: &'a Open<'b, Device>, watch: Option<&'a MmInvalidations>) -> Self {
        Self {
            dev,
            watch,
            has_pinned: false,
        }
    }

    /// Returns whether pages were pinned, or tried to.
    pub(crate) fn has_pinned(&self) -> bool {
        self.has_pinned
    }

    /// Has `dma_unmap` not take the device for one that has nothing pinned: to be called before it has.
    fn note_pin(&mut self) {
        if !core::mem::replace(&mut self.has_pinned, true) {
            self.dev.statistics.pinning();
        }
    }
}

impl GuestMemory for UserMemory<'_, '_> {
    type Error = Error;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
        let dev = self.dev;
        dev.dma_read(address, buffer).map_err(|error| {
            let try_pin = || {
                self.note_pin();
                dev.try_pin(address)
            };
            blame_read(error, try_pin, || dev.check_attached())
        })
    }

    fn pin(
        &mut self,
        first: u64,
        access: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let iova = first.checked_mul(PAGE_SIZE).ok_or(MemoryError::Guest)?;
        let protection = match access {
            Access::Read => Protection::Read,
            Access::Write => Protection::ReadWrite,
        };

        self.note_pin();
        self.dev
            .pin_pages(iova, protection, host_addresses)
            .map_err(|error| blame(error, || self.dev.check_attached()))
    }

    fn unpin(&mut self, run: PinnedRange) {
        self.dev.unpin_pages(run);
    }

    fn invalidate_seq(&mut self) -> Option<u64> {
        self.watch?.invalidate_seq()
    }
}

/// Tells the guest's faults, which are for the channel program to meet, from shortages of the host and from
/// what whoever has set up the device is at fault for: `check_attached` fails if there is no address space.
fn blame(error: Error, check_attached: impl FnOnce() -> Result) -> MemoryError<Error> {
    if error == ENOENT {
        if let Err(error) = check_attached() {
            return MemoryError::Host(error);
        }
    }
    // What the VFIO back ends say of memory that is not mapped, not with that right, or not there.
    if [EINVAL, ENOENT, EPERM, EFAULT].contains(&error) {
        MemoryError::Guest
    } else {
        MemoryError::Host(error)
    }
}

/// Does the same for an error of reading. Memory that can be pinned, as `try_pin` does, is there: then the
/// process that reads is not the one that has mapped it.
fn blame_read(
    error: Error,
    try_pin: impl FnOnce() -> Result,
    check_attached: impl FnOnce() -> Result,
) -> MemoryError<Error> {
    if error != EFAULT {
        return blame(error, check_attached);
    }
    match try_pin() {
        Ok(()) => MemoryError::Host(error),
        Err(error) => blame(error, check_attached),
    }
}

/// Returns the errno of a program that is not translated.
pub(crate) fn errno(error: TranslationError<Error>) -> Error {
    match error {
        TranslationError::TransportMode => EOPNOTSUPP,
        TranslationError::ReservedOrbBits { .. } | TranslationError::TooLarge(_) => EINVAL,
        TranslationError::Memory(error) => error,
    }
}

/// Returns what the user is told of such an errno.
///
/// That the host is short of memory or pins passes, as when a program is in progress: a guest of QEMU tries
/// again. QEMU would make a unit exception of `ENOMEM`, which a tape gives at a tape mark: the guest would take
/// what it has read for the whole file.
pub(crate) fn answer(error: Error) -> Error {
    if error == ENOMEM {
        EBUSY
    } else {
        error
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_program)]
mod tests {
    use super::*;
    use ccwchain::{
        irb::Irb,
        memory::{
            Arena,
            BLOCK, //
        },
        orb::{
            Flags,
            Orb, //
        },
        scsw::Scsw,
    };
    use iommu_type1_stub::{
        Access as Rights,
        Error as StubError,
        Page,
        Type1, //
    };

    const ARENA: u32 = 0x7fe0_0000;

    /// A CCW and an IDAW that give a program check.
    const POISON: [u8; 8] = [0, 0, 0, 0, 0x80, 0, 0, 0];
    const FAULT: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0x01];

    struct Stub(Type1<KVVec<Page>>);

    fn whose<T>(result: Result<T, StubError>) -> Result<T, MemoryError<Error>> {
        result.map_err(|error| match error {
            StubError::Unmapped | StubError::Permission => MemoryError::Guest,
            _ => MemoryError::Host(ENOMEM),
        })
    }

    impl GuestMemory for Stub {
        type Error = Error;

        fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
            whose(self.0.read(address, buffer))
        }

        fn pin(
            &mut self,
            first: u64,
            access: Access,
            host_addresses: &mut [u64],
        ) -> Result<(), MemoryError<Error>> {
            let rights = match access {
                Access::Read => Rights::Read,
                Access::Write => Rights::Write,
            };
            whose(self.0.pin(first, rights, host_addresses))
        }

        fn unpin(&mut self, run: PinnedRange) {
            self.0.unpin(run.first(), run.count());
        }
    }

    struct TestArena(KVVec<u8>);

    impl TestArena {
        fn at(&self, address: u32) -> [u8; 8] {
            let mut bytes = [0; 8];
            let from = usize::try_from(address - ARENA).unwrap_or(usize::MAX);
            for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(from)) {
                *to = *from;
            }
            bytes
        }
    }

    impl Arena for TestArena {
        fn address(&self, block: usize) -> Option<u32> {
            let offset = u32::try_from(block * BLOCK).ok()?;
            (block * BLOCK < self.0.len()).then_some(ARENA + offset)
        }

        fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
            for (to, from) in self.0.iter_mut().skip(offset).zip(bytes) {
                *to = from;
            }
        }
    }

    /// A guest with pages at 0x10000 (its program), 0x20000 and 0x21000 (data), and all the rest.
    struct Machine {
        guest: Stub,
        arena: TestArena,
        translator: Translator<KernelStorage>,
    }

    impl Machine {
        fn new(program: &[[u8; 8]]) -> Result<Self> {
            let pages = KVVec::from_elem(Page::default(), 4, GFP_KERNEL)?;
            let mut guest = Stub(Type1::new(pages));
            guest
                .0
                .map(0x10000, 0x1000, Rights::Read)
                .map_err(|_| ENOMEM)?;
            guest
                .0
                .map(0x20000, 0x2000, Rights::Write)
                .map_err(|_| ENOMEM)?;
            guest
                .0
                .store(0x10000, program.as_flattened())
                .map_err(|_| ENOMEM)?;

            let sizes = Sizes {
                ccws: 16,
                idaws: 64,
                cached_pages: 0,
            };
            Ok(Self {
                guest,
                arena: TestArena(KVVec::from_elem(0, 2 * BLOCK, GFP_KERNEL)?),
                translator: Translator::new(sizes, 1)?,
            })
        }

        /// Translates the program at 0x10000; returns the address of the host's.
        fn translate(&mut self, flags: Flags) -> Result<u32> {
            let orb = Orb::default().with_flags(flags).with_cpa(0x10000);
            let program = self
                .translator
                .translate(&orb, &mut self.guest, &mut self.arena)
                .map_err(|(error, _)| errno(error))?;
            Ok(program.orb().orb().cpa())
        }
    }

    const FORMAT_1: Flags = Flags::FORMAT_1.union(Flags::IDAW_64);

    #[test]
    fn the_vectors_of_the_host_tests_hold_on_this_machine() {
        assert!(ccwchain::vectors::replay::<KernelStorage>() == Ok(()));
    }

    #[test]
    fn data_goes_to_pinned_pages_by_way_of_a_list() -> Result {
        // READ of 0x1000 bytes to 0x20900, a no-operation.
        let mut m = Machine::new(&[
            [0x02, 0x40, 0x10, 0, 0, 0x02, 0x09, 0],
            [0x03, 0, 0, 0, 0, 0, 0, 0],
        ])?;
        let cpa = m.translate(FORMAT_1)?;

        let [command, flags, c1, c0, a @ ..] = m.arena.at(cpa);
        assert_eq!([command, flags, c1, c0], [0x02, 0x44, 0x10, 0]);
        let list = u32::from_be_bytes(a);
        let first = u64::from_be_bytes(m.arena.at(list));
        let second = u64::from_be_bytes(m.arena.at(list + 8));
        assert!(m.guest.0.iova(first) == Some(0x20900));
        assert!(m.guest.0.iova(second) == Some(0x21000));
        assert!(m.guest.0.pinned_for(first) == Some(Rights::Write));
        assert!(m.guest.0.pins() == 2);

        m.translator.release(&mut m.guest);
        assert!(m.guest.0.pins() == 0);
        Ok(())
    }

    #[test]
    fn formats_0_and_1_give_the_same_program() -> Result {
        let mut zero = Machine::new(&[[0x02, 0x02, 0x00, 0, 0, 0, 0, 8]])?;
        let mut one = Machine::new(&[[0x02, 0, 0, 8, 0, 0x02, 0, 0]])?;

        let a = zero.translate(Flags::IDAW_64)?;
        let b = one.translate(FORMAT_1)?;
        assert!(a == b);
        assert_eq!(zero.arena.at(a), one.arena.at(b));
        Ok(())
    }

    #[test]
    fn idaws_of_31_bits_become_ones_of_64() -> Result {
        // WRITE of 8 bytes by the list at 0x10008: 0x20ffc, in 2 KiB blocks.
        let mut m = Machine::new(&[
            [0x01, 0x04, 0, 8, 0, 0x01, 0, 8],
            [0, 0x02, 0x0f, 0xfc, 0, 0x02, 0x10, 0],
        ])?;
        let cpa = m.translate(Flags::FORMAT_1)?;

        let [_, _, _, _, a @ ..] = m.arena.at(cpa);
        let list = u32::from_be_bytes(a);
        assert!(m.guest.0.iova(u64::from_be_bytes(m.arena.at(list))) == Some(0x20ffc));
        assert!(m.guest.0.iova(u64::from_be_bytes(m.arena.at(list + 8))) == Some(0x21000));
        Ok(())
    }

    #[test]
    fn a_fault_of_the_guests_is_a_program_check_in_its_place() -> Result {
        // A no-operation, then a read to where there is nothing.
        let mut m = Machine::new(&[
            [0x03, 0x40, 0, 0, 0, 0, 0, 0],
            [0x02, 0, 0, 1, 0, 0x30, 0, 0],
        ])?;
        let cpa = m.translate(FORMAT_1)?;

        let [_, _, _, _, a @ ..] = m.arena.at(cpa + 8);
        assert_eq!(m.arena.at(u32::from_be_bytes(a)), FAULT);
        assert!(m.guest.0.pins() == 0);

        // What is no command gives it before any data.
        let mut m = Machine::new(&[[0x00, 0, 0, 1, 0, 0x02, 0, 0]])?;
        let cpa = m.translate(FORMAT_1)?;
        assert_eq!(m.arena.at(cpa), POISON);
        Ok(())
    }

    #[test]
    fn a_shortage_of_the_hosts_undoes_everything() -> Result {
        let mut m = Machine::new(&[[0x02, 0, 0x10, 0, 0, 0x02, 0x09, 0]])?;
        m.guest.0.set_limit(1);

        assert!(m.translate(FORMAT_1) == Err(ENOMEM));
        assert!(m.guest.0.pins() == 0);
        Ok(())
    }

    #[test]
    fn room_grows_up_to_the_bounds() -> Result {
        let mut translator = Translator::new(Sizes::IDLE, 1)?;
        let mut area = Area::new(Sizes::IDLE_ARENA)?;

        for bound in [Bound::Ccws, Bound::Idaws, Bound::Arena] {
            let mut times = 0;
            while grow(&mut translator, &mut area, bound)? {
                times += 1;
            }
            assert!((1..8).contains(&times));
        }
        assert!(area.blocks() == Sizes::MAX_ARENA);
        Ok(())
    }

    #[test]
    fn what_the_guest_has_not_mapped_is_the_guests_fault_and_nothing_else_is() {
        for error in [EINVAL, ENOENT, EPERM, EFAULT] {
            assert!(blame(error, || Ok(())) == MemoryError::Guest);
        }
        for error in [ENOMEM, EACCES, E2BIG, EAGAIN, EINTR, EOVERFLOW] {
            assert!(blame(error, || Ok(())) == MemoryError::Host(error));
        }
    }

    #[test]
    fn a_device_without_address_space_is_not_the_guests_fault() {
        for missing in [ENOENT, EAGAIN] {
            assert!(blame(ENOENT, || Err(missing)) == MemoryError::Host(missing));
            let read = blame_read(ENOENT, || Ok(()), || Err(missing));
            assert!(read == MemoryError::Host(missing));
            // Other errors come from an address space.
            assert!(blame(EINVAL, || Err(missing)) == MemoryError::Guest);
        }
    }

    #[test]
    fn memory_that_can_be_pinned_is_not_the_guests_fault_if_it_cannot_be_read() {
        let read = |error, pinned| blame_read(error, || pinned, || Ok(()));

        assert!(read(EFAULT, Ok(())) == MemoryError::Host(EFAULT));
        assert!(read(EFAULT, Err(EFAULT)) == MemoryError::Guest);
        assert!(read(EFAULT, Err(ENOMEM)) == MemoryError::Host(ENOMEM));
        // Nothing is pinned to find out why there is no mapping.
        for error in [EINVAL, ENOENT, EPERM] {
            assert!(read(error, Ok(())) == MemoryError::Guest);
        }
        assert!(read(ENOMEM, Ok(())) == MemoryError::Host(ENOMEM));
    }

    #[test]
    fn a_shortage_is_no_end_of_file() {
        assert!(answer(errno(TranslationError::Memory(ENOMEM))) == EBUSY);
        // QEMU tries again itself.
        assert!(answer(EAGAIN) == EAGAIN);
        for lasting in [EFAULT, ENOENT, EINVAL, EOPNOTSUPP, ENODEV, EACCES] {
            assert!(answer(lasting) == lasting);
        }
    }

    #[test]
    fn status_has_the_guests_addresses() -> Result {
        let mut m = Machine::new(&[[0x03, 0, 0, 0, 0, 0, 0, 0]])?;
        let cpa = m.translate(FORMAT_1)?;

        let mut irb = Irb::from_bytes(&[0; ccwchain::irb::SIZE]);
        irb.set_scsw(Scsw::default().with_cpa(cpa + 8));
        m.translator.write_back(&mut irb);
        assert!(irb.scsw().cpa() == 0x10008);

        irb.set_scsw(Scsw::default().with_cpa(0x1234_5678));
        m.translator.write_back(&mut irb);
        assert!(irb.scsw().cpa() == 0);
        Ok(())
    }
}
