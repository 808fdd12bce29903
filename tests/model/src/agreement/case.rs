// SPDX-License-Identifier: GPL-2.0

//! A program with all that it needs.

use std::fmt;

use ccwchain::{
    ccw,
    orb::Orb, //
};
use iommu_type1_stub::Access;

use super::guest_memory::GuestMemory;
use crate::channel::{
    Ccw,
    Event,
    Format,
    Request,
    Run,
    Step, //
};

/// The contents of guest memory, other than the filling, and the actions of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The ORB.
    pub orb: Orb,
    /// CCWs with their addresses. Later ones overwrite earlier ones.
    pub ccws: Vec<(u32, Ccw)>,
    /// Lists of IDAWs and MIDAWs with their addresses. CCWs overwrite them where they overlap.
    pub lists: Vec<(u64, Vec<u8>)>,
    /// The actions of the device.
    pub steps: Vec<Step>,
    /// The first data that the device returns.
    pub input: Vec<u8>,
    /// What the guest stores at each program-controlled interruption, one after the other.
    pub responses: Vec<(u64, Vec<u8>)>,
}

impl Case {
    /// Returns the format of the CCWs.
    pub fn format(&self) -> Format {
        self.request().format
    }

    /// Returns the request as the channel reads it.
    pub fn request(&self) -> Request {
        Request::from_orb(self.orb.words())
    }

    /// Returns whether the channel may fetch all CCWs and lists before the program begins: the ORB
    /// allows prefetching, and says that the program is not modified meanwhile
    /// ("Operation-Request Block", P and M).
    pub fn may_prefetch(&self) -> bool {
        !self.orb.may_be_modified()
    }

    /// Returns what is stored in memory, in the order of storing.
    pub fn contents(&self) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        let format = self.format();
        let ccws = self
            .ccws
            .iter()
            .map(move |(address, ccw)| (u64::from(*address), ccw.to_bytes(format).to_vec()));
        self.lists.iter().cloned().chain(ccws)
    }

    /// Returns guest memory before the program begins: the address of each page, the access that its
    /// mapping allows, and its contents.
    pub fn memory(&self) -> Vec<(u64, Access, Vec<u8>)> {
        let mut memory = GuestMemory::new(&[]);
        for (address, bytes) in self.contents() {
            memory.put(address, &bytes);
        }
        let pages = memory.now.iter();
        pages
            .map(|page| (page.address, page.access, page.bytes.to_vec()))
            .collect()
    }
}

/// Displays the case in decoded form: the request, the CCWs by address, the lists as words, and the
/// actions of the device.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.orb)?;
        let mut ccws = self.ccws.clone();
        ccws.sort_by_key(|(address, _)| *address);
        for (address, shown) in ccws {
            let decoded = ccw::Ccw {
                command: shown.code,
                flags: ccw::Flags::from_bits(shown.flags),
                count: shown.count,
                address: shown.address,
            };
            writeln!(f, "  {address:#010x}: {decoded}")?;
        }
        for (address, bytes) in &self.lists {
            writeln!(f, "  {address:#010x}: list{}", Words(bytes))?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            let how = if step.immediate {
                "at once".to_string()
            } else {
                format!("after {} bytes", step.length)
            };
            writeln!(
                f,
                "  command {number}: ends {how} with status {:#04x}",
                step.status
            )?;
        }
        for (number, (address, bytes)) in self.responses.iter().enumerate() {
            let words = Words(bytes);
            writeln!(
                f,
                "  interruption {number}: the guest stores at {address:#010x}:{words}"
            )?;
        }
        if !self.input.is_empty() {
            writeln!(f, "  data of the device:{}", Words(&self.input))?;
        }
        Ok(())
    }
}

/// Bytes, displayed as words of four bytes.
struct Words<'a>(&'a [u8]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in self.0.chunks(4) {
            write!(f, " ")?;
            for byte in word {
                write!(f, "{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// A run, displayed line by line.
pub struct Lines<'a>(pub &'a Run);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.0.events {
            match event {
                Event::Command { code, data, cpa } => {
                    let shown = &data[..data.len().min(16)];
                    let len = data.len();
                    writeln!(
                        f,
                        "  command {code:#04x}, {len} bytes {shown:02x?}, CPA {cpa:x?}"
                    )?;
                }
                Event::Interruption(status) => writeln!(f, "  {status:x?}")?,
            }
        }
        writeln!(f, "  {:x?}", self.0.ending)
    }
}
