// SPDX-License-Identifier: GPL-2.0

//! Shows programs and status in a readable form.

use std::fmt::Write;

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    irb::Irb,
    orb::Orb,
    scsw::{
        DeviceStatus,
        Scsw, //
    }, //
};

use crate::{
    device_data,
    device_kind::{
        command_name,
        DeviceKind, //
    },
    program::{
        PlacedCcw,
        Program, //
    }, //
};

/// The number of IDAWs of a list that are shown.
const IDAWS_SHOWN: usize = 3;

/// The style of text on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Turns colours on.
    pub colour: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Returns text about a success.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Returns text about a failure.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Returns text of a heading.
    pub fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Returns a line about an ORB.
pub fn orb(orb: Orb) -> String {
    let [_, control, _] = orb.words();
    format!(
        "intparm {:08x}  control {control:08x}  cpa {:08x}  key {}  lpm {:02x}  {}",
        orb.intparm(),
        orb.cpa(),
        orb.key(),
        orb.lpm(),
        orb.flags()
    )
}

/// Returns the eight bytes of a CCW and their meaning, on a kind of device if it is known.
pub fn ccw(ccw: &Ccw, format: Format, kind: Option<DeviceKind>) -> String {
    let meaning = match ccw.is_tic(format) {
        true => "transfer in channel".to_owned(),
        false => command_name(kind, ccw.command),
    };
    ccw_that_means(ccw, format, &meaning)
}

fn ccw_that_means(ccw: &Ccw, format: Format, meaning: &str) -> String {
    let [high, low] = {
        let [a, b, c, d, e, f, g, h] = ccw.to_bytes(format);
        [
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        ]
    };
    let count = match ccw.is_tic(format) {
        true => String::new(),
        false => format!("count {}", ccw.count),
    };
    format!(
        "{high:08x} {low:08x}  {meaning:21}  {:10}  {count}",
        ccw.flags.to_string()
    )
    .trim_end()
    .to_owned()
}

/// Returns the lines of a program: ORB, CCWs and lists of IDAWs.
pub fn program(program: &Program) -> String {
    let format = match program.orb.format1() {
        true => Format::One,
        false => Format::Zero,
    };
    let mut text = format!("  ORB   {}\n", orb(program.orb));
    let labels = program.ccws.iter().filter_map(|ccw| ccw.label.as_deref());
    let label_width = labels.map(str::len).max().unwrap_or(0);
    // The address of the next CCW if data chaining leads to it: its command is not used.
    let mut chained = None;
    for placed in &program.ccws {
        let label = placed.label.as_deref().unwrap_or("");
        let shown = match chained == Some(placed.address) && !placed.ccw.is_tic(format) {
            true => ccw_that_means(&placed.ccw, format, "more data"),
            false => ccw(&placed.ccw, format, program.kind),
        };
        chained = match placed.ccw.flags.contains(Flags::CD) {
            true => placed.address.checked_add(8),
            false => None,
        };
        let line = format!(
            "  CCW   {:08x}  {label:label_width$}  {:64}  {}",
            placed.address, shown, placed.operand
        );
        text.push_str(line.trim_end());
        text.push('\n');
        if !placed.idaws.is_empty() {
            text.push_str(&idal(placed));
        }
    }
    text
}

fn idal(ccw: &PlacedCcw) -> String {
    let shown: Vec<_> = ccw
        .idaws
        .iter()
        .take(IDAWS_SHOWN)
        .map(|idaw| format!("{idaw:08x}"))
        .collect();
    let more = match ccw.idaws.len().checked_sub(IDAWS_SHOWN) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    format!(
        "  IDAL  {:08x}  {}{more}\n",
        ccw.ccw.address,
        shown.join(" ")
    )
}

/// Returns two lines about an SCSW. They end with `place`, a remark on the channel-program address.
pub fn scsw(scsw: Scsw, place: &str) -> String {
    let [a, b, c] = scsw.words();
    format!(
        "  SCSW  {a:08x} {b:08x} {c:08x}  fctl {}  actl {}  stctl {}  cc {}\n        \
         device: {}  subchannel: {}  residual count {}  cpa {:08x}{place}\n",
        scsw.fctl(),
        scsw.actl(),
        scsw.stctl(),
        scsw.cc(),
        scsw.device_status(),
        scsw.subchannel_status(),
        scsw.count(),
        scsw.cpa(),
    )
}

/// Returns lines about an IRB: its SCSW, and its sense bytes if it has some.
pub fn irb(irb: &Irb, place: &str) -> String {
    let mut text = scsw(irb.scsw(), place);
    if let Some(sense) = irb.sense() {
        text.push_str(&device_data::sense(sense));
    }
    if let Some(address) = irb.failing_storage_address() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  ESW   failing storage address {address:08x}");
    }
    text
}

/// Returns a remark on a channel-program address. It names the last CCW in effect, which is the one
/// before that address.
pub fn place(program: &Program, cpa: u32) -> String {
    let last = program
        .ccws
        .iter()
        .find(|ccw| ccw.address.checked_add(8) == Some(cpa));
    match last {
        Some(PlacedCcw {
            label: Some(label),
            line,
            ..
        }) => format!(", behind {label} (line {line})"),
        Some(PlacedCcw { line, .. }) => format!(", behind line {line}"),
        None => ", not behind a CCW of the program".to_owned(),
    }
}

/// Returns the outcome in a few words, for a table.
pub fn summary(irb: &Irb) -> String {
    let scsw = irb.scsw();
    let mut words = Vec::new();
    if scsw.cc() != 0 {
        words.push(format!("deferred condition code {}", scsw.cc()));
    }
    if !scsw.device_status().is_empty() {
        words.push(scsw.device_status().to_string());
    }
    if !scsw.subchannel_status().is_empty() {
        words.push(scsw.subchannel_status().to_string());
    }
    if scsw.device_status().contains(DeviceStatus::UNIT_CHECK) {
        if let Some(sense) = irb.sense().and_then(<[u8]>::first) {
            words.push(format!("sense {sense:02x}"));
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests;
