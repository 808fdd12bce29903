// SPDX-License-Identifier: GPL-2.0

//! The command of a program that stores over the program.

use super::{
    addressing::Addressing,
    builder::{
        midaw,
        Builder,
        AREA, //
    },
    kinds::Overwritten, //
};
use crate::channel::{
    Ccw,
    Step, //
};

/// The address of the lists of the commands that store.
const LISTS: u32 = 0x1_3400;

/// Commands that read.
const READS: [u8; 3] = [0x02, 0x04, 0x06];

impl Builder {
    /// Returns the address of the CCW that comes that many CCWs after those that [`Self::store`]
    /// adds next.
    pub(super) fn after_store(&self, ccws: u64) -> u32 {
        let store = if self.addressing == Addressing::DataChain {
            2
        } else {
            1
        };
        self.at + 8 * (store + ccws as u32)
    }

    /// Adds a command that stores a CCW, as [`Self::store`] does.
    pub(super) fn store_ccw(&mut self, address: u32, ccw: Ccw, flags: u8, more: usize) {
        let record = self.bytes(ccw);
        self.store(address, &record, flags, more);
    }

    /// Adds a command that stores `record` at `address`, and reads `more` bytes after that. The
    /// last of its CCWs has these flags.
    pub(super) fn store(&mut self, address: u32, record: &[u8], flags: u8, more: usize) {
        let mut code = self.random.pick(&READS);
        let mut ccw = Ccw {
            code,
            flags,
            count: record.len() as u16,
            address,
        };
        let mut before = 0;
        match self.addressing {
            Addressing::Direct => {}
            Addressing::Backward => {
                code = 0x0c;
                ccw.code = code;
                ccw.address += u32::from(ccw.count) - 1;
            }
            Addressing::Idaws => {
                ccw.flags |= Ccw::IDA;
                ccw.address = LISTS;
                let block = self.request.idaws.block() as u32;
                let parts = parts(address, ccw.count, block);
                let idaws = parts.iter().flat_map(|(address, _)| self.idaw(*address));
                self.lists.push((LISTS.into(), idaws.collect()));
            }
            Addressing::Midaws => {
                before = 5;
                ccw.flags |= Ccw::MIDA;
                ccw.address = LISTS;
                let mut list = midaw(0x40, before, AREA);
                let skip = u8::from(self.overwritten == Overwritten::Skipped) << 6;
                for (part, len) in parts(address, ccw.count, 0x1000) {
                    list.extend(midaw(skip, len, part));
                }
                self.lists.push((LISTS.into(), list));
                ccw.count += before;
            }
            Addressing::DataChain => {
                before = 7;
                self.push_ccw(Ccw {
                    code,
                    flags: Ccw::CD,
                    count: before,
                    address: AREA,
                });
                ccw.code = 0xff;
            }
        }
        let before = usize::from(before);
        let mut length = before + record.len() + more;
        match self.overwritten {
            Overwritten::NotStored => length = before,
            // MIDAWs have a flag of their own.
            Overwritten::Skipped if ccw.flags & Ccw::MIDA == 0 => ccw.flags |= Ccw::SKIP,
            _ => {}
        }
        let junk = self.junk(before);
        self.input.extend(junk);
        if code == 0x0c {
            self.input.extend(record.iter().rev());
        } else {
            self.input.extend(record);
        }
        self.push_ccw(ccw);
        self.steps.push(Step::moves(length));
    }
}

/// Returns the parts of `count` bytes that cross no boundary, with their lengths.
fn parts(mut address: u32, count: u16, boundary: u32) -> Vec<(u32, u16)> {
    let end = address + u32::from(count);
    let mut parts = Vec::new();
    while address < end {
        let next = end.min((address / boundary + 1) * boundary);
        parts.push((address, (next - address) as u16));
        address = next;
    }
    parts
}
