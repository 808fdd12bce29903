// SPDX-License-Identifier: GPL-2.0

//! Translation of a guest channel program into a host program that the channel can run instead.
//!
//! 1. `walk.rs` finds the CCWs of the program, and fetches each of them once.
//! 2. `layout.rs` assigns each a slot in the host program.
//! 3. `general.rs` writes the host CCWs, and `data.rs` their lists, into the arena. The pages of
//!    the data are looked up in the pin cache or requested.
//! 4. `pin/pages.rs` pins the requested pages.
//! 5. `lists.rs` writes the absolute addresses of their blocks into the lists.
//!
//! For a sequential program, `sequential.rs` does the first three steps at once.
//!
//! A fault in the guest program becomes a program check at the same place in the host program. So
//! does a CCW or a word of a list over which the program may store before the channel fetches it
//! (`overwrite.rs`), unless the program can wait there until its rest is translated
//! (`wait_points.rs`). A program that asks the guest for an interruption also waits where the guest
//! may append to it.
//! Status modifier may lead past the end of a program, and what is there may be no program. If the
//! translation fails with it, the program is translated again without it.

pub mod host_orb;

mod area;
mod data;
mod effect;
mod fetch;
mod general;
mod image;
mod instance;
mod layout;
mod list_reader;
mod lists;
mod modifiable;
mod order;
mod overwrite;
mod pinned;
mod rest;
mod sequential;
mod sizes;
mod slots;
mod span;
mod wait_points;
mod wait_search;
mod walk;
mod write_back;

pub use sizes::{
    grown,
    Sizes,
    Stats, //
};
pub use wait_points::{
    Continuation,
    WaitPoints,
    WAIT_TIC, //
};

use crate::{
    ccw::{
        self,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    orb::Orb,
    pin::pages::ProgramPages,
    translator::data::CommandWriter,
    translator::fetch::{
        CcwRules,
        GuestReader,
        PIECE, //
    },
    translator::general::{
        Tables,
        WrittenProgram, //
    },
    translator::host_orb::{
        check_orb,
        HostOrb,
        HostProgram, //
    },
    translator::image::ArenaImage,
    translator::layout::SlotLayout,
    translator::lists::DataBlocks,
    translator::modifiable::Changes,
    translator::overwrite::Overwrites,
    translator::slots::SlotBlocks,
    translator::span::Span,
    translator::walk::GuestProgram,
};

/// A translator of channel programs, with the program that it translated last.
///
/// The example of the [crate] shows how it is used.
pub struct Translator<S: Storage> {
    program: GuestProgram<S>,
    layout: SlotLayout<S>,
    blocks: DataBlocks<S>,
    pages: ProgramPages<S>,
    slots: SlotBlocks<S>,
    overwrites: Overwrites<S>,
    sizes: Sizes,
    /// A random number that makes the hashes of guest addresses unpredictable.
    seed: u64,
    /// Two pieces of guest memory: of CCWs, and of lists.
    buffer: S::Of<u8>,
    /// The format of the guest CCWs.
    format: Format,
    /// The number of guest CCWs, or zero if there is no program.
    ccws: usize,
    /// The number of segments of the host program.
    segments: usize,
    wait_points: WaitPoints,
    /// The place from which the program continues another one.
    continues: Option<Continuation>,
}

impl<S: Storage> Translator<S> {
    /// Creates a translator for programs of these sizes. `seed` is a random number, which must be
    /// unknown to the guest.
    pub fn new(sizes: Sizes, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            program: GuestProgram::new(sizes.ccws, seed)?,
            layout: SlotLayout::new(sizes.ccws)?,
            blocks: DataBlocks::new(sizes.idaws)?,
            pages: ProgramPages::new(sizes.idaws, sizes.cached_pages, seed)?,
            slots: SlotBlocks::new(sizes.ccws)?,
            overwrites: Overwrites::new()?,
            sizes,
            seed,
            buffer: S::allocate(2 * PIECE)?,
            format: Format::One,
            ccws: 0,
            segments: 0,
            wait_points: WaitPoints::default(),
            continues: None,
        })
    }

    /// Creates a translator of the same sizes, without a program. `seed` is another random number.
    pub fn another(&self, seed: u64) -> Result<Self, S::Error> {
        Self::new(self.sizes, seed)
    }

    /// Grows for larger programs, after one exceeded `bound`.
    ///
    /// Returns `false` if nothing grew: at the maximum size, while there is a program, and for
    /// [`Bound::Arena`], since the arena belongs to the caller. An error changes nothing.
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
                let program = GuestProgram::new(ccws, self.seed)?;
                let layout = SlotLayout::new(ccws)?;
                self.slots = SlotBlocks::new(ccws)?;
                self.program = program;
                self.layout = layout;
                self.sizes.ccws = ccws;
            }
            Bound::Idaws => {
                let Some(idaws) = grown(idaws, Sizes::MAX.idaws) else {
                    return Ok(false);
                };
                let blocks = DataBlocks::new(idaws)?;
                self.pages.grow(idaws, self.seed)?;
                self.blocks = blocks;
                self.sizes.idaws = idaws;
            }
            Bound::Arena => return Ok(false),
        }
        Ok(true)
    }

    /// Releases the last program, and translates the program of `orb` into `arena`.
    ///
    /// The channel must have ended the last program.
    ///
    /// # Errors
    ///
    /// The error comes with the arena, whose contents are undefined then. There is no program, and
    /// only cached pages are pinned. After [`Error::TooLarge`], the caller may grow the translator
    /// or the arena and try again.
    pub fn translate<M: GuestMemory, A: Arena>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
        arena: A,
    ) -> Result<HostProgram<A>, (Error<M::Error>, A)> {
        self.translate_from(None, orb, memory, arena)
    }

    /// Translates the program of `orb`, which may be the rest of one that `continues` there.
    fn translate_from<M: GuestMemory, A: Arena>(
        &mut self,
        continues: Option<Continuation>,
        orb: &Orb,
        memory: &mut M,
        mut arena: A,
    ) -> Result<HostProgram<A>, (Error<M::Error>, A)> {
        if self.ccws > 0 {
            self.release(memory);
        }
        let mut past_ends = true;
        loop {
            self.continues = continues;
            let error = match self.try_translate(past_ends, orb, memory, &mut arena) {
                Ok(orb) => return Ok(HostProgram::new(orb, self.wait_points, arena)),
                Err(error) => error,
            };
            let looks_past_ends = self.program.looks_past_ends();
            self.release(memory);
            if !looks_past_ends || self.sizes.may_grow(&error, &arena) {
                return Err((error, arena));
            }
            // The error may be due to what is past an end, which may be no part of the program.
            past_ends = false;
        }
    }

    /// Translates the program of `orb`. If `past_ends` is set, status modifier is followed past the
    /// ends of the program.
    fn try_translate<M: GuestMemory, A: Arena>(
        &mut self,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<HostOrb, Error<M::Error>> {
        check_orb(orb)?;
        let mut attempt = 0;
        loop {
            // A second attempt is made if a page is cached with less access than it needs, or if a
            // guest page may have been replaced meanwhile. The third attempt does not use the
            // cache, so that it is the last one.
            self.pages.begin(attempt < 2, memory);
            // A sequential program that is too large is an error: as any other program, it might
            // just fit, but would take longer each time. With a larger arena it fits as it is.
            let mut written = match self.write_sequential(past_ends, orb, memory, arena)? {
                Some(written) => written,
                None => self.write(false, past_ends, orb, memory, arena)?,
            };
            if written.may_be_stale {
                written = self.write(true, past_ends, orb, memory, arena)?;
            }
            if self.pages.pin(memory)? {
                self.blocks.fill(&self.pages, arena);
                self.format = Format::of(orb);
                let host = HostOrb::new(orb, written.cpa, written.has_midaws);
                return Ok(match self.wait_points.is_empty() {
                    true => host,
                    false => host.without_prefetch(),
                });
            }
            self.clear();
            attempt += 1;
        }
    }

    /// Writes the host program, except the absolute addresses of data. Returns `None` if the guest
    /// program is not sequential.
    #[inline(never)]
    fn write_sequential<M: GuestMemory, A: Arena>(
        &mut self,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<Option<WrittenProgram>, Error<M::Error>> {
        let may_append = self.may_append(orb);
        let (ccws, lists) = self.buffer.split_at_mut(PIECE);
        let lists = GuestReader::new(lists);
        let image = ArenaImage::sequential(arena, &mut self.slots, self.layout.capacity())?;
        let (blocks, pages) = (&mut self.blocks, &mut self.pages);
        let mut writer = CommandWriter::new(orb, image, blocks, pages, lists, None);
        let rules = &CcwRules::of(orb, past_ends, may_append);
        let ccws = sequential::write(orb.cpa(), rules, ccws, &mut writer, memory)?;
        let Some(ccws) = ccws else {
            return Ok(None);
        };
        self.layout.set_sequential(orb.cpa(), ccws);
        self.ccws = ccws as usize;
        self.segments = writer.image().slot_blocks();
        let size = ccw::SIZE * ccws;
        let ccws = Span::new(orb.cpa().into(), size.into(), false);
        Ok(Some(WrittenProgram {
            cpa: writer.image().first_slot(),
            has_midaws: writer.has_midaws(),
            may_be_stale: writer.watch().meets(ccws) || self.is_after_pci(),
        }))
    }

    /// Writes the host program of any guest program, except the absolute addresses of data. If
    /// `may_be_stale` is set, its CCWs and lists may change while it runs.
    #[inline(never)]
    fn write<M: GuestMemory, A: Arena>(
        &mut self,
        may_be_stale: bool,
        past_ends: bool,
        orb: &Orb,
        memory: &mut M,
        arena: &mut A,
    ) -> Result<WrittenProgram, Error<M::Error>> {
        self.clear();
        let (may_append, is_after_pci) = (self.may_append(orb), self.is_after_pci());
        let (ccws, lists) = self.buffer.split_at_mut(PIECE);
        let rules = &CcwRules::of(orb, past_ends, may_append);
        let reader = &mut GuestReader::new(ccws);
        self.program.walk(orb.cpa(), rules, reader, memory)?;
        self.ccws = self.program.len();
        self.segments = self
            .layout
            .lay_out(&mut self.program, self.continues.is_some())?;
        let mut tables = Tables {
            blocks: &mut self.blocks,
            pages: &mut self.pages,
            slots: &mut self.slots,
            buffer: lists,
        };
        let layout = &mut self.layout;
        let appends = may_append && (is_after_pci || layout.has_pci());
        if !may_be_stale {
            let written = general::write(orb, None, layout, &mut tables, memory, arena)?;
            return Ok(WrittenProgram {
                may_be_stale: written.may_be_stale || appends,
                ..written
            });
        }
        let changes = Changes {
            overwrites: &mut self.overwrites,
            appends,
            is_after_pci,
        };
        let program = &mut self.program;
        let written = modifiable::write(orb, program, layout, changes, tables, memory, arena)?;
        self.find_wait_points();
        Ok(written)
    }

    /// Ends the program, and unpins its pages except those in the pin cache.
    ///
    /// The channel must have ended the program.
    pub fn release<M: GuestMemory>(&mut self, memory: &mut M) {
        self.pages.release(memory);
        self.clear();
        self.continues = None;
    }

    /// Removes the program. Only cached pages may be pinned.
    fn clear(&mut self) {
        self.pages.clear();
        self.blocks.clear();
        self.program.clear();
        self.layout.clear();
        self.slots.clear();
        self.overwrites.clear();
        self.wait_points = WaitPoints::default();
        self.format = Format::One;
        self.ccws = 0;
        self.segments = 0;
    }

    /// Returns the sizes and the cost of the program, which are zero if there is none.
    pub fn stats(&self) -> Stats {
        let (overwritten, first_overwritten) = self.overwrites.checks();
        Stats {
            ccws: self.ccws,
            runs: self.segments,
            blocks: self.blocks.len(),
            pages: self.pages.count(),
            pin_calls: self.pages.calls(),
            overwritten,
            first_overwritten,
            wait_points: self.wait_points.len(),
        }
    }
}
