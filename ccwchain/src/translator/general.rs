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
    translator::data::CommandWriter,
    translator::fetch::CcwKind,
    translator::image::{
        ArenaImage,
        HostCcw, //
    },
    translator::layout::{
        CcwInstance,
        SlotLayout, //
    },
};

/// Writes all slots of the program, except the absolute addresses of data.
#[inline]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    layout: &SlotLayout<S>,
    writer: &mut CommandWriter<'_, S, A>,
    memory: &mut M,
) -> Result<(), Error<M::Error>> {
    for slot in 0..layout.slots() {
        writer.image().put(slot, HostCcw::ProgramCheck);
    }
    for (index, instance) in layout.instances().iter().enumerate() {
        if instance.kind() == CcwKind::Command {
            writer.put_command(instance.slot, instance.command(), instance.effect(), memory)?;
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
/// succession.
fn link_to<S: Storage, A: Arena>(
    layout: &SlotLayout<S>,
    instance: &CcwInstance,
    image: &ArenaImage<'_, S, A>,
) -> HostCcw {
    let slot = match instance.kind() {
        CcwKind::ProgramCheck => None,
        CcwKind::Command => Some(instance.slot),
        // If the target cannot be fetched, the program check is one of the TIC (Principles of
        // Operation, "Channel-Program Address").
        CcwKind::Tic => layout.target(instance),
    };
    slot.map_or(HostCcw::ProgramCheck, |slot| HostCcw::Tic(image.slot(slot)))
}
