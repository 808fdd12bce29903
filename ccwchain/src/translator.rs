// SPDX-License-Identifier: GPL-2.0

//! From a guest's channel program to one that the host's channel can run in its place.
//!
//! 1. walk: every CCW is fetched once;
//! 2. layout: each gets its slot in the host's program;
//! 3. data: the blocks that each moves data to or from are listed;
//! 4. pages: the pages of these blocks are pinned;
//! 5. image: the host's CCWs, IDAWs and MIDAWs are written into the arena.
//!
//! What is wrong in the guest's program gives a program check in the host's, at the same byte.

use crate::{
    ccw::{
        Flags,
        Format, //
    },
    data::BlockList,
    error::{
        Bound,
        Error, //
    },
    fetch::{
        Rules,
        Step, //
    },
    host_orb::HostOrb,
    image::{
        HostCcw,
        Image,
        List,
        Slots,
        Target, //
    },
    irb::Irb,
    layout::{
        Instance,
        Layout, //
    },
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
    pages::{
        Pages,
        Wanted, //
    },
    reader::{
        Reader,
        AHEAD, //
    },
    walk::Program, //
};

/// The greatest program that a translator has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The number of CCWs. One that can have several commands in effect, by data chaining, counts once
    /// for each of them.
    pub ccws: usize,
    /// The number of IDAWs and MIDAWs, which is the number of blocks that all CCWs together move.
    pub idaws: usize,
    /// The number of pages that stay pinned when a program is over, if [`GuestMemory::epoch`] allows
    /// it.
    pub kept: usize,
}

impl Sizes {
    /// 4096 CCWs, as many as the C driver takes (16 segments of 256), and 16 MiB in blocks of 2 KiB.
    /// No page is kept.
    pub const DEFAULT: Self = Self {
        ccws: 4096,
        idaws: 8192,
        kept: 0,
    };

    /// The bytes of an arena that holds programs of the default sizes, of up to 800 runs. MIDAWs take
    /// twice the room of IDAWs.
    pub const DEFAULT_ARENA: usize = 128 * 1024;
}

/// What it took to translate a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The CCWs of the program.
    pub ccws: usize,
    /// The runs of CCWs that stand one behind the other in the host.
    pub runs: usize,
    /// The IDAWs that were written.
    pub idaws: usize,
    /// The MIDAWs that were written.
    pub midaws: usize,
    /// The CCWs that give a program check, themselves or somewhere in their data.
    pub faults: usize,
    /// The pages that are pinned.
    pub pages: usize,
    /// Those of them that were not pinned before.
    pub newly_pinned: usize,
    /// The calls that pinned them, or tried to.
    pub pin_calls: usize,
}

/// A translator, and the program that it translated last.
pub struct Translator<S: Storage> {
    program: Program<S>,
    layout: Layout<S>,
    blocks: BlockList<S>,
    pages: Pages<S>,
    slots: Slots,
    /// Where the guest's memory is read to.
    buffer: S::Of<u8>,
    /// The format of the guest's CCWs.
    format: Format,
    stats: Stats,
}

impl<S: Storage> Translator<S> {
    /// Makes a translator, and all the room that it will need. `seed` is a random number.
    pub fn new(sizes: Sizes, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            program: Program::new(sizes.ccws, seed)?,
            layout: Layout::new(sizes.ccws)?,
            blocks: BlockList::new(sizes.idaws)?,
            pages: Pages::new(sizes.idaws, sizes.kept, seed)?,
            slots: Slots::default(),
            buffer: S::allocate(AHEAD)?,
            format: Format::One,
            stats: Stats::default(),
        })
    }

    /// Translates the program of `orb` into `arena`, after releasing the one before.
    ///
    /// The channel must be done with the program before. An error leaves no program, and no page
    /// pinned that is not kept; the arena's contents are then undefined.
    pub fn translate<M: GuestMemory, A: Arena>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<HostOrb, Error<M::Error>> {
        self.release(memory);
        let result = self.try_translate(orb, memory, arena);
        if result.is_err() {
            self.release(memory);
        }
        result
    }

    fn try_translate<M: GuestMemory, A: Arena>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<HostOrb, Error<M::Error>> {
        check(orb)?;
        self.lay_out(orb, memory)?;
        self.collect(orb, memory)?;
        self.pages.pin(memory)?;
        self.stats.pages = self.pages.pinned();
        self.stats.newly_pinned = self.pages.newly_pinned();
        self.stats.pin_calls = self.pages.calls();
        Ok(self.emit(orb, arena)?)
    }

    /// Fetches all CCWs, and gives each its place in the host's program.
    fn lay_out<M: GuestMemory>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let rules = Rules::of(orb);
        let memory = &mut Reader::new(memory, &mut self.buffer);
        if self.layout.lay_out_straight(orb.cpa(), &rules, memory)? {
            self.stats.ccws = self.layout.instances().len();
            self.stats.runs = 1;
        } else {
            self.program.walk(self.layout.fetched(), &rules, memory)?;
            self.stats.ccws = self.program.len();
            self.stats.runs = self.layout.lay_out(&mut self.program)?;
        }
        Ok(())
    }

    /// Lists the data of all CCWs, and the pages that it is in.
    #[inline(never)]
    fn collect<M: GuestMemory>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let memory = &mut Reader::new(memory, &mut self.buffer);
        for instance in self.layout.instances_mut() {
            if let Some(transfer) = instance.transfer {
                let (blocks, pages) = (&mut self.blocks, &mut self.pages);
                instance.blocks = blocks.add(instance.ccw(), transfer, orb, pages, memory)?;
            }
        }
        Ok(())
    }

    /// Writes the host's program.
    #[inline(never)]
    fn emit<A: Arena>(&mut self, orb: &Orb, arena: &mut A) -> Result<HostOrb, Bound> {
        let mut image = Image::new(arena, self.layout.slots(), self.layout.first_guard())?;
        self.slots = image.slots();
        self.format = Format::of(orb);
        for (index, instance) in self.layout.instances().iter().enumerate() {
            if instance.step() == Step::Command {
                let list = self.list(instance, &mut image)?;
                image.put_command(instance.slot, instance.ccw(), list);
            } else {
                let ccw = self.way_to(instance, &image);
                image.put(instance.slot, &ccw);
                self.stats.faults += usize::from(matches!(ccw, HostCcw::ProgramCheck));
            }
            for (guard, elsewhere) in (1..).zip(self.layout.elsewhere(index)) {
                if let Some(elsewhere) = elsewhere {
                    image.put(instance.slot + guard, &self.way_to(elsewhere, &image));
                }
            }
        }
        let written = image.written();
        self.stats.idaws = written.idaws;
        self.stats.midaws = written.midaws;
        self.stats.faults += written.faults;
        let cpa = image.slot(self.layout.start(orb.cpa()));
        Ok(HostOrb::new(orb, cpa, written.midaws > 0))
    }

    /// What leads to where a CCW leads. For a transfer, that is the same transfer again, as the
    /// channel does not take two of them in a row.
    fn way_to<A: Arena>(&self, instance: &Instance, image: &Image<'_, A>) -> HostCcw {
        let slot = match instance.step() {
            Step::ProgramCheck => None,
            Step::Command => Some(instance.slot),
            // That there is no CCW is the fault of the transfer (Principles of Operation,
            // "Channel-Program Address").
            Step::Transfer => self.layout.target(instance),
        };
        slot.map_or(HostCcw::ProgramCheck, |slot| {
            HostCcw::Transfer(image.slot(slot))
        })
    }

    /// Writes the list of a command.
    #[inline]
    fn list<A: Arena>(&self, instance: &Instance, image: &mut Image<'_, A>) -> Result<List, Bound> {
        let Some(transfer) = instance.transfer else {
            return Ok(image.sink_list(instance.ccw().count));
        };
        let (blocks, fault) = (self.blocks.get(instance.blocks), instance.blocks.fault);
        let pages = self.pages.pinned_for(transfer.access());
        if !instance.ccw().flags.contains(Flags::MIDA) {
            let idaws = blocks
                .iter()
                .map(|block| pages.block(block.page, block.address));
            return image.list_idaws(blocks.len(), idaws, fault);
        }
        let midaws = blocks.iter().map(|block| {
            let target = match block.page {
                Wanted::NONE => Some(Target::Sink),
                page => pages.block(page, block.address).map(Target::Block),
            };
            (block.midaw(), target)
        });
        image.list_midaws(blocks.len(), midaws, fault)
    }

    /// Replaces the addresses of the host's in `irb` by those of the guest's that they stand for,
    /// and the format of the CCWs by that of the guest's.
    ///
    /// What stands for nothing of the guest's becomes zero and, in the extended-status word, not
    /// valid.
    pub fn write_back(&self, irb: &mut Irb) {
        let scsw = irb.scsw();
        let format = match scsw.format() {
            Format::One => self.format,
            // The status is not one of a program of ours.
            Format::Zero => Format::Zero,
        };
        let cpa = self.guest_ccw(scsw.cpa()).unwrap_or(0);
        irb.set_scsw(scsw.with_format(format).with_cpa(cpa));
        irb.set_failing_storage_address(
            irb.failing_storage_address()
                .and_then(|host| self.guest_storage(host)),
        );
        irb.set_secondary_ccw_address(
            irb.secondary_ccw_address()
                .and_then(|host| self.guest_ccw(host)),
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
        self.blocks.clear();
        self.layout.clear();
        self.program.clear();
        self.format = Format::One;
        self.stats = Stats::default();
    }

    /// Whether a page in the `len` bytes of guest memory from `address` on is pinned for the program,
    /// so that it can only be unpinned when the program is over.
    pub fn has_pinned(&self, address: u64, len: u64) -> bool {
        pages(address, len).is_some_and(|(first, last)| self.pages.any_pinned(first, last))
    }

    /// How many pages are kept.
    pub fn kept(&self) -> usize {
        self.pages.kept()
    }

    /// How many pages are pinned, for the program or to be kept.
    pub fn held(&self) -> usize {
        self.pages.held()
    }

    /// Unpins the kept pages in the `len` bytes of guest memory from `address` on, but for those that
    /// the program uses ([`Self::has_pinned`]): they can go after [`Self::release`].
    pub fn drop_kept<M: GuestMemory>(&mut self, address: u64, len: u64, memory: &mut M) {
        if let Some((first, last)) = pages(address, len) {
            self.pages.drop_kept(first, last, memory);
        }
    }

    /// What it took to translate the program, or nothing if there is none.
    pub fn stats(&self) -> Stats {
        self.stats
    }
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
