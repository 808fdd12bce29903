// SPDX-License-Identifier: GPL-2.0

//! The generator of programs that store over their own CCWs and lists.
//!
//! Each program has a command that reads, and stores over what [`Overwritten`] names. The rest is
//! at random: how the area of this command is addressed, whether what it stores is valid, which
//! commands there are before, between and after, and the ORB.

mod addressing;
mod anywhere;
mod append;
mod builder;
mod kinds;
mod store;

pub use anywhere::generate_overwrite_anywhere;
pub use append::generate_append;
pub use kinds::Overwritten;

use builder::{
    Builder,
    AREA,
    BLOCK_END,
    CHAIN,
    NEW, //
};

use super::case::Case;
use crate::channel::{
    device_status::STATUS_MODIFIER,
    Ccw,
    Step, //
};

/// A search, which the device can end with status modifier.
const SEARCH: u8 = 0x31;

/// The distance from the first CCWs of a program to CCWs that only a TIC leads to.
const FAR: u32 = 0x100;

/// Returns the case of a seed that stores over this.
pub fn generate_overwrite(overwritten: Overwritten, seed: u64) -> Case {
    use Overwritten as Over;

    let mut builder = Builder::new(overwritten, seed);
    let b = &mut builder;
    match overwritten {
        Over::CommandCode
        | Over::Flags
        | Over::Count
        | Over::Address
        | Over::Ccw
        | Over::Ccws
        | Over::SameContents
        | Over::NotStored
        | Over::Skipped => later_ccw(b),
        Over::TicTarget => tic_target(b),
        Over::BehindSearch => behind_search(b),
        Over::OwnDataChain => own_data_chain(b),
        Over::IplRecords => ipl_records(b),
        Over::Head => head(b),
        Over::LaterIdaw | Over::LaterMidaw | Over::BehindListEnd => later_list(b),
        Over::OwnIdaw | Over::OwnMidaw | Over::OwnUsedWord => own_list(b),
        Over::ExecutedCcw => executed_ccw(b),
        Over::UsedList => used_list(b),
        Over::OwnCcw => own_ccw(b),
        Over::BehindEnd => behind_end(b),
        Over::Data => data(b),
    }
    builder.finish()
}

/// Stores over one or several later CCWs.
fn later_ccw(b: &mut Builder) {
    b.commands(2);
    let count = match b.overwritten {
        Overwritten::Ccws => 2 + b.random.below(2),
        _ => 1,
    };
    let between = b.random.below(3);
    // The CCW may be one to which the command before it chains data, where its code is ignored.
    let can_be_chained = count == 1 && b.overwritten != Overwritten::CommandCode;
    let is_chained = between > 0 && can_be_chained && b.random.one_in(3);
    let address = b.after_store(between);
    let flags = if is_chained { Ccw::SLI } else { CHAIN };
    let ccws: Vec<_> = (0..count).map(|_| b.old_and_new(flags)).collect();
    let record: Vec<u8> = ccws.iter().flat_map(|(_, new)| b.bytes(*new)).collect();
    let field = b.overwritten.field(b.request.format);
    let field = field.unwrap_or(0..record.len());
    let offset = field.start as u32;
    b.store(address + offset, &record[field], CHAIN, 0);
    for _ in u64::from(is_chained)..between {
        b.any_command();
    }
    if is_chained {
        b.input_or_output(Ccw::CD, 4, Step::moves(4 + 16));
    }
    for (old, _) in ccws {
        b.push_ccw(old);
        if !is_chained {
            b.steps.push(Step::moves(16));
        }
    }
    b.last_command();
}

/// Stores over the target of a TIC.
fn tic_target(b: &mut Builder) {
    let target = b.at + FAR;
    let (old, new) = b.old_and_new(CHAIN);
    b.commands(2);
    b.store_ccw(target, new, CHAIN, 0);
    b.commands(2);
    b.tic(target);
    b.at = target;
    b.push_ccw(old);
    b.steps.push(Step::moves(16));
    b.last_command();
}

/// Stores over the CCW behind a search and a TIC, to which status modifier leads.
fn behind_search(b: &mut Builder) {
    b.commands(1);
    let (old, new) = b.old_and_new(CHAIN);
    b.store_ccw(b.after_store(2), new, CHAIN, 0);
    let search = b.at;
    let fails = Step::moves(5);
    for _ in 0..b.random.below(3) {
        b.steps.push(fails);
    }
    let succeeds = fails.with_status(fails.status | STATUS_MODIFIER);
    b.push(SEARCH, CHAIN, 5, AREA, succeeds);
    b.tic(search);
    b.push_ccw(old);
    b.steps.push(Step::moves(16));
    b.last_command();
}

/// Stores the CCW to which it chains data: a record that describes itself.
fn own_data_chain(b: &mut Builder) {
    b.commands(2);
    let by_tic = b.random.one_in(3);
    let address = b.after_store(by_tic.into());
    let (old, new) = b.old_and_new(CHAIN);
    b.store_ccw(address, new, Ccw::CD, 16);
    if by_tic {
        b.tic(address);
    }
    b.push_ccw(old);
    b.last_command();
}

/// Stores over its own CCW and the two places after it, which then read more CCWs and transfer to
/// them. There are none before.
fn ipl_records(b: &mut Builder) {
    let (start, target) = (b.at, b.at + FAR);
    let read = Ccw {
        code: 0x02,
        flags: CHAIN,
        count: 16,
        address: target,
    };
    let tic = Ccw {
        code: 0x08,
        address: target,
        ..Ccw::default()
    };
    let (first, _) = b.old_and_new(CHAIN);
    let (_, second) = b.old_and_new(Ccw::SLI);
    for ccw in [Ccw::default(), read, tic, first, second] {
        let bytes = b.bytes(ccw);
        b.input.extend(bytes);
    }
    b.push(read.code, CHAIN, 24, start, Step::moves(24));
    b.push_ccw(Ccw::default());
    b.push_ccw(Ccw::default());
    b.steps.extend([Step::moves(16); 3]);
}

/// Stores over a CCW before it, to which a TIC leads back.
fn head(b: &mut Builder) {
    b.commands(1);
    let head = b.at;
    let (old, mut new) = b.old_and_new(CHAIN);
    if b.random.one_in(2) {
        new.flags &= !Ccw::CC;
    }
    b.push_ccw(old);
    b.steps.push(Step::moves(16));
    if old.code & 1 == 0 {
        let junk = b.junk(old.count.into());
        b.input.extend(junk);
    }
    b.commands(2);
    b.store_ccw(head, new, CHAIN, 0);
    b.commands(1);
    b.tic(head);
    b.steps.extend([Step::moves(16), Step::moves(8)]);
}

/// Stores over a word of the list of a later CCW, or over the one behind the last that is used.
fn later_list(b: &mut Builder) {
    b.commands(2);
    let number = match b.overwritten {
        Overwritten::BehindListEnd => 2,
        _ => b.random.below(2) as u32,
    };
    let word = b.new_word(number);
    let list = BLOCK_END - 0x800;
    b.store(list + number * word.len() as u32, &word, CHAIN, 0);
    b.commands(2);
    b.put_list(list);
    b.push_listed(list);
    b.last_command();
}

/// Stores over its own list: over the second word, which it has not used yet, or the first.
fn own_list(b: &mut Builder) {
    b.commands(2);
    let size = b.word(0, 0).len() as u32;
    let list = BLOCK_END - 2 * size;
    let old = b.word(1, AREA);
    let (address, record) = match b.overwritten {
        Overwritten::OwnUsedWord => (list, [b.junk(size as usize), old.clone()].concat()),
        _ => (list + size, b.new_word(1)),
    };
    let count = record.len() as u16;
    let first = b.word_for(address, count);
    b.lists.push((list.into(), [first, old].concat()));
    b.input.extend(record);
    let step = Step::moves(usize::from(count) + 8);
    b.push(0x02, CHAIN | b.list_flag(), count + 8, list, step);
    b.last_command();
}

/// Stores over a CCW that was executed, and is not executed again.
fn executed_ccw(b: &mut Builder) {
    let address = b.at;
    b.any_command();
    b.commands(2);
    let record = b.junk(8);
    b.store(address, &record, CHAIN, 0);
    b.last_command();
}

/// Stores over a list that a CCW before it has used.
fn used_list(b: &mut Builder) {
    let list = BLOCK_END - 0x800;
    b.put_list(list);
    b.push_listed(list);
    b.commands(2);
    let record = b.junk(8);
    b.store(list, &record, CHAIN, 0);
    b.last_command();
}

/// Stores over its own CCW, or over the first one of its data chain.
fn own_ccw(b: &mut Builder) {
    b.commands(2);
    let address = b.at;
    let record = b.junk(8);
    b.store(address, &record, CHAIN, 0);
    b.last_command();
}

/// Stores behind the end of the program, where there may be CCWs.
fn behind_end(b: &mut Builder) {
    b.commands(2);
    let between = b.random.below(3);
    let record = b.junk(16);
    b.store(b.after_store(between + 1), &record, CHAIN, 0);
    for _ in 0..between {
        b.any_command();
    }
    b.last_command();
    b.any_command();
    b.last_command();
}

/// Stores data that a later command writes.
fn data(b: &mut Builder) {
    b.commands(2);
    let record = b.junk(16);
    b.store(NEW, &record, CHAIN, 0);
    b.commands(2);
    b.push(0x01, Ccw::SLI, 16, NEW, Step::moves(16));
}
