// SPDX-License-Identifier: GPL-2.0

//! Programs that are sequential: CCWs one behind the other, each of which chains commands but for the
//! last.
//!
//! Most programs are so. There is one way to come to each of their CCWs, and each has its place in
//! the host as it has in the guest, so that they are written as they are fetched.

use core::ops::Range;

use crate::{
    ccw::{
        self,
        Format, //
    },
    error::Error,
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    translator::data::Writer, //
    translator::fetch::Rules,
    translator::image::HostCcw,
    translator::reader::Reader,
};

/// The end of a run of CCWs in a block.
enum Run {
    /// The program ends with the CCW in this slot.
    Ends(u32),
    /// The program goes on at this address, in another block.
    GoesOn(u32),
    /// The program is not sequential.
    Other,
}

/// Writes the program at `cpa`, if it is sequential, and returns the number of its CCWs. Else it
/// returns nothing, and what was written is of no use.
#[inline]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    cpa: u32,
    rules: &Rules,
    buffer: &mut [u8],
    writer: &mut Writer<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    let slots = 0..writer.image.first_slots();
    let ccws = &mut Reader::new(buffer);
    // As two loops, in each of which the format is a constant.
    let run = match rules.format() {
        Format::Zero => write_run(cpa, slots, &rules.with(Format::Zero), ccws, writer, memory)?,
        Format::One => write_run(cpa, slots, &rules.with(Format::One), ccws, writer, memory)?,
    };
    match run {
        Run::Ends(slot) => Ok(Some(slot + 1)),
        Run::GoesOn(address) => write_rest(address, rules, buffer, writer, memory),
        Run::Other => Ok(None),
    }
}

/// Writes what does not fit into the first block of the arena.
#[cold]
#[inline(never)]
fn write_rest<S: Storage, A: Arena, M: GuestMemory>(
    mut address: u32,
    rules: &Rules,
    buffer: &mut [u8],
    writer: &mut Writer<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    let ccws = &mut Reader::new(buffer);
    let mut number = writer.image.first_slots();
    loop {
        let slots = writer.image.next_slots(number)?;
        match write_run(address, slots.clone(), rules, ccws, writer, memory)? {
            Run::Ends(slot) => return Ok(Some(number + slot - slots.start + 1)),
            Run::GoesOn(next) => address = next,
            Run::Other => return Ok(None),
        }
        number += slots.end - slots.start;
    }
}

/// Writes the CCWs from `address` on into these slots.
#[inline(always)]
fn write_run<S: Storage, A: Arena, M: GuestMemory>(
    mut address: u32,
    slots: Range<u32>,
    rules: &Rules,
    ccws: &mut Reader<'_>,
    writer: &mut Writer<'_, S, A>,
    memory: &mut M,
) -> Result<Run, Error<M::Error>> {
    for slot in slots {
        let fetched = rules.fetch(address, ccws, memory)?;
        let effect = fetched.command();
        if effect.is_empty() {
            if fetched.leads_on(slot > 0) {
                return Ok(Run::Other);
            }
            writer.image.put(slot, HostCcw::ProgramCheck);
        } else {
            writer.put_command(slot, fetched.ccw, effect, memory)?;
            if fetched.ccw.chains_commands() {
                address += ccw::SIZE;
                continue;
            }
            if fetched.ccw.chains() {
                return Ok(Run::Other);
            }
        }
        if slot > 0 && rules.looks_past_ends() {
            // The command code of the CCW before, in either format.
            let code = ccws.before(address.into()).map(|[code, ..]| code);
            if code.is_none_or(ccw::can_give_status_modifier) {
                return Ok(Run::Other);
            }
        }
        writer.image.put_guards(slot + 1);
        return Ok(Run::Ends(slot));
    }
    Ok(Run::GoesOn(address))
}
