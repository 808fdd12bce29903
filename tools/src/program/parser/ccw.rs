// SPDX-License-Identifier: GPL-2.0

//! Parses CCWs.

use ccwchain::ccw::Flags;

use crate::program::{
    cursor::Cursor,
    lexer::Token,
    model::Fault,
    names,
    source::{
        ItemKind,
        Operand, //
    }, //
};

/// Parses the fields of a CCW, behind the word `ccw`.
pub(super) fn ccw(cursor: &mut Cursor) -> Result<ItemKind, Fault> {
    let kind = match cursor.peek() {
        Some(Token::Word(name)) => names::kind_of_command(name),
        _ => None,
    };
    let command = cursor.named(&names::COMMANDS)?;
    let mut operand = Operand::None;
    let mut flags = Flags::empty();
    let mut count = None;
    let is_field = |cursor: &Cursor| !matches!(cursor.peek(), None | Some(Token::Symbol(',')));
    if cursor.take(',') && is_field(cursor) {
        operand = self::operand(cursor)?;
    }
    if cursor.take(',') && is_field(cursor) {
        flags = Flags::from_bits(cursor.bits(&names::FLAGS)?);
    }
    if cursor.take(',') {
        count = Some(cursor.number("a count", 0xffff)?);
    }
    Ok(ItemKind::Ccw {
        command,
        kind,
        operand,
        flags,
        count,
    })
}

fn operand(cursor: &mut Cursor) -> Result<Operand, Fault> {
    let is_list = cursor.peek_second() == Some(&Token::Symbol('(')) && cursor.take_word("idal");
    if !is_list {
        return cursor.address("an address").map(Operand::Direct);
    }
    cursor.symbol('(')?;
    let mut pieces = vec![cursor.address("an area")?];
    while cursor.take(',') {
        pieces.push(cursor.address("an area")?);
    }
    cursor.symbol(')')?;
    Ok(Operand::Idal(pieces))
}
