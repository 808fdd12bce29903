// SPDX-License-Identifier: GPL-2.0

//! Programs to which the guest appends when they ask it for an interruption.

use super::{
    builder::{
        Builder,
        CHAIN, //
    },
    Overwritten,
    FAR, //
};
use crate::{
    agreement::case::Case,
    channel::{
        Ccw,
        Step, //
    },
};

/// The code of a command that moves no data, with which most programs end.
const NO_OPERATION: u8 = 0x03;

/// Returns the case of a seed: a program of several parts. When the channel executes one, the guest
/// makes it lead to the next one, which does not exist for the channel before.
pub fn generate_append(seed: u64) -> Case {
    let mut builder = Builder::new(Overwritten::Data, seed);
    let b = &mut builder;
    let parts = 1 + b.random.below(4);
    for part in 0..parts {
        b.commands(2);
        let flags = b.random.pick(&[CHAIN, CHAIN | Ccw::PCI]);
        let flags = match part + 1 == parts {
            true => flags,
            false => CHAIN | Ccw::PCI,
        };
        b.input_or_output(flags, 8, Step::moves(8));
        b.commands(2);
        if b.random.one_in(3) {
            no_operation(b, CHAIN);
        }
        end(b, part + 1 < parts);
    }
    builder.finish()
}

fn no_operation(b: &mut Builder, flags: u8) {
    b.push(NO_OPERATION, flags, 1, 0, Step::immediate());
}

/// Adds the end of a part. If the guest appends to it, the next CCWs are those that it appends.
fn end(b: &mut Builder, is_appended_to: bool) {
    let mut at = b.at;
    let mut next = at + FAR;
    match b.random.below(4) {
        0 => b.push_ccw(Ccw::default()),
        1 => {
            b.tic(at + 16);
            b.at = at + 16;
            // The guest changes the TIC, or the end.
            at += b.random.pick(&[0, 16]);
            no_operation(b, Ccw::SLI);
        }
        _ => no_operation(b, Ccw::SLI),
    }
    if !is_appended_to {
        return;
    }
    let mut ccw = Ccw {
        code: 0x08,
        address: next,
        ..Ccw::default()
    };
    if b.at == at + 8 && b.random.one_in(2) {
        next = b.at;
        ccw = Ccw {
            code: b.random.pick(&[NO_OPERATION, 0x07]),
            flags: CHAIN,
            count: 1,
            address: 0,
        };
    }
    let bytes = b.bytes(ccw).to_vec();
    b.responses.push((at.into(), bytes));
    b.at = next;
}
