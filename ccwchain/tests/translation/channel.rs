// SPDX-License-Identifier: GPL-2.0

//! A channel that runs a program without a device, and tells what it would have done.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    idaw,
    orb::Orb, //
};

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A command moved the data of these blocks; none if it moves no data.
    Command(u8, Flags, u16, Option<Vec<u64>>),
    /// The program ended, with this CPA.
    End(u32),
    /// The program was stopped by a program check, with this CPA.
    ProgramCheck(u32),
    /// The program ran long enough.
    Enough,
}

/// The memory of a channel.
pub(crate) trait Memory {
    /// Fetches bytes.
    fn fetch<const N: usize>(&self, address: u64) -> Option<[u8; N]>;

    /// The block that an address stands for, as the guest names it, if the channel may use it so.
    fn block(&self, address: u64, stores: bool) -> Option<u64>;

    /// Whether a list of blocks stands for data that goes nowhere.
    fn is_sink(&self, idaws: &[u64]) -> bool;
}

fn fetch_ccw(memory: &impl Memory, format: Format, address: u32) -> Option<Ccw> {
    (address % 8 == 0 && address <= format.max_address())
        .then(|| memory.fetch(u64::from(address)))
        .flatten()
        .map(|bytes| Ccw::parse(format, bytes))
}

/// The addresses of the blocks of a CCW, before the last of them are looked at.
fn idaws(memory: &impl Memory, orb: &Orb, ccw: &Ccw) -> Option<Vec<u64>> {
    let format = idaw::Format::of(orb);
    let limit = u64::from(Format::of(orb).max_address()) + 1;
    let first = u64::from(ccw.address);
    if !ccw.flags.contains(Flags::IDA) {
        let end = first + u64::from(ccw.count);
        let blocks = first / format.block()..end.div_ceil(format.block());
        return (end <= limit).then(|| {
            blocks
                .map(|block| first.max(block * format.block()))
                .collect()
        });
    }
    let idaw = |number: usize| {
        let address = first + (number * format.size()) as u64;
        let in_range = address % format.size() as u64 == 0 && address < limit;
        let idaw = match format {
            idaw::Format::One => u32::from_be_bytes(memory.fetch(address)?).into(),
            _ => u64::from_be_bytes(memory.fetch(address)?),
        };
        let in_block = number == 0 || idaw % format.block() == 0;
        let accepted = in_block && (format != idaw::Format::One || idaw < 1 << 31);
        (in_range && accepted).then_some(idaw)
    };
    let count = format.needed(idaw(0)?, ccw.count.max(1));
    (0..count).map(idaw).collect()
}

/// Runs the program of `orb`. `modifier` says at which steps the device gives status modifier; it is
/// told the number of the step and whether a transfer in channel would be passed.
pub(crate) fn run(
    memory: &impl Memory,
    orb: &Orb,
    mut modifier: impl FnMut(usize, bool) -> bool,
) -> Vec<Event> {
    let format = Format::of(orb);
    let mut events = Vec::new();
    let mut address = orb.cpa();
    let mut transfer_allowed = false;
    for number in 0..64 {
        let check = Event::ProgramCheck(address.wrapping_add(8));
        let Some(ccw) = fetch_ccw(memory, format, address) else {
            events.push(check);
            return events;
        };
        if ccw.is_tic(format) {
            let zero = format == Format::Zero || (ccw.flags.is_empty() && ccw.count == 0);
            let target = ccw.address % 8 == 0 && ccw.address <= format.max_address();
            if !transfer_allowed || !zero || !target {
                events.push(check);
                return events;
            }
            transfer_allowed = false;
            address = ccw.address;
            continue;
        }
        let wrong = match format {
            Format::Zero => ccw.count == 0,
            Format::One => ccw.address > format.max_address() || ccw.command & 0x0f == 0x08,
        };
        let unsupported = ccw.flags.intersects(Flags::CD.union(Flags::MIDA));
        if wrong || unsupported || ccw.command & 0x0f == 0 {
            events.push(check);
            return events;
        }
        let stores = ccw.direction().stores();
        let moves =
            ccw.count != 0 && ccw.command != 0x03 && !(stores && ccw.flags.contains(Flags::SKIP));
        let mut blocks = None;
        if moves {
            let found = idaws(memory, orb, &ccw).and_then(|idaws| {
                assert!(!memory.is_sink(&idaws), "{ccw}: data for the sink page");
                let blocks = idaws.iter().map(|idaw| memory.block(*idaw, stores));
                blocks.collect::<Option<Vec<_>>>()
            });
            if found.is_none() || ccw.command & 0x0f == 0x0c {
                events.push(check);
                return events;
            }
            blocks = found;
        }
        let flags = ccw.flags.difference(Flags::IDA);
        events.push(Event::Command(ccw.command, flags, ccw.count, blocks));
        if !ccw.flags.contains(Flags::CC) {
            events.push(Event::End(address + 8));
            return events;
        }
        address += 8;
        transfer_allowed = true;
        let next = fetch_ccw(memory, format, address);
        if modifier(number, next.is_some_and(|next| next.is_tic(format))) {
            address += 8;
        }
    }
    events.push(Event::Enough);
    events
}
