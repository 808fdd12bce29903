// SPDX-License-Identifier: GPL-2.0

//! A program with all that it needs.

use std::fmt;

use ccwchain::{
    ccw,
    orb::Orb, //
};
use channel::{
    Ccw,
    Format,
    Request,
    Step, //
};

/// What a guest has in its memory besides the filling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The request.
    pub orb: Orb,
    /// CCWs, and where they are. Later ones overwrite earlier ones.
    pub ccws: Vec<(u32, Ccw)>,
    /// Lists of IDAWs and MIDAWs, and where they are; under the CCWs if they overlap.
    pub lists: Vec<(u64, Vec<u8>)>,
    /// What the device does.
    pub steps: Vec<Step>,
}

impl Case {
    /// The format of the CCWs.
    pub fn format(&self) -> Format {
        self.request().format
    }

    /// The request as the channel reads it.
    pub fn request(&self) -> Request {
        Request::from_orb(self.orb.words())
    }

    /// What is in memory, one on top of the other.
    pub fn contents(&self) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        let format = self.format();
        let ccws = self
            .ccws
            .iter()
            .map(move |(address, ccw)| (u64::from(*address), ccw.to_bytes(format).to_vec()));
        self.lists.iter().cloned().chain(ccws)
    }
}

/// Shown decoded: the request, the CCWs in order of address, the lists as words, the device's
/// steps.
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
            write!(f, "  {address:#010x}: list")?;
            for word in bytes.chunks(4) {
                write!(f, " ")?;
                for byte in word {
                    write!(f, "{byte:02x}")?;
                }
            }
            writeln!(f)?;
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
        Ok(())
    }
}

/// A run, shown line by line.
pub struct Lines<'a>(pub &'a channel::Run);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.0.events {
            match event {
                channel::Event::Command { code, data, cpa } => {
                    let shown = &data[..data.len().min(16)];
                    let len = data.len();
                    writeln!(
                        f,
                        "  command {code:#04x}, {len} bytes {shown:02x?}, CPA {cpa:x?}"
                    )?;
                }
                channel::Event::Interruption(status) => writeln!(f, "  {status:x?}")?,
            }
        }
        writeln!(f, "  {:x?}", self.0.ending)
    }
}
