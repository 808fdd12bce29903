// SPDX-License-Identifier: GPL-2.0

//! Assembles programs: gives their parts addresses in guest memory.

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use super::{
    idals::Idals,
    model::{
        Chunk,
        Ending,
        Expected,
        Fault,
        PlacedCcw,
        Position,
        Program,
        Step, //
    },
    source::{
        self,
        Address,
        Item,
        ItemKind,
        Operand,
        Source, //
    },
    symbols::{
        Symbol,
        Symbols, //
    }, //
};
use crate::{
    sys::PAGE_SIZE,
    vfio::Access, //
};

/// The address of the first CCW if the text does not give one.
const DEFAULT_ORG: u32 = 0x1_0000;

/// Assembles a program.
pub(super) fn assemble(source: Source) -> Result<Program, Fault> {
    let start = Position {
        line: source.line,
        column: 1,
    };
    let (symbols, places) = places(&source)?;
    let mut assembly = Assembly {
        format: match source.orb.format1() {
            true => Format::One,
            false => Format::Zero,
        },
        idals: Idals::new(&source, page_behind(&places)),
        symbols,
        ccws: Vec::new(),
        chunks: Vec::new(),
    };
    for (item, &address) in source.items.iter().zip(&places) {
        assembly.add(item, address)?;
    }
    let Assembly {
        symbols,
        ccws,
        mut chunks,
        ..
    } = assembly;

    let cpa = match (&source.cpa, ccws.first()) {
        (Some(address), _) => symbols.resolve(address, None)?,
        (None, Some(first)) => u64::from(first.address),
        (None, None) => return Err((start, "the program has no CCW".to_owned())),
    };
    let cpa = u32::try_from(cpa).map_err(|_| (start, format!("cpa={cpa:#x} has over 32 bits")))?;
    let expected = expected(&symbols, &source.expected, start)?;
    let steps = steps(&symbols, &source.steps)?;
    let kind = source.kind();
    chunks.extend(source.areas.into_iter().map(|area| Chunk {
        name: area.name,
        address: area.address,
        access: area.access,
        bytes: area.bytes,
    }));
    check_places(&mut chunks, start)?;
    Ok(Program {
        title: source.title,
        line: source.line,
        orb: source.orb.with_cpa(cpa),
        kind,
        ccws,
        chunks,
        steps,
        expected,
    })
}

/// A program that is being assembled.
struct Assembly {
    format: Format,
    symbols: Symbols,
    idals: Idals,
    ccws: Vec<PlacedCcw>,
    chunks: Vec<Chunk>,
}

impl Assembly {
    fn add(&mut self, item: &Item, address: u32) -> Result<(), Fault> {
        let mut placed = PlacedCcw {
            ccw: Ccw::default(),
            address,
            line: item.at.line,
            label: item.label.clone(),
            operand: String::new(),
            idaws: Vec::new(),
        };
        let bytes = match &item.kind {
            ItemKind::Org(_) => return Ok(()),
            ItemKind::Constant(bytes) => bytes.clone(),
            ItemKind::Ccw {
                command,
                operand,
                flags,
                count,
                ..
            } => {
                placed.ccw = Ccw {
                    command: *command,
                    flags: *flags,
                    count: count.unwrap_or(0),
                    address: 0,
                };
                match operand {
                    Operand::None => {}
                    Operand::Direct(target) => self.direct(&mut placed, target, count.is_some())?,
                    Operand::Idal(pieces) => {
                        self.indirect(&mut placed, pieces, item.at, count.is_some())?;
                    }
                }
                placed.ccw.to_bytes(self.format).to_vec()
            }
        };
        // Constants of the size of a CCW are CCWs, too.
        if let Ok(word) = <[u8; 8]>::try_from(bytes.as_slice()) {
            placed.ccw = Ccw::parse(self.format, word);
            self.ccws.push(placed);
        }
        let mut chunks = self.chunks.iter_mut();
        match chunks.find(|chunk| chunk.end() == u64::from(address) && chunk.name == CCWS) {
            Some(chunk) => chunk.bytes.extend(bytes),
            None => self.chunks.push(chunk(CCWS.to_owned(), address, bytes)),
        }
        Ok(())
    }

    /// Sets the address of a CCW, and its count to the size of the area there if it has none.
    fn direct(&self, placed: &mut PlacedCcw, target: &Address, counted: bool) -> Result<(), Fault> {
        let ccw = &mut placed.ccw;
        ccw.address = ccw_address(&self.symbols, target, placed.address, self.format)?;
        if !counted && !ccw.is_tic(self.format) {
            ccw.count = default_count(self.symbols.size_from(target)?, target.at)?;
        }
        placed.operand.clone_from(&target.text);
        Ok(())
    }

    /// Sets the address of a CCW to a new list of IDAWs for these areas.
    fn indirect(
        &mut self,
        placed: &mut PlacedCcw,
        pieces: &[Address],
        at: Position,
        counted: bool,
    ) -> Result<(), Fault> {
        let ccw = &mut placed.ccw;
        if !counted {
            ccw.count = default_count(Some(self.symbols.total_size(pieces)?), at)?;
        }
        placed.idaws = self
            .idals
            .list(&self.symbols, pieces, u64::from(ccw.count))?;
        let (address, bytes) = self.idals.place(&placed.idaws);
        ccw.flags = ccw.flags.union(Flags::IDA);
        ccw.address = address;
        let names: Vec<_> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        placed.operand = format!("idal({})", names.join(", "));
        let name = format!("IDAL of line {}", at.line);
        self.chunks.push(chunk(name, address, bytes));
        Ok(())
    }
}

/// The name of chunks of CCWs.
const CCWS: &str = "CCWs";

fn chunk(name: String, address: u32, bytes: Vec<u8>) -> Chunk {
    Chunk {
        name,
        address: u64::from(address),
        access: Some(Access::ReadWrite),
        bytes,
    }
}

/// Returns the addresses of all names, and that of each item.
fn places(source: &Source) -> Result<(Symbols, Vec<u32>), Fault> {
    let mut symbols = Symbols::default();
    for area in &source.areas {
        symbols.add(Symbol {
            name: area.name.clone(),
            at: area.at,
            address: area.address,
            size: Some(area.bytes.len() as u64),
            is_mapped: area.access.is_some(),
        })?;
    }
    let mut counter = DEFAULT_ORG;
    let mut places = Vec::new();
    for item in &source.items {
        let size = match &item.kind {
            ItemKind::Org(address) => {
                counter = *address;
                0
            }
            ItemKind::Constant(bytes) => bytes.len(),
            ItemKind::Ccw { .. } => 8,
        };
        places.push(counter);
        if let Some(label) = &item.label {
            symbols.add(Symbol {
                name: label.clone(),
                at: item.at,
                address: u64::from(counter),
                size: None,
                is_mapped: true,
            })?;
        }
        let next = u32::try_from(size)
            .ok()
            .and_then(|size| counter.checked_add(size));
        counter = next
            .filter(|&next| next <= 1 << 31)
            .ok_or_else(|| (item.at, "this lies beyond 2 GiB".to_owned()))?;
    }
    Ok((symbols, places))
}

/// Returns the address of the page behind the last CCW.
fn page_behind(places: &[u32]) -> u32 {
    let page = u32::try_from(PAGE_SIZE).unwrap_or(u32::MAX);
    let last = places.iter().max().copied().unwrap_or(DEFAULT_ORG);
    (last - last % page).saturating_add(page)
}

fn ccw_address(
    symbols: &Symbols,
    target: &Address,
    here: u32,
    format: Format,
) -> Result<u32, Fault> {
    let address = symbols.resolve(target, Some(here))?;
    let bits = match format {
        Format::Zero => 24,
        Format::One => 31,
    };
    u32::try_from(address)
        .ok()
        .filter(|address| address >> bits == 0)
        .ok_or_else(|| {
            let what = format!(
                "{} is {address:#x}; this CCW has {bits} bits for it: use idal(...) or lower memory",
                target.text
            );
            (target.at, what)
        })
}

fn default_count(size: Option<u64>, at: Position) -> Result<u16, Fault> {
    let size = size.unwrap_or(0);
    u16::try_from(size).map_err(|_| {
        let what = format!("{size} bytes are more than a CCW can count: give a count up to 65535");
        (at, what)
    })
}

fn expected(
    symbols: &Symbols,
    expected: &source::Expected,
    start: Position,
) -> Result<Expected, Fault> {
    let cpa = match (&expected.ended_at, &expected.cpa) {
        // The channel-program address is that behind the CCW.
        (Some(label), _) => Some((label, symbols.resolve(label, None)? + 8)),
        (None, Some(address)) => Some((address, symbols.resolve(address, None)?)),
        (None, None) => None,
    };
    let cpa = match cpa {
        Some((address, cpa)) => Some(
            u32::try_from(cpa).map_err(|_| (address.at, format!("{cpa:#x} has over 32 bits")))?,
        ),
        None => None,
    };
    let gives_status = expected.cc.is_some()
        || expected.device.is_some()
        || expected.subchannel.is_some()
        || expected.residual.is_some()
        || expected.sense.is_some()
        || cpa.is_some();
    let ending = match expected.errno {
        Some(_) if gives_status => {
            let what = "a program that is refused gives no status: expect errno alone".to_owned();
            return Err((start, what));
        }
        Some(errno) => Ending::Refused(errno),
        None => Ending::Status {
            cc: expected.cc.unwrap_or(0),
            device: expected
                .device
                .unwrap_or(DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END)),
            subchannel: expected.subchannel.unwrap_or(SubchannelStatus::empty()),
            residual: expected.residual,
            cpa,
            sense: expected.sense.clone(),
        },
    };
    let data = expected
        .data
        .iter()
        .map(|(address, bytes)| Ok((symbols.part(address, Some(bytes.len()))?, bytes.clone())))
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Expected { ending, data })
}

/// Returns the steps. If the text has no start, one is before the first step that looks at memory.
fn steps(symbols: &Symbols, steps: &[source::Step]) -> Result<Vec<Step>, Fault> {
    let mut started = steps.iter().any(|step| matches!(step, source::Step::Start));
    let mut result = Vec::new();
    for step in steps {
        let looks = matches!(
            step,
            source::Step::Show(..) | source::Step::Decode(..) | source::Step::Save(..)
        );
        if looks && !started {
            result.push(Step::Start);
            started = true;
        }
        result.push(match step {
            source::Step::Host(text) => Step::Host(text.clone()),
            source::Step::Wait(status) => Step::Wait(*status),
            source::Step::Start => Step::Start,
            source::Step::Show(address, len) => Step::Show(symbols.part(address, *len)?),
            source::Step::Decode(kind, address) => {
                Step::Decode(*kind, symbols.part(address, None)?)
            }
            source::Step::Save(address, file) => {
                Step::Save(symbols.part(address, None)?, file.clone())
            }
        });
    }
    if !started {
        result.push(Step::Start);
    }
    Ok(result)
}

/// Sorts the chunks. Fails if two share a byte, or a page with different rights.
fn check_places(chunks: &mut [Chunk], start: Position) -> Result<(), Fault> {
    chunks.sort_by_key(|chunk| chunk.address);
    for (i, later) in chunks.iter().enumerate() {
        for earlier in &chunks[..i] {
            let names = format!("{} and {}", earlier.name, later.name);
            if later.address < earlier.end() {
                return Err((start, format!("{names} overlap at {:#x}", later.address)));
            }
            let page = later.address / PAGE_SIZE;
            if page == (earlier.end() - 1) / PAGE_SIZE && earlier.access != later.access {
                let what = format!(
                    "{names} share the page at {:#x}, but are not mapped alike",
                    page * PAGE_SIZE
                );
                return Err((start, what));
            }
        }
    }
    Ok(())
}
