// SPDX-License-Identifier: GPL-2.0

//! Parses the statements of programs.

use std::io;

use ccwchain::{
    orb::{
        Flags,
        Orb, //
    },
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use super::{
    cursor::Cursor,
    lexer::Token,
    model::{
        Fault,
        Position, //
    },
    names,
    source::{
        Area,
        Expected,
        Item,
        ItemKind,
        Source,
        Step, //
    }, //
};
use crate::{
    device_data::DataFormat,
    vfio::Access, //
};

mod ccw;

type Load<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// The size of the largest area: more than a hundred times the data of a CCW.
const MAX_AREA: u64 = 16 << 20;

const FORMATS: &str = "sense, senseid, characteristics or configuration";
const STATEMENTS: &str =
    "program, orb, area, org, idals, ccw, dc, expect, host, wait, start, show, decode or save";

/// Parses all programs of a text.
pub(super) fn parse(text: &str, load: Load<'_>) -> Result<Vec<Source>, Fault> {
    let mut programs: Vec<Source> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let at = Position {
            line: number,
            column: line.len() - line.trim_start().len() + 1,
        };
        // Behind `program` and `host` a line has text instead of tokens.
        let (word, rest) = match line.trim().split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim()),
            None => (line.trim(), ""),
        };
        if word.eq_ignore_ascii_case("program") {
            programs.push(program(rest, at)?);
            continue;
        }
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        let Some(program) = programs.last_mut() else {
            let what = "a line \"program TITLE\" must come before everything else".to_owned();
            return Err((at, what));
        };
        if !word.eq_ignore_ascii_case("host") {
            statement(program, &mut Cursor::new(line, number)?, load)?;
        } else if rest.is_empty() {
            return Err((at, "the text for the host is missing: host TEXT".to_owned()));
        } else {
            program.steps.push(Step::Host(rest.to_owned()));
        }
    }
    if programs.is_empty() {
        let at = Position { line: 1, column: 1 };
        return Err((
            at,
            "there is no program: begin with \"program TITLE\"".to_owned(),
        ));
    }
    Ok(programs)
}

fn program(title: &str, at: Position) -> Result<Source, Fault> {
    if title.is_empty() {
        return Err((at, "a program needs a title: program TITLE".to_owned()));
    }
    Ok(Source {
        title: title.to_owned(),
        line: at.line,
        orb: Orb::default()
            .with_lpm(0xff)
            .with_flags(Flags::FORMAT_1.union(Flags::PREFETCH).union(Flags::IDAW_64)),
        cpa: None,
        areas: Vec::new(),
        items: Vec::new(),
        idals: None,
        steps: Vec::new(),
        expected: Expected::default(),
    })
}

fn statement(program: &mut Source, cursor: &mut Cursor, load: Load<'_>) -> Result<(), Fault> {
    let at = cursor.at();
    let label = match cursor.peek_second() {
        Some(Token::Symbol(':')) => {
            let label = cursor.name("a label")?;
            cursor.symbol(':')?;
            Some(label)
        }
        _ => None,
    };
    let word = cursor.word("a statement")?.to_ascii_lowercase();
    if label.is_some() && !matches!(word.as_str(), "ccw" | "dc") {
        return Err((at, "only \"ccw\" and \"dc\" can have a label".to_owned()));
    }
    let item = |kind| Item { at, label, kind };
    match word.as_str() {
        "orb" => orb(program, cursor)?,
        "area" => program.areas.push(area(cursor, load)?),
        "org" => {
            let address = cursor.number("an address", 0x7fff_ffff)?;
            program.items.push(item(ItemKind::Org(address)));
        }
        "idals" => program.idals = Some(cursor.number("an address", 0x7fff_ffff)?),
        "ccw" => program.items.push(item(ccw::ccw(cursor)?)),
        "dc" => {
            let bytes = contents(cursor, load)?;
            program.items.push(item(ItemKind::Constant(bytes)));
        }
        "expect" => expect(&mut program.expected, cursor, load)?,
        "wait" => {
            let status = cursor.bits(&names::DEVICE_STATUS)?;
            let status = DeviceStatus::from_bits(status);
            program.steps.push(Step::Wait(status));
        }
        "start" => {
            if program.steps.iter().any(|step| matches!(step, Step::Start)) {
                return Err((at, "a program can have only one \"start\"".to_owned()));
            }
            program.steps.push(Step::Start);
        }
        "show" => {
            let address = cursor.address("an area")?;
            let count = match cursor.is_end() {
                true => None,
                false => Some(cursor.number("a number of bytes", MAX_AREA)?),
            };
            program.steps.push(Step::Show(address, count));
        }
        "decode" => {
            let at = cursor.at();
            let name = cursor.word(FORMATS)?;
            let format = DataFormat::of_name(&name)
                .ok_or_else(|| (at, format!("unknown format \"{name}\"; expected {FORMATS}")))?;
            program
                .steps
                .push(Step::Decode(format, cursor.address("an area")?));
        }
        "save" => {
            let address = cursor.address("an area")?;
            let file = cursor.quoted("the name of a file in quotes (')")?;
            program.steps.push(Step::Save(address, file));
        }
        _ => {
            return Err((
                at,
                format!("unknown statement \"{word}\"; expected {STATEMENTS}"),
            ))
        }
    }
    cursor.end()
}

fn orb(program: &mut Source, cursor: &mut Cursor) -> Result<(), Fault> {
    while !cursor.is_end() {
        let at = cursor.at();
        let option = cursor.word("an option of the ORB")?.to_ascii_lowercase();
        cursor.symbol('=')?;
        let orb = program.orb;
        let switch = |flag: Flags, on: bool| {
            let others = orb.flags().difference(flag);
            orb.with_flags(if on { others.union(flag) } else { others })
        };
        program.orb = match option.as_str() {
            "format" => switch(Flags::FORMAT_1, choice(cursor, &["0", "1"])? == 1),
            "prefetch" => switch(Flags::PREFETCH, choice(cursor, &["no", "yes"])? == 1),
            "modification" => switch(Flags::MODIFICATION, choice(cursor, &["no", "yes"])? == 1),
            "suspend" => switch(Flags::SUSPEND, choice(cursor, &["no", "yes"])? == 1),
            "streaming" => switch(Flags::STREAMING, choice(cursor, &["no", "yes"])? == 1),
            "idaw" => {
                let others = orb.flags().difference(Flags::IDAW_64.union(Flags::IDAW_2K));
                orb.with_flags(match choice(cursor, &["1", "2/2K", "2/4K"])? {
                    0 => others,
                    1 => others.union(Flags::IDAW_64).union(Flags::IDAW_2K),
                    _ => others.union(Flags::IDAW_64),
                })
            }
            "key" => orb.with_key(cursor.number("a key", 15)?),
            "lpm" => orb.with_lpm(cursor.number("a path mask", 0xff)?),
            "intparm" => orb.with_intparm(cursor.number("a parameter", 0xffff_ffff)?),
            "control" => {
                let word: u32 = cursor.number("a word", 0xffff_ffff)?;
                let [a, b, c, d] = word.to_be_bytes();
                let [i, j, k, l] = orb.intparm().to_be_bytes();
                Orb::from_bytes(&[i, j, k, l, a, b, c, d, 0, 0, 0, 0])
            }
            "cpa" => {
                program.cpa = Some(cursor.address("an address")?);
                orb
            }
            _ => {
                let what = format!(
                    "the ORB has no option \"{option}\"; it has format prefetch modification \
                     suspend streaming idaw key lpm intparm control cpa"
                );
                return Err((at, what));
            }
        };
    }
    Ok(())
}

/// Takes one of a few words, and returns its index.
fn choice(cursor: &mut Cursor, words: &[&str]) -> Result<usize, Fault> {
    for (i, word) in words.iter().enumerate() {
        if cursor.take_word(word) {
            return Ok(i);
        }
    }
    cursor.expected(&words.join(" or "))
}

fn area(cursor: &mut Cursor, load: Load<'_>) -> Result<Area, Fault> {
    let at = cursor.at();
    let name = cursor.name("a name for the area")?;
    if !cursor.take_word("at") {
        return cursor.expected("\"at\" and the address");
    }
    let address = cursor.number("an address", u64::MAX >> 1)?;
    let size: Option<usize> = match cursor.take_word("size") {
        true => Some(cursor.number("a size", MAX_AREA)?),
        false => None,
    };
    let access = if cursor.take_word("readonly") {
        Some(Access::Read)
    } else if cursor.take_word("unmapped") {
        None
    } else {
        Some(Access::ReadWrite)
    };
    let content_at = cursor.at();
    let mut bytes = Vec::new();
    while !cursor.is_end() {
        if cursor.take_word("fill") {
            let pattern = cursor.constant("a constant to fill with, such as X'00'")?;
            let Some(size) = size.filter(|_| !pattern.is_empty()) else {
                return Err((content_at, "\"fill\" needs a size and a pattern".to_owned()));
            };
            let room = size.saturating_sub(bytes.len());
            bytes.extend(pattern.iter().cycle().take(room));
            cursor.end()?;
        } else {
            bytes.extend(content(cursor, load)?);
        }
    }
    let size = size.unwrap_or(bytes.len());
    if size == 0 {
        let what = format!("area \"{name}\" has no bytes: give it a size or contents");
        return Err((content_at, what));
    }
    if bytes.len() > size {
        let what = format!("{} bytes do not fit into an area of {size}", bytes.len());
        return Err((content_at, what));
    }
    bytes.resize(size, 0);
    Ok(Area {
        at,
        name,
        address,
        access,
        bytes,
    })
}

/// Takes contents of memory, up to the end of the line.
fn contents(cursor: &mut Cursor, load: Load<'_>) -> Result<Vec<u8>, Fault> {
    let mut bytes = content(cursor, load)?;
    while !cursor.is_end() {
        bytes.extend(content(cursor, load)?);
    }
    Ok(bytes)
}

fn content(cursor: &mut Cursor, load: Load<'_>) -> Result<Vec<u8>, Fault> {
    if !cursor.take_word("file") {
        return cursor.constant("X'...', C'...', CA'...' or file 'NAME'");
    }
    let at = cursor.at();
    let name = cursor.quoted("the name of a file in quotes (')")?;
    load(&name).map_err(|source| (at, format!("cannot read {name}: {source}")))
}

fn expect(expected: &mut Expected, cursor: &mut Cursor, load: Load<'_>) -> Result<(), Fault> {
    if cursor.take_word("data") {
        let address = cursor.address("an area")?;
        let bytes = contents(cursor, load)?;
        expected.data.push((address, bytes));
        return Ok(());
    }
    while !cursor.is_end() {
        let at = cursor.at();
        let field = cursor.word("a part of the outcome")?.to_ascii_lowercase();
        cursor.symbol('=')?;
        match field.as_str() {
            "errno" => {
                let name_at = cursor.at();
                let name = cursor.word("the name of an error number")?;
                let errno = names::ERRNOS.get(&name).ok_or_else(|| {
                    let known = names::ERRNOS.list();
                    (
                        name_at,
                        format!("unknown error number \"{name}\"; there are {known}"),
                    )
                })?;
                expected.errno = Some(errno);
            }
            "cc" => expected.cc = Some(cursor.number("a condition code", 3)?),
            "device" => {
                let bits = cursor.bits(&names::DEVICE_STATUS)?;
                expected.device = Some(DeviceStatus::from_bits(bits));
            }
            "subchannel" => {
                let bits = cursor.bits(&names::SUBCHANNEL_STATUS)?;
                expected.subchannel = Some(SubchannelStatus::from_bits(bits));
            }
            "residual" => expected.residual = Some(cursor.number("a count", 0xffff)?),
            "cpa" => expected.cpa = Some(cursor.address("an address")?),
            "at" => expected.ended_at = Some(cursor.address("the label of a CCW")?),
            "sense" => expected.sense = Some(cursor.constant("sense bytes, X'...'")?),
            _ => {
                let what = format!(
                    "\"{field}\" cannot be expected; there are errno cc device subchannel \
                     residual at cpa sense, and \"expect data AREA CONTENTS\""
                );
                return Err((at, what));
            }
        }
    }
    Ok(())
}
