// SPDX-License-Identifier: GPL-2.0

//! Writing the host program of a guest program whose CCWs and lists may change while it runs.

use crate::{
    error::Error,
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    orb::Orb,
    prefix::prefix_mut,
    translator::general::{
        self,
        Tables,
        WrittenProgram, //
    },
    translator::layout::SlotLayout,
    translator::order::Numbers,
    translator::overwrite::{
        Exact,
        FetchedWords,
        Overwrites, //
    },
    translator::wait_search::Search,
    translator::walk::GuestProgram,
};

/// The changes that are possible while the program runs.
pub(crate) struct Changes<'a, S: Storage> {
    /// The CCWs and lists over which the program may store.
    pub(crate) overwrites: &'a mut Overwrites<S>,
    /// Set if the guest may append to the program, which can wait for that.
    pub(crate) appends: bool,
    /// Set if the guest may do so from the first CCW on: the program is the rest of one that has
    /// asked for an interruption.
    pub(crate) is_after_pci: bool,
}

/// Writes the host program, except the absolute addresses of data, with a program check in place of
/// each CCW and word that is overwritten when the channel fetches it. There are wait points instead
/// where they are allowed and right, and where the guest may append to the program.
///
/// The CCWs of `program` are in `layout`.
#[cold]
#[inline(never)]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    orb: &Orb,
    program: &mut GuestProgram<S>,
    layout: &mut SlotLayout<S>,
    changes: Changes<'_, S>,
    mut tables: Tables<'_, S>,
    memory: &mut M,
    arena: &mut A,
) -> Result<WrittenProgram, Error<M::Error>> {
    let Changes {
        overwrites,
        appends,
        is_after_pci,
    } = changes;
    let len = layout.instances().len();
    let working_memory = program.working_memory();
    let [numbers, lists, first, second] = working_memory.map(|memory| prefix_mut(memory, len));
    let numbers = Numbers::new(layout, numbers, first, second);
    lists.fill(0);
    let exact = Exact::Lists(lists);
    general::write(orb, Some(exact), layout, &mut tables, memory, arena)?;
    let fetched = FetchedWords::new(layout, lists, first, second);
    tables.clear();
    let survey = Exact::Survey(numbers, fetched, overwrites);
    let written = general::write(orb, Some(survey), layout, &mut tables, memory, arena)?;
    if overwrites.is_empty() && !appends || layout.begins_with_tic(orb.cpa()) {
        return Ok(written);
    }
    overwrites.mark(layout, numbers);
    let waits = overwrites.waits();
    if let Some(start) = layout.first(orb.cpa()).filter(|_| waits) {
        overwrites.restart_count();
        let search = Search {
            layout,
            overwrites,
            numbers,
            lists,
            stack: first,
            marks: second,
        };
        search.run(start, is_after_pci);
        layout.lay_out_wait_points();
    }
    tables.clear();
    let check = Exact::Check(numbers, overwrites);
    let checked = general::write(orb, Some(check), layout, &mut tables, memory, arena)?;
    Ok(WrittenProgram {
        // The rest may have MIDAWs if the program has some now, though it waits before them.
        has_midaws: checked.has_midaws || waits && written.has_midaws,
        ..checked
    })
}
