// SPDX-License-Identifier: GPL-2.0

//! Tests of the translator in the kernel.

use kernel::prelude::*;

#[kunit_tests(vfio_ccw_memory)]
mod memory {
    use crate::memory::*;
    use ccwchain::{
        error::Error as TranslationError,
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

    /// A CCW and an IDAW that cause a program check.
    const POISON: [u8; 8] = [0, 0, 0, 0, 0x80, 0, 0, 0];
    const FAULT: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0x01];

    struct Stub(Type1<KVVec<Page>>);

    fn classify_stub<T>(result: Result<T, StubError>) -> Result<T, MemoryError<Error>> {
        result.map_err(|error| match error {
            StubError::Unmapped | StubError::Permission => MemoryError::Guest,
            _ => MemoryError::Host(ENOMEM),
        })
    }

    impl GuestMemory for Stub {
        type Error = Error;

        fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
            classify_stub(self.0.read(address, buffer))
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
            classify_stub(self.0.pin(first, rights, host_addresses))
        }

        fn unpin(&mut self, range: PinnedRange) {
            self.0.unpin(range.first(), range.count());
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

    /// A guest with pages at 0x10000 (its program), 0x20000 and 0x21000 (data), and a translator.
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

        /// Translates the program at 0x10000, and returns the address of the host program.
        fn translate(&mut self, flags: Flags) -> Result<u32> {
            let orb = Orb::default().with_flags(flags).with_cpa(0x10000);
            let program = self
                .translator
                .translate(&orb, &mut self.guest, &mut self.arena)
                .map_err(|(error, _)| match error {
                    TranslationError::Memory(error) => error,
                    _ => EINVAL,
                })?;
            Ok(program.orb().orb().cpa())
        }
    }

    const FORMAT_1: Flags = Flags::FORMAT_1.union(Flags::IDAW_64);

    #[test]
    fn the_vectors_of_the_host_tests_hold_in_the_kernel() {
        assert!(ccwchain::vectors::replay::<KernelStorage>() == Ok(()));
    }

    #[test]
    fn data_is_moved_to_pinned_pages_through_a_list() -> Result {
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
    fn idaws_of_31_bits_become_idaws_of_64() -> Result {
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
    fn a_fault_of_the_guest_is_a_program_check_in_its_place() -> Result {
        // A no-operation, then a read into memory that is not mapped.
        let mut m = Machine::new(&[
            [0x03, 0x40, 0, 0, 0, 0, 0, 0],
            [0x02, 0, 0, 1, 0, 0x30, 0, 0],
        ])?;
        let cpa = m.translate(FORMAT_1)?;

        let [_, _, _, _, a @ ..] = m.arena.at(cpa + 8);
        assert_eq!(m.arena.at(u32::from_be_bytes(a)), FAULT);
        assert!(m.guest.0.pins() == 0);

        // An invalid command causes it before any data is moved.
        let mut m = Machine::new(&[[0x00, 0, 0, 1, 0, 0x02, 0, 0]])?;
        let cpa = m.translate(FORMAT_1)?;
        assert_eq!(m.arena.at(cpa), POISON);
        Ok(())
    }

    #[test]
    fn a_shortage_of_the_host_leaves_nothing_pinned() -> Result {
        let mut m = Machine::new(&[[0x02, 0, 0x10, 0, 0, 0x02, 0x09, 0]])?;
        m.guest.0.set_limit(1);

        assert!(m.translate(FORMAT_1) == Err(ENOMEM));
        assert!(m.guest.0.pins() == 0);
        Ok(())
    }

    #[test]
    fn room_grows_up_to_the_bounds() -> Result {
        let mut translator = Translator::new(Sizes::IDLE, 1)?;
        let mut arena = Area::new(Sizes::IDLE_ARENA)?;

        for bound in [Bound::Ccws, Bound::Idaws, Bound::Arena] {
            let mut times = 0;
            while grow(&mut translator, &mut arena, bound)? {
                times += 1;
            }
            assert!((1..8).contains(&times));
        }
        assert!(arena.blocks() == Sizes::MAX_ARENA);
        Ok(())
    }

    #[test]
    fn only_memory_that_is_not_mapped_is_a_fault_of_the_guest() {
        for error in [EINVAL, ENOENT, EPERM, EFAULT] {
            assert!(classify(error, || Ok(())) == MemoryError::Guest);
        }
        for error in [ENOMEM, EACCES, E2BIG, EAGAIN, EINTR, EOVERFLOW] {
            assert!(classify(error, || Ok(())) == MemoryError::Host(error));
        }
    }

    #[test]
    fn a_device_without_address_space_is_no_fault_of_the_guest() {
        for missing in [ENOENT, EAGAIN] {
            assert!(classify(ENOENT, || Err(missing)) == MemoryError::Host(missing));
            let read = classify_read(ENOENT, || Ok(()), || Err(missing));
            assert!(read == MemoryError::Host(missing));
            // Other errors come from an address space.
            assert!(classify(EINVAL, || Err(missing)) == MemoryError::Guest);
        }
    }

    #[test]
    fn memory_that_can_be_pinned_but_not_read_is_no_fault_of_the_guest() {
        let read = |error, pinned| classify_read(error, || pinned, || Ok(()));

        assert!(read(EFAULT, Ok(())) == MemoryError::Host(EFAULT));
        assert!(read(EFAULT, Err(EFAULT)) == MemoryError::Guest);
        assert!(read(EFAULT, Err(ENOMEM)) == MemoryError::Host(ENOMEM));
        // Nothing is pinned to find out why memory is not mapped.
        for error in [EINVAL, ENOENT, EPERM] {
            assert!(read(error, Ok(())) == MemoryError::Guest);
        }
        assert!(read(ENOMEM, Ok(())) == MemoryError::Host(ENOMEM));
    }

    #[test]
    fn an_irb_has_addresses_of_the_guest() -> Result {
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
