// SPDX-License-Identifier: GPL-2.0

//! Sequential programs: successive CCWs that chain commands, without TIC or data chaining.
//!
//! Most programs are sequential. Each of their CCWs is reached in one way only, and the host CCWs
//! are in the same order. So they are written as they are fetched, without the steps of
//! `general.rs`.

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
    translator::data::CommandWriter,
    translator::fetch::{
        CcwRules,
        GuestReader, //
    },
    translator::image::HostCcw, //
};

/// The end of a segment, which is the part of a program in one arena block.
enum SegmentEnd {
    /// The program ends with the CCW in this slot.
    Program(u32),
    /// The program continues at this guest address, in another segment.
    Block(u32),
    /// The program is not sequential.
    NotSequential,
}

/// Writes the program at the guest address `cpa`, and returns the number of its CCWs.
///
/// Returns `None` if the program is not sequential; what was written is useless then. `buffer` has
/// room for one [`PIECE`](crate::translator::fetch::PIECE) of guest memory.
#[inline]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    cpa: u32,
    rules: &CcwRules,
    buffer: &mut [u8],
    writer: &mut CommandWriter<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    let slots = 0..writer.image().first_slots();
    let ccws = &mut GuestReader::new(buffer);
    // Two calls that are inlined, so that the format is a constant in each.
    let end = match rules.format() {
        format @ Format::Zero => {
            write_segment(cpa, slots, &rules.with(format), ccws, writer, memory)?
        }
        format @ Format::One => {
            write_segment(cpa, slots, &rules.with(format), ccws, writer, memory)?
        }
    };
    match end {
        SegmentEnd::Program(slot) => Ok(Some(slot + 1)),
        SegmentEnd::Block(address) => write_rest(address, rules, buffer, writer, memory),
        SegmentEnd::NotSequential => Ok(None),
    }
}

/// Writes the CCWs from the guest address `address` on, which do not fit into the first arena
/// block. Returns the number of CCWs of the whole program, or `None` if it is not sequential.
#[cold]
#[inline(never)]
fn write_rest<S: Storage, A: Arena, M: GuestMemory>(
    mut address: u32,
    rules: &CcwRules,
    buffer: &mut [u8],
    writer: &mut CommandWriter<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    let ccws = &mut GuestReader::new(buffer);
    let mut number = writer.image().first_slots();
    loop {
        let slots = writer.image().next_slots(number)?;
        match write_segment(address, slots.clone(), rules, ccws, writer, memory)? {
            SegmentEnd::Program(slot) => return Ok(Some(number + slot - slots.start + 1)),
            SegmentEnd::Block(next) => address = next,
            SegmentEnd::NotSequential => return Ok(None),
        }
        number += slots.end - slots.start;
    }
}

/// Writes the CCWs from the guest address `address` on into `slots`.
#[inline(always)]
fn write_segment<S: Storage, A: Arena, M: GuestMemory>(
    mut address: u32,
    slots: Range<u32>,
    rules: &CcwRules,
    ccws: &mut GuestReader<'_>,
    writer: &mut CommandWriter<'_, S, A>,
    memory: &mut M,
) -> Result<SegmentEnd, Error<M::Error>> {
    for slot in slots {
        let fetched = rules.fetch(address, ccws, memory)?;
        let effect = fetched.command();
        if effect.is_empty() {
            if fetched.continues(slot > 0) {
                return Ok(SegmentEnd::NotSequential);
            }
            writer.image().put(slot, HostCcw::ProgramCheck);
        } else {
            writer.put_command(slot, fetched.ccw, effect, memory)?;
            if rules.is_sequential(&fetched.ccw) {
                address += ccw::SIZE;
                continue;
            }
            if fetched.ccw.chains() {
                return Ok(SegmentEnd::NotSequential);
            }
        }
        if slot > 0 && rules.looks_past_ends() {
            // The command code is in the first byte in either format.
            let code = ccws.before(address.into()).map(|[code, ..]| code);
            if code.is_none_or(ccw::can_give_status_modifier) {
                return Ok(SegmentEnd::NotSequential);
            }
        }
        writer.image().put_guards(slot + 1);
        return Ok(SegmentEnd::Program(slot));
    }
    Ok(SegmentEnd::Block(address))
}
