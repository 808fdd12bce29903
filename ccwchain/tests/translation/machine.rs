// SPDX-License-Identifier: GPL-2.0

//! A guest, a host and a translator between them.

use std::convert::Infallible;

use ccwchain::{
    ccw::{
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    error::Bound,
    host_orb::HostOrb,
    irb::Irb,
    memory::{
        self,
        Arena,
        GuestMemory,
        MemoryError,
        PinnedRange,
        Storage,
        BLOCK, //
    },
    midaw::{
        self,
        Midaw, //
    },
    orb::{
        self,
        Orb, //
    },
    scsw::Scsw,
    translator::{
        grown,
        Sizes,
        Translator, //
    },
};
use iommu_type1_stub::{
    Access,
    Error,
    Page,
    Type1, //
};

pub(crate) type TranslateError = ccwchain::error::Error<Error>;

/// Working memory on the heap.
pub(crate) struct Heap;

impl Storage for Heap {
    type Of<T> = Vec<T>;
    type Error = Infallible;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
        Ok(vec![T::default(); len])
    }
}

/// Guest memory, which records where it is read.
pub(crate) struct Guest {
    pub(crate) iommu: Type1<Vec<Page>>,
    pub(crate) reads: Vec<(u64, usize)>,
    /// The number of reads after which the guest begins to change the first word of whatever was
    /// read.
    pub(crate) hasty_after: usize,
    pub(crate) invalidate_seq: Option<u64>,
    /// The numbers of pins after which guest pages are replaced, one after the other; the last item
    /// is the next to come.
    pub(crate) changes_after: Vec<usize>,
}

fn whose<T>(result: Result<T, Error>) -> Result<T, MemoryError<Error>> {
    result.map_err(|error| match error {
        Error::Unmapped | Error::Permission => MemoryError::Guest,
        error => MemoryError::Host(error),
    })
}

impl GuestMemory for Guest {
    type Error = Error;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Error>> {
        self.reads.push((address, buffer.len()));
        whose(self.iommu.read(address, buffer))?;
        if self.reads.len() > self.hasty_after {
            whose(self.iommu.store(address, &[0x5a; 8]))?;
        }
        Ok(())
    }

    fn pin(
        &mut self,
        first: u64,
        access: memory::Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Error>> {
        let access = match access {
            memory::Access::Read => Access::Read,
            memory::Access::Write => Access::Write,
        };
        whose(self.iommu.pin(first, access, host_addresses))?;
        match self.changes_after.last_mut() {
            None => {}
            Some(0) => {
                self.invalidate_seq = self.invalidate_seq.map(|invalidate_seq| invalidate_seq + 1);
                self.changes_after.pop();
            }
            Some(more) => *more -= 1,
        }
        Ok(())
    }

    fn unpin(&mut self, run: PinnedRange) {
        self.iommu.unpin(run.first(), run.count());
    }

    fn invalidate_seq(&mut self) -> Option<u64> {
        self.invalidate_seq
    }
}

/// The 31-bit memory of the host: blocks that are not adjacent and in no order.
pub(crate) struct Low {
    pub(crate) blocks: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
}

impl Low {
    pub(crate) fn new(blocks: usize) -> Self {
        // 257 is a prime number, and more than there are blocks.
        let position = |number: u32| number * 101 % 257;
        Self {
            blocks: (0..blocks as u32)
                .map(|number| 0x7000_0000 + 0x3000 * position(number))
                .collect(),
            bytes: vec![0xee; blocks * BLOCK],
        }
    }

    /// Returns the absolute address of the first byte.
    pub(crate) fn address(&self) -> u32 {
        self.blocks[0]
    }

    /// Returns the bytes at an address, if they are all in one block.
    pub(crate) fn get<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let at = (0..).zip(&self.blocks).find_map(|(block, start)| {
            let offset = usize::try_from(address.checked_sub(u64::from(*start))?).ok()?;
            (offset + N <= BLOCK).then_some(block * BLOCK + offset)
        })?;
        self.bytes.get(at..at + N)?.try_into().ok()
    }
}

impl Arena for Low {
    fn address(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).copied()
    }

    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        assert!(offset % BLOCK + N <= BLOCK, "{N} bytes at {offset:#x}");
        self.bytes[offset..offset + N].copy_from_slice(&bytes);
    }
}

/// Sizes for the programs of most tests.
pub(crate) const SIZES: Sizes = Sizes {
    ccws: 4096,
    idaws: 8192,
    cached_pages: 0,
};

/// The number of arena blocks for these programs.
pub(crate) const ARENA: usize = 32;

/// The address of a fault in a list, as in the translator.
pub(crate) const FAULT: u64 = 0xffff_ffff_ffff_f001;

/// An address mask of all bits.
pub(crate) struct Machine {
    pub(crate) guest: Guest,
    pub(crate) arena: Low,
    pub(crate) translator: Translator<Heap>,
}

/// Returns a format-1 CCW.
pub(crate) fn ccw(command: u8, flags: Flags, count: u16, address: u32) -> Ccw {
    Ccw {
        command,
        flags,
        count,
        address,
    }
}

/// Returns a transfer in channel.
pub(crate) fn tic(address: u32) -> Ccw {
    ccw(0x08, Flags::empty(), 0, address)
}

/// Returns an ORB for a format-1 program with format-2 IDAWs of 4 KiB.
pub(crate) fn orb1(cpa: u32) -> Orb {
    Orb::default()
        .with_flags(orb::Flags::FORMAT_1.union(orb::Flags::IDAW_64))
        .with_cpa(cpa)
}

/// Returns an ORB for a format-0 program.
pub(crate) fn orb0(cpa: u32) -> Orb {
    Orb::default().with_flags(orb::Flags::IDAW_64).with_cpa(cpa)
}

impl Machine {
    /// Creates a guest without memory, and a translator of these sizes with an arena of `blocks`
    /// blocks.
    pub(crate) fn with_sizes(sizes: Sizes, blocks: usize) -> Self {
        let Ok(translator) = Translator::new(sizes, 0x9e37_79b9_7f4a_7c15);
        Self {
            guest: Guest {
                iommu: Type1::new(vec![Page::default(); 64]),
                reads: Vec::new(),
                hasty_after: usize::MAX,
                invalidate_seq: None,
                changes_after: Vec::new(),
            },
            arena: Low::new(blocks),
            translator,
        }
    }

    /// Creates a guest with 16 pages of memory from 0x10000 on.
    pub(crate) fn new() -> Self {
        let mut machine = Self::with_sizes(SIZES, ARENA);
        machine.map(0x10000, 0x10000, Access::Write);
        machine
    }

    pub(crate) fn map(&mut self, iova: u64, len: u64, access: Access) {
        self.guest.iommu.map(iova, len, access).unwrap();
    }

    /// Stores a list of MIDAWs that fills a page. Each is for one byte at 0x12000.
    pub(crate) fn store_midaws(&mut self, list: u64) {
        for number in 0..256 {
            let last = u64::from(number == 255) << 23;
            let midaw = [last | 1, 0x12000].map(u64::to_be_bytes).concat();
            self.guest.iommu.store(list + 16 * number, &midaw).unwrap();
        }
    }

    /// Stores successive CCWs.
    pub(crate) fn program(&mut self, format: Format, address: u32, ccws: &[Ccw]) {
        for (number, ccw) in (0..).zip(ccws) {
            let address = u64::from(address + 8 * number);
            let bytes = ccw.to_bytes(format);
            self.guest.iommu.store(address, &bytes).unwrap();
        }
    }

    /// Stores format-1 CCWs at 0x10000 and translates them.
    pub(crate) fn translate1(&mut self, ccws: &[Ccw]) -> HostOrb {
        self.program(Format::One, 0x10000, ccws);
        self.translate(&orb1(0x10000)).unwrap()
    }

    pub(crate) fn translate(&mut self, orb: &Orb) -> Result<HostOrb, TranslateError> {
        self.guest.reads.clear();
        self.translator
            .translate(orb, &mut self.guest, &mut self.arena)
            .map(|program| program.orb())
            .map_err(|(error, _)| error)
    }

    /// Translates a program, and grows the translator and the arena as the driver does.
    pub(crate) fn translate_growing(
        &mut self,
        translate: impl Fn(&mut Self) -> Result<HostOrb, TranslateError>,
    ) -> Result<HostOrb, TranslateError> {
        loop {
            let result = translate(self);
            let Err(TranslateError::TooLarge(bound)) = result else {
                return result;
            };
            assert_eq!(self.guest.iommu.pins(), self.translator.cached_pages());
            let grows = match bound {
                Bound::Arena => match grown(self.arena.blocks.len(), Sizes::MAX_ARENA) {
                    Some(blocks) => {
                        self.arena = Low::new(blocks);
                        true
                    }
                    None => false,
                },
                bound => {
                    let Ok(grows) = self.translator.grow(bound);
                    grows
                }
            };
            if !grows {
                return result;
            }
        }
    }

    pub(crate) fn release(&mut self) {
        self.translator.release(&mut self.guest);
    }

    /// Returns the host CCW that many slots after the first one.
    pub(crate) fn host_ccw(&self, host: &HostOrb, number: u32) -> Ccw {
        let address = u64::from(host.orb().cpa() + 8 * number);
        Ccw::parse(Format::One, self.arena.get(address).unwrap())
    }

    /// Returns whether that CCW gives a program check, however it is reached.
    pub(crate) fn is_program_check(&self, host: &HostOrb, number: u32) -> bool {
        self.host_ccw(host, number) == ccw(0, Flags::empty(), 0, 0x8000_0000)
    }

    /// Returns the IDAWs of a host CCW, up to a fault.
    pub(crate) fn host_idaws(&self, host: &HostOrb, ccw: &Ccw) -> Vec<u64> {
        assert!(ccw.flags.contains(Flags::IDA), "{ccw}");
        let format = ccwchain::idaw::Format::of(&host.orb());
        let idaw = |number: u64| {
            let address = u64::from(ccw.address) + 8 * number;
            u64::from_be_bytes(self.arena.get(address).unwrap())
        };
        let count = ccw.count.max(1);
        let needed = match ccw.direction() {
            Direction::ReadBackward => format.needed_backward(idaw(0), count),
            _ => format.needed(idaw(0), count),
        };
        let mut idaws: Vec<_> = (0..needed as u64).map(idaw).collect();
        if let Some(fault) = idaws.iter().position(|idaw| *idaw == FAULT) {
            idaws.truncate(fault + 1);
        }
        let list = u64::from(ccw.address);
        let last = list + 8 * idaws.len() as u64 - 1;
        assert_eq!(list / 2048, last / 2048, "{ccw}");
        idaws
    }

    /// Returns the guest addresses of the blocks of a host CCW, followed by [`FAULT`] if there is a
    /// program check. Blocks of the scratch page are left out.
    pub(crate) fn guest_blocks(&self, host: &HostOrb, ccw: &Ccw) -> Option<Vec<u64>> {
        let idaws = self.host_idaws(host, ccw);
        let scratch = u64::from(self.arena.address()) / 4096;
        if idaws.iter().all(|idaw| *idaw / 4096 == scratch) {
            return None;
        }
        let guest = |idaw: &u64| match *idaw {
            FAULT => FAULT,
            idaw => self.guest_address(ccw, idaw),
        };
        Some(idaws.iter().map(guest).collect())
    }

    /// Returns the guest address of data at an absolute address that a CCW uses.
    fn guest_address(&self, ccw: &Ccw, address: u64) -> u64 {
        let access = if ccw.direction().stores() {
            Access::Write
        } else {
            Access::Read
        };
        assert!(
            self.guest.iommu.pinned_for(address) >= Some(access),
            "{ccw}: {address:#x} is not pinned for {access:?}"
        );
        self.guest.iommu.iova(address).unwrap()
    }

    /// Returns the MIDAWs of a host CCW with guest addresses. [`FAULT`] is unchanged, and addresses
    /// in the scratch page are absolute.
    pub(crate) fn guest_midaws(&self, ccw: &Ccw) -> Vec<Midaw> {
        assert!(ccw.flags.contains(Flags::MIDA), "{ccw}");
        assert_eq!(ccw.address % 16, 0, "{ccw}");
        let scratch = u64::from(self.arena.address());
        let mut midaws = Vec::new();
        let mut rest = ccw.count;
        for address in (u64::from(ccw.address)..).step_by(16) {
            assert_eq!(address / 4096, u64::from(ccw.address) / 4096, "{ccw}");
            let midaw = Midaw::parse(self.arena.get(address).unwrap()).unwrap();
            rest = rest.saturating_sub(midaw.count);
            midaws.push(Midaw {
                address: match midaw.address {
                    FAULT => FAULT,
                    address if address / 4096 == scratch / 4096 => address - scratch,
                    address => self.guest_address(ccw, address),
                },
                ..midaw
            });
            if rest == 0 || midaw.flags.contains(midaw::Flags::LAST) {
                break;
            }
        }
        midaws
    }

    /// Returns the status with this CPA as the guest sees it.
    pub(crate) fn guest_cpa(&self, host: u32) -> u32 {
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::default().with_cpa(host));
        self.translator.write_back(&mut irb);
        irb.scsw().cpa()
    }
}
