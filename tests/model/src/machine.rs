// SPDX-License-Identifier: GPL-2.0

//! A guest, an arena and a translator between them.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    error::Bound,
    host_orb::HostOrb,
    irb::Irb,
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
    Error, //
};

use crate::memory::{
    ArenaBlocks,
    Guest,
    Heap, //
};

/// Why a program is not translated.
pub type TranslateError = ccwchain::error::Error<Error>;

/// Sizes for the programs of most tests.
pub const SIZES: Sizes = Sizes {
    ccws: 4096,
    idaws: 8192,
    cached_pages: 0,
};

/// The number of arena blocks for these programs.
pub const BLOCKS: usize = 32;

/// The address of a fault in a list, as in the translator.
pub const FAULT: u64 = 0xffff_ffff_ffff_f001;

/// The seed of the translator, which a guest would not know.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A guest, an arena and a translator between them.
pub struct Machine {
    /// Guest memory.
    pub guest: Guest,
    /// The arena.
    pub arena: ArenaBlocks,
    /// The translator.
    pub translator: Translator<Heap>,
}

/// Returns a format-1 CCW.
pub fn ccw(command: u8, flags: Flags, count: u16, address: u32) -> Ccw {
    Ccw {
        command,
        flags,
        count,
        address,
    }
}

/// Returns a transfer in channel.
pub fn tic(address: u32) -> Ccw {
    ccw(0x08, Flags::empty(), 0, address)
}

/// Returns an ORB for a format-1 program with format-2 IDAWs of 4 KiB.
pub fn orb1(cpa: u32) -> Orb {
    Orb::default()
        .with_flags(orb::Flags::FORMAT_1.union(orb::Flags::IDAW_64))
        .with_cpa(cpa)
}

/// Returns an ORB for a format-0 program.
pub fn orb0(cpa: u32) -> Orb {
    Orb::default().with_flags(orb::Flags::IDAW_64).with_cpa(cpa)
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Creates a guest without memory, and a translator of these sizes with an arena of `blocks`
    /// blocks.
    pub fn with_sizes(sizes: Sizes, blocks: usize) -> Self {
        Self::with_guest(Guest::with_room(64), sizes, blocks)
    }

    /// Creates a translator of these sizes for a guest, with an arena of `blocks` blocks.
    pub fn with_guest(guest: Guest, sizes: Sizes, blocks: usize) -> Self {
        let Ok(translator) = Translator::new(sizes, SEED);
        Self {
            guest,
            arena: ArenaBlocks::new(blocks),
            translator,
        }
    }

    /// Creates a guest with 16 pages of memory from 0x10000 on.
    pub fn new() -> Self {
        let mut machine = Self::with_sizes(SIZES, BLOCKS);
        machine.map(0x10000, 0x10000, Access::Write);
        machine
    }

    /// Maps guest memory.
    ///
    /// # Panics
    ///
    /// Panics if there is no room for it.
    pub fn map(&mut self, iova: u64, len: u64, access: Access) {
        self.guest.iommu.map(iova, len, access).unwrap();
    }

    /// Stores a list of MIDAWs that fills a page. Each is for one byte at 0x12000.
    pub fn store_midaws(&mut self, list: u64) {
        for number in 0..256 {
            let last = u64::from(number == 255) << 23;
            let midaw = [last | 1, 0x12000].map(u64::to_be_bytes).concat();
            self.guest.iommu.store(list + 16 * number, &midaw).unwrap();
        }
    }

    /// Stores successive CCWs.
    pub fn program(&mut self, format: Format, address: u32, ccws: &[Ccw]) {
        for (number, ccw) in (0..).zip(ccws) {
            let address = u64::from(address + 8 * number);
            let bytes = ccw.to_bytes(format);
            self.guest.iommu.store(address, &bytes).unwrap();
        }
    }

    /// Stores format-1 CCWs at 0x10000 and translates them.
    pub fn translate1(&mut self, ccws: &[Ccw]) -> HostOrb {
        self.program(Format::One, 0x10000, ccws);
        self.translate(&orb1(0x10000)).unwrap()
    }

    /// Translates the program of an ORB.
    pub fn translate(&mut self, orb: &Orb) -> Result<HostOrb, TranslateError> {
        self.guest.reads.clear();
        self.translator
            .translate(orb, &mut self.guest, &mut self.arena)
            .map(|program| program.orb())
            .map_err(|(error, _)| error)
    }

    /// Translates a program, and grows the translator and the arena as the driver does.
    pub fn translate_growing(
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
                        self.arena = ArenaBlocks::new(blocks);
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

    /// Releases the program.
    pub fn release(&mut self) {
        self.translator.release(&mut self.guest);
    }

    /// Returns the SCSW with this CPA as the guest sees it.
    pub fn guest_scsw(&self, cpa: u32) -> Scsw {
        /// The bit for format-1 CCWs, which host programs always have.
        const FORMAT_1: u32 = 0x0080_0000;
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words([FORMAT_1, cpa, 0]));
        self.translator.write_back(&mut irb);
        irb.scsw()
    }

    /// Returns a CPA as the guest sees it.
    pub fn guest_cpa(&self, cpa: u32) -> u32 {
        self.guest_scsw(cpa).cpa()
    }
}
