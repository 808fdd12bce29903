// SPDX-License-Identifier: GPL-2.0

//! Writing the host program of any guest program, after `walk.rs` has found its CCWs and
//! `layout.rs` has assigned their slots.

use crate::{
    error::Error,
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    orb::Orb,
    pin::pages::ProgramPages,
    translator::data::CommandWriter,
    translator::fetch::{
        CcwKind,
        GuestReader, //
    },
    translator::image::{
        ArenaAddress,
        ArenaImage,
        HostCcw, //
    },
    translator::instance::CcwInstance,
    translator::layout::SlotLayout,
    translator::lists::DataBlocks,
    translator::overwrite::Exact,
    translator::slots::SlotBlocks,
};

/// The tables that host programs are written with.
pub(crate) struct Tables<'a, S: Storage> {
    pub(crate) blocks: &'a mut DataBlocks<S>,
    pub(crate) pages: &'a mut ProgramPages<S>,
    pub(crate) slots: &'a mut SlotBlocks<S>,
    /// A piece of guest lists.
    pub(crate) buffer: &'a mut [u8],
}

impl<S: Storage> Tables<'_, S> {
    /// Removes all blocks of data, before the program is written again.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.pages.clear();
    }
}

/// A host program that is written except the absolute addresses of its data.
pub(crate) struct WrittenProgram {
    /// The address of its first CCW.
    pub(crate) cpa: ArenaAddress,
    pub(crate) has_midaws: bool,
    /// Set if the CCWs and lists of the program may change while it runs: the program may store
    /// over them, by the bounds of both, or the guest may append to it.
    pub(crate) may_be_stale: bool,
}

/// Writes the host program of any guest program, except the absolute addresses of data. `exact`
/// tells what is done about its stores.
#[inline]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    orb: &Orb,
    exact: Option<Exact<'_, S>>,
    layout: &SlotLayout<S>,
    tables: &mut Tables<'_, S>,
    memory: &mut M,
    arena: &mut A,
) -> Result<WrittenProgram, Error<M::Error>> {
    let image = ArenaImage::new(arena, tables.slots, layout.slots())?;
    let lists = GuestReader::new(tables.buffer);
    let mut writer = CommandWriter::new(orb, image, tables.blocks, tables.pages, lists, exact);
    write_slots(layout, &mut writer, memory)?;
    Ok(WrittenProgram {
        cpa: writer.image().slot(layout.start(orb.cpa())),
        has_midaws: writer.has_midaws(),
        may_be_stale: writer.watch().meets(layout.bounds()),
    })
}

/// Writes all slots of the program, except the absolute addresses of data.
#[inline]
fn write_slots<S: Storage, A: Arena, M: GuestMemory>(
    layout: &SlotLayout<S>,
    writer: &mut CommandWriter<'_, S, A>,
    memory: &mut M,
) -> Result<(), Error<M::Error>> {
    for slot in 0..layout.slots() {
        writer.image().put(slot, HostCcw::ProgramCheck);
    }
    for (index, instance) in layout.instances().iter().enumerate() {
        if instance.is_wait_point {
            writer.image().put_wait_point(instance.slot);
        } else if instance.is_overwritten() {
            // The program check stays.
        } else if instance.kind() == CcwKind::Command {
            writer.watch().set_index(index);
            writer.put_command(instance.slot, instance.command(), instance.effect, memory)?;
        } else {
            let ccw = link_to(layout, instance, writer.image());
            writer.image().put(instance.slot, ccw);
        }
        for (guard, elsewhere) in (1..).zip(layout.elsewhere(index)) {
            if let Some(elsewhere) = elsewhere {
                let ccw = link_to(layout, elsewhere, writer.image());
                writer.image().put(instance.slot + guard, ccw);
            }
        }
    }
    Ok(())
}

/// Returns a host CCW that continues with `instance`, which is elsewhere.
///
/// For a TIC, this is another TIC to the same target, since the channel does not accept two TICs in
/// succession. There is none in the slot of an overwritten CCW.
fn link_to<S: Storage, A: Arena>(
    layout: &SlotLayout<S>,
    instance: &CcwInstance,
    image: &ArenaImage<'_, S, A>,
) -> HostCcw {
    let slot = match instance.kind() {
        _ if instance.is_overwritten() => Some(instance.slot),
        CcwKind::ProgramCheck => None,
        CcwKind::Command => Some(instance.slot),
        // If the target cannot be fetched, the program check is one of the TIC (Principles of
        // Operation, "Channel-Program Address").
        CcwKind::Tic => layout.target(instance),
    };
    slot.map_or(HostCcw::ProgramCheck, |slot| HostCcw::Tic(image.slot(slot)))
}
