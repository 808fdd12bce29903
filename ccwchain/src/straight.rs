// SPDX-License-Identifier: GPL-2.0

//! Programs that are straight: CCWs one behind the other, each of which chains commands but for the
//! last.
//!
//! Most programs are so. There is one way to come to each of their CCWs, and each has its place in
//! the host as it has in the guest, so that they are written as they are fetched.

use crate::{
    ccw::{
        self,
        Format, //
    },
    error::{
        Bound,
        Error, //
    },
    fetch::Rules,
    image::HostCcw,
    layout::GUARDS,
    memory::{
        Arena,
        GuestMemory,
        Storage, //
    },
    reader::Reader,
    writer::Writer, //
};

/// Writes the program at `cpa`, if it is straight, and returns the number of its CCWs. Else it
/// returns nothing, and what was written is of no use.
#[inline]
pub(crate) fn write<S: Storage, A: Arena, M: GuestMemory>(
    cpa: u32,
    rules: &Rules,
    ccws: &mut Reader<'_>,
    writer: &mut Writer<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    // As two loops, in each of which the format is a constant.
    match rules.format() {
        Format::Zero => write_all(cpa, &rules.with(Format::Zero), ccws, writer, memory),
        Format::One => write_all(cpa, &rules.with(Format::One), ccws, writer, memory),
    }
}

#[inline(always)]
fn write_all<S: Storage, A: Arena, M: GuestMemory>(
    cpa: u32,
    rules: &Rules,
    ccws: &mut Reader<'_>,
    writer: &mut Writer<'_, S, A>,
    memory: &mut M,
) -> Result<Option<u32>, Error<M::Error>> {
    let mut address = cpa;
    for slot in 0..writer.image.slots() - GUARDS {
        let fetched = rules.fetch(address, ccws, memory)?;
        let effect = fetched.command();
        if effect.is_empty() {
            if fetched.leads_on(slot > 0) {
                return Ok(None);
            }
            writer.image.put(slot, HostCcw::ProgramCheck);
        } else {
            writer.put_command(slot, fetched.ccw, effect, memory)?;
            if fetched.ccw.chains_commands() {
                address += ccw::SIZE;
                continue;
            }
            if fetched.ccw.chains() {
                return Ok(None);
            }
        }
        if slot > 0 && rules.looks_past_ends() {
            // The command code of the CCW before, in either format.
            let code = ccws.before(address.into()).map(|[code, ..]| code);
            if code.is_none_or(ccw::can_give_status_modifier) {
                return Ok(None);
            }
        }
        writer.image.put_guards(slot + 1);
        return Ok(Some(slot + 1));
    }
    Err(Bound::Ccws.into())
}
