// SPDX-License-Identifier: GPL-2.0

//! From a guest's channel program to one that the host's channel can run in its place.
//!
//! 1. walk: every CCW is fetched once;
//! 2. layout: each gets its slot in the host's program;
//! 3. writer: the host's CCWs and their lists are written into the arena, and the blocks that they
//!    move data to or from are listed;
//! 4. pages: the pages of these blocks are pinned;
//! 5. writer: their addresses are filled in.
//!
//! In programs that are sequential the first three are one.
//!
//! What is wrong in the guest's program gives a program check in the host's, at the same byte. So does
//! the place past the end of a program that status modifier may lead to, if the program with what is
//! there cannot be translated: then it is begun anew without that.

pub mod host_orb;

mod data;
mod effect;
mod fetch;
mod image;
mod layout;
mod reader;
mod sequential;
mod slots;
mod walk;

use crate::{
    ccw::Format,
    error::{
        Bound,
        Error, //
    },
    idaw,
    irb::Irb,
    memory::{
        Arena,
        GuestMemory,
        Storage,
        PAGE_SIZE, //
    },
    orb::{
        self,
        Orb, //
    },
    pin::pages::Pages,
    translator::data::{
        Blocks,
        Writer, //
    },
    translator::fetch::{
        Rules,
        Step, //
    },
    translator::host_orb::{
        HostOrb,
        HostProgram, //
    },
    translator::image::{
        ArenaAddress,
        HostCcw,
        Image, //
    },
    translator::layout::{
        Instance,
        Layout, //
    },
    translator::reader::{
        Reader,
        PIECE, //
    },
    translator::slots::Slots,
    translator::walk::Program,
};

/// The greatest program that a translator has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The number of CCWs. One that can have several commands in effect, by data chaining, counts once
    /// for each of them.
    pub ccws: usize,
    /// The number of IDAWs and MIDAWs, which is the number of blocks that all CCWs together move.
    pub idaws: usize,
    /// The number of pages that stay pinned when a program is over, if [`GuestMemory::invalidate_seq`] allows
    /// it.
    pub cached_pages: usize,
}

impl Sizes {
    /// The sizes that a device begins with: most programs fit, and it has little memory. No page is kept.
    pub const IDLE: Self = Self {
        ccws: 128,
        idaws: 256,
        cached_pages: 0,
    };

    /// The most that there can be.
    ///
    /// 4096 CCWs are as many as the C driver takes (16 segments of 256). These can have 33 IDAWs each,
    /// which 65,535 bytes need in blocks of 2 KiB: a program is never too large for its IDAWs alone,
    /// and only for lists of MIDAWs that are longer.
    pub const MAX: Self = Self {
        ccws: 4096,
        idaws: 4096 * idaw::MAX,
        cached_pages: 0,
    };

    /// The blocks of an arena for programs of [`Sizes::IDLE`]: one for the scratch and 474 CCWs, and one
    /// for 1022 IDAWs.
    pub const IDLE_ARENA: usize = 2;

    /// The most blocks of an arena, which have 2 MiB. Each program of [`Sizes::MAX`] fits in them that
    /// has no MIDAWs, which take twice the room of IDAWs.
    pub const MAX_ARENA: usize = 256;
}

/// Returns the size that a table of `size` entries, or an arena of so many blocks, grows to when a program
/// is too large for it: four times as many, but `max` at most. It returns `None` if it has them.
pub fn grown(size: usize, max: usize) -> Option<usize> {
    (size < max).then(|| size.saturating_mul(4).clamp(1, max))
}

/// What it took to translate a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The CCWs of the program.
    pub ccws: usize,
    /// The runs of CCWs that stand one behind the other in the host.
    pub runs: usize,
    /// The IDAWs and MIDAWs of data in pages that were not pinned before.
    pub blocks: usize,
    /// The pages that were pinned.
    pub pages: usize,
    /// The calls that pinned them, or tried to.
    pub pin_calls: usize,
}

/// A translator, and the program that it translated last.
pub struct Translator<S: Storage> {
    program: Program<S>,
    layout: Layout<S>,
    blocks: Blocks<S>,
    pages: Pages<S>,
    slots: Slots<S>,
    sizes: Sizes,
    /// Keeps a guest from choosing numbers that are slow to find.
    seed: u64,
    /// Where the guest's CCWs, and its lists, are read to.
    buffer: S::Of<u8>,
    /// The format of the guest's CCWs.
    format: Format,
    ccws: usize,
    runs: usize,
}

impl<S: Storage> Translator<S> {
    /// Makes a translator for programs of these sizes. `seed` is a random number.
    pub fn new(sizes: Sizes, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            program: Program::new(sizes.ccws, seed)?,
            layout: Layout::new(sizes.ccws)?,
            blocks: Blocks::new(sizes.idaws)?,
            pages: Pages::new(sizes.idaws, sizes.cached_pages, seed)?,
            slots: Slots::new(sizes.ccws)?,
            sizes,
            seed,
            buffer: S::allocate(2 * PIECE)?,
            format: Format::One,
            ccws: 0,
            runs: 0,
        })
    }

    /// Makes room for larger programs, after one was too large in `bound`. Returns whether it has more
    /// room now: not if it has the most that there can be, and not while it has a program. The arena is
    /// not the translator's.
    ///
    /// An error leaves all as it was.
    pub fn grow(&mut self, bound: Bound) -> Result<bool, S::Error> {
        if self.ccws > 0 {
            return Ok(false);
        }
        let (ccws, idaws) = (self.sizes.ccws, self.sizes.idaws);
        match bound {
            Bound::Ccws => {
                let Some(ccws) = grown(ccws, Sizes::MAX.ccws) else {
                    return Ok(false);
                };
                let program = Program::new(ccws, self.seed)?;
                let layout = Layout::new(ccws)?;
                self.slots = Slots::new(ccws)?;
                self.program = program;
                self.layout = layout;
                self.sizes.ccws = ccws;
            }
            Bound::Idaws => {
                let Some(idaws) = grown(idaws, Sizes::MAX.idaws) else {
                    return Ok(false);
                };
                let blocks = Blocks::new(idaws)?;
                self.pages.grow(idaws, self.seed)?;
                self.blocks = blocks;
                self.sizes.idaws = idaws;
            }
            Bound::Arena => return Ok(false),
        }
        Ok(true)
    }

    /// Translates the program of `orb` into `arena`, after releasing the one before.
    ///
    /// The channel must be done with the program before. An error leaves no program, and no page
    /// pinned that is not kept; the arena, whose contents are then undefined, comes back with it. A program
    /// that is too large may be given once more when the translator has grown, or with a larger arena.
    pub fn translate<M: GuestMemory, A: Arena>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
        mut arena: A,
    ) -> Result<HostProgram<A>, (Error<M::Error>, A)> {
        if self.ccws > 0 {
            self.release(memory);
        }
        let mut past_ends = true;
        loop {
            let error = match self.try_translate(past_ends, orb, memory, &mut arena) {
                Ok(orb) => return Ok(HostProgram::new(orb, arena)),
                Err(error) => error,
            };
            let looks_past_ends = self.program.looks_past_ends();
            self.release(memory);
            if !looks_past_ends || self.may_grow(&error, &arena) {
                return Err((error, arena));
            }
            // What is past an end may have been the reason, and is none to refuse the program.
            past_ends = false;
        }
    }

    /// Returns whether the translator or the arena can grow for a program that was too large.
    fn may_grow<E, A: Arena>(&self, error: &Error<E>, arena: &A) -> bool {
        match error {
            Error::TooLarge(Bound::Ccws) => self.sizes.ccws < Sizes::MAX.ccws,
            Error::TooLarge(Bound::Idaws) => self.sizes.idaws < Sizes::MAX.idaws,
            Error::TooLarge(Bound::Arena) => arena.address(Sizes::MAX_ARENA - 1).is_none(),
            _ => false,
        }
    }

    fn try_translate<M: GuestMemory, A: Arena>(
        &mut self,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<HostOrb, Error<M::Error>> {
        check(orb)?;
        let mut attempt = 0;
        loop {
            // The second is made if a page was kept for less than it is used for now; or if pages may
            // be others by now, as is the third, for which none is kept.
            self.pages.begin(attempt < 2, memory);
            // One that is too large so might just fit as any other program. But it would take longer
            // then, each time, and in a larger arena it does not.
            let written = match self.write_sequential(past_ends, orb, memory, arena)? {
                Some(written) => written,
                None => {
                    self.forget();
                    self.write(past_ends, orb, memory, arena)?
                }
            };
            if self.pages.pin(memory)? {
                self.blocks.fill(&self.pages, arena);
                self.format = Format::of(orb);
                return Ok(HostOrb::new(orb, written.cpa, written.has_midaws));
            }
            self.forget();
            attempt += 1;
        }
    }

    /// Writes the host's program, but for the addresses of data, if the guest's is sequential.
    #[inline(never)]
    fn write_sequential<M: GuestMemory, A: Arena>(
        &mut self,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<Option<Written>, Error<M::Error>> {
        let (ccws, lists) = self.buffer.split_at_mut(PIECE);
        let lists = Reader::new(lists);
        let image = Image::sequential(arena, &mut self.slots, self.layout.capacity())?;
        let (blocks, pages) = (&mut self.blocks, &mut self.pages);
        let mut writer = Writer::new(orb, image, blocks, pages, lists);
        let rules = &Rules::of(orb, past_ends);
        let ccws = sequential::write(orb.cpa(), rules, ccws, &mut writer, memory)?;
        let Some(ccws) = ccws else {
            return Ok(None);
        };
        self.layout.set_sequential(orb.cpa(), ccws);
        self.ccws = ccws as usize;
        self.runs = writer.image.slot_blocks();
        Ok(Some(Written {
            cpa: writer.image.first_slot(),
            has_midaws: writer.image.has_midaws(),
        }))
    }

    /// Does so with any program.
    #[inline(never)]
    fn write<M: GuestMemory, A: Arena>(
        &mut self,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<Written, Error<M::Error>> {
        let (ccws, lists) = self.buffer.split_at_mut(PIECE);
        let (ccws, lists) = (&mut Reader::new(ccws), Reader::new(lists));
        let rules = &Rules::of(orb, past_ends);
        self.program.walk(orb.cpa(), rules, ccws, memory)?;
        self.ccws = self.program.len();
        self.runs = self.layout.lay_out(&mut self.program)?;
        let image = Image::new(arena, &mut self.slots, self.layout.slots())?;
        let (blocks, pages) = (&mut self.blocks, &mut self.pages);
        let mut writer = Writer::new(orb, image, blocks, pages, lists);
        for slot in 0..self.layout.slots() {
            writer.image.put(slot, HostCcw::ProgramCheck);
        }
        for (index, instance) in self.layout.instances().iter().enumerate() {
            if instance.step() == Step::Command {
                writer.put_command(instance.slot, instance.command(), instance.effect(), memory)?;
            } else {
                let ccw = way_to(&self.layout, instance, &writer.image);
                writer.image.put(instance.slot, ccw);
            }
            for (guard, elsewhere) in (1..).zip(self.layout.elsewhere(index)) {
                if let Some(elsewhere) = elsewhere {
                    let ccw = way_to(&self.layout, elsewhere, &writer.image);
                    writer.image.put(instance.slot + guard, ccw);
                }
            }
        }
        Ok(Written {
            cpa: writer.image.slot(self.layout.start(orb.cpa())),
            has_midaws: writer.image.has_midaws(),
        })
    }

    /// Replaces the addresses of the host's in `irb` by those of the guest's that they stand for,
    /// and the format of the CCWs by that of the guest's.
    ///
    /// What stands for nothing of the guest's becomes zero and, in the extended-status word, not
    /// valid. Of the extended-control word only sense bytes are left.
    pub fn write_back(&self, irb: &mut Irb) {
        let scsw = irb.scsw();
        let format = match scsw.format() {
            Format::One => self.format,
            // The status is not one of a program of ours.
            Format::Zero => Format::Zero,
        };
        let cpa = self.guest_ccw(scsw.cpa()).unwrap_or(0);
        irb.set_scsw(scsw.with_format(format).with_cpa(cpa));
        let failing = irb.failing_storage_address();
        let secondary = irb.secondary_ccw_address();
        irb.keep_sense_only();
        irb.set_addresses(
            failing.and_then(|host| self.guest_storage(host)),
            secondary.and_then(|host| self.guest_ccw(host)),
        );
    }

    /// The guest address of the CCW at an absolute address.
    fn guest_ccw(&self, host: u32) -> Option<u32> {
        let slot = self.slots.at(host)?;
        self.layout.guest_address(slot)
    }

    /// The guest address of the data or the CCW at an absolute address.
    fn guest_storage(&self, host: u64) -> Option<u64> {
        self.pages.guest_address(host).or_else(|| {
            let ccw = self.guest_ccw(u32::try_from(host).ok()?)?;
            Some(u64::from(ccw))
        })
    }

    /// Forgets the program, and unpins its pages but for those that are kept. The channel must be
    /// done with it.
    pub fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        self.pages.release(memory);
        self.forget();
    }

    /// Forgets the program, whose pages are not pinned.
    fn forget(&mut self) {
        self.pages.forget();
        self.blocks.clear();
        self.program.clear();
        self.layout.clear();
        self.slots.clear();
        self.format = Format::One;
        self.ccws = 0;
        self.runs = 0;
    }

    /// Whether a page in the `len` bytes of guest memory from `address` on is pinned for the program,
    /// so that it can only be unpinned when the program is over.
    pub fn has_pinned(&self, address: u64, len: u64) -> bool {
        pages(address, len).is_some_and(|(first, last)| self.pages.any_pinned(first, last))
    }

    /// The absolute addresses of the pages in the host that are pinned for the program.
    pub fn host_addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.pages.host_addresses()
    }

    /// How many pages are kept.
    pub fn cached_pages(&self) -> usize {
        self.pages.kept()
    }

    /// How many pages are pinned, for the program or to be kept.
    pub fn pinned(&self) -> usize {
        self.pages.pinned()
    }

    /// Unpins the cached pages in the `len` bytes of guest memory from `address` on, but for those that
    /// the program uses ([`Self::has_pinned`]): they can go after [`Self::release`].
    pub fn invalidate<M: GuestMemory>(&mut self, address: u64, len: u64, memory: &mut M) {
        if let Some((first, last)) = pages(address, len) {
            self.pages.invalidate(first, last, memory);
        }
    }

    /// What it took to translate the program, or nothing if there is none.
    pub fn stats(&self) -> Stats {
        Stats {
            ccws: self.ccws,
            runs: self.runs,
            blocks: self.blocks.len(),
            pages: self.pages.count(),
            pin_calls: self.pages.calls(),
        }
    }
}

/// A program that is written, but for the addresses of its data.
struct Written {
    cpa: ArenaAddress,
    has_midaws: bool,
}

/// What leads to where a CCW leads. For a transfer, that is the same transfer again, as the channel
/// does not take two of them in a row.
fn way_to<S: Storage, A: Arena>(
    layout: &Layout<S>,
    instance: &Instance,
    image: &Image<'_, S, A>,
) -> HostCcw {
    let slot = match instance.step() {
        Step::ProgramCheck => None,
        Step::Command => Some(instance.slot),
        // That there is no CCW is the fault of the transfer (Principles of Operation,
        // "Channel-Program Address").
        Step::Transfer => layout.target(instance),
    };
    slot.map_or(HostCcw::ProgramCheck, |slot| {
        HostCcw::Transfer(image.slot(slot))
    })
}

/// The numbers of the first and the last page of `len` bytes.
fn pages(address: u64, len: u64) -> Option<(u64, u64)> {
    let last = address.saturating_add(len.checked_sub(1)?);
    Some((address / PAGE_SIZE, last / PAGE_SIZE))
}

/// Refuses a request that the channel would refuse, and one that is not for channel programs.
fn check<E>(orb: &Orb) -> Result<(), Error<E>> {
    if orb.transport() {
        return Err(Error::TransportMode);
    }
    let control = orb.flags().intersection(orb::Flags::RESERVED);
    let cpa = orb.cpa() & 0x8000_0000;
    if control.is_empty() && cpa == 0 {
        Ok(())
    } else {
        Err(Error::ReservedOrbBits { control, cpa })
    }
}
