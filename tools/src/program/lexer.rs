// SPDX-License-Identifier: GPL-2.0

//! Cuts lines of a program into tokens.

use super::model::{
    Fault,
    Position, //
};
use crate::text;

/// A token, the smallest part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a number.
    Word(String),
    /// The bytes of a constant: `X'...'`, `C'...'` or `CA'...'`, as in the assembler.
    Constant(Vec<u8>),
    /// Text between quotes, without the quotes.
    Quoted(String),
    /// Any other character.
    Symbol(char),
}

impl Token {
    /// Returns the token for an error message.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Constant(_) => "a constant".to_owned(),
            Self::Quoted(text) => format!("'{text}'"),
            Self::Symbol(symbol) => format!("\"{symbol}\""),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_./".contains(character)
}

/// Cuts a line into tokens, each with its column.
pub(super) fn tokens(line: &str, number: usize) -> Result<Vec<(usize, Token)>, Fault> {
    let characters: Vec<char> = line.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(&character) = characters.get(i) {
        let column = i + 1;
        if character == '#' {
            break;
        } else if character.is_whitespace() {
            i += 1;
        } else if is_word(character) {
            let word: String = characters[i..]
                .iter()
                .take_while(|&&character| is_word(character))
                .collect();
            i += word.len();
            if characters.get(i) == Some(&'\'') {
                let quoted = quoted(&characters, &mut i, number)?;
                let at = Position {
                    line: number,
                    column,
                };
                tokens.push((column, Token::Constant(constant(&word, &quoted, at)?)));
            } else {
                tokens.push((column, Token::Word(word)));
            }
        } else if character == '\'' {
            let quoted = quoted(&characters, &mut i, number)?;
            tokens.push((column, Token::Quoted(quoted)));
        } else {
            tokens.push((column, Token::Symbol(character)));
            i += 1;
        }
    }
    Ok(tokens)
}

/// Returns the text between the quote at `i` and the next single one. Moves `i` behind that.
fn quoted(characters: &[char], i: &mut usize, line: usize) -> Result<String, Fault> {
    let at = Position {
        line,
        column: *i + 1,
    };
    let mut text = String::new();
    loop {
        *i += 1;
        match characters.get(*i) {
            Some('\'') if characters.get(*i + 1) == Some(&'\'') => {
                text.push('\'');
                *i += 1;
            }
            Some('\'') => {
                *i += 1;
                return Ok(text);
            }
            Some(&character) => text.push(character),
            None => return Err((at, "this quote (') is not closed on its line".to_owned())),
        }
    }
}

fn constant(kind: &str, text: &str, at: Position) -> Result<Vec<u8>, Fault> {
    match kind.to_ascii_uppercase().as_str() {
        "X" => hex(text).ok_or_else(|| {
            (
                at,
                format!("X'{text}' is not hexadecimal: digits are 0 to 9 and A to F"),
            )
        }),
        "C" => text
            .chars()
            .map(|character| {
                text::to_ebcdic(character).ok_or_else(|| {
                    let what = format!("{character:?} has no EBCDIC code here; use X'...'");
                    (at, what)
                })
            })
            .collect(),
        "CA" => Ok(text.as_bytes().to_vec()),
        _ => Err((
            at,
            format!(
                "constants are X'...' (hexadecimal), C'...' (EBCDIC) and CA'...' (ASCII), \
                 not {kind}'...'"
            ),
        )),
    }
}

/// Converts hexadecimal digits to bytes. Ignores blanks among them. A missing first digit is zero.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<Vec<u8>>>()?;
    let padding = (digits.len() % 2 == 1).then_some(0);
    let digits: Vec<u8> = padding.into_iter().chain(digits).collect();
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}
